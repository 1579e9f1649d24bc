//! The other side: a device with a line editor, over an in-memory pipe.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

use super::far;
use super::pipe::Pipe;
use crate::transport::Transport;

/// What this device is like.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// Asked before the first prompt.
    pub(super) password: Option<&'static str>,
    pub(super) enable: Option<&'static str>,
    pub(super) banner: &'static str,
    /// Knows ctrl-A, ctrl-K, ctrl-U and backspace; otherwise keys are text up to the line end.
    pub(super) editor: bool,
    /// How often it shows each key that is typed.
    pub(super) echoes: usize,
    /// CR LF is two line ends.
    pub(super) doubles: bool,
    /// What is typed while a command runs is echoed at once by the terminal, control characters as `^A`.
    pub(super) cooked: bool,
    /// Writes no more than this at once.
    pub(super) piece: usize,
    pub(super) mute: bool,
    /// Enters configuration mode only when the gate opens.
    pub(super) slow_configure: bool,
    pub(super) style: Style,
    /// Draws each prompt so late.
    pub(super) thinks: Duration,
    /// Knows `echo a''b`.
    pub(super) shell: bool,
    /// What its prompts begin with.
    pub(super) name: String,
    /// It wraps what is typed at this column, by a line end (`\r\n`), by a blank and a carriage return (` \r`), or by
    /// the character at the edge twice with a carriage return between (`\r`).
    pub(super) wraps: Option<(usize, &'static str)>,
    /// Drawn above every prompt.
    pub(super) above: &'static str,
    /// Somebody else edits the configuration.
    pub(super) contested: bool,
    /// What is said takes so long to the other side, both ways.
    pub(super) lag: Duration,
    /// A log line, with the prompt drawn again below it, so long after the first prompt.
    pub(super) log_at: Option<Duration>,
    /// Says and hears nothing for so long behind its first prompt.
    pub(super) stalls: Duration,
    /// Draws no prompt after a line without a command.
    pub(super) ignores_blanks: bool,
}

/// How it looks, and what becomes of configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    /// A line counts when it is entered.
    #[default]
    Cisco,
    /// Lines are a candidate.
    Xr,
    /// Lines are a candidate, and prompts have lines above them.
    Junos,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            password: None,
            enable: None,
            banner: "\r\nwelcome to r1\r\n",
            editor: true,
            echoes: 1,
            doubles: false,
            cooked: false,
            piece: usize::MAX,
            mute: false,
            slow_configure: false,
            style: Style::Cisco,
            thinks: Duration::ZERO,
            shell: false,
            name: "r1".to_owned(),
            wraps: None,
            above: "",
            contested: false,
            lag: Duration::ZERO,
            log_at: None,
            stalls: Duration::ZERO,
            ignores_blanks: false,
        }
    }
}

/// What the device saw.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) commands: Mutex<Vec<String>>,
    pub(super) logins: AtomicUsize,
    pub(super) committed: Mutex<Vec<String>>,
    /// Lets a command that waits for it go on.
    pub(super) gate: Notify,
}

impl Record {
    pub(super) fn commands(&self) -> Vec<String> {
        self.commands.lock().expect("not poisoned").clone()
    }

    pub(super) fn committed(&self) -> Vec<String> {
        self.committed.lock().expect("not poisoned").clone()
    }
}

/// Starts a device and returns the way to it. It ends with the stream.
pub(super) fn device(manner: Manner, record: Arc<Record>) -> Box<dyn Transport> {
    record.logins.fetch_add(1, Ordering::Relaxed);
    let (ours, theirs) = tokio::io::duplex(4096);
    let ours = if manner.lag.is_zero() { ours } else { far::away(ours, manner.lag) };
    let device = Device {
        stream: theirs,
        manner,
        record,
        mode: "> ",
        typed: Vec::new(),
        queue: Vec::new(),
        returned: false,
        candidate: Vec::new(),
        prompted: false,
    };
    tokio::spawn(device.run());
    Box::new(Pipe::over(ours))
}

struct Device {
    stream: DuplexStream,
    manner: Manner,
    record: Arc<Record>,
    mode: &'static str,
    typed: Vec<u8>,
    queue: Vec<u8>,
    returned: bool,
    candidate: Vec<String>,
    /// The next prompt is drawn already, and something stands below it.
    prompted: bool,
}

impl Device {
    async fn run(mut self) {
        // The pipe's end ends the device.
        let _ = self.serve().await;
    }

    async fn serve(&mut self) -> io::Result<()> {
        if self.manner.mute {
            return std::future::pending().await;
        }
        self.say(self.manner.banner).await?;
        if let Some(password) = self.manner.password {
            for attempt in 1.. {
                self.say("Password: ").await?;
                if self.secret().await? == password {
                    break;
                }
                if attempt == 3 {
                    return self.say("% Bad passwords, too many failures!\r\n").await;
                }
            }
            self.say("\r\n").await?;
        }
        if self.manner.enable.is_none() && self.manner.style != Style::Junos {
            self.mode = "# ";
        }
        self.prompt().await?;
        tokio::time::sleep(self.manner.stalls).await;
        if let Some(after) = self.manner.log_at {
            let at = tokio::time::Instant::now() + after;
            while let Ok(key) = tokio::time::timeout_at(at, self.stream.read_u8()).await {
                self.press(key?).await?;
            }
            self.say("\r\n%SYS-5-LOGIN: somebody").await?;
            self.say(&format!("\r\n{}{}", self.manner.name, self.mode)).await?;
        }
        loop {
            let key = self.key().await?;
            self.press(key).await?;
        }
    }

    async fn press(&mut self, key: u8) -> io::Result<()> {
        let after_return = std::mem::replace(&mut self.returned, key == b'\r');
        match key {
            b'\n' if after_return && !self.manner.doubles => Ok(()),
            b'\r' | b'\n' => self.enter().await,
            0x01 if self.manner.editor => self.say(&"\x08".repeat(self.typed.len())).await,
            0x0b if self.manner.editor => {
                self.typed.clear();
                self.say("\x1b[K").await
            }
            0x15 if self.manner.editor => {
                let all = self.typed.len();
                self.typed.clear();
                self.say(&("\x08".repeat(all) + "\x1b[K")).await
            }
            0x08 | 0x7f if self.manner.editor => match self.typed.pop() {
                Some(_) => self.say("\x08 \x08").await,
                None => Ok(()),
            },
            0x03 | 0x1e if self.manner.editor => {
                self.typed.clear();
                self.say("\r\n").await?;
                self.prompt().await
            }
            key => {
                self.typed.push(key);
                self.say(&char::from(key).to_string().repeat(self.manner.echoes)).await?;
                let column = self.manner.name.len() + self.mode.len() + self.typed.len();
                match self.manner.wraps {
                    Some((width, "\r")) if column % width == 1 => self.say(&format!("\r{}", char::from(key))).await,
                    Some((width, wrap)) if wrap != "\r" && column.is_multiple_of(width) => self.say(wrap).await,
                    _ => Ok(()),
                }
            }
        }
    }

    async fn enter(&mut self) -> io::Result<()> {
        // As busybox does it: the wrap was the line end.
        let column = self.manner.name.len() + self.mode.len() + self.typed.len();
        let wrapped = |(width, wrap)| wrap == "\r\n" && !self.typed.is_empty() && column.is_multiple_of(width);
        if self.manner.echoes > 0 && !self.manner.wraps.is_some_and(wrapped) {
            self.say("\r\n").await?;
        }
        let command = String::from_utf8_lossy(&std::mem::take(&mut self.typed)).into_owned();
        if !command.trim().is_empty() {
            self.record.commands.lock().expect("not poisoned").push(command.clone());
        }
        self.command(command.trim()).await?;
        if self.manner.ignores_blanks && command.trim().is_empty() {
            return Ok(());
        }
        self.prompt().await
    }

    async fn prompt(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.prompted) {
            return Ok(());
        }
        if !self.manner.thinks.is_zero() {
            tokio::time::sleep(self.manner.thinks).await;
        }
        let above = match (self.manner.style, self.mode) {
            (Style::Junos, "# ") => "\r\n[edit]\r\n",
            (Style::Junos, _) => "\r\n{master}\r\n",
            _ => self.manner.above,
        };
        let prompt = format!("{above}{}{}", self.manner.name, self.mode);
        self.say(&prompt).await
    }

    async fn command(&mut self, command: &str) -> io::Result<()> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        if self.manner.style != Style::Cisco && self.configure(command).await? {
            return Ok(());
        }
        match verb {
            "show" if rest == "slowly" => self.pause(Duration::from_secs(3)).await,
            "" | "show" | "terminal" | "interface" | "description" => Ok(()),
            "echo" if self.manner.shell => self.say(&format!("{}\r\n", rest.replace('\'', ""))).await,
            "say" => self.say(&format!("you said {rest}\r\n")).await,
            "long" => {
                for line in 0..200 {
                    self.say(&format!("*> 10.0.{line}.0/24 {rest}\r\n")).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            // Output whose last line does not end, so that the prompt follows on it.
            "unended" => self.say(&format!("one\r\n{rest}")).await,
            // Output whose line equals the prompt, at the end of a read; the rest comes later.
            "trap" => {
                self.say("one\r\nr1# ").await?;
                self.pause(Duration::from_secs(30)).await?;
                self.say("\r\nr1# ").await?;
                self.pause(Duration::from_secs(30)).await?;
                self.say("\r\ntwo\r\n").await
            }
            // Looks over to anybody who waits for a pause, and is not.
            "mumble" => {
                for _ in 0..20 {
                    self.say("mumbled\r\nr1# ").await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            }
            "gate" => {
                self.record.gate.notified().await;
                self.say("opened\r\n").await
            }
            "stuck" => loop {
                if matches!(self.key().await?, 0x03 | 0x1e) {
                    return self.say("^C\r\n").await;
                }
            },
            "flood" => loop {
                self.say("flood flood flood\r\n").await?;
                tokio::task::yield_now().await;
            },
            "binary" => {
                let megabyte: Vec<u8> =
                    (0..1 << 20).map(|byte: u32| (byte.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
                for _ in 0..rest.parse().unwrap_or(1) {
                    self.stream.write_all(&megabyte).await?;
                }
                self.say("\r\n").await
            }
            "pages" => {
                for page in 1..=3 {
                    self.say(&format!("page {page}\r\n --More-- ")).await?;
                    self.key().await?;
                    self.say("\r          \r").await?;
                }
                self.say("end of pages\r\n").await
            }
            // A log line comes right behind the prompt, which is not drawn again.
            "late" => {
                self.say("one\r\n").await?;
                self.prompt().await?;
                if rest == "split" {
                    self.pause(Duration::from_millis(1)).await?;
                }
                self.prompted = true;
                self.say("\r\n%SYS-5-CONFIG: done\r\n").await
            }
            // A line of the answer is the prompt, and a question follows that takes Enter for a yes.
            "risk" => {
                self.say("one\r\nr1# \r\nReload? Press RETURN to confirm\r\n").await?;
                loop {
                    match self.key().await? {
                        b'\r' | b'\n' => {
                            self.record.commands.lock().expect("not poisoned").push("confirmed".to_owned())
                        }
                        0x03 | 0x1e => return Ok(()),
                        _ => {}
                    }
                }
            }
            // Output that only looks like a pager's line, cut where it does.
            "more" => {
                self.say("one\r\nthe pager says --More--").await?;
                self.pause(Duration::from_millis(20)).await?;
                self.say(" and waits\r\n").await
            }
            "log" => {
                self.say("before\r\n%LINK-3-UPDOWN: eth0\r\nafter\r\n").await?;
                self.prompt().await?;
                self.say("\r\n%SYS-5-CONFIG: done\r\n").await
            }
            "reload" => {
                self.say("Proceed with reload? [confirm]").await?;
                let key = self.key().await?;
                self.say(if matches!(key, b'y' | b'\r' | b'\n') {
                    "\r\nreloading\r\n"
                } else {
                    "\r\nnot reloading\r\n"
                })
                .await
            }
            "rename" => {
                self.mode = "-new# ";
                Ok(())
            }
            "leave" => {
                self.say("failed to connect to any daemons\r\n").await?;
                Err(io::ErrorKind::BrokenPipe.into())
            }
            // Asks, repeats the answer, and comes to no end.
            "ask" => {
                self.say(rest).await?;
                let answer = self.secret().await?;
                self.say(&format!("\r\n% Error opening scp://{answer}@h/")).await?;
                std::future::pending().await
            }
            // Into a program with a prompt of one line.
            "db" => {
                (self.mode, self.manner.above) = ("-db> ", "");
                Ok(())
            }
            "blankend" => self.say("x\r\n\r\n").await,
            "die" => Err(io::ErrorKind::BrokenPipe.into()),
            "enable" => {
                self.say("Password: ").await?;
                if Some(self.secret().await?.as_str()) == self.manner.enable {
                    self.mode = "# ";
                }
                self.say("\r\n").await
            }
            "configure" => {
                if self.manner.slow_configure {
                    self.record.gate.notified().await;
                }
                self.mode = "(config)# ";
                Ok(())
            }
            "end" => {
                self.mode = "# ";
                Ok(())
            }
            _ => self.say(&format!("% Unknown command: {command}\r\n")).await,
        }
    }

    /// What has to do with a candidate configuration; false for other commands.
    async fn configure(&mut self, command: &str) -> io::Result<bool> {
        let junos = self.manner.style == Style::Junos;
        let (normal, config) = if junos { ("> ", "# ") } else { ("# ", "(config)# ") };
        match command {
            "configure private" if junos && self.manner.contested => {
                self.say("error: shared configuration database modified\r\n").await?;
            }
            "configure private" if junos => self.mode = config,
            "configure terminal" if !junos => self.mode = config,
            "rollback 0" if junos && self.mode == config => {
                self.candidate.clear();
                self.say("load complete\r\n").await?;
            }
            "exit configuration-mode" if junos && self.mode == config => {
                if !self.candidate.is_empty() {
                    self.say("Discard uncommitted changes? [yes,no] (yes) ").await?;
                    while self.key().await? != b'\n' {}
                }
                self.candidate.clear();
                self.mode = normal;
            }
            "abort" if !junos && self.mode == config => {
                self.candidate.clear();
                self.mode = normal;
            }
            "commit" if self.mode == config => self.commit(junos).await?,
            line if self.mode == config && line.starts_with("set ") => self.candidate.push(line.to_owned()),
            _ if command.starts_with("set cli ") => {}
            _ if junos && command == "bogus" => self.say("syntax error.\r\n").await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn commit(&mut self, junos: bool) -> io::Result<()> {
        if self.candidate.iter().any(|line| line == "set wrong") {
            return self
                .say(if junos {
                    "error: configuration check-out failed\r\n"
                } else {
                    "\r\n% Failed to commit one or more configuration items during a pseudo-atomic operation.\r\n"
                })
                .await;
        }
        if self.candidate.iter().any(|line| line == "set wordy") {
            for line in 0..200 {
                self.say(&format!("warning {line}: something that nobody minds\r\n")).await?;
            }
            return self.say(if junos { "error: commit failed\r\n" } else { "% Failed to commit\r\n" }).await;
        }
        if self.candidate.iter().any(|line| line == "set asking") {
            self.say("Commit what somebody else has changed? (yes) ").await?;
            while self.key().await? != b'\n' {}
            self.say("\r\n").await?;
        }
        if self.candidate.iter().any(|line| line == "set doubtful") {
            return self.say("% Something nobody has seen before\r\n").await;
        }
        if self.candidate.iter().any(|line| line == "set contested") {
            self.say("Would you like to proceed with this commit anyway? [no]: ").await?;
            let mut answer = Vec::new();
            while let key = self.key().await?
                && key != b'\n'
            {
                answer.push(key);
            }
            if answer == b"no" {
                return self.say("\r\n").await;
            }
        }
        let lines = std::mem::take(&mut self.candidate);
        self.record.committed.lock().expect("not poisoned").extend(lines);
        self.say(if junos { "commit complete\r\n" } else { "" }).await
    }

    /// A pause inside a command. A terminal in cooked mode echoes what is typed meanwhile.
    async fn pause(&mut self, time: Duration) -> io::Result<()> {
        let end = tokio::time::Instant::now() + time;
        while let Ok(key) = tokio::time::timeout_at(end, self.stream.read_u8()).await {
            let key = key?;
            self.queue.push(key);
            if self.manner.cooked {
                let shown = match key {
                    b'\r' | b'\n' => "\r\n".to_owned(),
                    0..0x20 => format!("^{}", char::from(key + 0x40)),
                    _ => char::from(key).to_string(),
                };
                self.say(&shown).await?;
            }
        }
        Ok(())
    }

    async fn secret(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.key().await? {
                b'\n' if line.is_empty() && self.returned => self.returned = false,
                b'\r' => {
                    self.returned = true;
                    break;
                }
                b'\n' => break,
                key => line.push(key),
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    async fn key(&mut self) -> io::Result<u8> {
        if self.queue.is_empty() { self.stream.read_u8().await } else { Ok(self.queue.remove(0)) }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        for piece in text.as_bytes().chunks(self.manner.piece) {
            self.stream.write_all(piece).await?;
            if self.manner.piece < 64 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}
