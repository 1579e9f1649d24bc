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
    let peer = Peer::at(host);
    for polls in 0.. {
        assert!(polls < 200, "no end");
        let device = device(host).max_sessions(1).logins_at_once(1).build().expect("valid");
        if connected {
            device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
        }
        let finished = poll_times(call(device.clone()), polls).await.is_some();
        assert!(peer.sessions() <= 1);
        // Whatever was cut: the one session and the one login that are allowed are to be had.
        device.connect::<Fake>(ConnectOptions::via("a")).await.expect("connects");
        assert_eq!(device.execute("probe").await.expect("answers"), "probe by r1 via a");
        assert_eq!(device.sessions(), 1);
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
