//! What can be made to go wrong.

use std::time::Duration;

use super::SessionId;

/// Something that goes wrong on a simulated router; see [`Router::inject`](super::Router::inject).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is accepted and closed at once. Affects new sessions.
    RefuseSessions,
    /// The connection is accepted, and nothing is ever said on it. Affects new sessions.
    NeverAnswer,
    /// The connection is closed in the middle of the login: on Telnet when the password was typed, over SSH when the
    /// client asks to be authenticated. Affects new sessions.
    CloseDuringLogin,
    /// The connection is dropped when the router has sent so many more bytes on it, counted on the wire: over SSH
    /// these are encrypted and include the key exchange, if it is still to come.
    DropAfter(u64),
    /// The connection stays open and goes dead: nothing is read from it or written to it any more, as when the peer's
    /// host has lost power. Over SSH, keepalives stay unanswered too.
    Freeze,
    /// The command line stops answering, while the connection stays alive: over SSH, keepalives are answered.
    Mute,
    /// Output comes in pieces of 1 to `most` bytes, of ever changing length, with a `pause` between them.
    Drip {
        /// The longest piece, in bytes.
        most: usize,
        /// How long to wait between pieces; none at all where it is zero.
        pause: Duration,
    },
    /// Every output has a line in its middle that equals the prompt.
    PromptInOutput,
    /// A log line, as after `terminal monitor`, comes after every so many lines of output, and once before the first.
    LogLines {
        /// How many lines of output there are between two log lines; 0 counts as 1.
        every: usize,
    },
}

/// Whom a [`Fault`] meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every session there is, and every new one until [`Router::clear_faults`](super::Router::clear_faults).
    All,
    /// The session that connects next, and no other. Faults for the next session add up.
    NextSession,
    /// One session that exists.
    Session(SessionId),
}

/// The faults that one session, or all future ones, are under.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) refuse: bool,
    pub(super) never_answer: bool,
    pub(super) close_during_login: bool,
    pub(super) drop_after: Option<u64>,
    pub(super) frozen: bool,
    pub(super) mute: bool,
    pub(super) drip: Option<(usize, Duration)>,
    pub(super) prompt_in_output: bool,
    pub(super) log_lines: Option<usize>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: &Fault) {
        match *fault {
            Fault::RefuseSessions => self.refuse = true,
            Fault::NeverAnswer => self.never_answer = true,
            Fault::CloseDuringLogin => self.close_during_login = true,
            Fault::DropAfter(bytes) => self.drop_after = Some(bytes),
            Fault::Freeze => self.frozen = true,
            Fault::Mute => self.mute = true,
            Fault::Drip { most, pause } => self.drip = Some((most.max(1), pause)),
            Fault::PromptInOutput => self.prompt_in_output = true,
            Fault::LogLines { every } => self.log_lines = Some(every.max(1)),
        }
    }
}
