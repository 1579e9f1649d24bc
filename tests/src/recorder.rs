//! Writes down what real servers say, byte for byte.
//!
//! A transcript is a text file: a line `> …` for what was typed, a line `< …` for each piece as it was heard, both as
//! Rust's byte string escapes, so that they read well and lose nothing.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Failure, Lab, Login};

/// How long a server may take to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One side's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The recorder typed this.
    Typed(Vec<u8>),
    /// The server said this, in one piece as it was read.
    Heard(Vec<u8>),
}

/// A conversation with a real server that is being written down.
pub struct Recorder {
    keyboard: Box<dyn Write + Send>,
    pieces: Receiver<Vec<u8>>,
    turns: Vec<Turn>,
    /// What was heard since something was typed last.
    heard: Vec<u8>,
    client: Option<Child>,
}

impl Recorder {
    /// Over a plain TCP connection, as it is: a Telnet server's negotiation is heard, and not answered.
    pub fn tcp(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        Ok(Self::new(Box::new(stream.try_clone()?), stream, None))
    }

    /// Over the lab's `sshd` with a terminal, through OpenSSH's own client, which passes every byte on.
    pub fn ssh(lab: &Lab, login: Login) -> Result<Self, Failure> {
        let known = format!("UserKnownHostsFile={}", lab.known_hosts().display());
        let mut client = Command::new("ssh")
            .args(["-F", "/dev/null", "-tt", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", &known, "-i"])
            .arg(lab.key())
            .args(["-p", &lab.ssh().port().to_string(), "-l", login.user(), "127.0.0.1"])
            // What a session of ours says that it is.
            .env("TERM", "vt100")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run ssh (package openssh-client): {error}"))?;
        let (Some(keyboard), Some(screen)) = (client.stdin.take(), client.stdout.take()) else {
            return Err("ssh has no pipes".into());
        };
        Ok(Self::new(Box::new(keyboard), screen, Some(client)))
    }

    fn new(keyboard: Box<dyn Write + Send>, mut screen: impl Read + Send + 'static, client: Option<Child>) -> Self {
        let (heard, pieces) = channel();
        // Ends when the server closes, or nobody listens any more.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if heard.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard, pieces, turns: Vec::new(), heard: Vec::new(), client }
    }

    /// Types these bytes.
    pub fn keys(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.keyboard.write_all(bytes)?;
        self.keyboard.flush()?;
        self.turns.push(Turn::Typed(bytes.to_vec()));
        self.heard.clear();
        Ok(())
    }

    /// Listens until what was heard since the last typing ends with this, or with this and NULs, which zebra strews in.
    pub fn until(&mut self, end: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.until_one_of(&[end.as_ref()]).map(drop)
    }

    /// Listens until what was heard ends with one of these; says with which.
    pub fn until_one_of(&mut self, ends: &[&[u8]]) -> Result<usize, Failure> {
        let start = Instant::now();
        loop {
            let heard = without_nuls(&self.heard);
            if let Some(which) = ends.iter().position(|end| heard.ends_with(end)) {
                return Ok(which);
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            let Ok(piece) = self.pieces.recv_timeout(left) else {
                let ends: Vec<_> = ends.iter().map(|end| end.escape_ascii().to_string()).collect();
                let heard = self.heard.escape_ascii();
                return Err(format!("the server did not say {ends:?} at the end; it said {heard}").into());
            };
            self.heard.extend_from_slice(&piece);
            self.turns.push(Turn::Heard(piece));
        }
    }

    /// What has been said so far.
    pub fn finish(mut self) -> Vec<Turn> {
        std::mem::take(&mut self.turns)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(client) = &mut self.client {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

/// These bytes up to the NULs at their end.
fn without_nuls(bytes: &[u8]) -> &[u8] {
    bytes.iter().rposition(|&byte| byte != 0).map_or(&[], |last| &bytes[..=last])
}

/// The text of a transcript.
pub fn write_transcript(turns: &[Turn]) -> String {
    let mut text = String::new();
    for turn in turns {
        let (mark, bytes) = match turn {
            Turn::Typed(bytes) => ('>', bytes),
            Turn::Heard(bytes) => ('<', bytes),
        };
        let _ = writeln!(text, "{mark} {}", bytes.escape_ascii());
    }
    text
}

/// The turns of a transcript's text.
///
/// # Errors
///
/// For a line that [`write_transcript`] does not write.
pub fn read_transcript(text: &str) -> Result<Vec<Turn>, Failure> {
    let turn = |line: &str| match line.split_at_checked(2)? {
        ("> ", bytes) => Some(Turn::Typed(unescape(bytes)?)),
        ("< ", bytes) => Some(Turn::Heard(unescape(bytes)?)),
        _ => None,
    };
    text.lines().map(|line| turn(line).ok_or_else(|| format!("not a line of a transcript: {line:?}").into())).collect()
}

/// As the library reads a recording; its own reader is private, and a reader of ours is a second witness to what is written.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        bytes.push(match letter {
            b'\\' => match letters.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let digits = [letters.next()?, letters.next()?];
                    u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
                }
                same @ (b'\\' | b'\'' | b'"') => same,
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_lose_no_byte() {
        let every: Vec<u8> = (0..=255).collect();
        let turns = [Turn::Typed(b"show version\r".to_vec()), Turn::Heard(every), Turn::Heard(Vec::new())];
        let text = write_transcript(&turns);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(read_transcript(&text).expect("a transcript"), turns);
        assert!(read_transcript("> \\q").is_err() && read_transcript("no mark").is_err());
    }
}
