//! What jobs do: connect a worker, put one in order, say goodbye to one.

use std::sync::{Arc, Weak};
use std::task::Poll;

use super::error::Cause;
use super::options::Options;
use super::shared::Shared;
use super::slots::{Needs, Remedy, Work, Worker};
use super::sync::{Home, Instant, sleep_until};
use super::tending::{Tend, bounded, cause, looks_bad, unwinding};

/// A slot in a job's hands. Dropped unsettled, because the job was dropped or panicked, it leaves the slot vacant.
pub(super) struct SlotLease<C: Send + 'static> {
    shared: Weak<Shared<C>>,
    at: usize,
    settled: bool,
}

impl<C: Send + 'static> SlotLease<C> {
    pub(super) fn new(shared: &Arc<Shared<C>>, at: usize) -> Self {
        Self { shared: Arc::downgrade(shared), at, settled: false }
    }

    /// The pool was closed before it came to connecting.
    fn is_unwanted(&self) -> bool {
        self.shared.upgrade().is_none_or(|shared| shared.books().closed)
    }

    fn note(&self, work: Work) {
        if let Some(shared) = self.shared.upgrade() {
            shared.note(self.at, work);
        }
    }

    fn ready(mut self, worker: Box<Worker<C>>) {
        self.settled = true;
        if let Some(shared) = self.shared.upgrade() {
            shared.settle(self.at, worker);
        }
    }

    fn connected(mut self, connection: C) {
        self.settled = true;
        if let Some(shared) = self.shared.upgrade() {
            shared.connected(self.at, connection);
        }
    }

    fn ailing(mut self, worker: Box<Worker<C>>, remedy: Remedy) {
        self.settled = true;
        if let Some(shared) = self.shared.upgrade() {
            shared.sidelined(self.at, worker, remedy);
        }
    }

    /// `home`: the runtime that its timers and sockets belonged to.
    fn failed(mut self, began_after: u32, cause: Cause, home: Option<&Home>) {
        self.settled = true;
        if let Some(shared) = self.shared.upgrade() {
            // An attempt that outlived its runtime says nothing about the device.
            let orphaned = home.is_some_and(|home| shared.jobs.has_ended(home));
            shared.connect_failed(self.at, (!orphaned).then_some((began_after, cause)));
        }
    }

    fn vacant(mut self) {
        self.settled = true;
        if let Some(shared) = self.shared.upgrade() {
            shared.vacated(self.at);
        }
    }
}

impl<C: Send + 'static> Drop for SlotLease<C> {
    fn drop(&mut self) {
        if !self.settled
            && let Some(shared) = self.shared.upgrade()
        {
            shared.lost(self.at);
        }
    }
}

/// Opens a connection.
pub(super) async fn connect<C: Send + 'static>(
    lease: SlotLease<C>,
    tend: Arc<dyn Tend<C>>,
    options: Arc<Options>,
    began_after: u32,
) {
    if lease.is_unwanted() {
        return lease.vacant();
    }
    let home = Home::here();
    let attempt = async {
        let connection = tend.connect().await?;
        if tend.is_broken(&connection) || tend.is_interrupted(&connection) {
            return Err(cause("it was broken from the start"));
        }
        Ok(connection)
    };
    match bounded("connecting", options.connect_timeout, attempt).await {
        Ok(connection) => lease.connected(connection),
        Err(cause) => {
            tracing::debug!(%cause, "connecting a worker failed");
            lease.failed(began_after, cause, home.as_ref());
        }
    }
}

/// Puts a worker in order; one that cannot be is to be replaced.
pub(super) async fn put_in_order<C: Send + 'static>(
    lease: SlotLease<C>,
    mut worker: Box<Worker<C>>,
    tend: Arc<dyn Tend<C>>,
    options: Arc<Options>,
    needs: Needs,
) {
    match all_steps(&lease, &mut worker, &*tend, &options, needs).await {
        Ok(()) => {
            // A reset does not make up for the time that it waited to be reset.
            if needs.check {
                (worker.proven, worker.fresh) = (Instant::now(), true);
            }
            lease.ready(worker);
        }
        Err(cause) => {
            tracing::debug!(worker = worker.id, %cause, "a worker is replaced");
            lease.ailing(worker, Remedy::Close);
        }
    }
}

async fn all_steps<C: Send + 'static>(
    lease: &SlotLease<C>,
    worker: &mut Worker<C>,
    tend: &dyn Tend<C>,
    options: &Options,
    needs: Needs,
) -> Result<(), Cause> {
    let connection = &mut worker.connection;
    if needs.recover {
        lease.note(Work::Recovering);
        let step = async {
            match tend.recover(connection) {
                Some(step) => step.await,
                None => Err(cause("it was interrupted")),
            }
        };
        bounded("recovering", options.tend_timeout, step).await?;
        if looks_bad(|| tend.is_interrupted(connection)) {
            return Err(cause("it is interrupted after it was recovered"));
        }
    }
    if needs.reset {
        lease.note(Work::Resetting);
        let step = async {
            match tend.reset(connection) {
                Some(step) => step.await,
                None => Ok(()),
            }
        };
        bounded("resetting", options.tend_timeout, step).await?;
    }
    if needs.check {
        lease.note(Work::Checking);
        let step = async {
            match tend.check(connection) {
                Some(step) => step.await,
                None => Ok(()),
            }
        };
        bounded("checking", options.tend_timeout, step).await?;
    }
    Ok(())
}

/// Says goodbye to a worker.
pub(super) async fn disconnect<C: Send + 'static>(
    lease: SlotLease<C>,
    worker: Box<Worker<C>>,
    tend: Arc<dyn Tend<C>>,
    options: Arc<Options>,
) {
    let Worker { id, connection, .. } = *worker;
    let farewell = async {
        tend.disconnect(connection).await;
        Ok(())
    };
    match bounded("disconnecting", options.tend_timeout, farewell).await {
        Ok(()) => {
            tracing::debug!(worker = id, "a worker is disconnected");
            lease.vacant();
        }
        Err(cause) => {
            tracing::debug!(worker = id, %cause, "a worker was dropped without a goodbye");
            drop(lease);
        }
    }
}

/// Waits for the moment of the next attempt.
pub(super) async fn pause<C: Send + 'static>(pause: Pause<C>, until: Instant) {
    yield_once().await;
    if let Some(shared) = pause.0.upgrade() {
        shared.yielded();
    }
    // The timer panics when its runtime ends: another is begun then.
    let _ = unwinding(sleep_until(until)).await;
    drop(pause);
}

/// Lets others go first, whoever polls.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The pool waits for a moment; over when this is dropped.
pub(super) struct Pause<C: Send + 'static>(pub(super) Weak<Shared<C>>);

impl<C: Send + 'static> Drop for Pause<C> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.pause_over();
        }
    }
}
