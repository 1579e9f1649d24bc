//! Who is not part of a call chain, however close to it.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use conn_share::LockableExt;
use tokio::task::{JoinSet, LocalSet};

use crate::line::{Line, poll_once, start, turn};

#[tokio::test]
async fn a_spawned_task() {
    let line = Arc::new(Line::default());
    let mut children = JoinSet::new();
    line.exclusive(async {
        children.spawn({
            let line = Arc::clone(&line);
            async move { line.note(1).await }
        });
        while line.lock.waiters() == 0 {
            turn().await;
        }
        line.note(0).await.unwrap();
    })
    .await
    .unwrap();
    children.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(line.names().await, [0, 1]);
}

#[tokio::test]
async fn a_second_chain_of_the_same_task() {
    let line = Line::default();
    let mut section = Box::pin(line.exclusive(line.wait()));
    assert!(poll_once(section.as_mut()).is_pending());
    let mut second = Box::pin(line.note(2));
    assert!(poll_once(second.as_mut()).is_pending());
    line.gate.notify_one();
    let (first, second) = tokio::join!(section, second);
    first.unwrap().unwrap();
    second.unwrap();
}

#[tokio::test]
async fn another_instance() {
    let (held, free) = (Line::default(), Line::default());
    let mut holder = Box::pin(held.wait());
    assert!(poll_once(holder.as_mut()).is_pending());
    free.exclusive(async {
        assert!(start(Box::pin(held.note(1)).as_mut()).await.is_pending(), "a section of one is none of the other");
        free.note(2).await.unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_task_of_a_local_set_polled_inside() {
    let line = Rc::new(Line::default());
    let child = line
        .exclusive(async {
            let set = LocalSet::new();
            let child = set.spawn_local({
                let line = Rc::clone(&line);
                async move { line.note(1).await }
            });
            // The set's task is polled on top of this section's frame, and is no part of it.
            set.run_until(async {
                while line.lock.waiters() == 0 {
                    tokio::task::yield_now().await;
                }
                line.note(0).await.unwrap();
            })
            .await;
            assert!(!child.is_finished());
            (set, child)
        })
        .await
        .unwrap();
    let (set, child) = child;
    set.run_until(child).await.unwrap().unwrap();
    assert_eq!(line.names().await, [0, 1]);
}

#[tokio::test]
async fn a_task_polled_inside_that_polls_with_the_waker_of_its_host() {
    let waker: &'static Waker = Box::leak(Box::new(Waker::noop().clone()));
    let line = Rc::new(Line::default());
    let set = LocalSet::new();
    let child = set.spawn_local({
        let line = Rc::clone(&line);
        async move { pin!(line.note(1)).as_mut().poll(&mut Context::from_waker(waker)).is_pending() }
    });
    let mut section = pin!(line.exclusive(async {
        line.note(0).await.unwrap();
        set.run_until(child).await.unwrap()
    }));
    // Polled by hand, so that the section and the task on top of it are given one and the same waker.
    let child_waits = loop {
        if let Poll::Ready(child_waits) = section.as_mut().poll(&mut Context::from_waker(waker)) {
            break child_waits.unwrap();
        }
    };
    assert!(child_waits);
    assert_eq!(line.names().await, [0]);
}

#[tokio::test]
async fn the_task_that_gave_its_section_to_another() {
    let line = Arc::new(Line::default());
    let mut section = Box::pin({
        let line = Arc::clone(&line);
        async move { line.around(async { (line.wait().await, line.step(1).await, line.note(2).await) }).await }
    });
    assert!(start(section.as_mut()).await.is_pending());
    let section = tokio::spawn(section);
    let mut stranger = pin!(line.note(3));
    assert!(start(stranger.as_mut()).await.is_pending());
    line.gate.notify_one();
    let (first, second, third) = section.await.unwrap().unwrap();
    first.and(second).and(third).unwrap();
    stranger.await.unwrap();
    assert_eq!(line.names().await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_of_a_runtime_that_runs_inside() {
    let line = Arc::new(Line::default());
    let task = tokio::spawn(async move {
        line.exclusive(async {
            tokio::task::block_in_place(|| {
                let inner = tokio::runtime::Builder::new_current_thread().build().unwrap();
                inner.block_on(async {
                    let child = tokio::spawn({
                        let line = Arc::clone(&line);
                        async move { line.note(1).await }
                    });
                    while line.lock.waiters() == 0 {
                        tokio::task::yield_now().await;
                    }
                    // What `block_on` itself runs is called by the section, as any function is.
                    line.note(0).await.unwrap();
                    assert!(!child.is_finished());
                });
            });
        })
        .await
        .unwrap();
        line.names().await
    });
    assert_eq!(task.await.unwrap(), [0]);
}

#[test]
fn outside_any_task_what_one_block_on_polls_is_one_chain() {
    let line = Arc::new(Line::default());
    futures::executor::block_on(line.exclusive(async {
        line.step(1).await.unwrap();
        tokio::join!(line.step(2), line.step(3)).0.unwrap();
        // Another thread is another chain.
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(poll_once(Box::pin(line.note(4)).as_mut()).is_pending())).join().unwrap();
        });
    }))
    .unwrap();
    assert_eq!(futures::executor::block_on(line.names()), [1, 2, 3]);
}
