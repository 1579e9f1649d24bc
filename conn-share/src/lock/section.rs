//! A locked section.

use std::cell::UnsafeCell;
use std::marker::PhantomData;

use super::site::Site;
use super::{LockError, Lockable};

/// STUB
#[derive(Debug, Default)]
pub struct ConnLock<S = ()> {
    mutex: tokio::sync::Mutex<()>,
    state: UnsafeCell<S>,
}
unsafe impl<S: Send> Sync for ConnLock<S> {}

/// STUB
#[derive(Debug)]
pub struct StateGuard<'a, S>(&'a ConnLock<S>);

impl<S> ConnLock<S> {
    /// STUB
    pub fn new(state: S) -> Self {
        Self { mutex: tokio::sync::Mutex::new(()), state: UnsafeCell::new(state) }
    }
}

/// STUB
#[derive(Debug)]
pub struct Section<'a>(#[allow(dead_code)] tokio::sync::MutexGuard<'a, ()>, PhantomData<&'a ()>);

/// STUB
pub async fn enter<'a, L: Lockable + ?Sized>(this: &'a L, site: &'static Site) -> Result<Section<'a>, LockError> {
    let _ = (site.name, site.file, site.line, site.timeout, site.fallible, &this.conn_lock().state);
    Ok(Section(this.conn_lock().mutex.lock().await, PhantomData))
}

impl<'a> Section<'a> {
    /// Runs `body` in the section; the section ends with it.
    pub async fn run<F: Future>(self, body: F) -> F::Output {
        body.await
    }
}
