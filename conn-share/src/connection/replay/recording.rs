//! The file format of recordings: transcripts and session logs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::cli::{Platform, Said, Transcript, unescape};
use crate::{Error, ErrorKind, Result};

/// Commands and what a device answered to them, read from a file.
///
/// Understood are what a [`SessionLog`](crate::SessionLog) writes, one session or several, and plain transcripts: lines
/// that begin with `> ` for what was typed and `< ` for what was heard, with the bytes escaped as in Rust's byte
/// strings. Such a transcript can be written by hand:
///
/// ```
/// use conn_share::Recording;
///
/// let recording = Recording::parse(r"< r1#
/// > show clock\n
/// < show clock\r\n12:00:00 UTC\r\nr1#
/// ")?;
/// assert_eq!(recording.commands().collect::<Vec<_>>(), ["show clock"]);
/// # Ok::<_, conn_share::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recording {
    sessions: Vec<Vec<Piece>>,
    /// What they say to somebody who knows the platform; first to one who knows none.
    pub(super) said: Vec<Said>,
}

/// What was typed or heard at once.
#[derive(Clone, Debug)]
struct Piece {
    /// Counts the lines of the recording.
    turn: usize,
    typed: bool,
    bytes: Vec<u8>,
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it cannot be read, or a line is none of a recording: with the file and the line.
    ///
    /// # Blocking
    ///
    /// Reads one local file.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        Self::load_of(file.as_ref(), "")
    }

    /// Reads the sessions in a session log that were called like this: `r1` for all ways to it, or `r1 via mgmt`.
    ///
    /// ```
    /// use conn_share::Recording;
    ///
    /// let path = std::env::temp_dir().join("conn-share-recorded.log");
    /// std::fs::write(&path, r"2026-11-25T11:47:08.123Z [r1 via mgmt 1] < r1#
    /// 2026-11-25T11:47:08.123Z [r1 via mgmt 1] > show clock\n
    /// 2026-11-25T11:47:08.123Z [r1 via mgmt 1] < show clock\r\n12:00\r\nr1#
    /// 2026-11-25T11:47:08.123Z [r2 via mgmt 2] < r2#
    /// ").expect("a temporary file");
    /// assert_eq!(Recording::load_of(&path, "r1")?.commands().count(), 1);
    /// assert_eq!(Recording::load_of(&path, "r2")?.commands().count(), 0);
    /// # std::fs::remove_file(path).expect("it is there");
    /// # Ok::<_, conn_share::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Recording::load`].
    ///
    /// # Blocking
    ///
    /// Reads one local file.
    pub fn load_of(file: impl AsRef<Path>, name: &str) -> Result<Self> {
        let file = file.as_ref();
        let shown = file.display().to_string().escape_debug().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::new(ErrorKind::Config, format!("the recording {shown} cannot be read")).with_source(error)
        })?;
        read(&text, name).map_err(|line| not_a_turn(&format!("{shown}:{line}: ")))
    }

    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when a line is none of a recording.
    pub fn parse(text: &str) -> Result<Self> {
        read(text, "").map_err(|line| not_a_turn(&format!("line {line}: ")))
    }

    /// The recorded commands, in their order; those that the connection's own class sent are among them.
    ///
    /// ```
    /// use conn_share::Recording;
    ///
    /// let recording = Recording::parse(r"< r1#
    /// > show clock\n
    /// < show clock\r\n12:00\r\nr1#
    /// > show users\n
    /// < show users\r\nr1#
    /// ")?;
    /// assert!(recording.commands().any(|command| command == "show users"));
    /// # Ok::<_, conn_share::Error>(())
    /// ```
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.said.iter().map(|said| said.command.as_str())
    }

    /// Reads the sessions as those of a device of this platform.
    pub(super) fn read_as(&mut self, platform: &Arc<Platform>) {
        let sessions = self.sessions.iter().flat_map(|session| {
            let mut transcript = Transcript::new(platform.clone());
            for Piece { turn, typed, bytes } in session {
                if *typed { transcript.typed(*turn, bytes) } else { transcript.heard(bytes) }
            }
            transcript.finish()
        });
        self.said = sessions.collect();
        self.said.sort_by_key(|said| said.turn);
    }
}

fn not_a_turn(at: &str) -> Error {
    let expected = "expected `> ` and what was typed or `< ` and what was heard, or a line of a session log";
    Error::new(ErrorKind::Config, format!("{at}{expected}"))
}

/// What the sessions called `name` said; the number of the line that is none.
fn read(text: &str, name: &str) -> std::result::Result<Recording, usize> {
    let mut sessions: BTreeMap<&str, Vec<Piece>> = BTreeMap::new();
    let mut ended = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(turn) = Turn::read(line) else { return Err(index + 1) };
        if !turn.is_of(name) {
            continue;
        }
        if turn.mark == '#' {
            // A log is added to by one run after the other, and each numbers its sessions from the start.
            if turn.text == "open" {
                ended.extend(sessions.remove(turn.origin));
            }
            continue;
        }
        let bytes = unescape(turn.text).ok_or(index + 1)?;
        let session = sessions.entry(turn.origin).or_default();
        session.push(Piece { turn: index, typed: turn.mark == '>', bytes });
    }
    ended.extend(sessions.into_values());
    let mut recording = Recording { sessions: ended, said: Vec::new() };
    recording.read_as(&Arc::new(Platform::generic()));
    Ok(recording)
}

struct Turn<'a> {
    /// `r1 via mgmt 1` in a session log; nothing in a plain transcript.
    origin: &'a str,
    mark: char,
    text: &'a str,
}

impl<'a> Turn<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (origin, turn) = match line.split_once(" [") {
            Some((time, rest)) if is_time(time) => rest.split_once("] ")?,
            // The log's own remarks stand behind the time.
            _ => ("", line.split_once(' ').filter(|(time, _)| is_time(time)).map_or(line, |(_, rest)| rest)),
        };
        let mark = turn.chars().next().filter(|mark| matches!(mark, '>' | '<' | '#'))?;
        // Editors take blanks off the ends of lines: an empty turn may have lost its own.
        let text = match turn.get(1..)? {
            "" => "",
            rest => rest.strip_prefix(' ')?,
        };
        Some(Self { origin, mark, text })
    }

    fn is_of(&self, name: &str) -> bool {
        name.is_empty() || self.origin.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '))
    }
}

fn is_time(word: &str) -> bool {
    word.len() == 24 && word.ends_with('Z') && word.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_several_sessions_are_told_apart() {
        let log = "\
2026-11-25T11:47:08.123Z [r1 via mgmt 1] # open
2026-11-25T11:47:08.123Z [r1 via mgmt 1] < r1# 
2026-11-25T11:47:08.123Z [r2 via mgmt 2] < r2# 
2026-11-25T11:47:08.123Z [r1 via mgmt 1] > a\\n
2026-11-25T11:47:08.123Z [r2 via mgmt 2] > b\\n
2026-11-25T11:47:08.123Z # 12 bytes of this log were left out: its writer is too slow
2026-11-25T11:47:08.123Z [r1 via mgmt 1] < a\\r\\none\\r\\nr1# 
2026-11-25T11:47:08.123Z [r2 via mgmt 2] < b\\r\\ntwo\\r\\nr2# 
";
        let said = |name| {
            let recording = read(log, name).expect("a log");
            recording.said.into_iter().map(|said| (said.command, said.text)).collect::<Vec<_>>()
        };
        let [one, two] = [("a".to_owned(), "one".to_owned()), ("b".to_owned(), "two".to_owned())];
        assert_eq!(said(""), [one.clone(), two.clone()]);
        assert_eq!(said("r1"), [one]);
        assert_eq!(said("r2 via mgmt"), [two]);
        assert_eq!(said("r"), []);
    }

    #[test]
    fn what_is_no_recording_is_told_with_its_line() {
        for (text, line) in [("< a\nhello", 2), ("< \\q", 1), ("<a", 1), ("< a\n> \\x4", 2)] {
            assert_eq!(read(text, "").expect_err(text), line);
        }
        assert!(Recording::parse("hello").expect_err("no").to_string().starts_with("line 1: expected `> `"));
        let error = Recording::load("/no/such/recording").expect_err("no");
        assert_eq!(error.to_string(), "the recording /no/such/recording cannot be read");
    }
}
