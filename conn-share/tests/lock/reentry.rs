//! A locked method may call locked methods of its own instance, in every way in which a future is polled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use conn_share::{LockError, LockableExt, locked};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::line::{Line, turn};

#[async_trait::async_trait]
trait Connection: Send + Sync {
    async fn send(&self, name: usize) -> Result<(), LockError>;
    async fn execute(&self, name: usize) -> Result<(), LockError>;
}

#[async_trait::async_trait]
#[locked]
impl Connection for Line {
    async fn send(&self, name: usize) -> Result<(), LockError> {
        self.note(name).await
    }

    async fn execute(&self, name: usize) -> Result<(), LockError> {
        turn().await;
        let this: &dyn Connection = self;
        this.send(name).await
    }
}

/// Runs `test` in a task on both runtimes.
fn on_both_runtimes<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    let current = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    current.block_on(async { tokio::spawn(test()).await.unwrap() });
    current.block_on(test());
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    multi.block_on(async { tokio::spawn(test()).await.unwrap() });
    multi.block_on(test());
}

fn down(line: &Line, depth: usize) -> Pin<Box<dyn Future<Output = Result<(), LockError>> + Send + '_>> {
    Box::pin(async move {
        turn().await;
        if depth == 0 { line.step(0).await } else { line.around(down(line, depth - 1)).await? }
    })
}

#[test]
fn to_a_depth_of_a_hundred() {
    on_both_runtimes(|| async {
        let line = Line::default();
        down(&line, 100).await.unwrap();
        assert_eq!(line.names().await, [0]);
    });
}

#[test]
fn through_a_second_lock_and_back() {
    on_both_runtimes(|| async {
        let (one, two) = (Line::default(), Line::default());
        one.around(two.around(one.around(two.around(async {
            one.step(1).await.unwrap();
            two.step(2).await.unwrap();
        }))))
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .unwrap();
        assert_eq!(one.names().await, [1]);
        assert_eq!(two.names().await, [2]);
    });
}

#[test]
fn in_join() {
    on_both_runtimes(|| async {
        let line = Line::default();
        line.exclusive(async {
            let (a, b, c) = tokio::join!(line.step(1), line.step(2), line.note(3));
            a.and(b).and(c)
        })
        .await
        .unwrap()
        .unwrap();
        assert_eq!(line.names().await.len(), 3);
    });
}

#[test]
fn in_select() {
    on_both_runtimes(|| async {
        let line = Line::default();
        line.exclusive(async {
            tokio::select! {
                biased;
                _ = line.wait() => unreachable!("nobody opens the gate"),
                () = turn() => {}
            }
            // The branch that lost was dropped, and with it its section.
            line.step(1).await
        })
        .await
        .unwrap()
        .unwrap();
        assert_eq!(line.names().await, [1]);
    });
}

#[test]
fn in_futures_unordered() {
    on_both_runtimes(|| async {
        let line = Line::default();
        line.exclusive(async {
            let mut calls: FuturesUnordered<_> = (0..50).map(|name| line.step(name)).collect();
            while let Some(done) = calls.next().await {
                done.unwrap();
            }
        })
        .await
        .unwrap();
        let mut names = line.names().await;
        names.sort_unstable();
        assert_eq!(names, (0..50).collect::<Vec<_>>());
    });
}

/// Each branch is polled with a `Context` of its own, and its nested calls with that one.
#[test]
fn nested_in_futures_unordered() {
    on_both_runtimes(|| async {
        let line = Line::default();
        line.exclusive(async {
            let mut calls: FuturesUnordered<_> =
                (0..10).map(|name| line.around(line.around(line.step(name)))).collect();
            while let Some(done) = calls.next().await {
                done.unwrap().unwrap().unwrap();
            }
        })
        .await
        .unwrap();
        let mut names = line.names().await;
        names.sort_unstable();
        assert_eq!(names, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn in_timeout() {
    on_both_runtimes(|| async {
        let line = Line::default();
        line.exclusive(async {
            tokio::time::timeout(Duration::from_secs(60), line.step(1)).await.unwrap().unwrap();
            assert!(tokio::time::timeout(Duration::ZERO, line.wait()).await.is_err());
            line.step(2).await.unwrap();
        })
        .await
        .unwrap();
        assert_eq!(line.names().await, [1, 2]);
        assert!(!line.lock.is_interrupted());
    });
}

#[test]
fn through_boxes_traits_and_arcs() {
    on_both_runtimes(|| async {
        let line = Arc::new(Line::default());
        let connection: Arc<dyn Connection> = Arc::clone(&line) as _;
        let boxed: Pin<Box<dyn Future<Output = Result<(), LockError>> + Send>> = {
            let connection = Arc::clone(&connection);
            Box::pin(async move { connection.execute(1).await })
        };
        line.around(boxed).await.unwrap().unwrap();
        line.around(connection.execute(2)).await.unwrap().unwrap();
        assert_eq!(line.names().await, [1, 2]);
    });
}

#[test]
fn with_the_task_on_another_thread_at_every_poll() {
    let line = Line::default();
    let section = line.exclusive(async {
        line.around(async {
            line.step(1).await.unwrap();
            turn().await;
            line.step(2).await.unwrap();
        })
        .await
        .unwrap();
        tokio::join!(line.step(3), line.step(4)).0.unwrap();
    });
    let mut section = Box::pin(section);
    let mut polls = 0;
    while std::thread::scope(|scope| {
        scope.spawn(|| crate::line::poll_once(section.as_mut()).is_pending()).join().unwrap()
    }) {
        polls += 1;
        assert!(polls < 100);
    }
    assert!(polls >= 5, "every step and every turn is a poll");
    drop(section);
    assert_eq!(line.lock.into_state(), [1, 2, 3, 4]);
}
