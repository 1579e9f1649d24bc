//! Sections and waiters that ended up outside the section that polled them first.

use std::pin::pin;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};
use tokio::sync::Notify;

use crate::line::{Line, poll_once, start};

#[tokio::test]
async fn a_sibling_left_in_line_does_not_stop_the_siblings_of_the_next_chain() {
    let line = Line::default();
    let mut left_behind = pin!(line.note(1));
    line.exclusive(async {
        let mut inside = Box::pin(line.wait());
        assert!(start(inside.as_mut()).await.is_pending());
        assert!(start(left_behind.as_mut()).await.is_pending(), "waits for its sibling");
    })
    .await
    .unwrap();

    let mut next = pin!(line.exclusive(async { tokio::join!(line.step(2), line.step(3)) }));
    let mut polls = 0;
    while poll_once(next.as_mut()).is_pending() {
        polls += 1;
        assert!(polls < 100, "the siblings of the next chain wait for one that has nothing to do with them");
    }
    left_behind.await.unwrap();
    assert_eq!(line.names().await, [2, 3, 1]);
}

#[tokio::test]
async fn a_sibling_moved_into_the_next_chain_takes_its_turn_there() {
    let line = Line::default();
    let mut moved = Box::pin(line.note(1));
    line.exclusive(async {
        let mut inside = Box::pin(line.wait());
        assert!(start(inside.as_mut()).await.is_pending());
        assert!(start(moved.as_mut()).await.is_pending());
    })
    .await
    .unwrap();

    let mut next = pin!(line.exclusive(async { tokio::join!(line.step(2), line.step(3), moved, line.step(4)) }));
    let mut polls = 0;
    while poll_once(next.as_mut()).is_pending() {
        polls += 1;
        assert!(polls < 100, "somebody waits for a turn that does not come");
    }
    let mut names = line.names().await;
    names.sort_unstable();
    assert_eq!(names, [1, 2, 3, 4]);
}

/// A type that cannot say how to recover: what is cut off must not be used again.
#[derive(Lockable, Default)]
struct Strict {
    lock: ConnLock,
    gate: Notify,
}

#[locked]
impl Strict {
    async fn wait(&self) -> Result<(), LockError> {
        self.gate.notified().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_section_that_outlived_its_parent_is_outermost_when_it_is_cut_off() {
    let strict = Strict::default();
    let mut grandchild = Box::pin(strict.wait());
    {
        let child = strict.exclusive(async {
            assert!(start(grandchild.as_mut()).await.is_pending());
            std::future::pending::<()>().await;
        });
        let mut child = Box::pin(child);
        strict.exclusive(async { assert!(start(child.as_mut()).await.is_pending()) }).await.unwrap();
        // The parent has ended well, the child is the outermost now, and is cut off here.
    }
    strict.gate.notify_one();
    grandchild.await.unwrap();
    assert!(strict.lock.is_interrupted());
}

#[tokio::test]
async fn a_grandchild_cut_off_does_not_interrupt_what_its_living_ancestor_handles() {
    let strict = Strict::default();
    strict
        .exclusive(async {
            let mut grandchild = Box::pin(strict.wait());
            let mut child = Box::pin(strict.exclusive(async {
                assert!(start(grandchild.as_mut()).await.is_pending());
                std::future::pending::<()>().await;
            }));
            assert!(start(child.as_mut()).await.is_pending());
            drop(child);
            strict.gate.notify_one();
            grandchild.await.unwrap();
        })
        .await
        .unwrap();
    assert!(!strict.lock.is_interrupted());
}
