//! Several channels over one session: whose bytes are whose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::ChannelId;

use super::exec::Run;
use super::pipe::{End, Pipe};

/// The open channels of one session.
pub(super) struct Members {
    session: Arc<Pipe>,
    open: Mutex<HashMap<ChannelId, Member>>,
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

    fn open(&self) -> MutexGuard<'_, HashMap<ChannelId, Member>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a channel, from its first one on: whoever asks first, the session's task or the one that opened it.
    pub(super) fn stream(&self, id: ChannelId) -> Arc<Pipe> {
        let mut open = self.open();
        let member = open.entry(id).or_insert_with(|| Member::Stream(Arc::new(Pipe::beside(&self.session))));
        match member {
            Member::Stream(pipe) => Arc::clone(pipe),
            // Ids are used once, and what a channel is for is said once.
            Member::Run(_) => Arc::new(Pipe::beside(&self.session)),
        }
    }

    /// Says that the channel is for a command.
    pub(super) fn run(&self, id: ChannelId, run: &Arc<Run>) {
        self.open().insert(id, Member::Run(Arc::clone(run)));
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<Member> {
        self.open().get(&id).cloned()
    }

    /// Its user is gone, or the peer has closed it: what still comes is dropped.
    pub(super) fn forget(&self, id: ChannelId) -> Option<Member> {
        self.open().remove(&id)
    }

    /// The session is over, and so is everybody in it.
    pub(super) fn end_all(&self) {
        let end = self.session.ended().unwrap_or(End::Closed);
        let all: Vec<Member> = self.open().drain().map(|(_, member)| member).collect();
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
        let all: Vec<Member> = self.open().values().cloned().collect();
        for member in all {
            if let Member::Stream(pipe) = member {
                pipe.evict();
            }
        }
    }
}
