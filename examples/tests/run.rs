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

#[test]
fn stream_hands_out_every_line() {
    let printed = printed_by("stream", &[]);
    assert!(printed.starts_with("show ip bgp: ") && printed.contains(" 220 best routes, "), "{printed}");
    assert!(printed.contains("\n  FRRouting "), "{printed}");
}

#[test]
fn run_needs_nothing_but_a_command() {
    let printed = printed_by("run", &["show version", "show ip route"]);
    let (version, routes) = printed.split_once("=== r1: show ip route\n").expect("the second command");
    assert!(version.starts_with("=== r1: show version\nFRRouting "), "{printed}");
    assert!(routes.starts_with("Codes: "), "{printed}");
    let output = run(example("run").args(["show version", "show me the way"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).ends_with("!!! refused\n\n"), "{}", text(&output.stdout));
}

#[test]
fn run_says_how_it_is_called() {
    for (arguments, expected) in [
        (vec![], "nothing to do"),
        (vec!["--pool", "0", "show version"], "0 is too few"),
        (vec!["--timeout", "soon", "show version"], "expected a number of seconds"),
        (vec!["--password", "x", "show version"], "invalid option '--password'"),
        (vec!["--all", "show version"], "choose from a --testbed"),
        (vec!["--testbed", "x", "--ssh", "a@b", "show version"], "a testbed names its devices itself"),
    ] {
        let output = run(example("run").args(&arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
    assert!(printed_by("run", &["--help"]).starts_with("Usage: run "));
}

/// Two simulated routers, and the testbed file that describes them, and a third that is not there.
struct Routers {
    _running: Vec<conn_share::sim::Router>,
    _known_hosts: conn_share_examples::KnownHosts,
    testbed: PathBuf,
}

impl Routers {
    async fn start(name: &str) -> Self {
        let mut running = Vec::new();
        for hostname in ["r1", "r2"] {
            let router = conn_share::sim::Router::builder().hostname(hostname).user("admin", "pw").enable("secret");
            running.push(router.start().await.expect("a simulated router"));
        }
        let known_hosts = conn_share_examples::KnownHosts::of(&running).expect("a temporary file");
        let mut file = "
testbed:
  credentials:
    default: {username: admin, password: '%ENV{RUN_TEST_PASSWORD}'}
    enable: {password: secret}
devices:
  R3: {os: frr, connections: {console: {protocol: telnet, ip: 127.0.0.1, port: 1}}}
"
        .to_owned();
        for (number, router) in (1..).zip(&running) {
            let (ssh, telnet) = (router.ssh_addr().port(), router.telnet_addr().port());
            let known_hosts = known_hosts.path().display();
            file += &format!(
                "  R{number}:
    os: frr
    connections:
      defaults: {{via: mgmt}}
      mgmt: {{protocol: ssh, ip: 127.0.0.1, port: {ssh}, arguments: {{known_hosts: '{known_hosts}'}}}}
      console: {{protocol: telnet, ip: 127.0.0.1, port: {telnet}}}
"
            );
        }
        let testbed = std::env::temp_dir().join(format!("conn-share-run-{name}-{}.yaml", std::process::id()));
        std::fs::write(&testbed, file).expect("a temporary file");
        Self { _running: running, _known_hosts: known_hosts, testbed }
    }

    /// `run` on the testbed.
    fn run(&self, password: Option<&str>, arguments: &[&str]) -> Output {
        let mut command = example("run");
        command.arg("--testbed").arg(&self.testbed).args(arguments).env_remove("RUN_TEST_PASSWORD");
        if let Some(password) = password {
            command.env("RUN_TEST_PASSWORD", password);
        }
        run(&mut command)
    }
}

impl Drop for Routers {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.testbed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_takes_devices_from_a_testbed() {
    let routers = Routers::start("devices").await;
    let both = ["--device", "R2", "--device", "R1", "--pool", "2", "show version", "show ip route", "show version"];
    let output = routers.run(Some("pw"), &both);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    let titles: Vec<_> = printed.lines().filter(|line| line.starts_with("=== ")).collect();
    let expected = ["R2: show version", "R2: show ip route", "R2: show version"];
    let expected = expected.map(str::to_owned).into_iter();
    let expected: Vec<_> = expected.clone().chain(expected.map(|title| title.replace("R2", "R1"))).collect();
    assert_eq!(titles, expected.iter().map(|title| format!("=== {title}")).collect::<Vec<_>>());

    let output = routers.run(Some("pw"), &["--device", "R1", "--via", "console", "show version"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let log = routers.testbed.with_extension("log");
    let output = routers.run(Some("pw"), &["--device", "R1", "--log", &log.to_string_lossy(), "show version"]);
    let logged = std::fs::read_to_string(&log).expect("a log");
    std::fs::remove_file(&log).expect("it is there");
    assert!(output.status.success() && logged.contains("[R1 via mgmt 1] > show version\\n"), "{logged}");

    let output = routers.run(Some("pw"), &["show version"]);
    assert!(text(&output.stderr).contains("say which device"), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn run_tells_what_went_wrong_and_what_to_do() {
    let routers = Routers::start("errors").await;
    let output = routers.run(Some("pw"), &["--all", "show version"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert_eq!(printed.matches(" FRRouting ").count() + printed.matches("\nFRRouting ").count(), 2, "{printed}");
    assert!(printed.contains("=== R3: connect\n!!! R3 via console: "), "{printed}");
    assert!(printed.contains("Check the address and the port"), "{printed}");

    let output = routers.run(Some("wrong"), &["--device", "R1", "show version"]);
    assert!(text(&output.stdout).contains("Check the user name and the password"), "{}", text(&output.stdout));
    let output = routers.run(None, &["--device", "R1", "show version"]);
    assert!(text(&output.stdout).contains("RUN_TEST_PASSWORD is not set"), "{}", text(&output.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn run_configures_first_and_stops_there_when_a_line_is_refused() {
    let routers = Routers::start("configure").await;
    let file = routers.testbed.with_extension("cfg");
    let configure = |lines: &str| {
        std::fs::write(&file, lines).expect("a temporary file");
        let file = file.to_string_lossy();
        routers.run(Some("pw"), &["--device", "R1", "--configure", &file, "show running-config"])
    };
    let good = configure("interface eth0\n description uplink\n");
    let bad = configure("interface eth0\n bogus\n");
    std::fs::remove_file(&file).expect("it was there");
    let printed = text(&good.stdout);
    assert!(good.status.success() && printed.contains(" description uplink"), "{printed}");
    let printed = text(&bad.stdout);
    assert!(printed.contains("line 2 of 2 was refused") && !printed.contains("=== R1: show"), "{printed}");
    assert_eq!(bad.status.code(), Some(1));
}
