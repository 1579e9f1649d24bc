//! Five sessions of one device, at work side by side.

use std::time::Duration;

use conn_share::{ConnectOptions, Connection, ErrorKind, SshConnection, pcall};
use conn_share_tests::compare::first_difference;
use conn_share_tests::{Daemon, Lab, LabOptions, wait_for_async};

use crate::ways::{self, HANG};

/// Five questions that only bgpd can answer.
const OF_BGPD: [&str; 5] = [
    "show ip bgp",
    "show ip bgp 10.100.3.0/24",
    "show ip bgp neighbors 192.0.2.2 advertised-routes",
    "show ip bgp 10.100.1.0/24",
    "show ip bgp 10.100.2.0/24",
];

fn pool() -> ConnectOptions {
    ConnectOptions::via("mgmt").alias("mgmt").pool_size(5)
}

#[tokio::test]
async fn five_real_outputs_in_the_order_of_the_arguments() {
    let lab = Lab::shared();
    let device = ways::device(lab);
    device.connect::<SshConnection>(pool()).await.expect("a pool");
    let replies = pcall(ways::FIVE, |command| device.execute(command)).await;
    assert_eq!(replies.len(), ways::FIVE.len());
    for (command, reply) in ways::FIVE.into_iter().zip(replies) {
        let reply = reply.expect(command);
        assert_eq!(first_difference(&reply, &lab.vtysh(command).expect(command)), None, "{command}");
    }
    device.disconnect_all().await.expect("disconnecting");
}

#[tokio::test]
async fn five_sessions_are_at_work_at_the_same_time() {
    let lab = Lab::start(&LabOptions { routes: 20 }).expect("a lab");
    let device = ways::device(&lab);
    device.connect::<SshConnection>(pool()).await.expect("a pool");
    assert_eq!(lab.shells().len(), 5);
    let wanted = OF_BGPD.map(|command| lab.vtysh(command).expect(command));
    let before = lab.record(Daemon::Bgpd).len();

    let held = lab.hold(Daemon::Bgpd).expect("holding bgpd");
    let calls = tokio::spawn({
        let device = device.clone();
        async move { pcall(OF_BGPD, |command| device.execute(command)).await }
    });
    // Five questions from five sessions lie with a daemon that has answered none: they overlap.
    let asked = || lab.unanswered(Daemon::Bgpd).expect("the queues");
    wait_for_async(HANG, || asked() == 5).await.expect("five unanswered questions");
    assert_eq!(lab.record(Daemon::Bgpd).len(), before);
    assert!(!calls.is_finished());

    // The sixth has to wait, and is told for whom.
    let workers = device.pool_as::<SshConnection>("mgmt").expect("the pool");
    let error = workers.get_timeout(Duration::from_millis(50)).await.expect_err("no worker is free");
    let conn_share::PoolError::Timeout(timeout) = &error else { panic!("{error:?}") };
    assert_eq!(timeout.holders().len(), 5, "{error}");
    assert!(error.to_string().contains("worker "), "{error}");

    drop(held);
    let replies = calls.await.expect("the calls");
    for ((command, reply), wanted) in OF_BGPD.into_iter().zip(replies).zip(&wanted) {
        assert_eq!(first_difference(&reply.expect(command), wanted), None, "{command}");
    }
    let mut lines: Vec<_> = lab.record(Daemon::Bgpd).split_off(before).into_iter().map(|asked| asked.line).collect();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 5, "bgpd was asked over these lines: {lines:?}");
    assert!(workers.get().await.expect("a worker").is_connected());
    device.disconnect_all().await.expect("disconnecting");
    wait_for_async(HANG, || lab.shells().is_empty()).await.expect("no session left behind");
}

#[tokio::test]
async fn an_exhausted_pool_says_who_has_the_workers() {
    let lab = Lab::shared();
    let device = ways::device(lab);
    let options = pool().pool_size(2).pool_timeout(Duration::from_millis(50));
    device.connect::<SshConnection>(options).await.expect("a pool");
    let workers = device.pool_as::<SshConnection>("mgmt").expect("the pool");
    let loans = [workers.get().await.expect("one"), workers.get().await.expect("two")];
    let error = device.execute("show version").await.expect_err("nobody gives a worker back");
    assert!(error.is_timeout() && error.kind() == ErrorKind::Pool, "{error:?}");
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.matches("five_sessions.rs").count() == 2, "{cause}");
    drop(loans);
    assert!(device.execute("show version").await.expect("a worker is back").contains("FRRouting"));
    device.disconnect_all().await.expect("disconnecting");
}
