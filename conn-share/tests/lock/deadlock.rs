//! A cycle of sections that wait for each other's locks is an error for whoever closes it, and nothing else is.

use std::sync::Arc;
use std::time::Duration;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};
use tokio::sync::{Barrier, Notify, Semaphore};

use crate::line::{Line, poll_once, start, turn};
use crate::random::Random;

/// Each task takes the lock of its number and then, once all have theirs, that of the next.
async fn ring(size: usize) -> Vec<Result<(), LockError>> {
    let lines: Vec<_> = (0..size).map(|_| Arc::new(Line::default())).collect();
    let all_hold = Arc::new(Barrier::new(size));
    let tasks: Vec<_> = (0..size)
        .map(|name| {
            let (own, next) = (Arc::clone(&lines[name]), Arc::clone(&lines[(name + 1) % size]));
            let all_hold = Arc::clone(&all_hold);
            tokio::spawn(async move {
                own.around(async {
                    all_hold.wait().await;
                    next.note(name).await
                })
                .await
                .unwrap()
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    for line in lines {
        line.note(9).await.unwrap();
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rings_of_two_three_and_ten_locks() {
    for size in [2, 3, 10] {
        for _ in 0..20 {
            let results = ring(size).await;
            let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
            let [LockError::Deadlock(cycle)] = &errors[..] else { panic!("one, and only one: {errors:?}") };
            assert_eq!(cycle.len(), size);
            let text = cycle.to_string();
            assert_eq!(text.matches("Line::note (").count(), size, "{text}");
            assert_eq!(text.matches("Line::around (").count(), size, "{text}");
            assert_eq!(text.matches("tests/lock/line.rs:").count(), 2 * size, "{text}");
            assert!(cycle.waiters().all(|waiter| waiter.starts_with("Line::note (")));
        }
    }
}

#[tokio::test]
async fn the_one_that_closes_the_cycle_is_told_and_the_others_go_on() {
    let (one, two) = (Line::default(), Line::default());
    let go = Notify::new();
    let mut first = Box::pin(one.exclusive(two.note(1)));
    let mut second = Box::pin(two.exclusive(async {
        go.notified().await;
        one.note(2).await
    }));
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(poll_once(first.as_mut()).is_pending());
    go.notify_one();
    let told = second.await.unwrap().unwrap_err();
    assert!(told.is_deadlock(), "{told}");
    first.await.unwrap().unwrap();
    assert_eq!(two.names().await, [1]);
}

#[tokio::test]
async fn a_cycle_through_two_siblings_of_one_chain() {
    let (one, two) = (Line::default(), Line::default());
    let hold = Semaphore::new(0);
    // The first sibling is in `one` and wants `two`; the second has `two` and wants its turn in `one`.
    let (first, second) = one
        .exclusive(async {
            let first = one.around(async {
                hold.acquire().await.unwrap().forget();
                two.note(1).await
            });
            let second = two.around(async {
                hold.add_permits(1);
                one.note(2).await
            });
            tokio::join!(first, second)
        })
        .await
        .unwrap();
    let errors: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].is_deadlock());
    assert!(!one.lock.is_interrupted() && !two.lock.is_interrupted());
}

#[tokio::test]
async fn siblings_that_wait_for_each_other_in_turn_are_no_cycle() {
    let (one, two) = (Line::default(), Line::default());
    one.exclusive(two.exclusive(async {
        for name in 0..20 {
            let (a, b, c, d) =
                tokio::join!(one.step(name), two.step(name), one.around(two.step(name)), two.around(two.step(name)));
            a.and(b).and(c.unwrap()).and(d.unwrap()).unwrap();
        }
    }))
    .await
    .unwrap()
    .unwrap();
}

/// Waits have a limit here.
#[derive(Lockable)]
struct Bounded {
    lock: ConnLock,
}

#[locked]
impl Bounded {
    async fn call(&self) -> Result<(), LockError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_by_itself_closes_no_cycle() {
    let limit = Duration::from_secs(5);
    let (bounded, line) = (Bounded { lock: ConnLock::new(()).with_timeout(limit) }, Line::default());
    let both = Barrier::new(2);
    let first = line.exclusive(async {
        both.wait().await;
        bounded.call().await
    });
    let second = bounded.exclusive(async {
        both.wait().await;
        line.note(2).await
    });
    let (first, second) = tokio::join!(tokio::time::timeout(2 * limit, first), second);
    let first = first.unwrap().unwrap().unwrap_err();
    assert!(first.is_timeout(), "{first}");
    second.unwrap().unwrap();
}

#[tokio::test]
async fn a_section_that_has_ended_is_no_part_of_a_cycle() {
    let (one, two) = (Line::default(), Line::default());
    let go = Notify::new();
    let mut holder = Box::pin(two.exclusive(async {
        go.notified().await;
        one.note(1).await
    }));
    assert!(poll_once(holder.as_mut()).is_pending());
    // Queued for `two` while it was polled inside `one`, and moved out of there.
    let mut moved = Box::pin(two.note(2));
    one.exclusive(async { assert!(start(moved.as_mut()).await.is_pending()) }).await.unwrap();
    let mut other = Box::pin(one.wait());
    assert!(poll_once(other.as_mut()).is_pending());

    go.notify_one();
    assert!(poll_once(holder.as_mut()).is_pending(), "it waits for `other`, which waits for nobody");
    one.gate.notify_one();
    other.await.unwrap();
    holder.await.unwrap().unwrap();
    moved.await.unwrap();
}

/// Two hundred thousand by default; `CONN_SHARE_ACQUISITIONS=10000000` for a long look.
fn acquisitions() -> usize {
    std::env::var("CONN_SHARE_ACQUISITIONS").ok().and_then(|number| number.parse().ok()).unwrap_or(200_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_acquisitions_in_lock_order_are_no_deadlock() {
    const TASKS: usize = 16;
    let lines: Arc<[Line; 6]> = Arc::new(std::array::from_fn(|_| Line::default()));
    let tasks: Vec<_> = (0..TASKS)
        .map(|seed| {
            let lines = Arc::clone(&lines);
            tokio::spawn(async move {
                let mut random = Random::new(seed as u64 + 1);
                let mut taken = 0;
                let mut contended = 0;
                while taken < acquisitions() / TASKS {
                    let picks = random.below(1 << lines.len());
                    let chosen: Vec<_> = (0..lines.len()).filter(|line| picks >> line & 1 == 1).collect();
                    taken += chosen.len();
                    contended += descend(&lines, &chosen).await;
                }
                contended
            })
        })
        .collect();
    let mut contended = 0;
    for task in tasks {
        contended += task.await.unwrap();
    }
    assert!(contended > 1_000, "without contention this shows nothing: {contended}");
}

/// Takes the chosen locks, each inside the one before; returns how many of them somebody waited for.
async fn descend(lines: &[Line; 6], chosen: &[usize]) -> usize {
    let Some((&first, rest)) = chosen.split_first() else {
        turn().await;
        return 0;
    };
    lines[first]
        .around(async {
            let below = Box::pin(descend(lines, rest)).await;
            below + usize::from(lines[first].lock.waiters() > 0)
        })
        .await
        .unwrap()
}
