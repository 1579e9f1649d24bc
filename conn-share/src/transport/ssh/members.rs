//! Several channels over one session: whose bytes are whose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::ChannelId;

use super::exec::Run;
use super::pipe::{End, Pipe};

/// The open channels of one session.
pub(super) struct Members {
    session: Arc<Pipe>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    members: HashMap<ChannelId, Member>,
    /// The session is over, and this is how: nobody would end what is added now.
    ended: Option<End>,
}

/// What a channel is for.
#[derive(Clone)]
pub(super) enum Member {
    /// A shell, or a connection to another host.
    Stream(Arc<Pipe>),
    /// A command of its own.
    Run(Arc<Run>),
}

impl Members {
    /// Nobody yet, over the session whose end is known to `session`.
    pub(super) fn of(session: &Arc<Pipe>) -> Arc<Self> {
        let members = Arc::new(Self { session: Arc::clone(session), open: Mutex::default() });
        session.shared_by(&members);
        members
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a channel, from its first one on: whoever asks first, the session's task or the one that opened it.
    pub(super) fn stream(&self, id: ChannelId) -> Arc<Pipe> {
        let mut open = self.open();
        let new = || Arc::new(Pipe::beside(&self.session));
        match (open.members.get(&id), &open.ended) {
            (Some(Member::Stream(pipe)), _) => Arc::clone(pipe),
            // Ids are used once, and what a channel is for is said once, whatever a peer repeats.
            (Some(Member::Run(_)), _) => new(),
            (None, Some(end)) => {
                let pipe = new();
                pipe.end(end.clone());
                pipe.finish();
                pipe
            }
            (None, None) => {
                let pipe = new();
                open.members.insert(id, Member::Stream(Arc::clone(&pipe)));
                pipe
            }
        }
    }

    /// Says that the channel is for a command.
    pub(super) fn run(&self, id: ChannelId, run: &Arc<Run>) {
        let mut open = self.open();
        let before = open.members.insert(id, Member::Run(Arc::clone(run)));
        let closed = match before {
            Some(Member::Stream(pipe)) => pipe.ended(),
            _ => None,
        };
        let ended = open.ended.clone().or(closed);
        drop(open);
        if let Some(end) = ended {
            run.end(end);
        }
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<Member> {
        self.open().members.get(&id).cloned()
    }

    /// Its user is gone, or the peer has closed it: what still comes is dropped.
    pub(super) fn forget(&self, id: ChannelId) -> Option<Member> {
        self.open().members.remove(&id)
    }

    /// The session is over, and so is everybody in it. What streams have received can still be read, also by those who
    /// have yet to come for theirs.
    pub(super) fn end_all(&self) {
        let end = self.session.ended().unwrap_or(End::Closed);
        let mut open = self.open();
        open.ended = Some(end.clone());
        let all: Vec<Member> = open.members.values().cloned().collect();
        drop(open);
        for member in all {
            match member {
                Member::Stream(pipe) => {
                    pipe.end(end.clone());
                    pipe.finish();
                }
                Member::Run(run) => run.end(end.clone()),
            }
        }
    }

    /// Ends those that have held the others back for too long.
    pub(super) fn evict(&self) {
        let all: Vec<Member> = self.open().members.values().cloned().collect();
        for member in all {
            if let Member::Stream(pipe) = member {
                pipe.evict();
            }
        }
    }
}
