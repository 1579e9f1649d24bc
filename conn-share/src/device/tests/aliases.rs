//! Connecting, joining, disconnecting under one alias and several.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::fake::{Fake, Peer, device, poll_now};
use crate::{Classes, ConnectOptions, Connection, Device, ErrorKind, Path, Result};

fn spawn_connect(device: &Device, options: ConnectOptions) -> JoinHandle<Result<Arc<dyn Connection>>> {
    let device = device.clone();
    tokio::spawn(async move { device.connect::<Fake>(options).await })
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_alias_is_not_empty() {
    let _peer = Peer::at("empty-alias");
    let device = device("empty-alias").build().expect("valid");
    let error = device.connect::<Fake>(ConnectOptions::via("a").alias("")).await.map(|_| ()).expect_err("no name");
    assert_eq!((error.kind(), device.connections().aliases().len()), (ErrorKind::Config, 0));
}

#[tokio::test]
async fn the_first_connected_is_the_default_unless_one_is_set() {
    let peer = Peer::at("default-alias");
    let device = device("default-alias").build().expect("valid");
    let error = device.execute("show version").await.expect_err("nothing is connected");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    device.connect::<Fake>(ConnectOptions::via("b")).await.expect("connects");
    device.connect::<Fake>(ConnectOptions::via("a").alias("second")).await.expect("connects");
    assert_eq!(device.execute("show version").await.expect("answers"), "show version by r1 via b");
    device.connections().set_default_alias(Some("second"));
    assert_eq!(device.execute("show version").await.expect("answers"), "show version by r1 via a");
    device.connections().set_default_alias(None);
    device.disconnect("b").await.expect("closes");
    assert_eq!(device.execute("show version").await.expect("answers"), "show version by r1 via a");
    assert_eq!(device.connections().aliases(), ["second"]);
    assert_eq!(peer.sessions(), 1);
}

#[tokio::test]
async fn callers_of_one_alias_share_one_attempt() {
    let peer = Peer::at("shared-attempt");
    peer.logins_wait.send_replace(true);
    let device = device("shared-attempt").build().expect("valid");
    let callers: Vec<_> = (0..10).map(|_| spawn_connect(&device, ConnectOptions::via("a"))).collect();
    settle().await;
    peer.logins_wait.send_replace(false);
    for caller in callers {
        caller.await.expect("no panic").expect("connects");
    }
    assert_eq!(peer.logins.load(SeqCst), 1);
    assert_eq!(peer.sessions(), 1);
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("is connected");
    assert_eq!(peer.logins.load(SeqCst), 1);
}

#[tokio::test]
async fn another_caller_carries_on_when_the_driver_is_dropped() {
    let peer = Peer::at("driver-dropped");
    peer.logins_wait.send_replace(true);
    let device = device("driver-dropped").build().expect("valid");
    let driver = spawn_connect(&device, ConnectOptions::via("a"));
    settle().await;
    let passenger = spawn_connect(&device, ConnectOptions::via("a"));
    settle().await;
    driver.abort();
    assert!(driver.await.expect_err("aborted").is_cancelled());
    peer.logins_wait.send_replace(false);
    passenger.await.expect("no panic").expect("connects");
    assert_eq!(peer.logins.load(SeqCst), 1);
}

#[tokio::test]
async fn an_attempt_that_everybody_left_is_gone() {
    let peer = Peer::at("abandoned");
    peer.logins_wait.send_replace(true);
    let device = device("abandoned").max_sessions(1).build().expect("valid");
    let caller = spawn_connect(&device, ConnectOptions::via("a"));
    settle().await;
    assert_eq!(device.sessions(), 1);
    caller.abort();
    assert!(caller.await.expect_err("aborted").is_cancelled());
    assert_eq!(device.sessions(), 0);
    assert_eq!(peer.sessions(), 0);
    peer.logins_wait.send_replace(false);
    // Also with other options: the alias is free.
    device.connect::<Fake>(ConnectOptions::via("b").alias("a")).await.expect("connects");
    assert_eq!(device.connection_as::<Fake>("a").expect("is one").name(), "r1 via b");
}

#[tokio::test]
async fn everybody_who_joined_gets_the_error() {
    let peer = Peer::at("shared-error");
    peer.refuses.store(true, SeqCst);
    let device = device("shared-error").build().expect("valid");
    let callers: Vec<_> = (0..3).map(|_| spawn_connect(&device, ConnectOptions::via("a"))).collect();
    for caller in callers {
        let error = caller.await.expect("no panic").expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert_eq!(error.to_string(), "r1 via a: the password is wrong");
    }
    assert_eq!(peer.logins.load(SeqCst), 1);
    assert_eq!(device.sessions(), 0);
    peer.refuses.store(false, SeqCst);
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("the alias is free");
}

#[tokio::test]
async fn a_taken_alias_is_a_clear_error() {
    let peer = Peer::at("taken");
    let device = device("taken").build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    let error = device.connect::<Fake>(ConnectOptions::via("b").alias("a")).await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("Fake via a; asked for Fake via b"), "{error}");
    assert_eq!(peer.sessions(), 1);
}

#[tokio::test]
async fn a_panic_while_connecting_is_an_error_for_all_and_frees_the_alias() {
    let peer = Peer::at("panics");
    peer.panics.store(true, SeqCst);
    let device = device("panics").build().expect("valid");
    let callers: Vec<_> = (0..3).map(|_| spawn_connect(&device, ConnectOptions::via("a"))).collect();
    for caller in callers {
        let error = caller.await.expect("no panic outside").expect_err("it panicked");
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    assert_eq!(device.sessions(), 0);
    peer.panics.store(false, SeqCst);
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
}

#[tokio::test]
async fn disconnecting_ends_an_attempt_under_way() {
    let peer = Peer::at("stopped");
    peer.logins_wait.send_replace(true);
    let device = device("stopped").build().expect("valid");
    let caller = spawn_connect(&device, ConnectOptions::via("a"));
    settle().await;
    device.disconnect("a").await.expect("ends it");
    assert_eq!(peer.sessions(), 0);
    assert_eq!(device.sessions(), 0);
    let error = caller.await.expect("no panic").expect_err("given up");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(device.disconnect("a").await.expect_err("nothing there").kind(), ErrorKind::NotConnected);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_closes_is_given_up_at_the_deadline() {
    let peer = Peer::at("stuck");
    let device = device("stuck").disconnect_timeout(Duration::from_secs(3)).build().expect("valid");
    let fine = Peer::at("stuck-beside");
    let beside = super::fake::device("stuck-beside").build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    device.connect::<Fake>(ConnectOptions::via("b")).await.expect("connects");
    beside.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    peer.never_disconnects.store(true, SeqCst);
    let start = Instant::now();
    let (stuck, good) = tokio::join!(device.disconnect_all(), beside.disconnect_all());
    good.expect("closes");
    let error = stuck.expect_err("two never close");
    assert_eq!(start.elapsed(), Duration::from_secs(3), "side by side");
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "r1: 2 of 2 connections did not close cleanly: a, b");
    assert!(device.connections().aliases().is_empty());
    assert_eq!(fine.sessions(), 0);
    // The connection went with its last owner, and its session with it.
    assert_eq!(device.sessions(), 0);
    assert_eq!(peer.sessions(), 0);
}

#[tokio::test]
async fn connecting_waits_for_a_disconnect_under_way() {
    let peer = Peer::at("reopen");
    let device = device("reopen").max_sessions(1).build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    let mut closing = Box::pin(device.disconnect("a"));
    assert!(poll_now(closing.as_mut()).is_pending());
    assert_eq!(device.connection("a").expect_err("closing").kind(), ErrorKind::NotConnected);
    let (closed, opened) = tokio::join!(closing, device.connect::<Fake>(ConnectOptions::via("a")));
    closed.expect("closes");
    assert!(opened.expect("opens").is_connected());
    assert_eq!(peer.sessions(), 1);
    assert_eq!(peer.logins.load(SeqCst), 2);
}

#[tokio::test]
async fn a_disconnect_that_was_dropped_leaves_the_alias() {
    let peer = Peer::at("undisconnected");
    let device = device("undisconnected").build().expect("valid");
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    let mut closing = Box::pin(device.disconnect("a"));
    assert!(matches!(poll_now(closing.as_mut()), Poll::Pending));
    drop(closing);
    assert!(device.is_connected("a"));
    device.disconnect("a").await.expect("closes");
    assert_eq!(peer.sessions(), 0);
}

#[tokio::test]
async fn reconnect_keeps_the_object_and_connect_revives_a_lost_one() {
    let peer = Peer::at("reconnect");
    let device = device("reconnect").build().expect("valid");
    let connection = device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    device.reconnect("a").await.expect("reconnects");
    assert!(connection.is_connected());
    assert_eq!(peer.logins.load(SeqCst), 2);
    device.connection_as::<Fake>("a").expect("is one").lose();
    assert!(!device.is_connected("a"));
    device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
    assert!(connection.is_connected());
    assert_eq!(peer.logins.load(SeqCst), 3);
    assert_eq!(device.sessions(), 1);
}

#[tokio::test]
async fn paths_and_classes_by_name() {
    let _peer = Peer::at("by-name");
    let classes = Classes::new().with::<Fake>("fake").with::<Fake>("my.Fake");
    let device = Device::builder("r1")
        .path("a", Path::new("fake", "by-name"))
        .path("b", Path::new("ssh", "by-name").class("my.Fake"))
        .path("c", Path::new("ssh", "by-name").class("nobody.Knows"))
        .classes(classes)
        .build()
        .expect("valid");
    device.open(ConnectOptions::via("a")).await.expect("by protocol");
    device.open(ConnectOptions::via("b")).await.expect("by class");
    let error = device.open(ConnectOptions::via("c")).await.expect_err("not registered");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("\"nobody.Knows\"") && error.to_string().contains("my.Fake"), "{error}");
    let error = device.open(ConnectOptions::new()).await.expect_err("which path?");
    assert!(error.to_string().contains("there are: a, b, c"), "{error}");
    let error = device.open(ConnectOptions::via("x")).await.expect_err("no such path");
    assert!(error.to_string().contains("no path \"x\"; there are: a, b, c"), "{error}");
    let error = device.open(ConnectOptions::via("a").alias("y").credential("ops")).await.expect_err("no such login");
    assert!(error.to_string().contains("no credential \"ops\""), "{error}");
}

#[test]
fn the_first_mistake_is_reported_at_build() {
    let error = Device::builder("r1").path("a", Path::ssh("")).max_sessions(0).build().expect_err("mistakes");
    assert_eq!(error.to_string(), "r1: path \"a\" has no host");
    let error = Device::builder("r1").default_via("mgmt").build().expect_err("a mistake");
    assert!(error.to_string().contains("\"mgmt\""), "{error}");
}

/// Looks at the device when it is woken, as an executor that polls on the spot may.
struct Looks(Device);

impl std::task::Wake for Looks {
    fn wake(self: Arc<Self>) {
        drop(self.0.connections().aliases());
    }
}

/// On a thread of its own: one that locks a mutex twice never comes back.
#[test]
fn whoever_is_woken_by_a_disconnect_may_look_at_the_device_on_the_spot() {
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
        runtime.block_on(async {
            let peer = Peer::at("alias-woken");
            peer.logins_wait.send_replace(true);
            let device = device("alias-woken").build().expect("valid");
            let waker = std::task::Waker::from(Arc::new(Looks(device.clone())));
            let mut connecting = Box::pin(device.connect::<Fake>(ConnectOptions::via("a")));
            let polled = connecting.as_mut().poll(&mut std::task::Context::from_waker(&waker));
            assert!(polled.is_pending());
            device.disconnect("a").await.expect("given up");
            assert!(connecting.await.is_err());
        });
        done.send(()).expect("waited for");
    });
    wait.recv_timeout(std::time::Duration::from_secs(20)).expect("the device is stuck in its own mutex");
}
