//! Two hundred routers, asked side by side: a bar while it runs, a table at the end. Some do not answer, of course.
//!
//! `cargo run --example fleet -- 20` starts fewer.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use conn_share::sim::{Fault, Router, Scope};
use conn_share::{ConnectOptions, Device, Path, Reply, Result, SshConnection, pcall};
use conn_share_examples::{KnownHosts, Outcome, whole_error};
use indicatif::{ProgressBar, ProgressStyle};

const COMMANDS: [&str; 2] = ["show version", "show ip bgp"];
/// Every so many routers one refuses to talk.
const BROKEN: usize = 40;
/// How many devices are worked on at the same time.
const AT_ONCE: usize = 50;

#[tokio::main]
async fn main() -> ExitCode {
    let size = match std::env::args().nth(1).as_deref().map_or(Ok(200), str::parse) {
        Ok(size) if size > 0 => size,
        _ => {
            eprintln!("Usage: fleet [DEVICES], a number from 1");
            return ExitCode::from(2);
        }
    };
    match run(size).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(size: usize) -> Outcome {
    let routers = start(size).await?;
    let known_hosts = KnownHosts::of(&routers)?;
    let devices = routers.iter().map(|router| describe(router, &known_hosts)).collect::<Result<Vec<_>>>()?;

    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} devices, {msg}")?;
    let bar = ProgressBar::new(size as u64).with_style(style);
    let begun = Instant::now();
    // One result a device, in the order of the devices; an error on one of them stops nobody else.
    let results = pcall(&devices, survey)
        .limit(AT_ONCE)
        .timeout(Duration::from_secs(60))
        .on_progress(|progress| {
            bar.set_position(progress.done as u64);
            bar.set_message(format!("{} failed", progress.failed));
        })
        .await;
    let took = begun.elapsed();
    bar.finish_and_clear();

    println!("{:<6} {:<28} {:>6} {:>9}", "device", "runs", "paths", "in");
    for (device, result) in devices.iter().zip(&results) {
        match result {
            Ok(row) => {
                println!("{:<6} {:<28} {:>6} {:>6} ms", device.name(), row.runs, row.paths, row.took.as_millis())
            }
            Err(error) => println!("{:<6} {}", device.name(), whole_error(error)),
        }
    }
    let failed = results.iter().filter(|result| result.is_err()).count();
    println!("\n{size} devices in {took:.1?}: {} answered, {failed} failed", size - failed);
    Ok(())
}

/// A line of the table.
struct Row {
    runs: String,
    paths: usize,
    took: Duration,
}

/// Opens two sessions, runs the commands on them side by side, closes.
async fn survey(device: &Device) -> Result<Row> {
    let begun = Instant::now();
    let connect = ConnectOptions::via("mgmt").pool_size(2).connect_timeout(Duration::from_secs(20));
    device.connect::<SshConnection>(connect).await?;
    let replies = pcall(COMMANDS, |command| async move { device.execute(command).await?.ok() }).await;
    // Closed also when a command failed; what that did is the error to tell.
    let closed = device.disconnect_all().await;
    let replies = replies.into_iter().collect::<Result<Vec<Reply>>>()?;
    closed?;
    let runs = replies[0].split(" (").next().unwrap_or_default().to_owned();
    let paths = replies[1].lines().filter(|line| line.starts_with('*')).count();
    Ok(Row { runs, paths, took: begun.elapsed() })
}

fn describe(router: &Router, known_hosts: &KnownHosts) -> Result<Device> {
    let address = router.ssh_addr();
    Device::builder(router.hostname())
        .os("frr")
        .login("admin", "pw")
        .path("mgmt", Path::ssh(address.ip().to_string()).port(address.port()))
        .options(ConnectOptions::new().host_keys(known_hosts.trusted()))
        .max_sessions(2)
        .build()
}

async fn start(size: usize) -> Outcome<Vec<Router>> {
    let mut routers = Vec::with_capacity(size);
    for number in 1..=size {
        let router = Router::builder().hostname(format!("r{number}")).user("admin", "pw").start().await?;
        if number % BROKEN == 0 || number == size {
            router.inject(Scope::All, Fault::RefuseSessions);
        }
        routers.push(router);
    }
    Ok(routers)
}
