//! The task that works in the background: resets, reconnects, trims, reports long loans.
//!
//! It holds the pool weakly and is never needed for a request to be served: whoever waits carries on the same jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::books::{Keeper, holder};
use super::caller::SELF_WAIT;
use super::shared::Shared;
use super::sync::{Instant, RuntimeId, Sleep, current_runtime, sleep_until, spawn as spawn_task};
use crate::lock::wake;

/// Spawns the keeper on the current runtime; without one, the pool does without it.
pub(super) fn spawn<C: Send + 'static>(shared: &Arc<Shared<C>>) {
    let Some(home) = current_runtime() else { return };
    spawn_task(KeeperTask::new(shared, home));
}

pub(super) struct KeeperTask<C: Send + 'static> {
    shared: Weak<Shared<C>>,
    home: RuntimeId,
    /// The next round of the pool.
    tick: Option<Pin<Box<Sleep>>>,
    /// When it looks again at one who may be waiting for himself.
    watch: Option<Pin<Box<Sleep>>>,
}

impl<C: Send + 'static> KeeperTask<C> {
    pub(super) fn new(shared: &Arc<Shared<C>>, home: RuntimeId) -> Self {
        shared.books().keeper = Keeper::Present(None);
        Self { shared: Arc::downgrade(shared), home, tick: None, watch: None }
    }
}

impl<C: Send + 'static> Future for KeeperTask<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = self.shared.upgrade() else { return Poll::Ready(()) };
        let mut books = shared.books();
        if books.closed && books.slots.tally().connections() == 0 {
            return Poll::Ready(());
        }
        let former = match &mut books.keeper {
            Keeper::Present(Some(known)) if known.will_wake(cx.waker()) => None,
            other => Some(std::mem::replace(other, Keeper::Present(Some(cx.waker().clone())))),
        };
        // The alarm has rung here; the waiter that was asked to set it again may be one that nobody polls.
        let to_set = books.rearm(self.home);
        drop(books);
        drop(former);
        if to_set {
            shared.alarm.set(&shared);
        }
        drive(&shared, cx);
        if let Some(every) = interval(&shared) {
            let tick = self.tick.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + every)));
            while tick.as_mut().poll(cx).is_ready() {
                make_round(&shared);
                drive(&shared, cx);
                let next = Instant::now() + every;
                let expiry = shared.options.max_lifetime.and_then(|_| shared.books().slots.next_expiry());
                tick.as_mut().reset(expiry.map_or(next, |at| at.min(next)));
            }
        }
        self.watch(&shared, cx);
        Poll::Pending
    }
}

impl<C: Send + 'static> KeeperTask<C> {
    /// Warns of one who seems to wait for himself, after a while.
    fn watch(&mut self, shared: &Shared<C>, cx: &mut Context<'_>) {
        loop {
            let Some(since) = shared.books().suspect_since() else { return };
            let watch = self.watch.get_or_insert_with(|| Box::pin(sleep_until(since + SELF_WAIT)));
            if watch.as_mut().poll(cx).is_pending() {
                return;
            }
            self.watch = None;
            let asker = shared.books().judge(Instant::now());
            if let Some(asker) = asker {
                asker.warn_of_self_wait();
            }
        }
    }
}

impl<C: Send + 'static> Drop for KeeperTask<C> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut books = shared.books();
        let former = std::mem::take(&mut books.keeper);
        let mut wakers = books.watchers();
        if books.armed_for.is_some_and(|(_, home)| home == self.home) || books.rang_in == Some(self.home) {
            (books.armed_for, books.rang_in) = (None, None);
            books.line.all_timed(&mut wakers);
        }
        drop(books);
        drop(former);
        // Their timers and sockets end with this runtime; those who wait elsewhere begin anew.
        shared.jobs.abort(Some(self.home));
        wake(wakers);
        shared.driver_left();
    }
}

/// Carries jobs on. The keeper outlives whatever they do: one that panics has given its slot back.
fn drive<C: Send + 'static>(shared: &Arc<Shared<C>>, cx: &Context<'_>) {
    if catch_unwind(AssertUnwindSafe(|| shared.drive())).is_err() {
        tracing::error!("a pool's work in the background panicked");
        cx.waker().wake_by_ref();
    }
}

/// How often the keeper looks at workers and loans; `None` when there is nothing to look for.
fn interval<C: Send + 'static>(shared: &Shared<C>) -> Option<Duration> {
    let options = &shared.options;
    let limits = [options.max_lifetime, options.idle_limit, options.long_loan];
    let limits = limits.into_iter().flatten().map(|limit| (limit / 8).min(Duration::from_secs(15)));
    let looks = shared.looks.load(Ordering::Relaxed).then_some(options.look_every);
    Some(limits.chain(looks).min()?.max(Duration::from_millis(10)))
}

/// Sets aside what is too old, broken or idle for too long, and reports loans that last.
fn make_round<C: Send + 'static>(shared: &Shared<C>) {
    let now = Instant::now();
    shared.trim(now);
    shared.look_around();
    let Some(limit) = shared.options.long_loan else { return };
    let mut long = Vec::new();
    for loan in shared.books().slots.loans_mut() {
        if !loan.reported && now.saturating_duration_since(loan.since) >= limit {
            loan.reported = true;
            long.push(holder(loan, now));
        }
    }
    for holder in long {
        tracing::warn!(worker = holder.worker, place = %holder.place, purpose = holder.purpose.as_deref(), held = ?holder.held, "a worker is on loan for long");
    }
}
