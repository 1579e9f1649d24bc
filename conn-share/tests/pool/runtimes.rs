//! A pool that is used from two runtimes, the first of which ends.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use conn_share::{AsyncPool, WorkerGuard};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::lab::{Device, Mood, orphan, until};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Keeps the only thread of a runtime busy meanwhile, so that its keeper does not take the work over.
fn without_keeper<T>(runtime: &Runtime, work: impl FnOnce() -> T) -> T {
    let (begun, begins) = mpsc::channel();
    let (done, ends) = mpsc::channel::<()>();
    runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = ends.recv();
    });
    begins.recv().unwrap();
    let worked = work();
    drop(done);
    worked
}

#[test]
fn it_keeps_working_whatever_was_under_way_when_the_first_ended() {
    for mood in [Mood::Works, Mood::Waits] {
        let (first, second) = (runtime(), runtime());
        let device = Device::new();
        let pool = first.block_on(device.pool().size(2).timeout(Duration::from_secs(20)).start()).unwrap();
        device.set(|moods| (moods.reset, moods.connect) = (mood, mood));
        // One is being reset, one is being replaced, one waits in each runtime.
        first.block_on(async {
            let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
            two.break_it();
            drop((one, two));
        });
        let wait = |pool: conn_share::AsyncPool<_>| async move { pool.get().await.map(drop) };
        let lost = first.spawn(wait(pool.clone()));
        let kept = second.spawn(wait(pool.clone()));
        first.shutdown_background();
        device.gate.add_permits(10);
        second.block_on(async {
            kept.await.unwrap().unwrap();
            let all = (pool.get().await.unwrap(), pool.get().await.unwrap());
            assert!(device.most_open.load(SeqCst) <= 2);
            drop(all);
        });
        drop(lost);
    }
}

#[test]
fn a_timeout_set_in_a_runtime_that_ended_is_kept_by_the_other() {
    let (first, second) = (runtime(), runtime());
    let pool = first.block_on(crate::lab::numbers(1).start()).unwrap();
    let held = first.block_on(pool.get()).unwrap();
    let wait = |limit| {
        let pool = pool.clone();
        async move { pool.get_timeout(Duration::from_millis(limit)).await.map(drop) }
    };
    let lost = first.spawn(wait(20_000));
    let kept = second.spawn(wait(50));
    first.shutdown_background();
    assert!(second.block_on(kept).unwrap().unwrap_err().is_timeout());
    assert!(second.block_on(second.spawn(wait(20))).unwrap().unwrap_err().is_timeout());
    drop((lost, held));
    drop(second.block_on(pool.get()).unwrap());
}

#[test]
fn an_attempt_is_begun_anew_for_those_who_share_it_when_its_runtime_ends() {
    for orphaned in [false, true] {
        let (living, ending) = (runtime(), runtime());
        let device = Device::new();
        device.set(|moods| moods.connect = Mood::Waits);
        let builder = device.pool().size(1).lazy();
        let pool = if orphaned { orphan(builder) } else { living.block_on(builder.start()).unwrap() };
        let wait = |pool: AsyncPool<_>| async move { pool.get().await.map(drop) };
        let lost = without_keeper(&living, || {
            let lost = ending.spawn(wait(pool.clone()));
            until("the attempt begins", || device.attempts() == 1);
            lost
        });
        let shared = living.spawn(wait(pool.clone()));
        until("it is shared", || pool.status().waiting == 2);
        drop(ending);
        until("it is begun anew", || device.attempts() == 2);
        device.gate.add_permits(2);
        living.block_on(shared).expect("no panic of another's runtime").unwrap();
        assert!(living.block_on(lost).is_err());
        assert_eq!(pool.status().counters.connect_failures, 0, "it says nothing about the device");
        assert_eq!(device.most_open(), 1);
    }
}

#[test]
fn the_keeper_outlives_jobs_of_a_runtime_that_ends() {
    for mood in [Mood::Waits, Mood::Panics] {
        let (living, ending) = (runtime(), runtime());
        let device = Device::new();
        device.set(|moods| moods.connect = mood);
        let pool = living.block_on(device.pool().size(1).lazy().connect_attempts(1).start()).unwrap();
        let lost = without_keeper(&living, || {
            let pool = pool.clone();
            let lost = ending.spawn(async move { pool.get().await.map(drop) });
            until("the attempt begins", || device.attempts() >= 1);
            lost
        });
        drop(ending);
        drop(lost);
        until("it is given up", || pool.status().connecting == 0);
        device.set(|moods| moods.connect = Mood::Works);
        let worker = loop {
            if let Ok(worker) = living.block_on(pool.get()) {
                break worker;
            }
        };
        WorkerGuard::discard(worker);
        until("the goodbye", || pool.status().closing == 0);
        assert_eq!(device.goodbyes.load(SeqCst), 1);
    }
}

/// Accepts everybody, and greets from the second on.
fn late_greeter() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if count.fetch_add(1, SeqCst) > 0 {
                stream.write_all(b"!").unwrap();
            }
            kept.push(stream);
        }
    });
    (address, accepted)
}

#[test]
fn sockets_of_a_runtime_that_ends_say_nothing_about_the_device() {
    for orphaned in [false, true] {
        let (living, ending) = (runtime(), runtime());
        let (address, accepted) = late_greeter();
        let connect = move || async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.read_u8().await?;
            Ok::<_, io::Error>(stream)
        };
        let builder = AsyncPool::builder(connect).size(1).lazy().connect_attempts(1);
        let pool = if orphaned { orphan(builder) } else { living.block_on(builder.start()).unwrap() };
        let wait = |pool: AsyncPool<_>| async move { pool.get().await.map(drop) };
        let lost = without_keeper(&living, || {
            let lost = ending.spawn(wait(pool.clone()));
            until("the attempt begins", || accepted.load(SeqCst) == 1);
            lost
        });
        let shared = living.spawn(wait(pool.clone()));
        until("it is shared", || pool.status().waiting == 2);
        drop(ending);
        living.block_on(shared).expect("no panic of another's runtime").unwrap();
        assert_eq!(pool.status().counters.connect_failures, 0);
        drop(lost);
    }
}

#[test]
fn a_failure_that_another_runtime_sees_is_one_all_the_same() {
    let (one, other) = (runtime(), runtime());
    let device = Device::new();
    device.set(|moods| moods.connect = Mood::Waits);
    let pool = one.block_on(device.pool().size(1).lazy().connect_attempts(1).start()).unwrap();
    let mut get = Box::pin(pool.get());
    // Begun in one, and ended where the other polls it, or the keeper.
    one.block_on(async {
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(get.as_mut().poll(cx).is_pending())).await)
    });
    device.gate.close();
    assert!(other.block_on(get).is_err());
    assert_eq!((device.attempts(), pool.status().counters.connect_failures), (1, 1));
}

/// A runtime that is there and that nobody turns.
fn at_rest() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn work_begun_in_a_runtime_at_rest_is_begun_anew_by_those_who_wait() {
    for step in ["connect", "reset", "pause"] {
        let (resting, turned) = (at_rest(), runtime());
        let device = Device::new();
        let builder = device.pool().size(1).lazy().backoff(Duration::from_secs(1), Duration::from_secs(1));
        let pool = resting.block_on(builder.start()).unwrap();
        resting.block_on(async {
            match step {
                "connect" => {
                    device.set(|moods| moods.connect = Mood::Sleeps);
                    pool.get_timeout(Duration::from_millis(1)).await.unwrap_err();
                }
                "reset" => {
                    device.set(|moods| moods.reset = Mood::Sleeps);
                    drop(pool.get().await.unwrap());
                    crate::lab::settle().await;
                }
                _ => {
                    device.set(|moods| moods.connect = Mood::Fails);
                    pool.get_timeout(Duration::from_millis(1)).await.unwrap_err();
                    device.set(|moods| moods.connect = Mood::Works);
                }
            }
        });
        let worker = turned.block_on(pool.get_timeout(Duration::from_secs(20)));
        drop(worker.unwrap_or_else(|error| panic!("{step}: {error}")));
        assert_eq!(device.most_open(), 1);
    }
}

struct Unparks(std::thread::Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn a_get_without_a_limit_needs_no_runtime_while_another_works_for_it() {
    let home = runtime();
    let device = Device::new();
    let pool = home.block_on(device.pool().size(1).start()).unwrap();
    let resets = device.resets.load(SeqCst);
    device.set(|moods| moods.reset = Mood::Waits);
    drop(home.block_on(pool.get()).unwrap());
    until("the keeper resets it", || device.resets.load(SeqCst) > resets);
    let waker = Waker::from(Arc::new(Unparks(std::thread::current())));
    let mut get = Box::pin(pool.get());
    assert!(get.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    device.gate.add_permits(1);
    loop {
        if let Poll::Ready(got) = get.as_mut().poll(&mut Context::from_waker(&waker)) {
            drop(got.unwrap());
            break;
        }
        std::thread::park_timeout(Duration::from_secs(20));
    }
}

/// Has a request of a third runtime begin to wait, once, before anybody else who was woken gets to run.
struct Overtakes(AsyncPool<usize>, Arc<Runtime>);

impl Wake for Overtakes {
    fn wake(self: Arc<Self>) {
        let enter = move || {
            self.1.block_on(async {
                let mut late = Box::pin(self.0.get_timeout(Duration::from_secs(20)));
                std::future::poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx).is_pending())).await;
            });
        };
        std::thread::spawn(enter).join().unwrap();
    }
}

#[test]
fn nobody_hands_the_watch_over_time_to_a_runtime_that_is_left_alone() {
    let [home, aside] = [(); 2].map(|()| Arc::new(Builder::new_current_thread().enable_all().build().unwrap()));
    home.block_on(async {
        let pool = crate::lab::numbers(1).start().await.unwrap();
        let _held = pool.get().await.unwrap();
        let mut first = Box::pin(pool.get_timeout(Duration::from_millis(50)));
        let waker = Waker::from(Arc::new(Overtakes(pool.clone(), aside.clone())));
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let others = [80, 100].map(|limit| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.get_timeout(Duration::from_millis(limit)).await.map(drop) })
        });
        for other in others {
            let told = tokio::time::timeout(Duration::from_secs(10), other).await.expect("its time has come").unwrap();
            assert!(told.unwrap_err().is_timeout());
        }
    });
}
