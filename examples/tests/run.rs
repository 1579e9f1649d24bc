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

/// What an example prints that is run with these arguments and ends well.
fn printed_by(name: &str, arguments: &[&str]) -> String {
    let output = run(example(name).args(arguments));
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    printed
}

#[test]
fn hello_lock_gives_each_task_its_own_answer() {
    assert_eq!(printed_by("hello_lock", &[]), "show version: 6 lines, show ip route: 232 lines\n");
}

#[test]
fn hello_lock_is_the_program_of_the_readme() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("a file");
    let (readme, program) = (read("../README.md"), read("examples/hello_lock.rs"));
    let (_, program) = program.split_once("\n\n").expect("a header");
    assert!(readme.contains(&format!("```rust\n{program}```\n")), "README.md shows another program:\n{program}");
    let class = program.split("#[tokio::main]").next().unwrap_or_default();
    let lines = class.lines().skip_while(|line| !line.starts_with("#[derive")).filter(|line| !line.is_empty());
    assert!(lines.count() <= 42, "it says 40 lines");
}

#[test]
fn pooled_trait_is_served_by_workers_and_refuses_what_needs_one() {
    let printed = printed_by("pooled_trait", &[]);
    assert!(printed.starts_with("FRRouting "), "{printed}");
    assert!(printed.contains("  route to 10.0.7.9: yes"), "{printed}");
    assert!(printed.contains("`Inventory::enter_configuration` cannot be called on a pool"), "{printed}");
}

#[test]
fn fleet_tells_who_answered_and_who_did_not() {
    let printed = printed_by("fleet", &["6"]);
    let rows: Vec<_> = printed.lines().skip(1).take(6).collect();
    for (number, row) in (1..=5).zip(&rows) {
        assert!(row.starts_with(&format!("r{number} ")) && row.contains(" FRRouting 8.4.4 "), "{printed}");
    }
    assert!(rows[5].starts_with("r6 ") && rows[5].contains("r6 via mgmt: "), "{printed}");
    assert!(printed.contains("5 answered, 1 failed"), "{printed}");
}

#[test]
fn testbed_opens_every_path_of_the_file() {
    let printed = printed_by("testbed", &[]);
    assert_eq!(printed.matches(": FRRouting ").count(), 2, "{printed}");
    let output = run(example("testbed").args(["/no/such.yaml", "R1"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/no/such.yaml"), "{}", text(&output.stderr));
}

#[test]
fn script_runs_to_its_end_against_the_simulated_router() {
    let printed = printed_by("script", &[]);
    assert!(printed.contains("--- show running-config"), "{printed}");
    assert!(printed.contains("stayed the same"), "{printed}");
    assert!(printed.contains("Asked for nonsense it says: % "), "{printed}");
}
