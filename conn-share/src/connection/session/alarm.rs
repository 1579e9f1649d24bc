//! One timer for all the waits of a session.
//!
//! An answer comes in a few pieces, and for each the session waits until some moment that nearly never comes. Setting a
//! timer and taking it away again for each of them wakes the runtime's driver from its sleep, which costs more than the
//! reading. So the timer is left where it is while it is early enough: when it goes off too early, it is set again.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::runtime;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is only touched when it would go off too late.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Timer>);

#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// The runtime that turns it; a session may be used in one after another.
    home: Option<runtime::Id>,
}

impl Alarm {
    /// Ready once `at` has come.
    pub(super) fn poll_at(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let home = runtime::Handle::try_current().ok().map(|handle| handle.id());
        let timer = match &mut self.0 {
            Some(timer) if timer.home == home => timer,
            other => other.insert(Timer { sleep: Box::pin(sleep_until(at)), home }),
        };
        if timer.sleep.deadline() > at {
            timer.sleep.as_mut().reset(at);
        }
        loop {
            // A transport that was read too often has spent the task's share of the thread, and a timer that takes part
            // in it would never ring again.
            ready!(pin!(unconstrained(timer.sleep.as_mut())).poll(cx));
            if at <= Instant::now() {
                return Poll::Ready(());
            }
            timer.sleep.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    async fn wait(alarm: &mut Alarm, at: Instant) -> Duration {
        poll_fn(|cx| alarm.poll_at(at, cx)).await;
        Instant::now() - at
    }

    #[tokio::test(start_paused = true)]
    async fn rings_at_each_moment_asked_for() {
        let (mut alarm, start) = (Alarm::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        // One that comes, one that is given up for an earlier and one for a later one, and one that has passed.
        assert!(wait(&mut alarm, after(1)).await < Duration::from_millis(5));
        assert!(tokio::time::timeout_at(after(2), wait(&mut alarm, after(60))).await.is_err());
        assert!(wait(&mut alarm, after(3)).await < Duration::from_millis(5));
        assert!(tokio::time::timeout_at(after(4), wait(&mut alarm, after(5))).await.is_err());
        assert!(wait(&mut alarm, after(70)).await < Duration::from_millis(5));
        assert_eq!(wait(&mut alarm, after(1)).await, Duration::from_secs(69));
    }

    #[tokio::test(start_paused = true)]
    async fn rings_for_a_task_that_has_spent_its_share_of_the_thread() {
        let (mut alarm, at) = (Alarm::default(), Instant::now() + Duration::from_secs(1));
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll_at(at, cx))).await.is_pending());
        tokio::time::advance(Duration::from_secs(1)).await;
        let rung = poll_fn(|cx| {
            while tokio::task::coop::has_budget_remaining() {
                let _ = std::pin::pin!(tokio::task::coop::consume_budget()).poll(cx);
            }
            Poll::Ready(alarm.poll_at(at, cx))
        });
        assert!(rung.await.is_ready());
    }

    #[test]
    fn goes_along_to_another_runtime() {
        let mut alarm = Alarm::default();
        for limit in [60_000, 10] {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            runtime.block_on(async {
                let at = Instant::now() + Duration::from_millis(limit);
                let waited = tokio::time::timeout(Duration::from_millis(5), wait(&mut alarm, at)).await;
                assert!(waited.is_err() || limit == 10);
                if limit == 10 {
                    wait(&mut alarm, at).await;
                }
            });
        }
    }
}
