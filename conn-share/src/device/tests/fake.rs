//! A connection class whose peer is a value in the test.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use crate::connection::BoxedSection;
use crate::{Connection, ConnectionClass, Device, DeviceBuilder, Error, ErrorKind, Path, Reply, Result, Target};

static PEERS: LazyLock<Mutex<HashMap<String, Arc<Peer>>>> = LazyLock::new(Mutex::default);

/// What stands at the other end: it counts its sessions and can be made to wait, refuse or hang.
#[derive(Default)]
pub(in crate::device) struct Peer {
    pub(in crate::device) made: AtomicUsize,
    pub(in crate::device) logins: AtomicUsize,
    pub(in crate::device) logins_under_way: AtomicUsize,
    pub(in crate::device) most_logins_under_way: AtomicUsize,
    pub(in crate::device) sessions: AtomicUsize,
    pub(in crate::device) most_sessions: AtomicUsize,
    pub(in crate::device) commands: Mutex<Vec<String>>,
    /// Which connection ran each of the commands.
    pub(in crate::device) runners: Mutex<Vec<usize>>,
    pub(in crate::device) resets: AtomicUsize,
    /// Its commands leave nothing that a reset would put back.
    pub(in crate::device) leaves_nothing: AtomicBool,
    pub(in crate::device) refuses: AtomicBool,
    pub(in crate::device) panics: AtomicBool,
    pub(in crate::device) never_disconnects: AtomicBool,
    /// Logins wait while this is `true`.
    pub(in crate::device) logins_wait: watch::Sender<bool>,
    /// Commands wait while this is `true`.
    pub(in crate::device) commands_wait: watch::Sender<bool>,
}

impl Peer {
    /// A peer at `host`, which no other test may use.
    pub(in crate::device) fn at(host: &str) -> Arc<Self> {
        let peer = Arc::new(Self::default());
        let before = PEERS.lock().expect("not poisoned").insert(host.to_owned(), peer.clone());
        assert!(before.is_none(), "two tests use {host}");
        peer
    }

    pub(in crate::device) fn sessions(&self) -> usize {
        self.sessions.load(SeqCst)
    }

    pub(in crate::device) fn runners(&self) -> Vec<usize> {
        self.runners.lock().expect("not poisoned").clone()
    }

    pub(in crate::device) fn commands(&self) -> Vec<String> {
        self.commands.lock().expect("not poisoned").clone()
    }

    /// A few scheduler turns per step, so that a future has several points at which it can be cut.
    async fn step(&self, gate: &watch::Sender<bool>) {
        tokio::task::yield_now().await;
        gate.subscribe().wait_for(|wait| !wait).await.expect("the sender is ours");
        tokio::task::yield_now().await;
    }
}

/// A device with paths `a` and `b` to the peer at `host`.
pub(in crate::device) fn device(host: &str) -> DeviceBuilder {
    Device::builder("r1").path("a", Path::new("fake", host)).path("b", Path::new("fake", host))
}

/// A connection to a [`Peer`]. Its calls exclude each other; calls in a section go through.
pub(in crate::device) struct Fake {
    peer: Arc<Peer>,
    name: String,
    /// Counts the connections of a peer.
    number: usize,
    connected: AtomicBool,
    turn: Semaphore,
    in_section: AtomicBool,
}

struct Count<'a>(&'a AtomicUsize);

impl<'a> Count<'a> {
    fn up(now: &'a AtomicUsize, most: &AtomicUsize) -> Self {
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        Self(now)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl ConnectionClass for Fake {
    fn from_target(target: &Target) -> Result<Self> {
        let Some(peer) = PEERS.lock().expect("not poisoned").get(&target.host).cloned() else {
            return Err(Error::new(ErrorKind::Config, "no such host"));
        };
        Ok(Self {
            name: target.name.clone(),
            number: peer.made.fetch_add(1, SeqCst),
            peer,
            connected: AtomicBool::new(false),
            turn: Semaphore::new(1),
            in_section: AtomicBool::new(false),
        })
    }
}

impl Fake {
    pub(in crate::device) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::device) fn lose(&self) {
        if self.connected.swap(false, SeqCst) {
            self.peer.sessions.fetch_sub(1, SeqCst);
        }
    }

    async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        match self.in_section.load(SeqCst) {
            true => None,
            false => Some(self.turn.acquire().await.expect("never closed")),
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.lose();
    }
}

#[async_trait]
impl Connection for Fake {
    async fn connect(&self) -> Result<()> {
        let _turn = self.turn().await;
        if self.is_connected() {
            return Ok(());
        }
        let peer = &self.peer;
        peer.logins.fetch_add(1, SeqCst);
        let _under_way = Count::up(&peer.logins_under_way, &peer.most_logins_under_way);
        let session = Count::up(&peer.sessions, &peer.most_sessions);
        peer.step(&peer.logins_wait).await;
        assert!(!peer.panics.load(SeqCst), "told to");
        if peer.refuses.load(SeqCst) {
            return Err(Error::new(ErrorKind::Authentication, "the password is wrong"));
        }
        std::mem::forget(session);
        self.connected.store(true, SeqCst);
        Ok(())
    }

    async fn disconnect(&self) -> Result<()> {
        tokio::task::yield_now().await;
        if self.peer.never_disconnects.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        self.lose();
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.connected.load(SeqCst)
    }

    async fn send(&self, text: &str) -> Result<()> {
        self.execute(text).await.map(drop)
    }

    async fn receive(&self) -> Result<String> {
        Ok(self.name.clone())
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        let _turn = self.turn().await;
        if !self.is_connected() {
            return Err(Error::new(ErrorKind::NotConnected, "not connected"));
        }
        self.peer.step(&self.peer.commands_wait).await;
        self.peer.runners.lock().expect("not poisoned").push(self.number);
        self.peer.commands.lock().expect("not poisoned").push(command.to_owned());
        Ok(Reply::new(format!("{command} by {}", self.name)))
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        self.execute(config).await
    }

    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        struct Leave<'a>(&'a AtomicBool);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.store(false, SeqCst);
            }
        }
        let Some(_turn) = self.turn().await else {
            section.await;
            return Ok(());
        };
        let _leave = Leave(&self.in_section);
        // Only this section's calls may skip their turn: the flag is up while it is polled, and at no other time.
        let mut section = section;
        std::future::poll_fn(|cx| {
            self.in_section.store(true, SeqCst);
            let polled = section.as_mut().poll(cx);
            self.in_section.store(false, SeqCst);
            polled
        })
        .await;
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        self.peer.resets.fetch_add(1, SeqCst);
        Ok(())
    }

    fn needs_reset(&self) -> bool {
        !self.peer.leaves_nothing.load(SeqCst)
    }
}

/// Polls `future` `times` times, without waiting for a wake; its output if it came to its end.
pub(in crate::device) async fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        if let Poll::Ready(output) = poll_now(future.as_mut()) {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

pub(in crate::device) fn poll_now<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
