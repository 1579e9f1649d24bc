//! Sessions and logins stay within what the device allows.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::fake::{Fake, Peer, device};
use crate::{ConnectOptions, ErrorKind, pcall};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_sessions_or_logins_than_allowed_under_load() {
    let peer = Peer::at("load");
    let device = device("load").max_sessions(3).logins_at_once(2).build().expect("valid");
    let tasks: Vec<_> = (0..40)
        .map(|n: usize| {
            let device = device.clone();
            tokio::spawn(async move {
                for round in 0..10 {
                    let alias = format!("{}", (n + round) % 9);
                    let options = ConnectOptions::via("a").alias(&alias);
                    if n.is_multiple_of(4) {
                        // Given up at some point.
                        super::fake::poll_times(device.connect::<Fake>(options), n % 7).await;
                    } else {
                        // Somebody else may close the alias while we connect.
                        device.connect::<Fake>(options).await.ok();
                    }
                    device.disconnect(&alias).await.ok();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    device.disconnect_all().await.expect("closes");
    assert_eq!(peer.most_sessions.load(SeqCst), 3, "the limit is reached and not passed");
    assert_eq!(peer.most_logins_under_way.load(SeqCst), 2, "the limit is reached and not passed");
    assert_eq!(peer.sessions(), 0);
    assert_eq!(device.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_session_too_many_is_busy() {
    let _peer = Peer::at("too-many");
    let device = device("too-many").max_sessions(2).build().expect("valid");
    let five = ["1", "2", "3", "4", "5"];
    let limit = Duration::from_secs(2);
    let options = |alias: &str| ConnectOptions::via("a").alias(alias).connect_timeout(limit);
    let results = pcall(five, |alias| device.connect::<Fake>(options(alias))).await;
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 3);
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Busy && error.is_transient()));
    assert!(errors[0].to_string().starts_with("r1 via a: no room for another session: 2 of 2"), "{}", errors[0]);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_never_ends_is_ended_and_frees_its_place() {
    let peer = Peer::at("hangs");
    peer.logins_wait.send_replace(true);
    let device = device("hangs").max_sessions(1).logins_at_once(1).build().expect("valid");
    let options = ConnectOptions::via("a").connect_timeout(Duration::from_secs(7));
    let start = tokio::time::Instant::now();
    let error = device.connect::<Fake>(options.clone()).await.expect_err("hangs");
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "r1 via a: not connected within 7s");
    let error = device.connect::<Fake>(options.clone().pool_size(1)).await.expect_err("hangs");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!((device.sessions(), peer.sessions()), (0, 0));
    peer.logins_wait.send_replace(false);
    device.connect::<Fake>(options).await.expect("connects");
}

#[tokio::test]
async fn a_session_counts_from_connect_to_disconnect_of_the_object_itself() {
    let _peer = Peer::at("own-object");
    let device = device("own-object").max_sessions(1).build().expect("valid");
    let connection = device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    connection.disconnect().await.expect("closes");
    assert_eq!(device.sessions(), 0);
    device.connect::<Fake>(ConnectOptions::via("b")).await.expect("there is room");
    let mut late = Box::pin(connection.connect());
    assert!(super::fake::poll_times(late.as_mut(), 10).await.is_none(), "waits for room");
    device.disconnect("b").await.expect("closes");
    late.await.expect("there is room");
    assert_eq!(device.sessions(), 1);
}

#[tokio::test]
async fn one_that_connected_past_the_limits_is_counted_at_the_next_connect() {
    let _peer = Peer::at("past-the-limits");
    let device = device("past-the-limits").max_sessions(1).build().expect("valid");
    let connection = device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    connection.disconnect().await.expect("closes");
    let class = device.connection_as::<Fake>("a").expect("a single one");
    crate::Connection::connect(&*class).await.expect("connects");
    assert_eq!(device.sessions(), 0, "the class itself knows no limits");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    assert_eq!(device.sessions(), 1);
}

#[test]
fn a_pool_larger_than_the_budget_is_a_mistake() {
    let device = device("nowhere").max_sessions(3).build().expect("valid");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let connect = |options| runtime.block_on(device.connect::<Fake>(options)).expect_err("a mistake").to_string();
    assert_eq!(
        connect(ConnectOptions::via("a").pool_size(4)),
        "r1: a pool of 4 workers does not fit into max_sessions, which is 3"
    );
    assert_eq!(connect(ConnectOptions::via("a").pool_size(0)), "r1: a pool of 0 workers could serve nobody");
}
