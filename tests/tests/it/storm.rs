//! Calls given up at random moments, sessions killed and frozen: and every answer is its own caller's, and whole.
//!
//! `CONN_SHARE_STORM` sets the number of commands over SSH (1,500 unless set; 10,000 for the full storm), and
//! `CONN_SHARE_SEED` replays one that failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conn_share::{
    AsyncPool, ConnectOptions, Connection, ConnectionClass, Device, Error, ErrorKind, Session, SshConnection,
    TelnetConnection,
};
use conn_share_tests::{Dice, Lab, LabOptions, Process};

use crate::ways::{self, HANG};

/// A long answer is to be long: 140 KB of `show ip bgp`, more than the buffers on the way hold; 345 KB in the full storm.
fn routes() -> usize {
    if commands(1500) < 10_000 { 2000 } else { 5000 }
}

const WORKERS: usize = 5;
/// A frozen session is given up after this.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// What a call may take: a worker found frozen, the session opened again, the command; and a busy machine.
const DEADLINE: Duration = Duration::from_secs(45);

/// What came of the calls.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    given_up: AtomicUsize,
    /// Failed calls: none may without a session killed or frozen.
    failed: AtomicUsize,
    hung: AtomicUsize,
    wrong: std::sync::Mutex<Vec<String>>,
    failures: std::sync::Mutex<Vec<String>>,
}

/// What is asked, and what the answer has to be.
struct Questions {
    lab: Arc<Lab>,
    table: String,
    route: String,
}

impl Questions {
    const LONG: &'static str = "show ip bgp";

    fn new(lab: &Arc<Lab>, long: &str) -> Self {
        let route = lab.vtysh(&format!("show ip route {}", lab.address(0))).expect("a route");
        Self { lab: Arc::clone(lab), table: lab.vtysh(long).expect("the table"), route: steady(&route) }
    }

    /// The answer to `show ip route` for the network of this number: they differ in the address alone.
    fn route_to(&self, network: usize) -> String {
        self.route.replace(&self.lab.address(0), &self.lab.address(network))
    }
}

/// A route without its age, and without blank lines around.
fn steady(route: &str) -> String {
    let aged = |line: &str| line.trim_start().starts_with("Last update");
    route.lines().filter(|line| !aged(line)).map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// What the storm does, on one device.
struct Storm {
    callers: usize,
    commands: usize,
    seed: u64,
    long: &'static str,
    questions: Questions,
    tally: Tally,
}

impl Storm {
    /// One caller of `callers`: its share of the commands, a third of them given up.
    async fn caller(self: Arc<Self>, number: usize, device: Device) {
        let mut dice = Dice::new(self.seed.wrapping_add(number as u64 * 7919));
        for _ in 0..self.commands / self.callers {
            let network = dice.below(self.questions.lab.routes() as u64) as usize;
            let long = dice.one_in(4);
            let command = match long {
                true => self.long.to_owned(),
                false => format!("show ip route {}", self.questions.lab.address(network)),
            };
            let call = device.execute(&command);
            if dice.one_in(3) {
                // Given up after a moment that may be before the turn, within the exchange, or after its end.
                let patience = Duration::from_micros(dice.below(25_000));
                match tokio::time::timeout(patience, call).await {
                    Ok(reply) => self.judge(&command, long, network, reply),
                    Err(_) => drop(self.tally.given_up.fetch_add(1, Ordering::Relaxed)),
                }
                continue;
            }
            match tokio::time::timeout(DEADLINE, call).await {
                Ok(reply) => self.judge(&command, long, network, reply),
                Err(_) => drop(self.tally.hung.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }

    fn judge(&self, command: &str, long: bool, network: usize, reply: Result<conn_share::Reply, Error>) {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.tally.failed.fetch_add(1, Ordering::Relaxed);
                let text = format!("{command}: {:?} in {:?}: {error}", error.kind(), error.phase());
                self.tally.failures.lock().expect("the failures").push(text);
                return;
            }
        };
        self.tally.answered.fetch_add(1, Ordering::Relaxed);
        let difference = match long {
            true => conn_share_tests::compare::first_difference(&reply, &self.questions.table),
            false => {
                let (got, wanted) = (steady(&reply), self.questions.route_to(network));
                (got != wanted).then(|| format!("{got:?} instead of {wanted:?}"))
            }
        };
        if let Some(difference) = difference {
            self.tally.wrong.lock().expect("the wrong ones").push(format!("{command}: {difference}"));
        }
    }

    /// All callers, each a task.
    async fn rage(self: &Arc<Self>, device: &Device) -> Duration {
        let start = Instant::now();
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..self.callers {
            callers.spawn(Arc::clone(self).caller(number, device.clone()));
        }
        callers.join_all().await;
        start.elapsed()
    }
}

/// Kills or freezes sessions on the server until told to stop; how many of each, and those still frozen.
async fn make_trouble(lab: &Lab, seed: u64, pause: Duration, done: &AtomicBool) -> (usize, Vec<Process>) {
    let mut dice = Dice::new(seed ^ 0x7072_6f62);
    let (mut killed, mut frozen) = (0, Vec::new());
    while !done.load(Ordering::Relaxed) {
        tokio::time::sleep(pause).await;
        if done.load(Ordering::Relaxed) {
            break;
        }
        let shells: Vec<_> = lab.shells().into_iter().filter(|shell| !frozen.contains(shell)).collect();
        if shells.is_empty() {
            continue;
        }
        let shell = &shells[dice.below(shells.len() as u64) as usize];
        // One that ends by itself meanwhile is no loss.
        match dice.below(3) {
            0 if shell.freeze().is_ok() => frozen.push(shell.clone()),
            1 if shell.parent().is_some_and(|sshd| sshd.kill().is_ok()) => killed += 1,
            2 if shell.kill().is_ok() => killed += 1,
            _ => {}
        }
    }
    (killed, frozen)
}

fn commands(default: usize) -> usize {
    std::env::var("CONN_SHARE_STORM").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Every worker of the pool answers, and there are as many as there should be.
///
/// A session that was frozen while nobody used it is found by the first call on it, which fails: as many may as were
/// frozen. So may one that was killed at the very end, and whose worker was taken before the news had come. The second
/// call on such a worker has to work.
async fn check_whole<C: ConnectionClass>(
    pool: &AsyncPool<Session<C>>,
    questions: &Questions,
    size: usize,
    frozen: usize,
) {
    let mut workers = Vec::new();
    for _ in 0..size {
        workers.push(tokio::time::timeout(HANG, pool.get()).await.expect("a worker within reason").expect("a worker"));
    }
    let command = format!("show ip route {}", questions.lab.address(7));
    let (mut found, mut gone) = (0, 0);
    for worker in &workers {
        let reply = match worker.execute(&command).await {
            Ok(reply) => reply,
            Err(error) => {
                match error.kind() {
                    ErrorKind::Disconnected => gone += 1,
                    _ if error.is_timeout() => found += 1,
                    _ => panic!("{error:?}"),
                }
                assert!(found <= frozen && gone <= 1, "{error:?}");
                worker.execute(&command).await.expect("an answer after the lost session was found")
            }
        };
        assert_eq!(steady(&reply), questions.route_to(7));
    }
    let status = pool.status();
    assert_eq!((status.size, status.on_loan, status.idle), (size, size, 0), "{status:?}");
    drop(workers);
    assert_eq!(pool.status().on_loan, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_ssh_with_sessions_killed_and_frozen() {
    let seed = Dice::seed();
    let commands = commands(1500);
    let lab = Arc::new(Lab::start(&LabOptions { routes: routes() }).expect("a lab"));
    let questions = Questions::new(&lab, Questions::LONG);
    let device = ways::device(&lab);
    let options = ConnectOptions::via("mgmt").pool_size(WORKERS).command_timeout(COMMAND_TIMEOUT);
    device.connect::<SshConnection>(options).await.expect("a pool");
    let pool = device.pool_as::<SshConnection>("mgmt").expect("the pool");

    let done = Arc::new(AtomicBool::new(false));
    let trouble = tokio::spawn({
        let (lab, done) = (Arc::clone(&lab), Arc::clone(&done));
        async move { make_trouble(&lab, seed, Duration::from_millis(1500), &done).await }
    });
    let storm = Storm { callers: 7, commands, seed, long: Questions::LONG, questions, tally: Tally::default() };
    let storm = Arc::new(storm);
    let took = storm.rage(&device).await;
    done.store(true, Ordering::Relaxed);
    let (killed, frozen) = trouble.await.expect("the trouble");
    report("SSH", &storm, took);
    check_whole(&pool, &storm.questions, WORKERS, frozen.len()).await;

    let (mut resynchronised, mut reconnected) = (0, 0);
    let workers = [pool.get().await, pool.get().await, pool.get().await, pool.get().await, pool.get().await];
    for worker in workers {
        let status = worker.expect("a worker").status();
        resynchronised += status.resynchronised;
        reconnected += status.reconnected;
    }
    let counters = pool.status().counters;
    eprintln!(
        "  sessions killed {killed}, frozen {}; the workers at the end: {resynchronised} recoveries in place, \
         {reconnected} reconnects; the pool: {} connected, {} closed",
        frozen.len(),
        counters.connected,
        counters.closed
    );
    let lost = frozen.len();
    for shell in frozen {
        // Most are gone by now, with their session.
        let _ = shell.thaw();
    }
    // One that is taken away takes the call along that it was busy with, and no other.
    judge(&storm, killed + lost);
    device.disconnect_all().await.expect("disconnecting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_one_telnet_line() {
    let seed = Dice::seed();
    let commands = commands(1500) / 5;
    let lab = Arc::new(Lab::start(&LabOptions { routes: routes() }).expect("a lab"));
    // zebra knows no BGP table; the ages in its own are masked.
    let questions = Questions::new(&lab, "show ip route");
    let device = ways::device(&lab);
    let options = ConnectOptions::via("console").command_timeout(COMMAND_TIMEOUT);
    device.connect::<TelnetConnection>(options).await.expect("a connection");
    let line = device.connection_as::<TelnetConnection>("console").expect("the line");

    let storm = Storm { callers: 2, commands, seed, long: "show ip route", questions, tally: Tally::default() };
    let storm = Arc::new(storm);
    let took = storm.rage(&device).await;
    report("Telnet", &storm, took);
    let status = line.status();
    eprintln!("  {} recoveries in place, {} reconnects", status.resynchronised, status.reconnected);
    judge(&storm, 0);
    assert!(line.is_connected());
    device.disconnect_all().await.expect("disconnecting");
}

fn report(way: &str, storm: &Storm, took: Duration) {
    let Storm { commands, seed, tally, .. } = storm;
    let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
    eprintln!(
        "storm over {way}, seed {seed}: {commands} commands in {took:.1?}, {:.0}/s; answered {}, given up {}, failed {}, \
         hung {}",
        *commands as f64 / took.as_secs_f64(),
        count(&tally.answered),
        count(&tally.given_up),
        count(&tally.failed),
        count(&tally.hung)
    );
}

/// No wrong answer, no hang, and no more failures than sessions taken away explain.
fn judge(storm: &Storm, allowed_failures: usize) {
    let Storm { tally, seed, .. } = storm;
    let wrong = tally.wrong.lock().expect("the wrong ones");
    assert!(wrong.is_empty(), "seed {seed}: {} wrong answers, the first: {:?}", wrong.len(), wrong.first());
    assert_eq!(tally.hung.load(Ordering::Relaxed), 0, "seed {seed}: calls hung");
    let failures = tally.failures.lock().expect("the failures");
    assert!(failures.len() <= allowed_failures, "seed {seed}: {} failures: {failures:#?}", failures.len());
    assert!(tally.answered.load(Ordering::Relaxed) > 0 && tally.given_up.load(Ordering::Relaxed) > 0);
}
