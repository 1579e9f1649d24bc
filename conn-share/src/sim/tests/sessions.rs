//! The record, the gates, and how sessions end.

use super::ssh::shell;
use super::*;

#[tokio::test]
async fn held_commands_prove_that_they_overlap() {
    let router = router().start().await.expect("starts");
    let gate = router.hold("show version");
    let mut terminals = Vec::new();
    for _ in 0..5 {
        let (handle, mut terminal) = shell(&router).await;
        terminal.send("show version\r\n").await;
        terminals.push((handle, terminal));
    }
    gate.waiting_for(5).await;
    assert_eq!((gate.held(), router.max_concurrent_commands()), (5, 5));
    gate.release_one();
    router.logged(|event| event.kind == EventKind::CommandEnded).await;
    assert_eq!(gate.held(), 4);
    gate.release();
    for (_, terminal) in &mut terminals {
        assert!(terminal.until("\nr1# ").await.contains("FRRouting"));
    }
    let events = router.log();
    assert!(events.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    router.clear_log();
    assert_eq!((router.log().len(), router.max_concurrent_commands()), (0, 0));
}

#[tokio::test]
async fn commands_one_after_the_other_do_not_overlap() {
    let router = router().start().await.expect("starts");
    let (mut one, mut two) = (enabled(&router).await, enabled(&router).await);
    router.clear_log();
    for _ in 0..20 {
        one.ask("show version", "r1# ").await;
        two.ask("show ip route", "r1# ").await;
    }
    assert_eq!(router.max_concurrent_commands(), 1);
    assert_eq!(started(&router.log()).len(), 40);
}

#[tokio::test]
async fn other_commands_pass_a_gate() {
    let router = router().start().await.expect("starts");
    let gate = router.hold("show ip");
    let mut terminal = enabled(&router).await;
    terminal.ask("show version", "r1# ").await;
    assert_eq!(gate.held(), 0);
    terminal.send("show ip bgp\r\n").await;
    gate.waiting().await;
    drop(gate);
    terminal.until("Displayed").await;
}

#[tokio::test]
async fn an_interrupt_ends_a_held_command() {
    let router = router().start().await.expect("starts");
    let gate = router.hold("show version");
    let mut terminal = enabled(&router).await;
    terminal.send("show version\r\n").await;
    gate.waiting().await;
    terminal.send("\x03").await;
    assert!(terminal.until("\nr1# ").await.ends_with("^C\r\nr1# "));
    router.logged(|event| event.kind == EventKind::CommandCut).await;
    assert_eq!(gate.held(), 0);
    assert_eq!(terminal.ask("echo still here", "r1# ").await, "still here\n");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_command_and_its_session() {
    let router = router().start().await.expect("starts");
    let gate = router.hold("show version");
    for over_ssh in [false, true] {
        router.clear_log();
        if over_ssh {
            let (handle, mut terminal) = shell(&router).await;
            terminal.send("show version\r\n").await;
            gate.waiting().await;
            drop((handle, terminal));
        } else {
            let mut terminal = enabled(&router).await;
            terminal.send("show version\r\n").await;
            gate.waiting().await;
            drop(terminal);
        }
        router.logged(|event| event.kind == EventKind::Disconnected).await;
        let events = router.log();
        assert_eq!(events[events.len() - 2].kind, EventKind::CommandCut, "over SSH: {over_ssh}");
        assert_eq!(gate.held(), 0);
    }
}

#[tokio::test]
async fn sessions_can_be_killed_one_by_one() {
    let router = router().start().await.expect("starts");
    let (mut one, mut two) = (enabled(&router).await, enabled(&router).await);
    let (_handle, mut three) = shell(&router).await;
    let ids: Vec<_> = router.sessions().iter().map(|session| session.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(router.kill_session(ids[0]) && router.kill_session(ids[2]));
    one.rest().await;
    three.rest().await;
    router.logged(|event| event.session == ids[0] && event.kind == EventKind::Disconnected).await;
    router.logged(|event| event.session == ids[2] && event.kind == EventKind::Disconnected).await;
    assert!(!router.kill_session(ids[0]));
    two.ask("show version", "r1# ").await;
    assert_eq!(router.sessions().len(), 1);
}

#[tokio::test]
async fn there_is_room_for_so_many_sessions() {
    let router = router().max_sessions(1).start().await.expect("starts");
    let first = enabled(&router).await;
    assert_eq!(telnet(&router).await.rest().await, "");
    drop(first);
    router.logged(|event| event.kind == EventKind::Disconnected).await;
    while !router.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    enabled(&router).await;
}

#[tokio::test]
async fn the_power_can_fail_and_come_back() {
    let router = router().start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    router.power_off().await;
    assert_eq!(terminal.rest().await, "");
    let refused = TcpStream::connect(router.telnet_addr()).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    router.power_on().await.expect("the ports are free");
    router.power_on().await.expect("it is on already");
    enabled(&router).await;
}

#[tokio::test]
async fn a_dropped_router_leaves_nothing() {
    let router = router().start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    let (_handle, mut shell) = shell(&router).await;
    let address = router.ssh_addr();
    drop(router);
    assert_eq!(terminal.rest().await, "");
    assert_eq!(shell.rest().await, "");
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
