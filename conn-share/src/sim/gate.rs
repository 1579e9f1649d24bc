//! Commands that wait until a test lets them go.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

/// Holds commands of a [`Router`](super::Router) until they are released; made by [`Router::hold`](super::Router::hold).
///
/// With a gate a test decides itself how long a command takes, and needs no sleeping. Dropping the gate opens it.
#[derive(Debug)]
pub struct Gate {
    barrier: Arc<Barrier>,
}

impl Gate {
    /// Waits until at least one command is held here.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when dropped.
    pub async fn waiting(&self) {
        self.waiting_for(1).await;
    }

    /// Waits until at least `count` commands are held here at the same time.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when dropped.
    pub async fn waiting_for(&self, count: usize) {
        // The sender lives in the barrier, which this gate keeps alive: the wait cannot fail.
        let _ = self.barrier.held.subscribe().wait_for(|held| *held >= count).await;
    }

    /// How many commands are held here now.
    pub fn held(&self) -> usize {
        *self.barrier.held.borrow()
    }

    /// Lets one command pass: the one that is held longest, or the next one to come.
    pub fn release_one(&self) {
        self.barrier.passes.add_permits(1);
    }

    /// Opens the gate: everything held goes on, and nothing is held any more.
    pub fn release(self) {}
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.barrier.passes.close();
    }
}

/// What a held command waits at.
#[derive(Debug)]
pub(super) struct Barrier {
    words: Vec<String>,
    passes: Semaphore,
    held: watch::Sender<usize>,
}

impl Barrier {
    /// A gate and its barrier, for commands that begin with the words of `command`.
    pub(super) fn new(command: &str) -> (Gate, Arc<Self>) {
        let barrier = Arc::new(Self {
            words: command.split_whitespace().map(str::to_owned).collect(),
            passes: Semaphore::new(0),
            held: watch::Sender::new(0),
        });
        (Gate { barrier: Arc::clone(&barrier) }, barrier)
    }

    /// Whether the gate has been released or dropped.
    pub(super) fn is_open(&self) -> bool {
        self.passes.is_closed()
    }

    pub(super) fn holds(&self, command: &str) -> bool {
        let mut words = command.split_whitespace();
        !self.is_open() && self.words.iter().all(|word| words.next() == Some(word))
    }

    /// Waits to be let through.
    pub(super) async fn pass(&self) {
        struct Held<'a>(&'a watch::Sender<usize>);
        impl Drop for Held<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|held| *held -= 1);
            }
        }

        self.held.send_modify(|held| *held += 1);
        let _held = Held(&self.held);
        if let Ok(pass) = self.passes.acquire().await {
            pass.forget();
        }
    }
}
