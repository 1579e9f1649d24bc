//! Chains are served in the order in which they came.

use std::sync::Arc;

use conn_share::LockableExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::line::{Line, poll_once};

const WAITERS: usize = 1_000;

/// Queues `WAITERS` tasks one after the other behind a holder; every `cancelled`th is aborted in the queue. Returns in
/// which order they were in.
async fn order_of_service(cancelled: Option<usize>) -> Vec<usize> {
    let line = Arc::new(Line::default());
    let (open, gate) = oneshot::channel::<()>();
    let holder = tokio::spawn({
        let line = Arc::clone(&line);
        async move { line.around(gate).await }
    });
    while line.lock.holder().is_none() {
        tokio::task::yield_now().await;
    }

    let mut waiters = JoinSet::new();
    let mut aborts = Vec::new();
    let (queued, mut is_queued) = mpsc::channel(1);
    for name in 0..WAITERS {
        let (line, queued) = (Arc::clone(&line), queued.clone());
        let task = waiters.spawn(async move {
            let mut call = Box::pin(line.step(name));
            assert!(poll_once(call.as_mut()).is_pending());
            queued.send(()).await.unwrap();
            call.await
        });
        is_queued.recv().await.unwrap();
        if cancelled.is_some_and(|every| name % every == 0) {
            aborts.push(task);
        }
    }
    assert_eq!(line.lock.waiters(), WAITERS);
    // Half of them leave before the line moves, the others while it does.
    let (before, meanwhile) = aborts.split_at(aborts.len() / 2);
    before.iter().for_each(|task| task.abort());
    open.send(()).unwrap();
    meanwhile.iter().for_each(|task| task.abort());

    let mut served = 0;
    while let Some(done) = waiters.join_next().await {
        match done {
            Ok(result) => result.map(|()| served += 1).unwrap(),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    holder.await.unwrap().unwrap().unwrap();
    assert!(served >= WAITERS - aborts.len());
    assert_eq!(line.lock.waiters(), 0);
    line.names().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiters_on_two_threads_are_served_in_order() {
    assert_eq!(order_of_service(None).await, (0..WAITERS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_that_leave_the_queue_change_nothing_for_the_others() {
    for every in [2, 3, 7] {
        let order = order_of_service(Some(every)).await;
        assert!(order.is_sorted(), "somebody was overtaken: {order:?}");
        let stayed = (0..WAITERS).filter(|name| name % every != 0);
        assert!(stayed.into_iter().all(|name| order.binary_search(&name).is_ok()));
    }
}

#[tokio::test]
async fn whoever_comes_later_does_not_overtake_one_that_the_lock_was_given_to() {
    let line = Line::default();
    let mut holder = Box::pin(line.wait());
    assert!(poll_once(holder.as_mut()).is_pending());
    let mut first = Box::pin(line.note(1));
    assert!(poll_once(first.as_mut()).is_pending());
    line.gate.notify_one();
    assert!(poll_once(holder.as_mut()).is_ready());
    // The lock is given to the first, whose task has not run yet.
    let mut second = Box::pin(line.note(2));
    assert!(poll_once(second.as_mut()).is_pending());
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(line.names().await, [1, 2]);
}

#[tokio::test]
async fn siblings_take_turns_in_the_order_of_their_coming() {
    let line = Line::default();
    line.exclusive(async {
        let mut calls: Vec<_> = (0..5).map(|name| Box::pin(line.step(name))).collect();
        // The first is in, the others come in this order.
        for call in &mut calls {
            assert!(poll_once(call.as_mut()).is_pending());
        }
        assert_eq!(line.lock.waiters(), 4);
        calls.rotate_left(3);
        let done = futures::future::join_all(calls).await;
        done.into_iter().collect::<Result<(), _>>().unwrap();
    })
    .await
    .unwrap();
    assert_eq!(line.names().await, [0, 1, 2, 3, 4]);
}
