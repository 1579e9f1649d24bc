//! Every example runs, and prints what it is there for.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The program of an example, which cargo puts beside this test's folder.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test is a program");
    let folder: PathBuf = test.ancestors().nth(2).expect("target/debug").join("examples");
    let mut command = Command::new(folder.join(name).with_extension(std::env::consts::EXE_EXTENSION));
    command.env_remove("CONN_SHARE_PASSWORD").env_remove("CONN_SHARE_ENABLE").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("`cargo test` builds the examples too")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn shared_router_shows_the_lock_the_pool_and_the_line_before_it() {
    let output = run(&mut example("shared_router"));
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    let (lock, pool) = printed.split_once("\n2. ").expect("a second part");
    assert!(lock.contains("at most 1 at work at a time"), "{printed}");
    assert!(lock.contains(" waiting for task "), "{printed}");
    assert!(pool.contains("at most 5 at work at a time"), "{printed}");
    let commands = ["version", "running-config", "ip ospf database", "ip route", "ip bgp"];
    let titles: Vec<_> = printed.match_indices("--- show ").map(|(at, _)| &printed[at + 9..]).collect();
    assert_eq!(titles.len(), commands.len(), "{printed}");
    for (title, command) in titles.iter().zip(commands) {
        assert!(title.starts_with(&format!("{command} (worker ")), "{title}");
    }
    assert!(printed.contains("with a timeout:  no worker within"), "{printed}");
    assert!(printed.contains("The router's own record: 5 commands at most at the same time."), "{printed}");
}

#[test]
fn shared_router_prints_whole_outputs_on_request() {
    let output = run(example("shared_router").arg("--full"));
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    assert_eq!(printed.lines().filter(|line| line.starts_with("*> ")).count(), 220);
    assert!(!printed.contains("more lines"));
}

#[test]
fn shared_router_takes_no_secret_as_an_argument_and_asks_nobody_without_a_terminal() {
    let output = run(example("shared_router").args(["--ssh", "admin@127.0.0.1:9", "--password", "x"]));
    assert_eq!(output.status.code(), Some(2));
    let output = run(example("shared_router").args(["--ssh", "admin@127.0.0.1:9"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("set CONN_SHARE_PASSWORD"), "{}", text(&output.stderr));
}

#[test]
fn cancel_storm_finds_no_wrong_answer() {
    let output = run(&mut example("cancel_storm"));
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    assert!(printed.contains(" 0 wrong, "), "{printed}");
    assert!(printed.contains("afterwards the pool is whole and answers as before: true"), "{printed}");
}
