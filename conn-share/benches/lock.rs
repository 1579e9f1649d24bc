//! What `#[locked]` costs beside a raw `tokio::sync::Mutex`.
//!
//! `cargo bench -p conn-share --no-default-features --features macros --bench lock`
//!
//! Both sides run in the same process, a slice of one and a slice of the other in turn, and each line is the median of
//! the slices' ratios, so that a machine that is busy with other things disturbs both alike. Ratios, not times, are
//! what can be compared between machines.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use conn_share::{ConnLock, LockError, Lockable, locked};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The same methods twice: under the lock, and under a mutex that is taken by hand.
#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
    raw: tokio::sync::Mutex<()>,
}

#[locked]
impl Session {
    async fn nothing(&self) -> Result<(), LockError> {
        Ok(())
    }

    async fn nested(&self) -> Result<(), LockError> {
        self.nothing().await
    }

    async fn polled_twice(&self) -> Result<(), LockError> {
        pending_once().await;
        Ok(())
    }

    async fn yields(&self) -> Result<(), LockError> {
        yield_now().await;
        Ok(())
    }
}

impl Session {
    async fn raw_nothing(&self) -> Result<(), LockError> {
        let _guard = self.raw.lock().await;
        Ok(())
    }

    async fn raw_polled_twice(&self) -> Result<(), LockError> {
        let _guard = self.raw.lock().await;
        pending_once().await;
        Ok(())
    }

    async fn raw_yields(&self) -> Result<(), LockError> {
        let _guard = self.raw.lock().await;
        yield_now().await;
        Ok(())
    }
}

async fn pending_once() {
    let mut pending = true;
    poll_fn(|_| if std::mem::take(&mut pending) { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Polls until ready within one poll of the task, as long as the task's budget lasts.
async fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending => future.as_mut().poll(cx),
        ready => ready,
    })
    .await
}

const SLICES: usize = 301;
const CALLS: u32 = 5_000;

/// The median ratio of two ways to spend a slice of time, and the median time of a call on each side.
async fn compare(name: &str, bar: f64, ours: impl AsyncFn(&Session), theirs: impl AsyncFn(&Session)) {
    let session = black_box(Session::default());
    let mut slices = Vec::with_capacity(SLICES);
    for index in 0..SLICES + 10 {
        // Turn about which goes first.
        let (our, their) = if index % 2 == 0 {
            let our = slice(&session, &ours).await;
            (our, slice(&session, &theirs).await)
        } else {
            let their = slice(&session, &theirs).await;
            (slice(&session, &ours).await, their)
        };
        if index >= 10 {
            slices.push((our, their));
        }
    }
    let ratio = median(slices.iter().map(|(our, their)| our.as_secs_f64() / their.as_secs_f64()));
    let nanos = |side: &dyn Fn(&(Duration, Duration)) -> Duration| {
        median(slices.iter().map(|slice| side(slice).as_nanos() as f64 / f64::from(CALLS)))
    };
    let (our, their) = (nanos(&|slice| slice.0), nanos(&|slice| slice.1));
    println!("{name:<44} {ratio:>6.3} {bar:>6.2}   {our:>8.1} ns beside {their:>8.1} ns");
}

async fn slice(session: &Session, call: &impl AsyncFn(&Session)) -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        call(session).await;
    }
    began.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(Clone, Copy)]
enum Side {
    Ours,
    Theirs,
}

/// How long the turns took, and how far apart the tasks with the most and the fewest are, in percent of the fewest.
async fn contend(side: Side, tasks: usize, turns: usize) -> (Duration, f64) {
    let session = Arc::new(Session::default());
    let left = Arc::new(AtomicUsize::new(turns));
    let go = Arc::new(tokio::sync::Barrier::new(tasks + 1));
    let players: Vec<_> = (0..tasks)
        .map(|_| {
            let (session, left, go) = (Arc::clone(&session), Arc::clone(&left), Arc::clone(&go));
            tokio::spawn(async move {
                go.wait().await;
                let mut had = 0_usize;
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    match side {
                        Side::Ours => session.yields().await,
                        Side::Theirs => session.raw_yields().await,
                    }
                    .expect("nobody closes or interrupts it");
                    had += 1;
                }
                had
            })
        })
        .collect();
    go.wait().await;
    let began = Instant::now();
    let mut turns = Vec::with_capacity(tasks);
    for player in players {
        turns.push(player.await.expect("it does not panic"));
    }
    let took = began.elapsed();
    let (most, fewest) = (turns.iter().max().copied().unwrap_or(0), turns.iter().min().copied().unwrap_or(0));
    (took, 100.0 * (most - fewest) as f64 / fewest.max(1) as f64)
}

fn compare_contended(name: &str, build: impl Fn() -> Runtime, tasks: usize) {
    // Enough turns that one more or less for a task is under the three percent of the bar; otherwise short rounds, and many,
    // so that what else the machine does seldom falls on one side of a round alone.
    let turns = (tasks * 200).max(8_000);
    let count = (1_000_000 / turns).clamp(21, 101);
    let run = |side| {
        let runtime = build();
        runtime.block_on(async move { tokio::spawn(contend(side, tasks, turns)).await }).expect("it does not panic")
    };
    let mut rounds = Vec::new();
    for index in 0..=count {
        let (our, their) = if index % 2 == 0 {
            let our = run(Side::Ours);
            (our, run(Side::Theirs))
        } else {
            let their = run(Side::Theirs);
            (run(Side::Ours), their)
        };
        if index > 0 {
            rounds.push((our, their));
        }
    }
    let ratio = median(rounds.iter().map(|(our, their)| our.0.as_secs_f64() / their.0.as_secs_f64()));
    let (our, their) = (median(rounds.iter().map(|r| r.0.1)), median(rounds.iter().map(|r| r.1.1)));
    let nanos = median(rounds.iter().map(|r| r.0.0.as_nanos() as f64 / turns as f64));
    println!(
        "{name:<44} {ratio:>6.3} {:>6.2}   {nanos:>8.1} ns; most and fewest turns {our:.2} % apart beside {their:.2} %",
        1.05
    );
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn uncontended() {
    let check = |result: Result<(), LockError>| result.expect("nobody closes or interrupts it");
    compare(
        "a free no-op / a raw lock",
        0.85,
        async |session| check(session.nothing().await),
        async |session| check(session.raw_nothing().await),
    )
    .await;
    compare(
        "two nested calls / ONE raw lock",
        1.20,
        async |session| check(session.nested().await),
        async |session| check(session.raw_nothing().await),
    )
    .await;
    compare(
        "a body polled twice / the same, raw",
        1.00,
        async |session| check(drive(session.polled_twice()).await),
        async |session| check(drive(session.raw_polled_twice()).await),
    )
    .await;

    let session = Session::default();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..1_000 {
        check(session.nothing().await);
        check(session.nested().await);
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    println!("allocations in 1,000 free and 1,000 nested calls: {allocations}");
    println!(
        "future of a no-op: {} bytes, {} under a raw guard; of a body that yields: {} and {}",
        size_of_val(&session.nothing()),
        size_of_val(&session.raw_nothing()),
        size_of_val(&session.yields()),
        size_of_val(&session.raw_yields()),
    );
}

fn main() {
    println!("{:<44} {:>6} {:>6}", "", "ratio", "bar");
    // In a task, since a task has a budget and a number, which both sides or one of them look at.
    LocalSet::new().block_on(&current_thread(), async { spawn_local(uncontended()).await }).expect("it does not panic");
    for tasks in [2, 64, 1_024] {
        compare_contended(&format!("{tasks} tasks that yield inside, one thread"), current_thread, tasks);
        compare_contended(&format!("{tasks} tasks that yield inside, two workers"), two_workers, tasks);
    }
}
