//! One timer for all who wait with a deadline.
//!
//! A timer for each would cost more than everything else in a wait, and nearly none of them ever fires. The shared one
//! is set to the earliest deadline it has been told of and belongs to no task: when it fires, it wakes those whose time
//! has come, the keeper, who sets it again, and one more, who does so where there is no keeper. A waiter alone would
//! not do: it may be one that nobody polls.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Wake, Waker};

use super::books::Keeper;
use super::shared::Shared;
use super::sync::{Instant, Mutex, RuntimeId, Sleep, current_runtime, sleep_until};
use crate::lock::wake;

/// A timer and the runtime that drives it.
type Timer = (Option<RuntimeId>, Pin<Box<Sleep>>);

pub(super) struct Alarm {
    sleep: Mutex<Option<Timer>>,
    waker: Waker,
}

impl Alarm {
    pub(super) fn new<C: Send + 'static>(shared: Weak<Shared<C>>) -> Self {
        Self { sleep: Mutex::new(None), waker: Arc::new(Ring(shared)).into() }
    }

    /// Sets the timer to what the books say.
    pub(super) fn set<C: Send + 'static>(&self, shared: &Shared<C>) {
        let here = current_runtime();
        let mut sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the timer's lock, so that of two who set it the later one sees both deadlines.
        let Some((at, home)) = shared.books().armed_for else { return };
        if here != Some(home) {
            return;
        }
        let timer = match &mut *sleep {
            Some((known, timer)) if *known == here => {
                timer.as_mut().reset(at);
                timer
            }
            other => &mut other.insert((here, Box::pin(sleep_until(at)))).1,
        };
        let fired = timer.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready();
        drop(sleep);
        if fired {
            ring(shared);
        }
    }
}

/// The timer's waker.
struct Ring<C: Send + 'static>(Weak<Shared<C>>);

impl<C: Send + 'static> Wake for Ring<C> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(shared) = self.0.upgrade() {
            ring(&shared);
        }
    }
}

fn ring<C: Send + 'static>(shared: &Shared<C>) {
    let now = Instant::now();
    let mut books = shared.books();
    let Some((at, home)) = books.armed_for.take() else { return };
    books.rang_in = Some(home);
    // Timers are coarse: others may be due as well.
    let mut wakers = books.line.expired(at.max(now));
    if let Keeper::Present(Some(keeper)) = &books.keeper {
        wakers.push(keeper.clone());
    }
    drop(books);
    wake(wakers);
}
