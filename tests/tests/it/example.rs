//! The example of the README, pointed at the real router.

use std::process::{Command, Output, Stdio};

use conn_share_tests::compare::first_difference;
use conn_share_tests::{Lab, Login};

use crate::ways::FIVE;

/// Runs `shared_router`, which cargo puts beside this test's folder.
fn shared_router(arguments: &[String], secrets: [(&str, &str); 2]) -> Output {
    let test = std::env::current_exe().expect("a test is a program");
    let program = test.ancestors().nth(2).expect("the target folder").join("examples/shared_router");
    assert!(program.exists(), "{} is not there: cargo build --workspace --examples", program.display());
    let mut command = Command::new(program);
    command.args(arguments).arg("--full").args(["--os", "frr"]).envs(secrets).stdin(Stdio::null());
    command.output().expect("shared_router")
}

/// What it printed below `--- COMMAND (…)`.
fn section(printed: &str, command: &str) -> String {
    let begin = format!("--- {command} (");
    let lines = printed.lines().skip_while(|line| !line.starts_with(&begin)).skip(1);
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with("--- ") && !line.starts_with("3. ")).collect();
    lines.join("\n")
}

#[test]
fn shared_router_prints_five_real_outputs_over_ssh() {
    let lab = Lab::shared();
    let arguments = [
        "--ssh".to_owned(),
        format!("{}@{}", Login::Router.user(), lab.ssh()),
        "--known-hosts".to_owned(),
        lab.known_hosts().display().to_string(),
    ];
    let output = shared_router(&arguments, [("CONN_SHARE_PASSWORD", lab.password()), ("CONN_SHARE_ENABLE", "")]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for command in FIVE {
        let wanted = lab.vtysh(command).expect(command);
        assert_eq!(first_difference(&section(&printed, command), &wanted), None, "{command}: {printed}");
    }
}

/// The line is zebra's own: it has the routes, and not what only vtysh collects from the other daemons.
#[test]
fn shared_router_prints_what_the_telnet_line_knows() {
    let lab = Lab::shared();
    let arguments = ["--telnet".to_owned(), lab.telnet().to_string()];
    let secrets = [("CONN_SHARE_PASSWORD", lab.line_password()), ("CONN_SHARE_ENABLE", lab.enable_secret())];
    let output = shared_router(&arguments, secrets);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for command in ["show version", "show ip route"] {
        let wanted = lab.vtysh(command).expect(command);
        assert_eq!(first_difference(&section(&printed, command), &wanted), None, "{command}: {printed}");
    }
    for command in ["show ip ospf database", "show ip bgp"] {
        assert!(section(&printed, command).contains("% Unknown command"), "{command}: {printed}");
    }
    assert!(section(&printed, "show running-config").contains("hostname r1"), "{printed}");
}
