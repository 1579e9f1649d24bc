//! What a thousand devices with five SSH sessions each cost in memory: of this process alone, for the simulated routers run in
//! another one.
//!
//! `ulimit -n 20000; cargo run --release --features talking --bin fleet -- 1000 5`, the numbers being those unless given.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conn_share::sim::Router;
use conn_share::{ConnectOptions, Device, HostKeys, Path, SshConnection, pcall};

/// How many devices log in at the same time.
const AT_ONCE: usize = 50;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("routers") => runtime.block_on(serve(number(1, 1000)?)),
        _ => runtime.block_on(visit(number(0, 1000)?, number(1, 5)?)),
    }
}

/// Starts the routers, says where they are, and ends with the standard input.
async fn serve(devices: usize) -> Outcome {
    let mut routers = Vec::new();
    for number in 0..devices {
        let router = Router::builder().hostname(format!("r{number}")).user("admin", "pw").start().await?;
        println!("{} {}", router.ssh_addr().port(), router.host_key_line());
        routers.push(router);
    }
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

async fn visit(devices: usize, workers: usize) -> Outcome {
    let mut routers = Command::new(std::env::current_exe()?)
        .args(["routers", &devices.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let folder = std::env::temp_dir().join(format!("conn-share-fleet-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let result = measure(&mut routers, &folder, devices, workers).await;
    fs::remove_dir_all(&folder)?;
    drop(routers.stdin.take());
    routers.wait()?;
    result
}

async fn measure(routers: &mut std::process::Child, folder: &PathBuf, devices: usize, workers: usize) -> Outcome {
    let mut lines = BufReader::new(routers.stdout.take().ok_or("no pipe")?).lines();
    let mut fleet = Vec::new();
    for number in 0..devices {
        let line = lines.next().ok_or("the routers have ended")??;
        let (port, key) = line.split_once(' ').ok_or("no address")?;
        let file = folder.join(port);
        fs::write(&file, key)?;
        let trust = HostKeys::known().without_default_files().file(file);
        let options = ConnectOptions::via("mgmt").pool_size(workers).host_keys(trust);
        let device = Device::builder(format!("r{number}")).os("frr").login("admin", "pw");
        let device = device.path("mgmt", Path::ssh("127.0.0.1").port(port.parse()?)).build()?;
        fleet.push((device, options.connect_timeout(Duration::from_secs(300))));
    }
    let before = memory("VmRSS:")?;
    println!("{devices} devices described: {} MB resident", before / 1024);

    let start = Instant::now();
    let connected = pcall(&fleet, |(device, options)| device.connect::<SshConnection>(options.clone()));
    for result in connected.limit(AT_ONCE).timeout(Duration::from_secs(3600)).await {
        result?;
    }
    let sessions: usize = fleet.iter().map(|(device, _)| device.sessions()).sum();
    let idle = memory("VmRSS:")?;
    println!(
        "{sessions} sessions in {:.1?}: {} MB resident, {} KB each; at most {} MB meanwhile",
        start.elapsed(),
        idle / 1024,
        idle.saturating_sub(before) / sessions.max(1),
        memory("VmHWM:")? / 1024
    );

    let start = Instant::now();
    let answers = pcall(&fleet, |(device, _)| async move {
        let replies = pcall(0..workers, |_| device.execute("show ip bgp")).await;
        replies.into_iter().map(|reply| Ok(reply?.len())).sum::<conn_share::Result<usize>>()
    });
    let mut bytes = 0;
    for result in answers.await {
        bytes += result?;
    }
    println!(
        "a `show ip bgp` on each, all at once, in {:.1?}: {} MB of answers, {} MB resident at most",
        start.elapsed(),
        bytes / 1_000_000,
        memory("VmHWM:")? / 1024
    );
    let closed = pcall(&fleet, |(device, _)| device.disconnect_all()).await;
    closed.into_iter().try_for_each(|done| Ok(done?))
}

/// A line of this process's state, in KB.
fn memory(name: &str) -> Outcome<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
