//! What all sessions of a router share: who may log in, what it is configured as, what it knows to answer.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::config::RunningConfig;
use super::grammar::words_begin;
use super::tables::Tables;
use super::{Output, SessionId};
use crate::Secret;

/// A command line as a command of one's own sees it; see [`RouterBuilder::command`](super::RouterBuilder::command).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The session that asks.
    pub session: SessionId,
    /// The whole line.
    pub line: String,
    /// What follows the words that the command was registered with.
    pub arguments: String,
    /// The router's host name now.
    pub hostname: String,
}

/// What a command of one's own answers.
pub(super) type Answer = Box<dyn Fn(&Request) -> Output + Send + Sync>;

pub(super) struct Model {
    pub(super) users: Vec<User>,
    pub(super) enable: Option<Secret>,
    pub(super) latency: Duration,
    pub(super) tables: Tables,
    pub(super) commands: Vec<(String, Answer)>,
    pub(super) config: Mutex<RunningConfig>,
}

/// Who may log in, and how.
#[derive(Debug)]
pub(super) enum User {
    Password { name: String, password: Secret },
    Key { name: String, key: russh::keys::PublicKey },
}

impl Model {
    pub(super) fn config(&self) -> MutexGuard<'_, RunningConfig> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hostname(&self) -> String {
        self.config().hostname().to_owned()
    }

    /// Whether anybody may log in without more ado.
    pub(super) fn is_open(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether the password is good for the user; for any user where the login asks for no name.
    pub(super) fn accepts_password(&self, user: Option<&str>, given: &str) -> bool {
        self.is_open()
            || self.users.iter().any(|known| match known {
                User::Password { name, password } => user.is_none_or(|user| user == name) && password.expose() == given,
                User::Key { .. } => false,
            })
    }

    pub(super) fn accepts_key(&self, user: &str, given: &russh::keys::PublicKey) -> bool {
        self.is_open()
            || self.users.iter().any(
                |known| matches!(known, User::Key { name, key } if name == user && key.key_data() == given.key_data()),
            )
    }

    /// The answer of the user's own command that fits `line` best.
    pub(super) fn own_answer(&self, session: SessionId, line: &str) -> Option<Output> {
        let fitting = self.commands.iter().filter(|(words, _)| words_begin(line, words));
        let (words, answer) = fitting.max_by_key(|(words, _)| words.split_whitespace().count())?;
        let arguments = line.split_whitespace().skip(words.split_whitespace().count()).collect::<Vec<_>>().join(" ");
        Some(answer(&Request { session, line: line.to_owned(), arguments, hostname: self.hostname() }))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("hostname", &self.hostname()).finish_non_exhaustive()
    }
}

/// A router id that differs between host names, and is the same on every run.
pub(super) fn router_id(hostname: &str) -> Ipv4Addr {
    let hash = hostname.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, _] = hash.to_be_bytes();
    Ipv4Addr::new(10, a, b, c)
}
