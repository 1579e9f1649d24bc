//! From the first byte to the first prompt: banners, user name, password.

use std::sync::Arc;
use std::time::Duration;

use super::platform::Platform;
use super::screen::{Overflow, Screen};
use crate::Secret;

/// Everything said before the first prompt; banners are short.
const LIMIT: usize = 1 << 20;

/// A question stands when nothing followed it for this long: a piece of a banner may read the same.
const SETTLE: Duration = Duration::from_millis(50);

/// A line that may be a prompt, where the platform does not say how prompts look, stands after this long.
const PROMPT_SETTLE: Duration = Duration::from_millis(300);

/// And after this long where nothing will be asked any more: what is typed too soon then goes to nobody's login, and
/// the proof that follows waits for the real prompt.
const KNOWN_SETTLE: Duration = Duration::from_millis(100);

/// A console line says nothing before a key is pressed.
const CONSOLE_WAKE: Duration = Duration::from_secs(1);

/// Other devices greet by themselves, if slowly. One that does not is given Enter after this long.
const WAKE: Duration = Duration::from_secs(5);

/// So often a mute console is woken before it counts as somebody else's.
const WAKES: u32 = 4;

/// What to do next.
#[derive(Debug)]
pub(crate) enum LoginStep {
    /// Write these bytes; they may be a secret.
    Write(Vec<u8>),
    /// Wait for bytes; without any, ask again at this time.
    Wait(Option<Duration>),
    /// This line may be a prompt.
    Prompt(String),
}

/// What the device asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Username,
    Password,
}

/// Why there will be no login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The device refused the user name or password, in these words.
    Credentials(String),
    /// The device asks for something that is not known.
    Missing(Asked),
    /// Somebody else has the line, in the device's words.
    Busy(String),
    /// Connected, and no sign of life.
    Mute,
    /// More than a banner.
    Overflow,
}

impl From<Overflow> for Rejected {
    fn from(Overflow: Overflow) -> Self {
        Self::Overflow
    }
}

/// The thinking of a login. Bytes and times go in, steps come out.
#[derive(Debug)]
pub(crate) struct Login {
    platform: Arc<Platform>,
    username: String,
    password: Option<Secret>,
    line_end: String,
    console: bool,
    screen: Screen,
    /// How much of the screen's text was looked through for phrases.
    looked: usize,
    /// The last line since something was written that says something.
    said: String,
    password_sent: bool,
    /// The transport has logged in.
    authenticated: bool,
    heard: bool,
    stirred: Duration,
    wakes: u32,
}

impl Login {
    /// A login as `username`. A `console` stays silent until a key is pressed.
    pub(crate) fn new(
        platform: Arc<Platform>,
        username: &str,
        password: Option<Secret>,
        line_end: &str,
        console: bool,
        now: Duration,
    ) -> Self {
        Self {
            platform,
            username: username.to_owned(),
            password,
            line_end: line_end.to_owned(),
            console,
            screen: Screen::new(LIMIT, ""),
            looked: 0,
            said: String::new(),
            password_sent: false,
            authenticated: false,
            heard: false,
            stirred: now,
            wakes: 0,
        }
    }

    /// Whether the transport has logged in already, so that hardly anything is asked.
    pub(crate) fn authenticated(mut self, authenticated: bool) -> Self {
        self.authenticated = authenticated;
        self
    }

    /// Bytes came.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Duration) -> Result<(), Rejected> {
        self.stirred = now;
        self.heard = true;
        self.screen.feed(bytes)?;
        let new = String::from_utf8_lossy(self.screen.text().get(self.looked..).unwrap_or_default()).into_owned();
        self.looked = self.screen.text().len();
        let last = self.screen.last_line();
        let lines = || new.lines().chain(last.as_deref());
        if let Some(said) = lines().rfind(|line| !line.trim().is_empty()) {
            self.said = said.trim().to_owned();
        }
        lines().try_for_each(|line| self.hear(line))
    }

    /// The last line that says something, to tell people what a device waits with, or left with.
    pub(crate) fn last_said(&self) -> &str {
        &self.said
    }

    /// The device was given the password.
    pub(crate) fn gave_password(&self) -> bool {
        self.password_sent
    }

    fn hear(&self, line: &str) -> Result<(), Rejected> {
        const BUSY: [&str; 11] = [
            "port already in use",
            "device already in use",
            "port is in use",
            "line is in use",
            "line in use",
            "already in use by",
            "all lines busy",
            "too many connections",
            "too many sessions",
            "no free vty",
            "connection refused by remote host",
        ];
        const REFUSED: [&str; 14] = [
            "login incorrect",
            "login invalid",
            "authentication fail",
            "bad password",
            "wrong password",
            "incorrect password",
            "invalid password",
            "invalid user name or password",
            "invalid username or password",
            "password is wrong",
            "user is locked",
            "maximum login attempts",
            "access denied",
            "permission denied",
        ];
        // In the middle of a line they may greet somebody who was let in, too.
        const REFUSED_FIRST: [&str; 5] =
            ["password incorrect", "invalid login", "login failed", "account is disabled", "account is locked"];
        const ALWAYS_REFUSED: [&str; 2] = ["password required, but none set", "vty password is not set"];
        let heard = line.to_lowercase();
        let any = |phrases: &[&str]| phrases.iter().any(|phrase| heard.contains(phrase));
        let words = heard.trim_matches(|mark: char| !mark.is_ascii_alphanumeric());
        let first = words == "unauthorized" || REFUSED_FIRST.iter().any(|phrase| words.starts_with(phrase));
        if any(&BUSY) {
            return Err(Rejected::Busy(line.trim().to_owned()));
        }
        if any(&ALWAYS_REFUSED) || (self.password_sent && (first || any(&REFUSED))) {
            return Err(Rejected::Credentials(line.trim().to_owned()));
        }
        Ok(())
    }

    /// What to do at the time `now`.
    pub(crate) fn next(&mut self, now: Duration) -> Result<LoginStep, Rejected> {
        let line = self.screen.last_line().unwrap_or_default();
        let prompt_settle = match self.platform.mode_of(&line) {
            Some(_) => Duration::ZERO,
            None if self.authenticated || self.password_sent => KNOWN_SETTLE,
            None => PROMPT_SETTLE,
        };
        if self.platform.is_pager(&line) {
            return Ok(self.write(b"q".to_vec(), now));
        }
        if let Some(asked) = self.question(&line) {
            return self.once_settled(SETTLE, now).map_or_else(|| self.answer(asked, now), Ok);
        }
        if self.platform.may_be_prompt(&line) {
            let wait = self.once_settled(prompt_settle, now);
            return Ok(wait.unwrap_or(LoginStep::Prompt(line)));
        }
        if self.wants_return(&line) {
            let wait = self.once_settled(SETTLE, now);
            return Ok(wait.unwrap_or_else(|| self.enter(now)));
        }
        let patience = if self.console { CONSOLE_WAKE * (self.wakes + 1) } else { WAKE };
        if let Some(wait) = self.once_settled(patience, now) {
            return Ok(wait);
        }
        self.wakes += 1;
        if self.wakes < WAKES {
            return Ok(self.wake(now));
        }
        if self.console && !self.heard {
            return Err(Rejected::Mute);
        }
        Ok(LoginStep::Wait(None))
    }

    fn question(&self, line: &str) -> Option<Asked> {
        if self.platform.asks_password(line) {
            Some(Asked::Password)
        } else if self.platform.asks_username(line) {
            Some(Asked::Username)
        } else {
            question(line)
        }
    }

    fn once_settled(&self, quiet: Duration, now: Duration) -> Option<LoginStep> {
        let due = self.stirred + quiet;
        (now < due).then_some(LoginStep::Wait(Some(due)))
    }

    fn answer(&mut self, asked: Asked, now: Duration) -> Result<LoginStep, Rejected> {
        if self.password_sent {
            return Err(Rejected::Credentials("asked again".to_owned()));
        }
        let mut bytes = match asked {
            Asked::Username if self.username.is_empty() => return Err(Rejected::Missing(asked)),
            Asked::Username => self.username.clone().into_bytes(),
            Asked::Password => {
                let password = self.password.as_ref().ok_or(Rejected::Missing(asked))?;
                self.password_sent = true;
                password.expose().as_bytes().to_vec()
            }
        };
        bytes.extend_from_slice(self.line_end.as_bytes());
        Ok(self.write(bytes, now))
    }

    fn enter(&mut self, now: Duration) -> LoginStep {
        self.write(self.line_end.clone().into_bytes(), now)
    }

    /// Presses Enter; on a console where somebody may have typed half a command before us, wipes that first.
    fn wake(&mut self, now: Duration) -> LoginStep {
        let kill = self.platform.kill_key().filter(|_| self.console).unwrap_or_default();
        let bytes = format!("{kill}{}", self.line_end).into_bytes();
        self.write(bytes, now)
    }

    /// Whatever the line asked, it is answered: only what comes now counts.
    fn write(&mut self, bytes: Vec<u8>, now: Duration) -> LoginStep {
        self.stirred = now;
        self.screen.clear_line();
        self.screen.forget_text();
        self.looked = 0;
        self.said.clear();
        LoginStep::Write(bytes)
    }

    fn wants_return(&self, line: &str) -> bool {
        let text = String::from_utf8_lossy(self.screen.text());
        let last = if line.trim().is_empty() {
            text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default()
        } else {
            line
        };
        let last = last.to_lowercase();
        ["press return", "press enter", "press any key", "hit return", "hit enter"]
            .iter()
            .any(|phrase| last.contains(phrase))
    }
}

/// The question that `line` ends with, as most devices ask it.
fn question(line: &str) -> Option<Asked> {
    let line = line.trim_end().to_lowercase();
    // `Username>` is one; anything else in front of a `>` may be a prompt.
    let asked = line.strip_suffix(':').or_else(|| line.strip_suffix('>').filter(|asked| *asked == "username"))?.trim();
    let of_somebody = |word: &str| asked.strip_prefix(word).is_some_and(|name| name.split_whitespace().count() == 1);
    let secret = ["password", "passcode"].iter().any(|end| asked.ends_with(end));
    if secret || of_somebody("password for ") || of_somebody("passcode for ") {
        return Some(Asked::Password);
    }
    let name = ["username", "login", "user name", "user", "login as"].iter().any(|end| asked.ends_with(end));
    // Too common to be taken for one at the end of a line of a banner.
    let alone = ["name", "account"].contains(&asked);
    (alone || name && !line.starts_with("last ")).then_some(Asked::Username)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
