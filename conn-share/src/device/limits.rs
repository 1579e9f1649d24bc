//! What a device allows: how many sessions at a time, how many logins.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::connection::{Gate, Turn};
use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Result};

const MINUTE: Duration = Duration::from_secs(60);

/// The limits of one device, shared by everything that opens sessions to it.
#[derive(Debug)]
pub(crate) struct Limits {
    sessions: Arc<Semaphore>,
    max_sessions: usize,
    logins: Arc<Semaphore>,
    max_logins: usize,
    rate: Option<LoginRate>,
}

/// The right to one session. It is given back when dropped.
#[derive(Debug)]
pub(crate) struct SessionPass {
    _permit: OwnedSemaphorePermit,
}

/// The right to log in now; to be held until the login is done.
#[derive(Debug)]
pub(crate) struct LoginPass {
    _permit: OwnedSemaphorePermit,
}

impl Limits {
    pub(crate) fn new(max_sessions: Option<usize>, max_logins: usize, logins_per_minute: Option<usize>) -> Self {
        let max_sessions = max_sessions.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let max_logins = max_logins.min(Semaphore::MAX_PERMITS);
        Self {
            sessions: Arc::new(Semaphore::new(max_sessions)),
            max_sessions,
            logins: Arc::new(Semaphore::new(max_logins)),
            max_logins,
            rate: logins_per_minute.map(LoginRate::new),
        }
    }

    /// How many sessions may be open at a time; `None` when there is no limit.
    pub(crate) fn max_sessions(&self) -> Option<usize> {
        (self.max_sessions < Semaphore::MAX_PERMITS).then_some(self.max_sessions)
    }

    /// How many passes are out: sessions that are open, being opened or being closed.
    pub(crate) fn sessions(&self) -> usize {
        self.max_sessions - self.sessions.available_permits()
    }

    /// Waits for room for one more session, first come first served.
    pub(crate) async fn session(&self, deadline: Deadline) -> Result<SessionPass> {
        match deadline.bound(self.sessions.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(SessionPass { _permit: permit }),
            Ok(Err(_)) => Err(Error::new(ErrorKind::NotConnected, "the device is closed")),
            Err(_) => Err(Error::new(
                ErrorKind::Busy,
                format!(
                    "no room for another session: {} of {} are in use (max_sessions)",
                    self.sessions(),
                    self.max_sessions
                ),
            )
            .with_phase("waiting for a session of the budget")),
        }
    }

    /// Waits for the turn to log in, first come first served.
    pub(crate) async fn login(&self, deadline: Deadline) -> Result<LoginPass> {
        let turn = async {
            let permit = self.logins.clone().acquire_owned().await;
            if let Some(rate) = &self.rate {
                rate.turn().await;
            }
            permit
        };
        match deadline.bound(turn).await {
            Ok(Ok(permit)) => Ok(LoginPass { _permit: permit }),
            Ok(Err(_)) => Err(Error::new(ErrorKind::NotConnected, "the device is closed")),
            Err(_) => Err(Error::new(ErrorKind::Timeout, self.gate_is_busy()).with_phase("waiting for the login gate")),
        }
    }

    fn gate_is_busy(&self) -> String {
        let rate = self.rate.as_ref().map(|rate| format!(", {} a minute", rate.per_minute)).unwrap_or_default();
        format!("no turn to log in: the device allows {} at once{rate}", self.max_logins)
    }
}

/// For connections that log in again by themselves.
impl Gate for Limits {
    fn turn(self: Arc<Self>, deadline: Deadline) -> Pin<Box<dyn Future<Output = Result<Turn>> + Send>> {
        Box::pin(async move { self.login(deadline).await.map(|pass| Box::new(pass) as Turn) })
    }
}

/// At most so many logins in any minute.
#[derive(Debug)]
struct LoginRate {
    per_minute: usize,
    /// When the last ones began, oldest first; never more than `per_minute`. Whoever waits for a turn holds the
    /// lock, so turns are first come first served, and one that is given up in the queue takes none.
    begun: Mutex<VecDeque<Instant>>,
}

impl LoginRate {
    fn new(per_minute: usize) -> Self {
        Self { per_minute, begun: Mutex::new(VecDeque::new()) }
    }

    async fn turn(&self) {
        let mut begun = self.begun.lock().await;
        while begun.len() >= self.per_minute {
            let Some(oldest) = begun.front() else { break };
            sleep_until(*oldest + MINUTE).await;
            begun.pop_front();
        }
        begun.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn poll_once<F: Future>(future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_budget_is_busy_at_the_deadline_and_says_so() {
        let limits = Limits::new(Some(2), 8, None);
        let one = limits.session(Deadline::NEVER).await.expect("room for one");
        let _two = limits.session(Deadline::NEVER).await.expect("room for two");
        let error = limits.session(Deadline::after(Duration::from_secs(5))).await.expect_err("no room for three");
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.to_string().contains("2 of 2"), "{error}");
        drop(one);
        limits.session(Deadline::after(Duration::from_secs(5))).await.expect("room again");
    }

    #[tokio::test(start_paused = true)]
    async fn logins_wait_for_the_minute_to_pass() {
        let limits = Limits::new(None, 8, Some(3));
        let start = Instant::now();
        for _ in 0..3 {
            drop(limits.login(Deadline::NEVER).await.expect("a turn"));
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(limits.login(Deadline::NEVER).await.expect("a turn"));
        assert_eq!(start.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_minute_slides() {
        let limits = Limits::new(None, 8, Some(2));
        let start = Instant::now();
        drop(limits.login(Deadline::NEVER).await.expect("a turn"));
        tokio::time::sleep(MINUTE / 2).await;
        drop(limits.login(Deadline::NEVER).await.expect("a turn"));
        for expected in [MINUTE, MINUTE + MINUTE / 2, 2 * MINUTE] {
            drop(limits.login(Deadline::NEVER).await.expect("a turn"));
            assert_eq!(start.elapsed(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_given_up_in_the_queue_takes_no_turn() {
        let limits = Limits::new(None, 8, Some(1));
        drop(limits.login(Deadline::NEVER).await.expect("a turn"));
        for _ in 0..10 {
            assert!(poll_once(limits.login(Deadline::NEVER)).is_none());
        }
        let start = Instant::now();
        drop(limits.login(Deadline::NEVER).await.expect("a turn"));
        assert_eq!(start.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_logins_at_once() {
        let limits = Limits::new(None, 2, None);
        let first = limits.login(Deadline::NEVER).await.expect("a turn");
        let _second = limits.login(Deadline::NEVER).await.expect("a turn");
        let error = limits.login(Deadline::after(Duration::from_secs(1))).await.expect_err("no turn");
        assert!(error.is_timeout());
        assert!(error.to_string().contains("2 at once"), "{error}");
        drop(first);
        limits.login(Deadline::after(Duration::from_secs(1))).await.expect("a turn");
    }
}
