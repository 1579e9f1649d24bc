//! A device with a few lines, under the test's control: connects, checks and resets that wait at gates, fail or panic;
//! and a record of how many lines were ever open at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conn_share::{AsyncPool, Connector, PoolBuilder};
use tokio::sync::Semaphore;

/// What a step of the device does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Works,
    /// Waits for a permit of the gate, then works.
    Waits,
    Fails,
    Panics,
    /// Yields once, then works.
    Yields,
    /// Takes a while, by the clock of the runtime that it was begun in.
    Sleeps,
}

#[derive(Debug, Default)]
pub(crate) struct Moods {
    pub(crate) connect: Mood,
    pub(crate) check: Mood,
    pub(crate) reset: Mood,
    pub(crate) disconnect: Mood,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) moods: Mutex<Moods>,
    pub(crate) gate: Semaphore,
    pub(crate) open: AtomicUsize,
    pub(crate) most_open: AtomicUsize,
    pub(crate) attempts: AtomicUsize,
    pub(crate) checks: AtomicUsize,
    pub(crate) resets: AtomicUsize,
    pub(crate) goodbyes: AtomicUsize,
}

/// One line of the device.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) broken: Arc<AtomicBool>,
    _open: Open,
}

/// Counts a line that is open, being opened or being closed.
#[derive(Debug)]
struct Open(Arc<Device>);

impl Open {
    fn new(device: &Arc<Device>) -> Self {
        let open = device.open.fetch_add(1, SeqCst) + 1;
        device.most_open.fetch_max(open, SeqCst);
        Self(device.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

impl Line {
    pub(crate) fn break_it(&self) {
        self.broken.store(true, SeqCst);
    }
}

impl Device {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            moods: Mutex::default(),
            gate: Semaphore::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            attempts: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            resets: AtomicUsize::new(0),
            goodbyes: AtomicUsize::new(0),
        })
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Moods)) {
        change(&mut self.moods.lock().unwrap());
    }

    pub(crate) fn pool(self: &Arc<Self>) -> PoolBuilder<Lines> {
        AsyncPool::builder(Lines(self.clone()))
    }

    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(SeqCst)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub(crate) fn most_open(&self) -> usize {
        self.most_open.load(SeqCst)
    }

    async fn act(&self, what: &'static str, mood: impl Fn(&Moods) -> Mood) -> Result<(), String> {
        let mood = mood(&self.moods.lock().unwrap());
        match mood {
            Mood::Works => Ok(()),
            Mood::Waits => {
                self.gate.acquire().await.map_err(|_| String::from("the gate is closed"))?.forget();
                Ok(())
            }
            Mood::Fails => Err(format!("the device refuses to {what}")),
            Mood::Panics => panic!("the device cannot {what}"),
            Mood::Yields => {
                tokio::task::yield_now().await;
                Ok(())
            }
            Mood::Sleeps => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(())
            }
        }
    }
}

pub(crate) struct Lines(pub(crate) Arc<Device>);

impl Connector for Lines {
    type Connection = Line;
    type Error = String;

    async fn connect(&self) -> Result<Line, String> {
        let number = self.0.attempts.fetch_add(1, SeqCst) + 1;
        let open = Open::new(&self.0);
        self.0.act("connect", |moods| moods.connect).await?;
        Ok(Line { number, broken: Arc::default(), _open: open })
    }

    async fn check(&self, _: &mut Line) -> Result<(), String> {
        self.0.checks.fetch_add(1, SeqCst);
        self.0.act("check", |moods| moods.check).await
    }

    async fn reset(&self, _: &mut Line) -> Result<(), String> {
        self.0.resets.fetch_add(1, SeqCst);
        self.0.act("reset", |moods| moods.reset).await
    }

    async fn disconnect(&self, line: Line) {
        let _ = self.0.act("disconnect", |moods| moods.disconnect).await;
        self.0.goodbyes.fetch_add(1, SeqCst);
        drop(line);
    }

    fn is_broken(&self, line: &Line) -> bool {
        line.broken.load(SeqCst)
    }
}

/// A pool of numbers, whose connects never wait.
pub(crate) fn numbers(size: usize) -> PoolBuilder<impl Connector<Connection = usize>> {
    let next = AtomicUsize::new(0);
    AsyncPool::builder(move || std::future::ready(Ok::<_, String>(next.fetch_add(1, SeqCst)))).size(size)
}

/// Lets every other task of a current-thread runtime run until none has anything to do.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A pool whose background task is gone: the runtime that it was started in has ended.
pub(crate) fn orphan<K: Connector>(builder: PoolBuilder<K>) -> AsyncPool<K::Connection> {
    let start = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(builder.start()).unwrap()
    };
    std::thread::spawn(start).join().unwrap()
}

/// Waits for what another thread does; says what was waited for when it never comes.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 20, "never: {what}");
        std::thread::yield_now();
    }
}
