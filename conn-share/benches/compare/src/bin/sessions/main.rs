//! Compares an `SshConnection` with a bare russh loop that waits for the known prompt and checks nothing, and with rneter, against one
//! real sshd with FRR's vtysh. The rounds take turns, so that whatever else the machine does hits all alike; printed are
//! the medians of the rounds, and of their ratios. CPU is this process's own, servers not counted.
//!
//! As root, with FRR and sshd installed: `cargo run --release --features talking --bin sessions`, with the names of parts to run those only: `version`,
//! `bgp`, `cold`, `five`, `long`, `faults`; and, if named, `ours` and `bare`, one side of `five` alone for a profiler. With `aes` among them the
//! bare loop takes AES-GCM, too, so that the cipher is no part of the ratio.

mod bare;
mod cpu;
mod faults;
mod memory;
mod neter;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use bare::Bare;
use conn_share::{
    AsyncPool, ConnectOptions, Connection, Device, ErrorKind, HostKeys, Path, Session, SessionOptions, SshConnection,
    Target,
};
use conn_share_tests::{Lab, LabOptions, Login};
use neter::Neter;
use tokio::sync::{Mutex, Semaphore};

const ROUNDS: usize = 15;

fn main() {
    let (aes, wanted): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "aes");
    bare::AES.store(!aes.is_empty(), Relaxed);
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let lab = Lab::start(&LabOptions::default()).expect("a lab");
    runtime.block_on(async {
        if wants("version") {
            one_session(&lab, "show version", 400).await;
        }
        if wants("bgp") {
            one_session(&lab, "show ip bgp", 150).await;
        }
        if wants("cold") {
            cold(&lab).await;
        }
        if wants("five") {
            five_sessions(&lab).await;
        }
        if wants("long") {
            long_output(&lab).await;
        }
        if wants("faults") {
            faults::after_given_up().await;
        }
        for side in ["ours", "bare"] {
            if wanted.iter().any(|name| name == side) {
                profile(&lab, side == "ours").await;
            }
        }
    });
}

/// Wall and CPU microseconds for each command.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

async fn cost(commands: usize, work: impl Future<Output = ()>) -> Cost {
    let (cpu, start) = (cpu::used(), Instant::now());
    work.await;
    let (wall, cpu) = (start.elapsed(), cpu::used() - cpu);
    Cost { wall: wall.as_secs_f64() * 1e6 / commands as f64, cpu: cpu.as_secs_f64() * 1e6 / commands as f64 }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// What each side took in one round: ours first.
type Round = Vec<Cost>;

fn print(title: &str, unit: &str, others: &[&str], rounds: &[Round]) {
    println!("{title}");
    for (at, name) in ["conn-share"].iter().chain(others).enumerate() {
        let (wall, cpu) = (median(rounds.iter().map(|r| r[at].wall)), median(rounds.iter().map(|r| r[at].cpu)));
        println!("  {name:<11} {:>8.0}/s {wall:>9.1} us a {unit}, {cpu:>8.1} us of CPU", 1e6 / wall);
    }
    for (at, name) in others.iter().enumerate() {
        let speed = median(rounds.iter().map(|round| round[at + 1].wall / round[0].wall));
        let cpu = median(rounds.iter().map(|round| round[0].cpu / round[at + 1].cpu));
        println!("  conn-share/{name}: speed {speed:.2}, CPU {cpu:.2}");
    }
}

fn target(lab: &Lab, login: Login, platform: &str) -> Target {
    let trust = HostKeys::known().without_default_files().file(lab.known_hosts());
    let target = Target::new(lab.ssh().ip().to_string()).port(lab.ssh().port()).username(login.user());
    target.key(lab.key()).host_keys(trust).platform(platform)
}

pub async fn connected(lab: &Lab) -> SshConnection {
    let ours = SshConnection::new(&target(lab, Login::Router, "frr")).expect("a connection");
    ours.connect().await.expect("a session");
    ours
}

pub async fn bare(lab: &Lab) -> Bare {
    let mut bare = Bare::connect(lab, Login::Router.user(), &lab.key(), "r1# ").await;
    bare.run("terminal length 0").await;
    bare
}

async fn neter(lab: &Lab) -> Neter {
    Neter::connect(lab, Login::Router.user(), &lab.key(), Some("r1# ")).await
}

async fn one_session(lab: &Lab, command: &str, times: usize) {
    let (ours, mut bare, neter) = (connected(lab).await, bare(lab).await, neter(lab).await);
    let size = ours.execute(command).await.expect("an answer").len();
    bare.run(command).await;
    neter.run(command).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let one = cost(times, async {
            for _ in 0..times {
                assert!(ours.execute(command).await.expect("an answer").len() + 8 >= size);
            }
        });
        let one = one.await;
        let other = cost(times, async {
            for _ in 0..times {
                assert!(bare.run(command).await.len() >= size);
            }
        });
        let other = other.await;
        let third = cost(times, async {
            for _ in 0..times {
                neter.run(command).await;
            }
        });
        rounds.push(vec![one, other, third.await]);
    }
    print(
        &format!("{command}, one session, back to back, {size} bytes"),
        "command",
        &["bare russh", "rneter"],
        &rounds,
    );
    ours.disconnect().await.expect("a goodbye");
    neter.close().await;
}

/// From nothing to the first answer, with a key.
async fn cold(lab: &Lab) {
    let mut rounds = Vec::new();
    let mut connecting = Vec::new();
    for _ in 0..ROUNDS {
        let ours = SshConnection::new(&target(lab, Login::Router, "frr")).expect("a connection");
        let one = cost(1, async {
            let start = Instant::now();
            ours.connect().await.expect("a session");
            connecting.push(start.elapsed().as_secs_f64() * 1e3);
            ours.execute("show version").await.expect("an answer");
        });
        let one = one.await;
        ours.disconnect().await.expect("a goodbye");
        let other = cost(1, async {
            bare(lab).await.run("show version").await;
        });
        let other = other.await;
        let mut third = None;
        let opening = cost(1, async {
            let neter = neter(lab).await;
            neter.run("show version").await;
            third = Some(neter);
        });
        rounds.push(vec![one, other, opening.await]);
        if let Some(neter) = third {
            neter.close().await;
        }
    }
    print("cold start to the first answer, key login", "start", &["bare russh", "rneter"], &rounds);
    println!("  of which our connect {:.1} ms", median(connecting.into_iter()));
}

const CALLERS: usize = 50;
const CALLS: usize = 40;

/// Five sessions of ours, of which each call takes one.
async fn ours_of_five(lab: &Lab) -> AsyncPool<SshConnection> {
    let to = target(lab, Login::Router, "frr");
    let pool = AsyncPool::builder(move || {
        let to = to.clone();
        async move {
            let connection = SshConnection::new(&to)?;
            connection.connect().await?;
            Ok::<_, conn_share::Error>(connection)
        }
    });
    pool.size(5).lockable().start().await.expect("five sessions")
}

/// The same by a device, whose pool also puts each worker back into its first state before the next call gets it.
async fn ours_by_device(lab: &Lab) -> AsyncPool<Session<SshConnection>> {
    let trust = HostKeys::known().without_default_files().file(lab.known_hosts());
    let path = Path::ssh(lab.ssh().ip().to_string()).port(lab.ssh().port());
    let described = Device::builder("r1").os("frr").login(Login::Router.user(), lab.password());
    let device = described.path("mgmt", path).build().expect("a device");
    device.connect::<SshConnection>(ConnectOptions::via("mgmt").pool_size(5).host_keys(trust)).await.expect("a pool");
    device.pool_as::<SshConnection>("mgmt").expect("the pool")
}

async fn call_ours<C: Connection>(pool: &AsyncPool<C>) {
    let pool = pool.clone();
    callers(move || {
        let pool = pool.clone();
        async move { pool.execute("show version").await.expect("an answer").len() }
    })
    .await;
}

type Bares = Arc<(Semaphore, Mutex<Vec<Bare>>)>;

async fn bares_of_five(lab: &Lab) -> Bares {
    let mut bares = Vec::new();
    for _ in 0..5 {
        bares.push(bare(lab).await);
    }
    Arc::new((Semaphore::new(5), Mutex::new(bares)))
}

async fn call_bares(bares: &Bares) {
    let bares = bares.clone();
    callers(move || {
        let bares = bares.clone();
        async move {
            let _turn = bares.0.acquire().await.expect("open");
            let mut bare = bares.1.lock().await.pop().expect("a free one");
            let answer = bare.run("show version").await;
            bares.1.lock().await.push(bare);
            answer.len()
        }
    })
    .await;
}

/// Five sessions of rneter's, each with its queue.
async fn neters_of_five(lab: &Lab) -> Arc<Vec<Neter>> {
    let mut neters = Vec::new();
    for _ in 0..5 {
        neters.push(neter(lab).await);
    }
    Arc::new(neters)
}

/// It has no pool for several sessions with one device, so each caller stays with one of them, and stands in its queue.
async fn call_neters(neters: &Arc<Vec<Neter>>) {
    let (neters, next) = (neters.clone(), Arc::new(AtomicUsize::new(0)));
    callers(move || {
        let (neters, turn) = (neters.clone(), next.fetch_add(1, Relaxed));
        async move { neters[turn % neters.len()].run("show version").await.len() }
    })
    .await;
}

/// Fifty tasks, five sessions, a worker taken for each command.
async fn five_sessions(lab: &Lab) {
    let (pool, device, bares) = (ours_of_five(lab).await, ours_by_device(lab).await, bares_of_five(lab).await);
    let neters = neters_of_five(lab).await;
    let (mut rounds, mut device_rounds) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let one = cost(CALLERS * CALLS, call_ours(&pool)).await;
        let other = cost(CALLERS * CALLS, call_bares(&bares)).await;
        let third = cost(CALLERS * CALLS, call_neters(&neters)).await;
        device_rounds.push(vec![cost(CALLERS * CALLS, call_ours(&device)).await, other, third]);
        rounds.push(vec![one, other, third]);
    }
    let others = ["bare russh", "rneter"];
    print("show version, five sessions, fifty callers", "command", &others, &rounds);
    print("the same by a device, which resets its workers", "command", &others, &device_rounds);
    pool.close().await;
    device.close().await;
}

/// One side of [`five_sessions`] alone, for a profiler to attach to once it says that it is ready.
async fn profile(lab: &Lab, ours: bool) {
    let (pool, bares) = (ours_of_five(lab).await, bares_of_five(lab).await);
    println!("ready");
    for _ in 0..ROUNDS {
        match ours {
            true => call_ours(&pool).await,
            false => call_bares(&bares).await,
        }
    }
    pool.close().await;
}

async fn callers<F: Future<Output = usize> + Send + 'static>(call: impl Fn() -> F + Clone + Send + Sync + 'static) {
    let bytes = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (call, bytes) = (call.clone(), bytes.clone());
            tokio::spawn(async move {
                for _ in 0..CALLS {
                    bytes.fetch_add(call().await, Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    assert!(bytes.load(Relaxed) > CALLERS * CALLS * 200);
}

/// Whether the cost of an answer is linear in its length, up to 100 MB, and its memory no more than a few times it.
async fn long_output(lab: &Lab) {
    let options = SessionOptions::new().max_output(256 << 20);
    let mut to = target(lab, Login::Linux, "linux");
    to.command_timeout = Some(std::time::Duration::from_secs(300));
    let ours = SshConnection::with_options(&to, options).expect("a connection");
    ours.connect().await.expect("a session");
    let mut bare = Bare::connect(lab, Login::Linux.user(), &lab.key(), "$ ").await;
    println!("long answers from a Linux shell, for each MB");
    let mut ten = None;
    for megabytes in [1, 10, 100, 10, 100] {
        let command =
            format!("yes 'B>* 10.100.0.0/24 [20/0] via 192.0.2.2, veth1, weight 1' | head -c {megabytes}000000");
        let mut length = 0;
        let before = memory::start();
        let one = cost(megabytes, async { length = ours.execute(&command).await.expect("an answer").len() }).await;
        let peak = memory::peak() - before;
        assert_eq!(length, megabytes * 1_000_000);
        let other = cost(megabytes, async {
            bare.run(&command).await;
        });
        let other = other.await;
        println!(
            "  {megabytes:>3} MB: conn-share {:>6.0} us, {:>5.0} us of CPU, {:.2} MB of memory; bare russh {:>6.0} us, {:>5.0} us of CPU",
            one.wall,
            one.cpu,
            peak / megabytes as f64,
            other.wall,
            other.cpu
        );
        match megabytes {
            10 => ten = Some(one),
            100 => {
                let ten: Cost = ten.expect("ten first");
                println!("  100 MB to 10 MB, a byte: time {:.2}, CPU {:.2}", one.wall / ten.wall, one.cpu / ten.cpu);
            }
            _ => {}
        }
    }
    ours.disconnect().await.expect("a goodbye");
    flood(lab).await;
}

/// A command that never ends: an error once the limit is passed, and the next command on a new session.
async fn flood(lab: &Lab) {
    let ours = SshConnection::new(&target(lab, Login::Linux, "linux")).expect("a connection");
    ours.connect().await.expect("a session");
    let (start, before) = (Instant::now(), memory::start());
    let error = ours.execute("yes").await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Overflow);
    println!("a flood: {error} after {:.1?}, with {:.0} MB more", start.elapsed(), memory::peak() - before);
    let start = Instant::now();
    assert_eq!(ours.execute("echo on").await.expect("an answer"), "on");
    println!(
        "  the next command: answered after {:.1?}, {} sessions opened anew",
        start.elapsed(),
        ours.status().reconnected
    );
    ours.disconnect().await.expect("a goodbye");
}
