//! The Telnet line.

use super::*;

#[tokio::test]
async fn the_dialogue_is_that_of_a_vty() {
    let router = router().start().await.expect("starts");
    let mut terminal = telnet(&router).await;
    let greeting = terminal.until("Password: ").await;
    assert!(greeting.contains("User Access Verification"), "{greeting}");
    terminal.send("wrong\r\n").await;
    assert_eq!(terminal.until("Password: ").await, "\r\nPassword: ");
    terminal.send("pw\r\n").await;
    assert_eq!(terminal.until("> ").await, "\r\nr1> ");
    terminal.send("show running-config\r\n").await;
    assert!(terminal.until("r1> ").await.contains("% Unknown command: show running-config"));
    terminal.send("en\n").await;
    assert_eq!(terminal.until(": ").await, "en\r\nPassword: ");
    terminal.send("secret\r").await;
    assert_eq!(terminal.until("# ").await, "\r\nr1# ");
    terminal.send("\n").await;
    terminal.send("exit\r\n").await;
    assert_eq!(terminal.rest().await, "exit\r\n");
    let kinds: Vec<_> = router.log().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds[0], EventKind::Connected { protocol: Protocol::Telnet });
    assert_eq!(kinds[1], EventKind::LoginFailed);
    assert_eq!(kinds[2], EventKind::LoggedIn { user: String::new() });
    assert_eq!(kinds[3], EventKind::CommandStarted { command: "show running-config".to_owned() });
    assert_eq!(kinds[4], EventKind::CommandEnded);
    router.stop().await;
}

#[tokio::test]
async fn three_wrong_passwords_end_the_session() {
    let router = router().start().await.expect("starts");
    let mut terminal = telnet(&router).await;
    terminal.send("a\r\nb\r\nc\r\n").await;
    assert!(terminal.rest().await.ends_with("\r\n% Bad passwords, too many failures!\r\n"));
}

#[tokio::test]
async fn a_name_is_asked_for_on_request() {
    let router = router().telnet_asks_name().start().await.expect("starts");
    let mut terminal = telnet(&router).await;
    terminal.until("Username: ").await;
    terminal.send("nobody\r\n").await;
    terminal.until("Password: ").await;
    terminal.send("pw\r\n").await;
    terminal.until("Password: ").await;
    router.logged(|event| event.kind == EventKind::LoginFailed).await;
}

#[tokio::test]
async fn the_pager_stops_every_page_until_told_otherwise() {
    let router = router().start().await.expect("starts");
    let mut terminal = telnet(&router).await;
    terminal.send("pw\r\nenable\r\nsecret\r\n").await;
    terminal.until("r1# ").await;
    terminal.send("show ip bgp\r\n").await;
    let page = terminal.until(" --More-- \0").await;
    assert_eq!(page.lines().count(), 1 + 23 + 1, "echo, lines, pager: {page}");
    terminal.send(" ").await;
    let page = terminal.until(" --More-- \0").await;
    assert!(page.starts_with("\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08          \x08"), "{page:?}");
    assert_eq!(page.lines().count(), 23 + 1);
    terminal.send("q").await;
    terminal.until("r1# ").await;
    terminal.send("terminal length 0\r\n").await;
    terminal.until("r1# ").await;
    let whole = terminal.ask("show ip bgp", "r1# ").await;
    assert_eq!(whole.lines().filter(|line| line.starts_with("*> ")).count(), 220);
    assert!(whole.ends_with("Displayed  220 routes and 220 total paths\n"));
}

#[tokio::test]
async fn configuration_modes_change_the_prompt_and_the_configuration() {
    let router = router().start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    for (line, prompt) in [
        ("configure terminal", "r1(config)# "),
        ("interface eth9", "r1(config-if)# "),
        ("description one", "r1(config-if)# "),
        ("description two", "r1(config-if)# "),
        ("shutdown", "r1(config-if)# "),
        ("no shutdown", "r1(config-if)# "),
        ("nonsense", "r1(config-if)# "),
        ("interface eth10", "r1(config-if)# "),
        ("exit", "r1(config)# "),
        ("no interface eth10", "r1(config)# "),
        ("router bgp 65001", "r1(config-router)# "),
        ("exit", "r1(config)# "),
        ("hostname r9", "r9(config)# "),
        ("end", "r9# "),
    ] {
        terminal.send(format!("{line}\r\n")).await;
        let answer = terminal.until(prompt).await;
        assert_eq!(answer.contains('%'), line == "nonsense", "{line}: {answer}");
    }
    let config = terminal.ask("show running-config", "r9# ").await;
    assert!(config.contains("hostname r9\n"), "{config}");
    assert!(config.contains("interface eth9\n description two\nexit\n"), "{config}");
    assert!(!config.contains("eth10"), "{config}");
    assert_eq!(router.running_config(), config);
}

#[tokio::test]
async fn answers_are_recognisable() {
    let router = router().command("show clock", |_| "noon").start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    assert_eq!(terminal.ask("show clock", "r1# ").await, "noon\n");
    assert!(terminal.ask("show ip route 192.0.2.77", "r1# ").await.starts_with("Routing entry for 192.0.2.77/32\n"));
    assert!(terminal.ask("sh ver", "r1# ").await.starts_with("FRRouting 8.4.4 (r1)"));
    assert_eq!(terminal.ask("echo a  b", "r1# ").await, "a  b\n");
    assert_eq!(terminal.ask("show", "r1# ").await, "% Command incomplete.\n");
    assert!(terminal.ask("show ip ospf database", "r1# ").await.contains("Router Link States"));
    assert!(terminal.ask("show ip route", "r1# ").await.contains("\nC>* 10.0.12.0/24"));
}

#[tokio::test]
async fn options_are_negotiated_and_their_refusal_is_final() {
    let router = router().start().await.expect("starts");
    let mut terminal = telnet(&router).await;
    let mut opening = [0; 12];
    terminal.stream.read_exact(&mut opening).await.expect("an opening");
    assert_eq!(opening, [255, 251, 1, 255, 251, 3, 255, 254, 34, 255, 253, 31]);
    terminal.until("Password: ").await;
    terminal.send([255, 251, 24, 255, 251, 24, 255, 253, 1]).await;
    terminal.send("pw\r\n").await;
    terminal.until("> ").await;
    assert!(!terminal.unread.contains(&255));
}

#[tokio::test]
async fn what_was_typed_and_erased_is_no_command() {
    let router = router().start().await.expect("starts");
    let mut terminal = enabled(&router).await;
    router.clear_log();
    terminal.send("123\x01\x0b").await;
    assert_eq!(terminal.until("   \x08\x08\x08").await, "123\x08\x08\x08   \x08\x08\x08");
    terminal.send("\r\n").await;
    assert_eq!(terminal.until("# ").await, "\r\nr1# ");
    assert_eq!(started(&router.log()), [""; 0]);
}
