//! The lab itself: before anything is said about conn-share, the servers it is tested with are what they seem.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use conn_share_tests::compare::first_difference;
use conn_share_tests::{Asked, Daemon, Lab, LabOptions, Login, wait_for};

#[test]
fn both_routers_have_found_each_other() {
    let lab = Lab::shared();
    let bgp = lab.vtysh("show ip bgp").expect("bgp");
    assert_eq!(bgp.lines().filter(|line| line.starts_with("*> ")).count(), lab.routes());
    let neighbours = lab.vtysh("show ip ospf neighbor").expect("ospf");
    assert!(neighbours.contains("Full/"), "{neighbours}");
    let version = lab.vtysh("show version").expect("version");
    assert!(version.starts_with("FRRouting ") && version.contains("(r1)"), "{version}");
}

#[test]
fn the_oracle_agrees_with_itself() {
    let lab = Lab::shared();
    for command in ["show version", "show running-config", "show ip ospf database", "show ip route", "show ip bgp"] {
        let (first, second) = (lab.vtysh(command).expect(command), lab.vtysh(command).expect(command));
        assert!(first.lines().count() > 3, "{command}: {first}");
        assert_eq!(first_difference(&first, &second), None, "{command}");
    }
}

/// OpenSSH's own client, with a terminal, typing `input`.
fn ssh(lab: &Lab, login: Login, input: &str, options: &[&str], password: Option<&str>) -> Output {
    let mut command = Command::new(if password.is_some() { "sshpass" } else { "ssh" });
    if let Some(password) = password {
        command.args(["-e", "ssh", "-o", "PubkeyAuthentication=no"]).env("SSHPASS", password);
    } else {
        command.args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]).arg(lab.key());
    }
    let known = format!("UserKnownHostsFile={}", lab.known_hosts().display());
    command.args(["-F", "/dev/null", "-o", &known, "-o", "StrictHostKeyChecking=yes", "-tt"]).args(options);
    command.args(["-p", &lab.ssh().port().to_string(), "-l", login.user(), "127.0.0.1"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ssh");
    use std::io::Write;
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("typing");
    child.wait_with_output().expect("ssh")
}

#[test]
fn sshd_leads_to_the_routers_shell() {
    let lab = Lab::shared();
    for password in [None, Some(lab.password())] {
        let output = ssh(lab, Login::Router, "show ip bgp summary\nexit\n", &[], password);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("r1# show ip bgp summary") && text.contains("192.0.2.2 "), "{password:?}: {output:?}");
    }
    let asked = |asked: &Asked| !asked.by_telnet && asked.command == "show ip bgp summary";
    assert_eq!(lab.record(Daemon::Bgpd).iter().filter(|entry| asked(entry)).count(), 2);
    assert!(lab.sshd_record().contains("Accepted publickey for conn-share-r1"), "{}", lab.sshd_record());
}

#[test]
fn sshd_leads_to_a_linux_shell() {
    let output = ssh(Lab::shared(), Login::Linux, "id -un; exit\n", &[], None);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\rconn-share-sh\r\n"), "{output:?}");
}

#[test]
fn sshd_refuses_strangers() {
    let lab = Lab::shared();
    let wrong = ssh(lab, Login::Router, "", &[], Some("another word"));
    assert!(!wrong.status.success() && wrong.stdout.is_empty(), "{wrong:?}");
    let changed = format!("UserKnownHostsFile={}", lab.changed_known_hosts().display());
    // The first value of an option counts for ssh: this one has to come before the good file.
    let mut command = Command::new("ssh");
    command.args(["-F", "/dev/null", "-o", &changed, "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]);
    let output = command.args(["-p", &lab.ssh().port().to_string(), "127.0.0.1"]).output().expect("ssh");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("HOST IDENTIFICATION HAS CHANGED"), "{text}");
}

#[test]
fn the_telnet_line_asks_pages_and_enables() {
    use std::io::{Read, Write};
    let lab = Lab::shared();
    let mut line = std::net::TcpStream::connect(lab.telnet()).expect("the line");
    line.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a limit");
    let mut heard = Vec::new();
    let mut until = |line: &mut std::net::TcpStream, wanted: &str| {
        while !String::from_utf8_lossy(&heard).contains(wanted) {
            let mut piece = [0; 4096];
            let count = line.read(&mut piece).expect("bytes");
            assert!(count > 0, "closed before {wanted:?}: {:?}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&piece[..count]);
        }
        heard.clear();
    };
    // The line announces its window by NAWS: without that, zebra pages nothing.
    line.write_all(&[255, 251, 31, 255, 250, 31, 0, 80, 0, 24, 255, 240]).expect("typing");
    until(&mut line, "Password: ");
    line.write_all(format!("{}\r\n", lab.line_password()).as_bytes()).expect("typing");
    until(&mut line, "r1> ");
    line.write_all(b"enable\r\n").expect("typing");
    until(&mut line, "Password: ");
    line.write_all(format!("{}\r\n", lab.enable_secret()).as_bytes()).expect("typing");
    until(&mut line, "r1# ");
    line.write_all(b"show ip route\r\n").expect("typing");
    until(&mut line, "--More--");
    line.write_all(b"q").expect("typing");
    until(&mut line, "r1# ");
    line.write_all(b"terminal length 0\r\n").expect("typing");
    until(&mut line, "r1# ");
    line.write_all(b"show ip route\r\n").expect("typing");
    until(&mut line, "10.100.199.0/24");
    let asked = |asked: &Asked| asked.by_telnet && asked.command == "terminal length 0";
    assert!(lab.record(Daemon::Zebra).iter().any(asked));
}

#[test]
fn a_held_daemon_answers_when_let_go() {
    let lab = Lab::start(&LabOptions { routes: 3 }).expect("a lab");
    let held = lab.hold(Daemon::Bgpd).expect("holding");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| lab.vtysh("show ip bgp").expect("bgp"));
        // Only once the daemon's queue shows the question: until then there would be nothing to hold.
        let asking = || lab.unanswered(Daemon::Bgpd).expect("the queue") > 0;
        assert!(wait_for(Duration::from_secs(20), asking).is_some(), "nobody asks");
        assert!(lab.record(Daemon::Bgpd).iter().all(|asked| asked.command != "show ip bgp"));
        drop(held);
        assert_eq!(asked.join().expect("an answer").lines().filter(|line| line.starts_with("*> ")).count(), 3);
    });
}
