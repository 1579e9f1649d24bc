//! Pools that a device makes.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::fake::{Fake, Peer, device, poll_times};
use crate::{ConnectOptions, Device, ErrorKind, WorkerGuard, pcall};

async fn connected(host: &str, size: usize) -> (Arc<Peer>, Device) {
    let peer = Peer::at(host);
    let device = device(host).max_sessions(5).disconnect_timeout(Duration::from_secs(4)).build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a").pool_size(size)).await.expect("connects");
    (peer, device)
}

#[tokio::test]
async fn calls_run_side_by_side() {
    let (peer, device) = connected("pool-calls", 5).await;
    assert_eq!((peer.sessions(), device.sessions()), (5, 5));
    peer.commands_wait.send_replace(true);
    let mut calls = Box::pin(pcall(["1", "2", "3", "4", "5"], |command| device.execute(command)).into_future());
    assert!(poll_times(calls.as_mut(), 20).await.is_none());
    assert_eq!(device.pool("a").expect("a pool").status().on_loan, 5);
    peer.commands_wait.send_replace(false);
    let texts: Vec<_> = calls.await.into_iter().map(|reply| reply.expect("answers").into_text()).collect();
    assert_eq!(texts[4], "5 by r1 via a");
    let mut runners = peer.runners();
    runners.sort_unstable();
    runners.dedup();
    assert_eq!(runners.len(), 5, "each command by a worker of its own");
}

#[tokio::test]
async fn workers_are_reset_between_callers_unless_told_otherwise() {
    for (host, reset, least) in [("pool-reset", None, 9), ("pool-no-reset", Some(false), 0)] {
        let peer = Peer::at(host);
        let device = device(host).build().expect("valid");
        let mut options = ConnectOptions::via("a").pool_size(1);
        if let Some(reset) = reset {
            options = options.pool_reset(reset);
        }
        device.connect::<Fake>(options).await.expect("connects");
        for _ in 0..10 {
            device.execute("x").await.expect("answers");
        }
        assert!(peer.resets.load(SeqCst) >= least);
        assert!(least > 0 || peer.resets.load(SeqCst) == 0);
    }
}

#[tokio::test]
async fn a_worker_is_not_reset_after_calls_that_left_nothing() {
    let peer = Peer::at("pool-clean");
    let device = device("pool-clean").build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a").pool_size(1)).await.expect("connects");
    for (leaves_nothing, resets) in [(true, 0), (false, 3)] {
        peer.leaves_nothing.store(leaves_nothing, SeqCst);
        for _ in 0..3 {
            device.execute("x").await.expect("answers");
        }
        // Whoever has the worker next finds it reset.
        drop(device.pool_as::<Fake>("a").expect("the pool").get().await.expect("a worker"));
        assert_eq!(peer.resets.load(SeqCst), resets);
    }
}

#[tokio::test]
async fn a_section_has_one_worker_for_all_its_calls() {
    let (peer, device) = connected("pool-section", 3).await;
    let others = pcall(0..20, |n| device.execute(format!("other {n}"))).into_future();
    let section = device.exclusive(|connection| async {
        connection.send("raw").await.expect("sends");
        for n in 0..5 {
            connection.execute(&format!("mine {n}")).await.expect("answers");
            device.execute(format!("mine by the device {n}")).await.expect("answers");
            device
                .exclusive(|again| async move { again.execute("mine again").await })
                .await
                .expect("nests")
                .expect("ok");
        }
        drop(connection);
    });
    let (others, section) = tokio::join!(others, section);
    section.expect("a worker");
    assert!(others.iter().all(Result::is_ok));
    let runs: Vec<(String, usize)> = peer.commands().into_iter().zip(peer.runners()).collect();
    let mine: Vec<usize> = runs.iter().filter(|(text, _)| !text.starts_with("other")).map(|(_, by)| *by).collect();
    assert_eq!(mine.len(), 16);
    assert!(mine.iter().all(|by| *by == mine[0]), "{runs:?}");
    assert!(runs.iter().any(|(text, by)| text.starts_with("other") && *by != mine[0]));
    let error = device.send("raw").await.expect_err("two calls would meet two workers");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_section_on_the_only_worker_does_not_wait_for_itself() {
    let (_peer, device) = connected("pool-of-one", 1).await;
    let section = device.exclusive(|_| async { device.execute("x").await });
    section.await.expect("a worker").expect("answers");
}

#[tokio::test(start_paused = true)]
async fn a_pool_timeout_is_recognised_as_one() {
    let peer = Peer::at("pool-timeout");
    let device = device("pool-timeout").build().expect("valid");
    let options = ConnectOptions::via("a").pool_size(1).pool_timeout(Duration::from_secs(3));
    device.connect::<Fake>(options).await.expect("connects");
    let _worker = device.pool("a").expect("a pool").get().await.expect("a worker");
    let error = device.execute("x").await.expect_err("the only worker is on loan");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.device(), Some("r1 via a"), "{error:?}");
    assert!(peer.commands().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_connected_while_one_of_its_workers_is() {
    let (_peer, device) = connected("pool-lost", 2).await;
    let workers = [device.pool("a"), device.pool("a")].map(|pool| pool.expect("a pool"));
    let (one, other) = (workers[0].get().await.expect("a worker"), workers[1].get().await.expect("a worker"));
    one.disconnect().await.expect("closes");
    assert!(device.is_connected("a"));
    other.disconnect().await.expect("closes");
    assert!(!device.is_connected("a"), "on loan, and not connected");
}

#[tokio::test(start_paused = true)]
async fn pools_and_connections_share_the_budget() {
    let (peer, device) = connected("pool-budget", 4).await;
    device.connect::<Fake>(ConnectOptions::via("b")).await.expect("room for one more");
    let limit = Duration::from_secs(2);
    let more = ConnectOptions::via("b").alias("more").connect_timeout(limit);
    let error = device.connect::<Fake>(more.clone()).await.expect_err("no room");
    assert_eq!(error.kind(), ErrorKind::Busy);
    let error = device.connect::<Fake>(more.clone().pool_size(2)).await.expect_err("no room for a pool");
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(error.to_string(), "r1 via b: a pool of 2 could not be connected");
    device.pool("a").expect("a pool").resize(2).expect("fits");
    device.connect::<Fake>(more).await.expect("room again");
    assert_eq!(device.pool("a").expect("a pool").resize(6).expect_err("does not fit").kind(), ErrorKind::Config);
    assert_eq!(peer.most_sessions.load(SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_not_tried_by_every_worker_again_and_again() {
    let peer = Peer::at("pool-refused");
    peer.refuses.store(true, SeqCst);
    let device = device("pool-refused").build().expect("valid");
    let options = ConnectOptions::via("a").pool_size(5);
    let error = device.connect::<Fake>(options.clone()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert_eq!(device.sessions(), 0);
    let tried = peer.logins.load(SeqCst);
    assert_eq!(tried, 1, "the others wait to see what becomes of the first");
    peer.refuses.store(false, SeqCst);
    device.connect::<Fake>(options).await.expect("a new call is a new try");
}

#[tokio::test(start_paused = true)]
async fn disconnecting_does_not_wait_for_ever_for_a_loan() {
    let (peer, device) = connected("pool-loan", 3).await;
    let worker = device.pool("a").expect("a pool").get().await.expect("a worker");
    let error = device.disconnect_all().await.expect_err("a worker is out");
    assert!(error.is_timeout(), "{error:?}");
    assert!(device.connections().aliases().is_empty());
    assert_eq!((peer.sessions(), device.sessions()), (0, 1), "the one on loan was cut, and is still there");
    drop(worker);
    assert_eq!((peer.sessions(), device.sessions()), (0, 0));
}

#[tokio::test]
async fn a_pool_that_its_user_closed_is_opened_anew() {
    let (peer, device) = connected("pool-closed", 2).await;
    let pool = device.pool_as::<Fake>("a").expect("a pool of that class");
    pool.close().await;
    assert!(!device.is_connected("a"));
    device.connect::<Fake>(ConnectOptions::via("a").pool_size(2)).await.expect("connects");
    device.execute("x").await.expect("answers");
    assert_eq!(peer.sessions(), 2);
}

#[tokio::test]
async fn typed_access() {
    let (_peer, device) = connected("pool-typed", 2).await;
    device.connect::<Fake>(ConnectOptions::via("b")).await.expect("connects");
    let pool = device.pool_as::<Fake>("a").expect("a pool of that class");
    let worker = pool.get().await.expect("a worker");
    assert_eq!(worker.name(), "r1 via a");
    let detached = WorkerGuard::detach(worker);
    assert!(device.sessions() >= 2, "also one that left its pool counts");
    drop(detached);
    assert_eq!(device.connection_as::<Fake>("b").expect("a single one").name(), "r1 via b");
    for error in [
        device.connection_as::<Fake>("a").err().expect("a pool"),
        device.pool_as::<Fake>("b").expect_err("a single one"),
        device.pool("b").expect_err("a single one"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    assert_eq!(
        device.pool("b").expect_err("a single one").to_string(),
        "r1: alias \"b\" is not a pool: it is Fake via b"
    );
}
