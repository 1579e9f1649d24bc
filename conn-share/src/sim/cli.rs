//! One session's command line: keys and answers go in, steps come out. Knows neither sockets nor clocks.

use std::collections::VecDeque;
use std::sync::Arc;

use super::commands::{Effect, Mode, Then};
use super::editor::{Editor, Key};
use super::model::Model;
use super::{Output, SessionId};

/// What whoever owns the [`Cli`] has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read from the client and [`Cli::feed`] it.
    Read,
    /// Write this to the client.
    Write(Vec<u8>),
    /// Note that somebody tried to log in as this user.
    LoginTried { user: String, accepted: bool },
    /// Run this line and [`Cli::answer`] with what it comes to.
    Run { line: String, mode: Mode },
    /// Note that the command that ran is over; `whole` unless it was interrupted. The prompt comes after this.
    Finished { whole: bool },
    /// Close the session.
    Close,
}

/// How a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// With a login, as on a terminal line.
    Login { asks_name: bool },
    /// Logged in and enabled already, as in a shell.
    Shell { echo: bool },
    /// With one command, and it ends with it.
    Once(String),
}

#[derive(Debug)]
pub(super) struct Cli {
    model: Arc<Model>,
    session: SessionId,
    state: State,
    mode: Mode,
    editor: Editor,
    typed: VecDeque<u8>,
    screen: Vec<u8>,
    next: Option<Step>,
    echo: bool,
    once: bool,
    /// Lines of a page; 0 for no pager.
    rows: usize,
}

#[derive(Debug)]
enum State {
    Name,
    Password { user: Option<String>, failures: u8 },
    Line,
    Secret { failures: u8 },
    Running(String),
    Answering { output: Output, then: Then, shown: usize },
    Paused { output: Output, then: Then },
    Answered(Then),
    Closed,
}

impl Cli {
    /// What is typed ahead beyond this is lost, as on a terminal.
    const TYPED_AHEAD: usize = 4096;
    /// Output is handed out in pieces of about this size.
    const PIECE: usize = 4096;
    const ATTEMPTS: u8 = 3;
    // FRR sends its pager's line with the C string's end.
    const MORE: &[u8] = b" --More-- \0";
    const ERASE_MORE: &[u8] =
        b"\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08          \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08";

    pub(super) fn new(model: Arc<Model>, session: SessionId, entry: Entry) -> Self {
        let mut cli = Self {
            model,
            session,
            state: State::Line,
            mode: Mode::Enabled,
            editor: Editor::default(),
            typed: VecDeque::new(),
            screen: Vec::new(),
            next: None,
            echo: true,
            once: false,
            rows: 0,
        };
        match entry {
            Entry::Login { asks_name } => {
                cli.rows = 24;
                cli.mode = Mode::User;
                cli.screen.extend_from_slice(
                    b"\r\nHello, this is FRRouting (version 8.4.4).\r\n\
                      Copyright 1996-2005 Kunihiro Ishiguro, et al.\r\n\r\n",
                );
                if cli.model.is_open() {
                    cli.prompt();
                } else {
                    cli.screen.extend_from_slice(b"\r\nUser Access Verification\r\n\r\n");
                    cli.ask_login(asks_name, 0);
                }
            }
            Entry::Shell { echo } => {
                cli.echo = echo;
                cli.screen.extend_from_slice(
                    b"\r\nHello, this is FRRouting (version 8.4.4).\r\n\
                      Copyright 1996-2005 Kunihiro Ishiguro, et al.\r\n\r\n",
                );
                cli.prompt();
            }
            Entry::Once(line) => {
                cli.once = true;
                cli.state = State::Running(line);
            }
        }
        cli
    }

    /// Takes what the client sent. Whether it holds the interrupt key while a command runs: then the command is over.
    pub(super) fn feed(&mut self, input: &[u8]) -> bool {
        let mut input = input;
        let mut interrupted = false;
        if matches!(self.state, State::Running(_) | State::Answering { .. })
            && let Some(at) = input.iter().rposition(|byte| *byte == 0x03)
        {
            interrupted = true;
            self.typed.clear();
            input = &input[at + 1..];
            self.screen.extend_from_slice(b"^C\r\n");
            self.state = State::Answered(Then::Prompt);
            self.next = Some(Step::Finished { whole: false });
        }
        let room = Self::TYPED_AHEAD.saturating_sub(self.typed.len());
        self.typed.extend(&input[..input.len().min(room)]);
        interrupted
    }

    /// The client's terminal has so many rows.
    pub(super) fn resize(&mut self, rows: usize) {
        if self.rows > 0 && rows > 1 {
            self.rows = rows;
        }
    }

    /// Puts a log line on the screen, wherever it is.
    pub(super) fn announce(&mut self, line: &str) {
        let at_prompt = matches!(self.state, State::Line);
        if at_prompt {
            self.screen.extend_from_slice(b"\r\n");
        }
        self.screen.extend_from_slice(line.as_bytes());
        self.screen.extend_from_slice(b"\r\n");
        if at_prompt {
            self.prompt();
            self.editor.redraw(&mut self.screen);
        }
    }

    /// What the command of the last [`Step::Run`] comes to.
    pub(super) fn answer(&mut self, effect: Effect) {
        self.state = State::Answering { output: effect.output, then: effect.then, shown: 0 };
    }

    /// The prompt as it would be shown now.
    pub(super) fn prompt_text(&self) -> String {
        self.mode.prompt(&self.model.hostname())
    }

    /// What to do next. After [`Step::Run`], [`Cli::answer`] comes first.
    pub(super) fn step(&mut self) -> Step {
        loop {
            // What is on the screen goes out before anything else is done, in particular before a command ends.
            if let Some(next) = self.next.take_if(|_| self.screen.is_empty()) {
                return next;
            }
            if self.next.is_some() || self.screen.len() >= Self::PIECE {
                return Step::Write(std::mem::take(&mut self.screen));
            }
            self.next = self.advance();
        }
    }

    fn advance(&mut self) -> Option<Step> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Some(Step::Close),
            State::Running(line) => {
                self.state = State::Running(line.clone());
                Some(Step::Run { line, mode: self.mode.clone() })
            }
            State::Answering { output, then, shown } => self.show(output, then, shown),
            State::Paused { output, then } => self.turn_page(output, then),
            State::Answered(then) => {
                self.follow(then);
                None
            }
            state => {
                let secret = !self.echo || matches!(state, State::Password { .. } | State::Secret { .. });
                let Some(byte) = self.typed.pop_front() else {
                    self.state = state;
                    return Some(Step::Read);
                };
                let key = self.editor.key(byte, secret, &mut self.screen);
                self.take(state, key)
            }
        }
    }

    fn show(&mut self, mut output: Output, then: Then, shown: usize) -> Option<Step> {
        let Some(line) = output.next() else {
            self.state = State::Answered(then);
            return Some(Step::Finished { whole: true });
        };
        if self.rows > 0 && shown + 1 == self.rows {
            self.screen.extend_from_slice(Self::MORE);
            output.put_back(line);
            self.state = State::Paused { output, then };
            return None;
        }
        self.screen.extend_from_slice(line.as_bytes());
        self.screen.extend_from_slice(b"\r\n");
        self.state = State::Answering { output, then, shown: shown + 1 };
        None
    }

    fn turn_page(&mut self, output: Output, then: Then) -> Option<Step> {
        let Some(key) = self.typed.pop_front() else {
            self.state = State::Paused { output, then };
            return Some(Step::Read);
        };
        self.screen.extend_from_slice(Self::ERASE_MORE);
        if matches!(key, 0x03 | b'q' | b'Q') {
            self.state = State::Answered(then);
            return Some(Step::Finished { whole: false });
        }
        self.state = State::Answering { output, then, shown: 0 };
        None
    }

    fn take(&mut self, state: State, key: Key) -> Option<Step> {
        match (state, key) {
            (state, Key::Edited) => self.state = state,
            (State::Name, Key::Line(user)) if !user.is_empty() => self.ask_password(Some(user), 0),
            (State::Name, _) => self.ask_login(true, 0),
            (State::Password { user, failures }, Key::Line(given)) => return self.log_in(user, &given, failures),
            (State::Password { user, failures }, Key::Interrupt) => self.ask_password(user, failures),
            (State::Secret { failures }, Key::Line(given)) => self.enable(&given, failures),
            (State::Line, Key::Line(line)) if !line.trim().is_empty() => self.state = State::Running(line),
            (State::Line, Key::EndOfInput) => self.follow(Then::Leave),
            (State::Line | State::Secret { .. }, _) => self.prompt(),
            _ => self.state = State::Closed,
        }
        None
    }

    fn ask_login(&mut self, asks_name: bool, failures: u8) {
        if asks_name {
            self.screen.extend_from_slice(b"Username: ");
            self.state = State::Name;
        } else {
            self.ask_password(None, failures);
        }
    }

    fn ask_password(&mut self, user: Option<String>, failures: u8) {
        self.screen.extend_from_slice(b"Password: ");
        self.state = State::Password { user, failures };
    }

    fn log_in(&mut self, user: Option<String>, given: &str, failures: u8) -> Option<Step> {
        let accepted = self.model.accepts_password(user.as_deref(), given);
        let name = user.clone().unwrap_or_default();
        if accepted {
            self.prompt();
        } else if failures + 1 == Self::ATTEMPTS {
            self.screen.extend_from_slice(b"% Bad passwords, too many failures!\r\n");
            self.state = State::Closed;
        } else {
            self.ask_password(user, failures + 1);
        }
        Some(Step::LoginTried { user: name, accepted })
    }

    fn enable(&mut self, given: &str, failures: u8) {
        if self.model.enable.as_ref().is_none_or(|secret| secret.expose() == given) {
            self.mode = Mode::Enabled;
            self.prompt();
        } else if failures + 1 == Self::ATTEMPTS {
            self.screen.extend_from_slice(b"% Bad enable passwords, too many failures!\r\n");
            self.prompt();
        } else {
            self.screen.extend_from_slice(b"Password: ");
            self.state = State::Secret { failures: failures + 1 };
        }
    }

    fn follow(&mut self, then: Then) {
        match then {
            Then::Prompt => {}
            Then::Enter(mode) => self.mode = mode,
            Then::PageLength(rows) => self.rows = rows,
            Then::AskSecret => {
                self.screen.extend_from_slice(b"Password: ");
                self.state = State::Secret { failures: 0 };
                return;
            }
            Then::Leave => {
                self.state = State::Closed;
                return;
            }
        }
        self.prompt();
    }

    fn prompt(&mut self) {
        if self.once {
            self.state = State::Closed;
            return;
        }
        let prompt = self.prompt_text();
        self.screen.extend_from_slice(prompt.as_bytes());
        self.state = State::Line;
    }

    /// The session whose command line this is.
    pub(super) fn session(&self) -> SessionId {
        self.session
    }
}
