//! Compares `AsyncPool` with other pools, all with managers that do nothing. Every round measures every pool in turn,
//! so that whatever else the machine does hits all alike; printed are the medians of the rounds and of the ratios. A bare
//! semaphore runs along, as the floor that no pool can be under.
//!
//! `cargo run --release` in this folder; `-- quick` for a few rounds.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

mod pools;

use pools::{Bb8, ConnShare, Deadpool, FastPool, Mobc, Pool, Semaphore};

fn main() {
    let args = |wanted: &str| std::env::args().any(|arg| arg == wanted);
    if args("profile") {
        // One pool alone, for a profiler: ours, or with `deadpool` that one; `contended` for 64 tasks.
        let (contended, theirs) = (args("contended"), args("deadpool"));
        let nanos = match (contended, theirs) {
            (true, false) => contend::<ConnShare>(64, 1).0,
            (true, true) => contend::<Deadpool>(64, 1).0,
            (false, false) => runtime(1).block_on(async { get_and_drop(&ConnShare::new(5).await, 10_000_000).await }),
            (false, true) => runtime(1).block_on(async { get_and_drop(&Deadpool::new(5).await, 10_000_000).await }),
        };
        println!("{nanos:.1} ns");
        return;
    }
    let rounds = if args("quick") { 5 } else { 31 };
    uncontended(5, rounds * 10);
    uncontended(5000, rounds * 10);
    if args("alone") {
        return;
    }
    for tasks in [64, 1024] {
        for threads in [1, 2] {
            contended(tasks, threads, rounds.min(11));
        }
    }
    handover();
    fifty_jobs(rounds.min(11));
    expiring();
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().expect("a runtime")
}

const NAMES: [&str; 6] = ["conn-share", "deadpool", "bb8", "mobc", "fast_pool", "(semaphore)"];

/// One pool's times, one for each round.
struct Row {
    name: &'static str,
    nanos: Vec<f64>,
    inversions: usize,
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn print(title: &str, rows: &[Row]) {
    println!("\n{title}");
    for row in rows {
        let ratios: Vec<f64> = rows[0].nanos.iter().zip(&row.nanos).map(|(ours, theirs)| ours / theirs).collect();
        let inversions = if row.inversions > 0 { format!("  {} inversions", row.inversions) } else { String::new() };
        println!("  {:<12} {:>9.1} ns   ours/this {:>5.2}{inversions}", row.name, median(&row.nanos), median(&ratios));
    }
}

async fn get_and_drop<P: Pool>(pool: &P, times: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        drop(black_box(pool.take().await));
    }
    start.elapsed().as_nanos() as f64 / f64::from(times)
}

fn uncontended(size: usize, rounds: usize) {
    // Short enough to be over before the machine turns to somebody else.
    const TIMES: u32 = 2_000;
    runtime(1).block_on(async {
        let ours = ConnShare::new(size).await;
        let deadpool = Deadpool::new(size).await;
        let bb8 = Bb8::new(size).await;
        let mobc = Mobc::new(size).await;
        let fast = FastPool::new(size).await;
        let bare = Semaphore::new(size).await;
        let mut rows = NAMES.map(|name| Row { name, nanos: Vec::new(), inversions: 0 });
        get_and_drop(&ours, TIMES).await;
        for _ in 0..rounds {
            rows[0].nanos.push(get_and_drop(&ours, TIMES).await);
            rows[1].nanos.push(get_and_drop(&deadpool, TIMES).await);
            rows[2].nanos.push(get_and_drop(&bb8, TIMES).await);
            rows[3].nanos.push(get_and_drop(&mobc, TIMES).await);
            rows[4].nanos.push(get_and_drop(&fast, TIMES).await);
            rows[5].nanos.push(get_and_drop(&bare, TIMES).await);
        }
        print(&format!("uncontended get and drop, size {size}"), &rows);
    });
}

/// `tasks` tasks on five workers, each holding across a yield: nanoseconds for each loan, and how often somebody who
/// came later was served earlier (only counted where one thread makes the order of arrival known).
fn contend<P: Pool>(tasks: usize, threads: usize) -> (f64, usize) {
    let loans = 40_000 / tasks;
    runtime(threads).block_on(async {
        let pool = Arc::new(P::new(5).await);
        let arrivals = Arc::new(AtomicUsize::new(0));
        let served = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let (pool, arrivals, served) = (pool.clone(), arrivals.clone(), served.clone());
                tokio::spawn(async move {
                    let mut inversions = 0;
                    for _ in 0..loans {
                        let ticket = arrivals.fetch_add(1, SeqCst);
                        let guard = pool.take().await;
                        if served.fetch_max(ticket, SeqCst) > ticket {
                            inversions += 1;
                        }
                        tokio::task::yield_now().await;
                        drop(guard);
                    }
                    inversions
                })
            })
            .collect();
        let total = tasks.len() * loans;
        let mut inversions = 0;
        for task in tasks {
            inversions += task.await.expect("no panic");
        }
        (start.elapsed().as_nanos() as f64 / total as f64, if threads == 1 { inversions } else { 0 })
    })
}

fn contended(tasks: usize, threads: usize, rounds: usize) {
    let mut rows = NAMES.map(|name| Row { name, nanos: Vec::new(), inversions: 0 });
    for _ in 0..rounds {
        let results = [
            contend::<ConnShare>(tasks, threads),
            contend::<Deadpool>(tasks, threads),
            contend::<Bb8>(tasks, threads),
            contend::<Mobc>(tasks, threads),
            contend::<FastPool>(tasks, threads),
            contend::<Semaphore>(tasks, threads),
        ];
        for (row, (nanos, inversions)) in rows.iter_mut().zip(results) {
            row.nanos.push(nanos);
            row.inversions += inversions;
        }
    }
    print(&format!("{tasks} tasks on 5 workers, {threads} thread(s)"), &rows);
}

/// How long a freed worker takes to the next who waits, while other tasks keep the runtime busy.
fn handover() {
    let micros = runtime(2).block_on(async {
        let pool = Arc::new(ConnShare::new(1).await);
        let busy: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn(async {
                    loop {
                        black_box((0..200).sum::<u64>());
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let mut micros = Vec::new();
        for _ in 0..2000 {
            let guard = pool.take().await;
            let waiter = tokio::spawn({
                let pool = pool.clone();
                async move {
                    let guard = pool.take().await;
                    let now = Instant::now();
                    drop(guard);
                    now
                }
            });
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let freed = Instant::now();
            drop(guard);
            let had = waiter.await.expect("no panic");
            micros.push(had.saturating_duration_since(freed).as_nanos() as f64 / 1000.0);
        }
        busy.iter().for_each(|task| task.abort());
        median(&micros)
    });
    println!("\na freed worker reaches the next waiter on a busy runtime: {micros:.1} us (median)");
}

/// With a bare semaphore as the floor: a sleep of 10 ms ends with the next turn of tokio's timer, up to a millisecond later.
fn fifty_jobs(rounds: usize) {
    let mut rows = ["conn-share", "(semaphore)"].map(|name| (name, Vec::new()));
    for _ in 0..rounds {
        rows[0].1.push(jobs::<ConnShare>());
        rows[1].1.push(jobs::<Semaphore>());
    }
    println!("\n50 jobs of 10 ms on 5 workers");
    let ours = rows[0].1.clone();
    for (name, millis) in &rows {
        let ratios: Vec<f64> = ours.iter().zip(millis).map(|(ours, theirs)| ours / theirs).collect();
        println!("  {name:<12} {:>9.1} ms   ours/this {:>6.3}", median(millis), median(&ratios));
    }
}

fn jobs<P: Pool>() -> f64 {
    runtime(2).block_on(async {
        let pool = Arc::new(P::new(5).await);
        let start = Instant::now();
        let jobs: Vec<_> = (0..50)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let _guard = pool.take().await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                })
            })
            .collect();
        for job in jobs {
            job.await.expect("no panic");
        }
        start.elapsed().as_secs_f64() * 1000.0
    })
}

/// Many who wait run out of time at once: how long that takes for each, from the first who is told to the last.
fn expiring() {
    println!("\nwaiters that expire at once, for each");
    for waiters in [100, 1_000, 10_000] {
        let micros = runtime(1).block_on(async {
            let pool = Arc::new(ConnShare::with_timeout(1, Duration::from_millis(200)).await);
            let _held = pool.take().await;
            let tasks: Vec<_> = (0..waiters)
                .map(|_| {
                    let pool = pool.clone();
                    tokio::spawn(async move {
                        assert!(pool.try_take().await.is_none());
                        Instant::now()
                    })
                })
                .collect();
            let mut ends = Vec::new();
            for task in tasks {
                ends.push(task.await.expect("no panic"));
            }
            let (first, last) = (ends.iter().min().expect("some"), ends.iter().max().expect("some"));
            (*last - *first).as_nanos() as f64 / 1000.0 / f64::from(waiters)
        });
        println!("  {waiters:>6}  {micros:.2} us");
    }
}
