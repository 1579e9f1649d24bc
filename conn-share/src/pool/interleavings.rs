//! The pool under a schedule explorer, which interleaves threads at every access to the parts in `sync`.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p conn-share --no-default-features --features macros --lib interleavings`
//!
//! A worker that is lost, a wake that is missed and a job that nobody carries on all end in a deadlock, which shuttle
//! reports; the device counts its lines, and each scenario ends with a pool that serves as many as it is large.

mod device;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::sync::{Mutex, mpsc};
use shuttle::thread::{self, JoinHandle};

use self::device::{Device, Line, Lines};
use super::keeper::KeeperTask;
use super::sync::{advance, move_to, reset_clock};
use super::{AsyncPool, PoolBuilder, PoolError, WorkerGuard};
use crate::schedules::{explore, poll_once, turn};

/// So many of each kind.
const SCHEDULES: usize = 300;

/// With a keeper, or without one.
fn pool(
    keeper: bool,
    size: usize,
    options: impl FnOnce(PoolBuilder<Lines>) -> PoolBuilder<Lines>,
) -> (Arc<Device>, AsyncPool<Line>) {
    reset_clock();
    let device = Arc::new(Device::default());
    let builder = AsyncPool::builder(Lines(device.clone())).size(size).backoff(Duration::ZERO, Duration::ZERO);
    move_to(keeper.then_some(0));
    let pool = block_on(options(builder).start()).unwrap();
    move_to(Some(0));
    (device, pool)
}

/// Nobody waits, and there is a worker for each of as many as may be.
fn assert_at_rest(device: &Device, pool: &AsyncPool<Line>, size: usize) {
    let status = pool.status();
    assert_eq!((status.waiting, status.on_loan, status.size), (0, 0, size), "{status:?}");
    let all: Vec<_> = (0..size).map(|_| block_on(pool.get()).unwrap()).collect();
    assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
    assert_eq!(device.open.load(SeqCst), size);
    drop(all);
}

fn join<const N: usize>(threads: [JoinHandle<()>; N]) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn use_one(pool: &AsyncPool<Line>) {
    block_on(async { pool.get().await.unwrap().work().await });
}

#[test]
fn requests_from_three_threads() {
    for keeper in [true, false] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(keeper, 2, |builder| builder);
            join([0, 1, 2].map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    use_one(&pool);
                    use_one(&pool);
                })
            }));
            assert_at_rest(&device, &pool, 2);
            assert_eq!(device.most_open.load(SeqCst), 2);
        });
    }
}

#[test]
fn those_who_came_first_are_served_first() {
    for slow in [false, true] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(true, 1, |builder| builder);
            device.slow.store(slow, SeqCst);
            let held = block_on(pool.get()).unwrap();
            let served = Arc::new(Mutex::new(Vec::new()));
            let serve = |number| {
                let served = served.clone();
                move |guard: WorkerGuard<Line>| {
                    served.lock().unwrap().push(number);
                    drop(guard);
                }
            };
            // Each comes when the one before has joined the line; the second leaves it.
            let (came, comes) = mpsc::channel();
            let early = [0, 1, 2].map(|number| {
                let (pool, came, serve) = (pool.clone(), came.clone(), serve(number));
                let thread = thread::spawn(move || {
                    let mut get = Box::pin(pool.get());
                    assert!(poll_once(get.as_mut()).is_pending());
                    came.send(()).unwrap();
                    if number != 1 {
                        serve(block_on(get).unwrap());
                    }
                });
                comes.recv().unwrap();
                thread
            });
            let newcomer = {
                let (pool, serve, serve_early) = (pool.clone(), serve(3), serve(7));
                thread::spawn(move || {
                    let _ = pool.try_get().map(serve_early);
                    serve(block_on(pool.get()).unwrap());
                })
            };
            serve(9)(held);
            join(early);
            newcomer.join().unwrap();
            // With luck the newcomer finds a worker that nobody waits for.
            let served = std::mem::take(&mut *served.lock().unwrap());
            assert!(served == [9, 0, 2, 3] || served == [9, 0, 2, 7, 3], "{served:?}");
            assert_at_rest(&device, &pool, 1);
        });
    }
}

#[test]
fn requests_dropped_wherever_they_are() {
    for (keeper, size) in [(true, 1), (false, 1), (false, 2)] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(keeper, size, |builder| builder.lazy());
            device.slow.store(true, SeqCst);
            // Whoever is told that the device answers may be one who leaves.
            device.gate.close_behind(0);
            let droppers = [1, 2, 3].map(|polls| {
                let pool = pool.clone();
                thread::spawn(move || {
                    let mut get = Box::pin(pool.get());
                    for _ in 0..polls {
                        if poll_once(get.as_mut()).is_ready() {
                            break;
                        }
                        thread::yield_now();
                    }
                })
            });
            let other = {
                let pool = pool.clone();
                thread::spawn(move || use_one(&pool))
            };
            device.gate.open();
            join(droppers);
            other.join().unwrap();
            assert_at_rest(&device, &pool, size);
            assert_eq!(device.most_open.load(SeqCst), size);
        });
    }
}

#[test]
fn workers_that_need_nothing_go_from_hand_to_hand() {
    for (size, changes) in [(1, false), (2, false), (2, true)] {
        explore(SCHEDULES, move || {
            reset_clock();
            // Without hooks: whoever comes back may go on to the next as it is.
            let connect = || std::future::ready(Ok::<_, &str>(Arc::new(AtomicBool::new(false))));
            let pool = block_on(AsyncPool::builder(connect).size(size).start()).unwrap();
            let users = [0, 1].map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    for _ in 0..3 {
                        let guard = block_on(pool.get_timeout(Duration::from_secs(60))).unwrap();
                        assert!(!guard.swap(true, SeqCst), "two have the same worker");
                        thread::yield_now();
                        guard.store(false, SeqCst);
                    }
                })
            });
            let dropper = {
                let pool = pool.clone();
                thread::spawn(move || {
                    for polls in [1, 2] {
                        let mut get = Box::pin(pool.get());
                        for _ in 0..polls {
                            if poll_once(get.as_mut()).is_ready() {
                                break;
                            }
                            thread::yield_now();
                        }
                    }
                })
            };
            if changes {
                pool.resize(1);
                thread::yield_now();
                pool.resize(2);
            }
            join(users);
            dropper.join().unwrap();
            let all: Vec<_> = (0..size).map(|_| block_on(pool.get()).unwrap()).collect();
            assert!(matches!(pool.try_get(), Err(PoolError::NoneFree)));
            let status = pool.status();
            assert_eq!((status.on_loan, status.waiting, status.idle), (size, 0, 0), "{status:?}");
            drop(all);
        });
    }
}

#[test]
fn the_only_worker_is_for_the_first_of_those_who_were_let_through() {
    for keeper in [true, false] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(keeper, 2, |builder| builder.lazy());
            // The second line opens when the first request has what the first line gives.
            device.gate.close_behind(1);
            let (came, comes) = mpsc::channel();
            let users = [1, 2].map(|number| {
                let (pool, device, came) = (pool.clone(), device.clone(), came.clone());
                let thread = thread::spawn(move || {
                    let mut get = pin!(pool.get());
                    let soon = poll_once(get.as_mut());
                    came.send(()).unwrap();
                    let guard = match soon {
                        Poll::Ready(guard) => guard.unwrap(),
                        Poll::Pending => block_on(get).unwrap(),
                    };
                    assert!(number == 1 || device.gate.is_open(), "the second has what is the first's");
                    device.gate.open();
                    drop(guard);
                });
                comes.recv().unwrap();
                thread
            });
            join(users);
            assert_at_rest(&device, &pool, 2);
        });
    }
}

#[test]
fn workers_that_break_and_a_device_that_refuses() {
    for keeper in [true, false] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(keeper, 2, |builder| builder.connect_attempts(10));
            device.refuses.store(2, SeqCst);
            let breaker = {
                let pool = pool.clone();
                thread::spawn(move || {
                    let guard = block_on(pool.get()).unwrap();
                    guard.broken.store(true, SeqCst);
                    drop(guard);
                    WorkerGuard::discard(block_on(pool.get()).unwrap());
                })
            };
            let taker = {
                let pool = pool.clone();
                thread::spawn(move || drop(WorkerGuard::detach(block_on(pool.get()).unwrap())))
            };
            let user = {
                let pool = pool.clone();
                thread::spawn(move || use_one(&pool))
            };
            join([breaker, taker, user]);
            assert_at_rest(&device, &pool, 2);
            // A worker that is detached is no longer the pool's, and may overlap with its successor.
            assert!(device.most_open.load(SeqCst) <= 3);
        });
    }
}

#[test]
fn the_size_changes_under_load() {
    for keeper in [true, false] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(keeper, 2, |builder| builder);
            device.slow.store(true, SeqCst);
            let users = [0, 1].map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    use_one(&pool);
                    use_one(&pool);
                })
            });
            for size in [1, 3, 0, 2] {
                pool.resize(size);
                thread::yield_now();
            }
            join(users);
            // Those above the size are perhaps still on their way out: nobody needs to wait for that but we.
            let all: Vec<_> = (0..2).map(|_| block_on(pool.get()).unwrap()).collect();
            while pool.status().closing > 0 {
                block_on(turn());
            }
            drop(all);
            assert_at_rest(&device, &pool, 2);
            assert!(device.most_open.load(SeqCst) <= 3);
        });
    }
}

#[test]
fn closing_while_others_come_wait_and_connect() {
    for keeper in [true, false] {
        explore(SCHEDULES, move || {
            let (device, pool) = pool(keeper, 2, |builder| builder.lazy());
            device.slow.store(true, SeqCst);
            let users = [0, 1, 2].map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    block_on(async {
                        match pool.get().await {
                            Ok(guard) => guard.work().await,
                            Err(PoolError::Closed) => {}
                            Err(other) => panic!("{other}"),
                        }
                    });
                })
            });
            let drained = block_on(pool.close());
            assert!(drained.is_clean(), "{drained:?}");
            join(users);
            assert!(matches!(block_on(pool.get()), Err(PoolError::Closed)));
            assert_eq!(device.open.load(SeqCst), 0);
        });
    }
}

#[test]
fn a_deadline_beside_a_worker_that_comes_back() {
    explore(SCHEDULES, || {
        let (device, pool) = pool(true, 1, |builder| builder);
        let held = block_on(pool.get()).unwrap();
        let waiters = [(0, 3), (0, 2), (1, 4)].map(|(home, limit)| {
            let pool = pool.clone();
            thread::spawn(move || {
                move_to(Some(home));
                match block_on(pool.get_timeout(Duration::from_secs(limit))) {
                    Ok(guard) => drop(guard),
                    Err(error) => assert!(error.is_timeout(), "{error}"),
                }
            })
        });
        let clock = thread::spawn(|| {
            for _ in 0..4 {
                advance(Duration::from_secs(1));
                thread::yield_now();
            }
        });
        thread::yield_now();
        drop(held);
        clock.join().unwrap();
        join(waiters);
        assert_at_rest(&device, &pool, 1);
    });
}

#[test]
fn deadlines_alone() {
    explore(SCHEDULES, || {
        let (device, pool) = pool(false, 1, |builder| builder);
        let held = block_on(pool.get()).unwrap();
        join([3, 2, 4].map(|limit| {
            let pool = pool.clone();
            thread::spawn(move || {
                let limit = Duration::from_secs(limit);
                let mut get = pin!(pool.get_timeout(limit));
                let mut polls = 0;
                let ended = block_on(poll_fn(|cx| {
                    polls += 1;
                    let poll = get.as_mut().poll(cx);
                    if polls == 1 {
                        assert!(poll.is_pending());
                        // Whoever turns the clock, and whenever: all whose time has come are told.
                        advance(limit);
                    }
                    // The one whom the timer is set for may be the one who leaves.
                    if limit.as_secs() == 2 { Poll::Ready(None) } else { poll.map(Some) }
                }));
                assert!(ended.is_none_or(|result| result.unwrap_err().is_timeout()));
            })
        }));
        drop(held);
        assert_at_rest(&device, &pool, 1);
    });
}

#[test]
fn idle_workers_are_looked_at_while_others_use_them() {
    explore(SCHEDULES, || {
        let (device, pool) = pool(true, 2, |builder| builder);
        let idle = block_on(pool.get()).unwrap();
        idle.broken_later.store(true, SeqCst);
        drop(idle);
        let clock = {
            let device = device.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    advance(Duration::from_secs(1));
                    thread::yield_now();
                    device.breaks.store(true, SeqCst);
                }
            })
        };
        let users = [0, 1].map(|_| {
            let pool = pool.clone();
            thread::spawn(move || {
                use_one(&pool);
                use_one(&pool);
            })
        });
        clock.join().unwrap();
        join(users);
        assert_at_rest(&device, &pool, 2);
        assert_eq!((device.most_open.load(SeqCst), device.connects.load(SeqCst)), (2, 3));
    });
}

#[test]
fn the_keeper_leaves_while_its_jobs_are_under_way() {
    explore(SCHEDULES, || {
        let (device, pool) = pool(false, 2, |builder| builder);
        device.slow.store(true, SeqCst);
        let keeper = {
            let mut task = Box::pin(KeeperTask::new(pool.shared(), 1));
            thread::spawn(move || {
                move_to(Some(1));
                for _ in 0..2 {
                    let _ = poll_once(task.as_mut());
                    thread::yield_now();
                }
            })
        };
        let users = [0, 1].map(|_| {
            let pool = pool.clone();
            thread::spawn(move || {
                let guard = block_on(pool.get()).unwrap();
                guard.broken.store(true, SeqCst);
                drop(guard);
                use_one(&pool);
            })
        });
        keeper.join().unwrap();
        join(users);
        assert_at_rest(&device, &pool, 2);
        assert_eq!(device.most_open.load(SeqCst), 2);
    });
}

#[test]
fn a_pool_that_is_dropped_while_its_keeper_works() {
    explore(SCHEDULES, || {
        let (device, pool) = pool(false, 1, |builder| builder);
        device.slow.store(true, SeqCst);
        let task = KeeperTask::new(pool.shared(), 0);
        let keeper = thread::spawn(move || block_on(task));
        let guard = block_on(pool.get()).unwrap();
        let user = thread::spawn(move || drop(guard));
        drop(pool);
        user.join().unwrap();
        keeper.join().unwrap();
        assert_eq!(device.open.load(SeqCst), 0);
    });
}
