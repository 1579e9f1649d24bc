//! What can be made to go wrong.

use super::ssh::{connect, shell};
use super::*;
use crate::sim::{Fault, Scope};

#[tokio::test]
async fn faults_for_the_next_session_meet_no_other() {
    let router = router().start().await.expect("starts");
    let mut before = enabled(&router).await;
    router.inject(Scope::NextSession, Fault::RefuseSessions);
    assert_eq!(telnet(&router).await.rest().await, "");
    router.inject(Scope::NextSession, Fault::CloseDuringLogin);
    let mut closing = telnet(&router).await;
    closing.send("pw\r\n").await;
    assert!(closing.rest().await.contains("Password: "));
    before.ask("show version", "r1# ").await;
    enabled(&router).await;
}

#[tokio::test]
async fn ssh_may_be_closed_during_the_login() {
    let router = router().start().await.expect("starts");
    router.inject(Scope::NextSession, Fault::CloseDuringLogin);
    let mut handle = connect(&router).await;
    let lost = handle.authenticate_password("admin", "pw").await;
    assert!(!lost.is_ok_and(|answer| answer.success()));
}

#[tokio::test]
async fn a_connection_drops_after_so_many_bytes() {
    let router = router().start().await.expect("starts");
    for bytes in [0, 1, 12, 100, 5000] {
        let mut terminal = enabled(&router).await;
        let id = router.sessions().last().expect("a session").id;
        router.inject(Scope::Session(id), Fault::DropAfter(bytes));
        if bytes > 0 {
            terminal.send("show ip bgp\r\n").await;
        }
        assert_eq!(terminal.rest().await.len() as u64, bytes);
    }
}

/// Whether the router has said nothing that was not read yet, after it has had every occasion to: another session has
/// been through a whole exchange since.
async fn is_silent(router: &Router, terminal: &Terminal<TcpStream>, other: &mut Terminal<TcpStream>) -> bool {
    other.ask("show version", "r1# ").await;
    assert_eq!(router.sessions().len(), 2);
    let nothing = terminal.stream.try_read(&mut [0]);
    nothing.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn a_frozen_line_says_nothing_and_goes_on_later() {
    for fault in [Fault::Freeze, Fault::Mute] {
        let router = router().start().await.expect("starts");
        let (mut terminal, mut other) = (enabled(&router).await, enabled(&router).await);
        let id = router.sessions().first().expect("a session").id;
        router.inject(Scope::Session(id), fault.clone());
        terminal.send("show version\r\n").await;
        assert!(is_silent(&router, &terminal, &mut other).await, "{fault:?}");
        router.clear_faults();
        assert!(terminal.until("\nr1# ").await.contains("FRRouting"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_peer_that_never_answers_can_be_left() {
    let router = router().start().await.expect("starts");
    let mut other = enabled(&router).await;
    router.inject(Scope::NextSession, Fault::NeverAnswer);
    let mut terminal = telnet(&router).await;
    while router.sessions().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(is_silent(&router, &terminal, &mut other).await);
    assert!(router.kill_session(router.sessions().last().expect("a session").id));
    assert_eq!(terminal.rest().await, "");
}

#[tokio::test]
async fn dripping_changes_no_byte() {
    let router = router().start().await.expect("starts");
    let (_handle, mut over_ssh) = shell(&router).await;
    let mut over_telnet = enabled(&router).await;
    let whole = over_telnet.ask("show ip bgp", "r1# ").await;
    router.inject(Scope::All, Fault::Drip { most: 7, pause: Duration::ZERO });
    assert_eq!(over_telnet.ask("show ip bgp", "r1# ").await, whole);
    assert_eq!(over_ssh.ask("show ip bgp", "r1# ").await, whole);
}

#[tokio::test]
async fn output_may_hold_prompts_and_log_lines() {
    let router = router().start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    router.inject(Scope::All, Fault::PromptInOutput);
    terminal.send("show ip route 192.0.2.1\r\n").await;
    terminal.until("\r\nr1# \r\n  Known via").await;
    terminal.until("eth1, weight 1\r\nr1# ").await;
    router.clear_faults();
    router.inject(Scope::All, Fault::LogLines { every: 2 });
    let answer = terminal.ask("show ip route 192.0.2.1", "r1# ").await;
    let logged: Vec<bool> = answer.lines().map(|line| line.starts_with("%LINK")).collect();
    assert_eq!(logged, [true, false, false, true, false, false], "{answer}");
}

#[tokio::test]
async fn log_lines_come_in_the_middle_of_anything() {
    let router = router().start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    router.announce("%SYS-5-CONFIG_I: one");
    assert_eq!(terminal.until("r1# ").await, "\r\n%SYS-5-CONFIG_I: one\r\nr1# ");
    terminal.send("echo ha").await;
    terminal.until("echo ha").await;
    router.announce("%SYS-5-CONFIG_I: two");
    assert_eq!(terminal.until("echo ha").await, "\r\n%SYS-5-CONFIG_I: two\r\nr1# echo ha");
    terminal.send("lf\r\n").await;
    assert_eq!(terminal.until("r1# ").await, "lf\r\nhalf\r\nr1# ");
    let gate = router.hold("show version");
    terminal.send("show version\r\n").await;
    gate.waiting().await;
    router.announce("%SYS-5-CONFIG_I: three");
    gate.release();
    assert!(terminal.until("\nr1# ").await.contains("%SYS-5-CONFIG_I: three\r\nFRRouting"));
}
