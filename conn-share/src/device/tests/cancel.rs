//! Every public async call, dropped after every number of polls: the books balance and the next caller is served.

use std::future::Future;

use super::fake::{Fake, Peer, device, poll_times};
use crate::{ConnectOptions, Device};

/// Cuts what `call` makes after 0, 1, 2, … polls, until it came to its end; the device is new and connected under
/// `a` each time.
async fn cut_everywhere<'a, F, Fut>(host: &str, connected: bool, call: F)
where
    F: Fn(Device) -> Fut,
    Fut: Future<Output = ()> + 'a,
{
    cut_everywhere_with(host, ConnectOptions::via("a"), 1, connected, call).await;
}

/// As `cut_everywhere`, with these options for the alias `a`, which are for so many sessions.
async fn cut_everywhere_with<'a, F, Fut>(host: &str, options: ConnectOptions, most: usize, connected: bool, call: F)
where
    F: Fn(Device) -> Fut,
    Fut: Future<Output = ()> + 'a,
{
    let peer = Peer::at(host);
    for polls in 0.. {
        assert!(polls < 200, "no end");
        let device = device(host).max_sessions(most).logins_at_once(1).build().expect("valid");
        if connected {
            device.connect::<Fake>(options.clone()).await.expect("connects");
        }
        let finished = poll_times(call(device.clone()), polls).await.is_some();
        assert!(peer.sessions() <= most);
        // Whatever was cut: the sessions and the one login that are allowed are to be had.
        device.connect::<Fake>(options.clone()).await.expect("connects");
        assert_eq!(device.execute("probe").await.expect("answers"), "probe by r1 via a");
        assert_eq!(device.sessions(), most);
        device.disconnect_all().await.expect("closes");
        assert_eq!(device.sessions(), 0);
        assert_eq!(peer.sessions(), 0);
        if finished {
            assert!(polls > 1, "there was something to cut");
            return;
        }
    }
}

#[tokio::test]
async fn connect() {
    let connect = |device: Device| async move { drop(device.connect::<Fake>(ConnectOptions::via("a")).await) };
    cut_everywhere("cut-connect", false, connect).await;
}

#[tokio::test]
async fn disconnect() {
    cut_everywhere("cut-disconnect", true, |device: Device| async move { drop(device.disconnect("a").await) }).await;
}

#[tokio::test]
async fn disconnect_all() {
    cut_everywhere("cut-all", true, |device: Device| async move { drop(device.disconnect_all().await) }).await;
}

#[tokio::test]
async fn reconnect() {
    cut_everywhere("cut-reconnect", true, |device: Device| async move { drop(device.reconnect("a").await) }).await;
}

#[tokio::test]
async fn execute() {
    cut_everywhere("cut-execute", true, |device: Device| async move { drop(device.execute("x").await) }).await;
}

#[tokio::test]
async fn configure() {
    cut_everywhere("cut-configure", true, |device: Device| async move { drop(device.configure("x").await) }).await;
}

#[tokio::test]
async fn send_and_receive() {
    let both = |device: Device| async move {
        device.send("x").await.expect("sends");
        device.receive().await.expect("receives");
    };
    cut_everywhere("cut-send", true, both).await;
}

#[tokio::test]
async fn exclusive() {
    let section = |device: Device| async move {
        let two = device.exclusive(|connection| async move {
            connection.execute("one").await.expect("answers");
            connection.execute("two").await.expect("answers");
        });
        two.await.expect("has sections");
    };
    cut_everywhere("cut-exclusive", true, section).await;
}

fn pool() -> ConnectOptions {
    ConnectOptions::via("a").pool_size(2)
}

#[tokio::test]
async fn connect_a_pool() {
    let connect = |device: Device| async move { drop(device.connect::<Fake>(pool()).await) };
    cut_everywhere_with("cut-pool-connect", pool(), 2, false, connect).await;
}

#[tokio::test]
async fn disconnect_a_pool() {
    let disconnect = |device: Device| async move { drop(device.disconnect("a").await) };
    cut_everywhere_with("cut-pool-disconnect", pool(), 2, true, disconnect).await;
}

#[tokio::test]
async fn reconnect_a_pool() {
    let reconnect = |device: Device| async move { drop(device.reconnect("a").await) };
    cut_everywhere_with("cut-pool-reconnect", pool(), 2, true, reconnect).await;
}

#[tokio::test]
async fn use_a_pool() {
    let calls = |device: Device| async move {
        device.execute("x").await.expect("answers");
        let section = device.exclusive(|connection| async move { connection.execute("y").await });
        section.await.expect("a worker").expect("answers");
        device.pool("a").expect("a pool").get().await.expect("a worker").execute("z").await.expect("answers");
    };
    cut_everywhere_with("cut-pool-use", pool(), 2, true, calls).await;
}
