//! `disconnect` waits to its deadline, then cuts what is still running: also a pool's workers on loan.

use std::time::Duration;

use conn_share::{ConnectOptions, ErrorKind, SshConnection};

use super::router::{device, router};

#[tokio::test]
async fn a_pools_running_call_is_cut_when_the_deadline_has_come() {
    let router = router().start().await.expect("loopback");
    let mut options = ConnectOptions::via("mgmt").pool_size(2).command_timeout(Duration::from_secs(3600));
    options = options.argument("disconnect_timeout", "0.2");
    let device = device(&router).disconnect_timeout(Duration::from_secs(2)).build().expect("valid");
    device.connect::<SshConnection>(options).await.expect("connects");
    let gate = router.hold("show version");
    let running = tokio::spawn({
        let device = device.clone();
        async move { device.execute("show version").await }
    });
    gate.waiting().await;

    let error = device.disconnect("mgmt").await.expect_err("it says what it cut");
    assert!(error.is_timeout(), "{error:?}");
    let error = running.await.expect("no panic").expect_err("cut, though the device never answered");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(device.sessions(), 0);
    drop(gate);
    device.connect::<SshConnection>(ConnectOptions::via("mgmt")).await.expect("connects again");
    device.execute("show version").await.expect("answers");
}

#[tokio::test]
async fn a_devices_own_deadline_comes_before_that_of_its_connections() {
    let router = router().start().await.expect("loopback");
    let device = device(&router).disconnect_timeout(Duration::from_millis(600)).build().expect("valid");
    let endless = ConnectOptions::via("mgmt").command_timeout(Duration::from_secs(3600));
    for options in [endless.clone(), endless.pool_size(1)] {
        device.connect::<SshConnection>(options).await.expect("connects");
        let gate = router.hold("show version");
        let running = tokio::spawn({
            let device = device.clone();
            async move { device.execute("show version").await }
        });
        gate.waiting().await;
        // That it had to cut something may be said or not; that it did not cut may not.
        let _ = device.disconnect("mgmt").await;
        let error = tokio::time::timeout(Duration::from_secs(5), running).await.expect("cut, not left behind");
        let error = error.expect("no panic").expect_err("the device never answered");
        assert_eq!(error.kind(), ErrorKind::NotConnected, "{error:?}");
        assert_eq!(device.sessions(), 0);
        drop(gate);
    }
}
