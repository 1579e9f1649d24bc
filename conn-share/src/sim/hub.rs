//! What a router's sessions share while they live: the record, the faults, the gates, and each other.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use super::events::Record;
use super::fault::{Fault, Faults, Scope};
use super::gate::Barrier;
use super::model::Model;
use super::wire::Lifeline;
use super::{EventKind, Protocol, SessionId};

/// One session, seen from outside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its name.
    pub id: SessionId,
    /// How the client talks to the router.
    pub protocol: Protocol,
    /// Where the client is.
    pub peer: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) info: SessionInfo,
    pub(super) life: Arc<Lifeline>,
    pub(super) faults: watch::Sender<Faults>,
    /// Log lines on their way to the client's terminal.
    pub(super) monitor: mpsc::Sender<String>,
}

pub(super) struct Hub {
    pub(super) model: Arc<Model>,
    pub(super) record: Record,
    max_sessions: Option<usize>,
    state: Mutex<State>,
    alive: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    next_id: u64,
    sessions: BTreeMap<SessionId, Arc<Session>>,
    barriers: Vec<Arc<Barrier>>,
    for_all: Faults,
    for_next: VecDeque<Fault>,
    /// Nobody is admitted any more, even if the acceptor has one in hand.
    off: bool,
}

impl Hub {
    /// A terminal that does not keep up loses log lines beyond these.
    const LOGGED_AHEAD: usize = 16;

    pub(super) fn new(model: Model, max_sessions: Option<usize>) -> Self {
        Self {
            model: Arc::new(model),
            record: Record::new(),
            max_sessions,
            state: Mutex::default(),
            alive: watch::Sender::new(0),
        }
    }

    /// Lets a client in, or turns it away.
    pub(super) fn admit(self: &Arc<Self>, protocol: Protocol, peer: SocketAddr) -> Option<Admission> {
        let mut state = self.state();
        if state.off {
            return None;
        }
        let id = SessionId(state.next_id);
        state.next_id += 1;
        let mut faults = state.for_all.clone();
        state.for_next.drain(..).for_each(|fault| faults.add(&fault));
        if faults.refuse || self.max_sessions.is_some_and(|most| state.sessions.len() >= most) {
            drop(state);
            self.record.push(id, EventKind::Refused);
            return None;
        }
        let life = Arc::new(Lifeline::default());
        life.freeze(faults.frozen || faults.never_answer);
        life.allow(faults.drop_after);
        let (monitor, logged) = mpsc::channel(Self::LOGGED_AHEAD);
        let info = SessionInfo { id, protocol, peer };
        let session = Arc::new(Session { info, life, faults: watch::Sender::new(faults), monitor });
        state.sessions.insert(id, Arc::clone(&session));
        self.alive.send_replace(state.sessions.len());
        drop(state);
        self.record.push(id, EventKind::Connected { protocol });
        Some(Admission { hub: Arc::clone(self), session, logged: Mutex::new(Some(logged)) })
    }

    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        self.state().sessions.values().cloned().collect()
    }

    pub(super) fn session(&self, id: SessionId) -> Option<Arc<Session>> {
        self.state().sessions.get(&id).cloned()
    }

    /// Ends every session and admits none; [`Hub::emptied`] tells when they are gone.
    pub(super) fn switch_off(&self) {
        self.state().off = true;
        self.sessions().iter().for_each(|session| session.life.cut());
    }

    /// Admits sessions again.
    pub(super) fn switch_on(&self) {
        self.state().off = false;
    }

    pub(super) async fn emptied(&self) {
        // The sender lives in `self`: the wait cannot fail.
        let _ = self.alive.subscribe().wait_for(|alive| *alive == 0).await;
    }

    pub(super) fn inject(&self, scope: Scope, fault: &Fault) {
        match scope {
            Scope::NextSession => self.state().for_next.push_back(fault.clone()),
            Scope::Session(id) => {
                if let Some(session) = self.session(id) {
                    session.inject(fault);
                }
            }
            Scope::All => {
                let mut state = self.state();
                state.for_all.add(fault);
                let sessions: Vec<_> = state.sessions.values().cloned().collect();
                drop(state);
                sessions.iter().for_each(|session| session.inject(fault));
            }
        }
    }

    pub(super) fn clear_faults(&self) {
        let mut state = self.state();
        state.for_all = Faults::default();
        state.for_next.clear();
        let sessions: Vec<_> = state.sessions.values().cloned().collect();
        drop(state);
        for session in sessions {
            session.faults.send_replace(Faults::default());
            session.life.allow(None);
            session.life.freeze(false);
        }
    }

    pub(super) fn add_barrier(&self, barrier: Arc<Barrier>) {
        let mut state = self.state();
        state.barriers.retain(|barrier| !barrier.is_open());
        state.barriers.push(barrier);
    }

    /// Those that hold `command` now.
    pub(super) fn barriers(&self, command: &str) -> Vec<Arc<Barrier>> {
        self.state().barriers.iter().filter(|barrier| barrier.holds(command)).cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn inject(&self, fault: &Fault) {
        self.faults.send_modify(|faults| faults.add(fault));
        match *fault {
            Fault::Freeze => self.life.freeze(true),
            Fault::DropAfter(bytes) => self.life.allow(Some(bytes)),
            _ => {}
        }
    }
}

/// A session's place among the others, for as long as this lives.
pub(super) struct Admission {
    pub(super) hub: Arc<Hub>,
    pub(super) session: Arc<Session>,
    logged: Mutex<Option<mpsc::Receiver<String>>>,
}

impl Admission {
    /// The log lines for the client's terminal; whoever serves it takes them, once.
    pub(super) fn log_lines(&self) -> Option<mpsc::Receiver<String>> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn record(&self, kind: EventKind) {
        self.hub.record.push(self.session.info.id, kind);
    }

    /// Notes the outcome of a login, unless the login is to fail in the middle: then the session ends here.
    pub(super) fn login(&self, user: &str, accepted: bool) {
        if self.session.faults.borrow().close_during_login {
            self.session.life.cut();
        } else if accepted {
            self.record(EventKind::LoggedIn { user: user.to_owned() });
        } else {
            self.record(EventKind::LoginFailed);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.session.life.cut();
        self.record(EventKind::Disconnected);
        let mut state = self.hub.state();
        state.sessions.remove(&self.session.info.id);
        self.hub.alive.send_replace(state.sessions.len());
    }
}
