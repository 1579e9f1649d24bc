//! One console line, shared by two tasks.

use std::sync::Arc;

use conn_share::{Connection, ConnectionClass, Lockable, SshConnection, TelnetConnection};
use conn_share_tests::compare::first_difference;
use conn_share_tests::{Asked, Daemon, Lab, LabOptions, wait_for_async};

use crate::ways::{self, HANG};

/// The router's answers to these do not change, and are the same by its Telnet line and by vtysh.
const LONG: &str = "show ip route";
const OTHER: &str = "show interface veth1 vrf default";

#[tokio::test]
async fn two_tasks_share_a_telnet_line() {
    let lab = Lab::start(&LabOptions::default()).expect("a lab");
    let line = Arc::new(TelnetConnection::from_target(&ways::telnet(&lab)).expect("a connection"));
    line.connect().await.expect("connecting");
    let wanted = [LONG, OTHER].map(|command| lab.vtysh(command).expect(command));

    let held = lab.hold(Daemon::Zebra).expect("holding zebra");
    let task = |command: &'static str| {
        let line = Arc::clone(&line);
        tokio::spawn(async move { line.execute(command).await })
    };
    let first = task(LONG);
    let queue = || lab.line_queue().expect("the queue");
    wait_for_async(HANG, || queue() >= LONG.len()).await.expect("the first command on its way");
    let second = task(OTHER);
    wait_for_async(HANG, || line.conn_lock().waiters() == 1).await.expect("the second task in the lock's line");
    // Both calls are under way, and the router has one command: the other task's has not been sent.
    assert!(queue() < LONG.len() + OTHER.len(), "{} bytes wait for the router", queue());
    drop(held);

    for ((command, task), wanted) in [(LONG, first), (OTHER, second)].into_iter().zip(&wanted) {
        let reply = task.await.expect("the task").expect("an answer");
        assert!(reply.lines().count() > 3, "{command}: {reply}");
        assert_eq!(first_difference(&reply, wanted), None, "{command}");
    }
    let asked: Vec<_> = lab.record(Daemon::Zebra).into_iter().filter(|asked| asked.by_telnet).collect();
    let place = |command| asked.iter().position(|asked: &Asked| asked.command == command).expect(command);
    assert!(place(LONG) < place(OTHER), "{asked:?}");
    assert!(asked.iter().all(|one| one.line == asked[0].line), "more than one session: {asked:?}");
    line.disconnect().await.expect("disconnecting");
}

#[tokio::test]
async fn five_outputs_over_one_ssh_session() {
    let lab = Lab::shared();
    let router = SshConnection::from_target(&ways::ssh(lab)).expect("a connection");
    router.connect().await.expect("connecting");
    for command in ways::FIVE {
        let reply = router.execute(command).await.expect(command);
        assert_eq!(first_difference(&reply, &lab.vtysh(command).expect(command)), None, "{command}");
    }
    router.disconnect().await.expect("disconnecting");
}
