//! Whether the device can be reached, and when to try again: plain arithmetic on moments passed in.

use std::collections::VecDeque;
use std::time::Duration;

use super::error::{Cause, ConnectFailure, FailureDetail};
use super::sync::Instant;

/// How long to wait between attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// After the first failure.
    pub(super) first: Duration,
    /// At most.
    pub(super) longest: Duration,
    /// After so many failures in a row those who wait are told.
    pub(super) attempts: u32,
}

impl Backoff {
    /// The wait after `failures` in a row: doubled each time, between half and the whole of it by `chance` (0 to 1).
    pub(super) fn delay(&self, failures: u32, chance: f64) -> Duration {
        /// So far ahead that the clock can still tell it.
        const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
        let doubled = self.first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(31)));
        doubled.min(self.longest).min(NEVER).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

/// What the last attempts to connect said.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// In a row; attempts made side by side count as one.
    failures: u32,
    next_attempt: Option<Instant>,
    /// Others had a turn since the last failure. Without it, attempts that fail at once could follow each other for ever
    /// where the wait is short.
    yielded: bool,
    /// The latest first.
    causes: VecDeque<Cause>,
    /// At most so many.
    remembered: usize,
}

impl Health {
    /// `remembered`: how many causes are kept.
    pub(super) fn new(remembered: usize) -> Self {
        Self { remembered, ..Self::default() }
    }

    /// How many causes are kept from here on. Only a start that fails names more than the last.
    pub(super) fn remember(&mut self, causes: usize) {
        self.remembered = causes;
        self.causes.truncate(causes);
    }

    /// To be handed to [`Health::failed`] by an attempt that begins now.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// An attempt worked.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.next_attempt = None;
    }

    /// An attempt failed that began after `began_after` failures. Of several made side by side only the first to fail
    /// counts: some servers refuse a few of many simultaneous logins, which says "later" and not "down".
    pub(super) fn failed(&mut self, began_after: u32, cause: Cause, now: Instant, backoff: &Backoff, chance: f64) {
        self.causes.truncate(self.remembered.saturating_sub(1));
        self.causes.push_front(cause);
        if began_after >= self.failures {
            self.failures = self.failures.saturating_add(1);
            self.next_attempt = now.checked_add(backoff.delay(self.failures, chance));
            self.yielded = false;
        }
    }

    /// Others had a turn.
    pub(super) fn yielded(&mut self) {
        self.yielded = true;
    }

    /// When the next attempt may begin, which may be as soon as others had a turn; `None`: at once.
    pub(super) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.next_attempt.filter(|at| self.failures > 0 && (*at > now || !self.yielded))
    }

    /// Attempts have failed for good: the whole round of them.
    pub(super) fn is_down(&self, backoff: &Backoff) -> bool {
        self.failures > 0 && self.failures >= backoff.attempts
    }

    /// Why the last attempt failed, if the last one did.
    pub(super) fn cause(&self) -> Option<Cause> {
        if self.failures == 0 { None } else { self.causes.front().cloned() }
    }

    /// What to tell those who wait.
    pub(super) fn failure(&self, now: Instant) -> ConnectFailure {
        ConnectFailure::new(FailureDetail {
            attempts: self.failures,
            causes: self.causes.front().cloned().into_iter().collect(),
            retry_in: self.blocked_until(now).map(|at| at.saturating_duration_since(now)),
        })
    }

    /// The same with every cause that is remembered, each text once.
    pub(super) fn failure_in_full(&self) -> ConnectFailure {
        let mut causes: Vec<Cause> = Vec::new();
        for cause in &self.causes {
            if !causes.iter().any(|known| known.to_string() == cause.to_string()) {
                causes.push(cause.clone());
            }
        }
        ConnectFailure::new(FailureDetail { attempts: self.failures, causes, retry_in: None })
    }
}
