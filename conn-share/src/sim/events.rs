//! What happened on a simulated router, in order.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Names one session of one router; never used twice by the same router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(super) u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// How a client talks to the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A shell over SSH.
    Ssh,
    /// A Telnet terminal line.
    Telnet,
}

/// One entry of a router's record.
///
/// Order is told by `seq` alone: no clock is involved, so what the record proves does not depend on how fast the
/// machine was. The end of a command comes before the prompt that tells the client so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Counts up by one with every event of the router, from 0.
    pub seq: u64,
    /// The session it happened on.
    pub session: SessionId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A client connected; it has yet to log in.
    Connected {
        /// Over which protocol.
        protocol: Protocol,
    },
    /// A client was turned away before it could log in: no session free, or a fault that refuses sessions.
    Refused,
    /// The client logged in.
    LoggedIn {
        /// The user name; empty where the protocol asks for none.
        user: String,
    },
    /// The client's password or key was refused.
    LoginFailed,
    /// A command line was read and accepted for execution.
    CommandStarted {
        /// The line, without its end.
        command: String,
    },
    /// The whole output of the command was handed to the client.
    CommandEnded,
    /// The running command ended early: interrupted by the client, or the session is gone.
    CommandCut,
    /// The session is over.
    Disconnected,
}

/// The record of one router.
pub(super) struct Record {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    next_seq: u64,
    events: VecDeque<Event>,
    running: HashSet<SessionId>,
    most_running: usize,
}

impl Record {
    /// The oldest events are forgotten beyond this many.
    const LIMIT: usize = 100_000;

    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn push(&self, session: SessionId, kind: EventKind) {
        let mut state = self.state();
        match kind {
            EventKind::CommandStarted { .. } => {
                state.running.insert(session);
                state.most_running = state.most_running.max(state.running.len());
            }
            EventKind::CommandEnded | EventKind::CommandCut => {
                state.running.remove(&session);
            }
            _ => {}
        }
        if state.events.len() == Self::LIMIT {
            state.events.pop_front();
        }
        let seq = state.next_seq;
        state.next_seq += 1;
        state.events.push_back(Event { seq, session, kind });
        drop(state);
        self.changed.notify_waiters();
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.state().events.iter().cloned().collect()
    }

    /// Forgets the events, not the commands that are running now.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.events.clear();
        state.most_running = state.running.len();
    }

    pub(super) fn most_running(&self) -> usize {
        self.state().most_running
    }

    /// The first recorded event that satisfies `wanted`, waiting for it if need be.
    pub(super) async fn find(&self, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        let mut seen = 0;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.state();
                if let Some(event) = state.events.iter().find(|event| event.seq >= seen && wanted(event)) {
                    return event.clone();
                }
                seen = state.next_seq;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
