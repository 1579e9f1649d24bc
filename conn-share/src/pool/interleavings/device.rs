//! The device behind the pool under a schedule explorer.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Waker};

use super::super::Connector;
use crate::schedules::turn;

/// A device that takes its time; what it counts is no scheduling point, so that it hides no order.
#[derive(Default)]
pub(super) struct Device {
    pub(super) open: AtomicUsize,
    pub(super) most_open: AtomicUsize,
    pub(super) connects: AtomicUsize,
    /// So many attempts fail first.
    pub(super) refuses: AtomicUsize,
    /// What a reset or a goodbye takes.
    pub(super) slow: AtomicBool,
    pub(super) breaks: AtomicBool,
    pub(super) gate: Gate,
}

/// Lets so many pass, and more when it is opened.
#[derive(Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    left: AtomicUsize,
    waiting: std::sync::Mutex<Vec<Waker>>,
}

impl Gate {
    pub(super) fn close_behind(&self, left: usize) {
        self.left.store(left, SeqCst);
        self.closed.store(true, SeqCst);
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(SeqCst)
    }

    pub(super) fn open(&self) {
        self.closed.store(false, SeqCst);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(super) async fn pass(&self) {
        if self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return;
        }
        poll_fn(|cx| {
            if self.is_open() {
                return Poll::Ready(());
            }
            self.waiting.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

pub(super) struct Line {
    device: Arc<Device>,
    pub(super) broken: AtomicBool,
    /// Broken as soon as the device breaks what is told to break.
    pub(super) broken_later: AtomicBool,
    in_use: AtomicBool,
}

impl Line {
    fn open(device: &Arc<Device>) -> Self {
        let open = device.open.fetch_add(1, SeqCst) + 1;
        device.most_open.fetch_max(open, SeqCst);
        Self {
            device: device.clone(),
            broken: AtomicBool::new(false),
            broken_later: AtomicBool::new(false),
            in_use: AtomicBool::new(false),
        }
    }

    /// Used by one at a time.
    pub(super) async fn work(&self) {
        assert!(!self.in_use.swap(true, SeqCst), "two have the same worker");
        turn().await;
        self.in_use.store(false, SeqCst);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.device.open.fetch_sub(1, SeqCst);
    }
}

pub(super) struct Lines(pub(super) Arc<Device>);

impl Connector for Lines {
    type Connection = Line;
    type Error = &'static str;

    async fn connect(&self) -> Result<Line, &'static str> {
        self.0.connects.fetch_add(1, SeqCst);
        let line = Line::open(&self.0);
        turn().await;
        self.0.gate.pass().await;
        let refused = self.0.refuses.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if refused { Err("not now") } else { Ok(line) }
    }

    async fn reset(&self, _: &mut Line) -> Result<(), &'static str> {
        if self.0.slow.load(SeqCst) {
            turn().await;
        }
        Ok(())
    }

    async fn disconnect(&self, line: Line) {
        if self.0.slow.load(SeqCst) {
            turn().await;
        }
        drop(line);
    }

    fn is_broken(&self, line: &Line) -> bool {
        line.broken.load(SeqCst) || (line.broken_later.load(SeqCst) && self.0.breaks.load(SeqCst))
    }
}
