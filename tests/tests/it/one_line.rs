//! One console line, shared by two tasks.

use std::sync::Arc;

use conn_share::{Connection, ConnectionClass, SshConnection, TelnetConnection};
use conn_share_tests::compare::first_difference;
use conn_share_tests::{Daemon, Lab};

use crate::ways;

#[tokio::test]
async fn two_tasks_share_a_telnet_line() {
    let lab = Lab::shared();
    let line = Arc::new(TelnetConnection::from_target(&ways::telnet(lab)).expect("a connection"));
    line.connect().await.expect("connecting");
    let task = |command: &'static str| {
        let line = Arc::clone(&line);
        tokio::spawn(async move { line.execute(command).await })
    };
    let (routes, interfaces) = (task("show ip route"), task("show interface"));
    for (command, task) in [("show ip route", routes), ("show interface", interfaces)] {
        let reply = task.await.expect("the task").expect("an answer");
        let wanted = lab.vtysh(command).expect(command);
        assert_eq!(first_difference(&reply, &wanted), None, "{command}");
    }
    eprintln!("{:?}", lab.record(Daemon::Zebra).iter().filter(|asked| asked.by_telnet).collect::<Vec<_>>());
    line.disconnect().await.expect("disconnecting");
}

#[tokio::test]
async fn five_outputs_over_one_ssh_session() {
    let lab = Lab::shared();
    let router = SshConnection::from_target(&ways::ssh(lab)).expect("a connection");
    router.connect().await.expect("connecting");
    for command in ["show version", "show running-config", "show ip ospf database", "show ip route", "show ip bgp"] {
        let reply = router.execute(command).await.expect(command);
        assert_eq!(first_difference(&reply, &lab.vtysh(command).expect(command)), None, "{command}");
    }
    eprintln!("{:?}", lab.record(Daemon::Bgpd).iter().rev().take(9).collect::<Vec<_>>());
    router.disconnect().await.expect("disconnecting");
}
