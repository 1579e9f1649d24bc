//! A connector and the builder's hooks behind one object, and what is done with a worker before a request sees it.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::connector::{Connector, Hook, observe};
use super::error::Cause;
use super::sync::timeout;

/// One step of a job.
pub(super) type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, Cause>> + Send + 'a>>;

/// A hook of the builder that talks to the worker.
pub(super) type AsyncHook<C> = Box<dyn for<'a> Fn(&'a mut C) -> Step<'a, ()> + Send + Sync>;

/// A hook of the builder that looks at the worker.
pub(super) type LookHook<C> = Box<dyn Fn(&C) -> bool + Send + Sync>;

/// A hook of the builder that takes the worker away.
pub(super) type FarewellHook<C> = Box<dyn Fn(C) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What a pool does with its workers, with the connector's type forgotten.
pub(super) trait Tend<C>: Send + Sync {
    fn connect(&self) -> Step<'_, C>;

    /// `None`: there is no check.
    fn check<'a>(&'a self, worker: &'a mut C) -> Option<Step<'a, ()>>;

    /// `None`: there is no reset.
    fn reset<'a>(&'a self, worker: &'a mut C) -> Option<Step<'a, ()>>;

    /// `None`: an interrupted worker is replaced.
    fn recover<'a>(&'a self, worker: &'a mut C) -> Option<Step<'a, ()>>;

    fn disconnect(&self, worker: C) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    fn is_broken(&self, worker: &C) -> bool;

    fn is_interrupted(&self, worker: &C) -> bool;

    /// Whether a reset, where there is one, may have something to do.
    fn needs_reset(&self, worker: &C) -> bool;

    /// Whether the two before can ever say yes.
    fn looks(&self, worker: &C) -> bool;
}

/// The hooks given to the builder; each takes precedence over the connector's.
pub(super) struct Hooks<C> {
    pub(super) check: Option<AsyncHook<C>>,
    pub(super) reset: Option<AsyncHook<C>>,
    pub(super) needs_reset: Option<LookHook<C>>,
    pub(super) recover: Option<AsyncHook<C>>,
    pub(super) disconnect: Option<FarewellHook<C>>,
    pub(super) is_broken: Option<LookHook<C>>,
    pub(super) is_interrupted: Option<LookHook<C>>,
}

impl<C> Default for Hooks<C> {
    fn default() -> Self {
        Self {
            check: None,
            reset: None,
            needs_reset: None,
            recover: None,
            disconnect: None,
            is_broken: None,
            is_interrupted: None,
        }
    }
}

/// A connector with the builder's hooks.
pub(super) struct Tended<K: Connector> {
    pub(super) connector: K,
    pub(super) hooks: Hooks<K::Connection>,
}

impl<K: Connector> Tend<K::Connection> for Tended<K> {
    fn connect(&self) -> Step<'_, K::Connection> {
        Box::pin(async { self.connector.connect().await.map_err(cause) })
    }

    fn check<'a>(&'a self, worker: &'a mut K::Connection) -> Option<Step<'a, ()>> {
        if let Some(hook) = &self.hooks.check {
            return Some(hook(worker));
        }
        let (future, provided) = observe::<K, _>(Hook::Check, || self.connector.check(worker));
        if provided { None } else { Some(Box::pin(async { future.await.map_err(cause) })) }
    }

    fn reset<'a>(&'a self, worker: &'a mut K::Connection) -> Option<Step<'a, ()>> {
        if let Some(hook) = &self.hooks.reset {
            return Some(hook(worker));
        }
        let (future, provided) = observe::<K, _>(Hook::Reset, || self.connector.reset(worker));
        if provided { None } else { Some(Box::pin(async { future.await.map_err(cause) })) }
    }

    fn recover<'a>(&'a self, worker: &'a mut K::Connection) -> Option<Step<'a, ()>> {
        self.hooks.recover.as_ref().map(|hook| hook(worker))
    }

    fn disconnect(&self, worker: K::Connection) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match &self.hooks.disconnect {
            Some(hook) => hook(worker),
            None => Box::pin(self.connector.disconnect(worker)),
        }
    }

    fn is_broken(&self, worker: &K::Connection) -> bool {
        self.connector.is_broken(worker) || self.hooks.is_broken.as_ref().is_some_and(|hook| hook(worker))
    }

    fn is_interrupted(&self, worker: &K::Connection) -> bool {
        self.hooks.is_interrupted.as_ref().is_some_and(|hook| hook(worker))
    }

    fn needs_reset(&self, worker: &K::Connection) -> bool {
        self.hooks.needs_reset.as_ref().is_none_or(|hook| hook(worker))
    }

    fn looks(&self, worker: &K::Connection) -> bool {
        let provided = observe::<K, _>(Hook::IsBroken, || self.connector.is_broken(worker)).1;
        !provided || self.hooks.is_broken.is_some() || self.hooks.is_interrupted.is_some()
    }
}

/// Any connector error as one that all who wait can share.
pub(super) fn cause<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Cause {
    Arc::from(error.into())
}

/// A step of a connector went wrong in a way that it did not report itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mishap {
    #[error("{what} panicked: {text}")]
    Panicked { what: &'static str, text: String },
    #[error("no end of {what} within {limit:?}")]
    TooLong { what: &'static str, limit: Duration },
}

/// Runs a step within `limit`; a panic in it becomes its error.
pub(super) async fn bounded<T>(
    what: &'static str,
    limit: Duration,
    step: impl Future<Output = Result<T, Cause>>,
) -> Result<T, Cause> {
    // The timer is made outside the guard: that a runtime has none is to be told to whoever called in it. It is polled
    // inside, as it panics when its runtime ends.
    match unwinding(timeout(limit, step)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(cause(Mishap::TooLong { what, limit })),
        Err(text) => Err(cause(Mishap::Panicked { what, text })),
    }
}

/// Makes a panic in `step` its error.
pub(super) async fn unwinding<T>(step: impl Future<Output = T>) -> Result<T, String> {
    let mut step = std::pin::pin!(step);
    std::future::poll_fn(|cx: &mut Context<'_>| match catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
    })
    .await
}

/// Asks a hook that only looks; one that panics has found something wrong.
pub(super) fn looks_bad(look: impl FnOnce() -> bool) -> bool {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or(true)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
