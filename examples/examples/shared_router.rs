//! One router, shared: two commands at once on one session, five on a pool, and a sixth that has to wait.
//!
//! `cargo run --example shared_router` starts a simulated router and talks to that; `--help` says how to point it at a
//! real device.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn_share::{
    AsyncPool, ConnectOptions, Connection, ConnectionClass, Device, Reply, Session, SshConnection, TelnetConnection,
    WorkerGuard, pcall,
};
use conn_share_examples::{Call, Lab, Options, Outcome, Printer, Timeline, whole_error};

const COMMANDS: [&str; 5] =
    ["show version", "show running-config", "show ip ospf database", "show ip route", "show ip bgp"];

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("Usage: shared_router [OPTIONS]\n\n{}", Options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("shared_router: {error}; --help says more");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shared_router: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome {
    let lab = Lab::open(options).await?;
    if let Some(router) = lab.router() {
        println!("A simulated router listens on {} (SSH) and {} (Telnet).\n", router.ssh_addr(), router.telnet_addr());
    }
    let done = the_main_job(lab.device(), options).await;
    if let Some(router) = lab.router() {
        println!("\nThe router's own record: {} commands at most at the same time.", router.max_concurrent_commands());
    }
    lab.close().await?;
    done
}

/// The console is the Telnet line, the pool goes over SSH; with only one of them at hand, it does for both.
async fn the_main_job(device: &Device, options: &Options) -> Outcome {
    let has = |via: &str| device.paths().any(|path| path == via);
    if has("console") {
        one_session::<TelnetConnection>(device, "console").await?;
    } else {
        one_session::<SshConnection>(device, "mgmt").await?;
    }
    if has("mgmt") {
        a_pool::<SshConnection>(device, "mgmt", options).await
    } else {
        a_pool::<TelnetConnection>(device, "console", options).await
    }
}

/// Two tasks, one session: the second waits until the first is done.
async fn one_session<C: ConnectionClass>(device: &Device, via: &str) -> Outcome {
    println!("1. Two tasks call `execute` at the same moment, on one session ({via})\n");
    let console = device.connect::<C>(ConnectOptions::via(via).alias("one session")).await?;
    let begun = Instant::now();
    let tasks = [("task 1", "show ip route"), ("task 2", "show version")]
        .map(|(by, command)| tokio::spawn(execute_as(by, Arc::clone(&console), command, begun)));
    let mut timeline = Timeline::default();
    for task in tasks {
        timeline.0.push(task.await??);
    }
    println!("{timeline}\n  at most {} at work at a time\n", timeline.most_at_once());
    Ok(())
}

async fn execute_as(by: &str, console: Arc<dyn Connection>, command: &str, begun: Instant) -> conn_share::Result<Call> {
    let asked = begun.elapsed();
    let reply = console.execute(command).await?;
    Ok(call(command, by, asked, &reply, begun.elapsed()))
}

/// A pool: as many commands at work as there are workers, and a line for those that come later.
async fn a_pool<C: ConnectionClass>(device: &Device, via: &str, options: &Options) -> Outcome {
    let workers = options.workers;
    println!("2. {} commands side by side, over a pool of {workers} sessions ({via})\n", COMMANDS.len());
    let connect = ConnectOptions::via(via).alias("pool").pool_size(workers).pool_timeout(Duration::from_secs(30));
    device.connect::<C>(connect).await?;
    let pool = device.pool_as::<C>("pool")?;
    let begun = Instant::now();
    // `pcall(COMMANDS, |command| pool.execute(command))` does the same, and does not tell which worker it was.
    let results = pcall(COMMANDS, |command| execute_and_tell(&pool, command, begun)).await;
    let mut timeline = Timeline::default();
    let mut outputs = Vec::new();
    for (command, result) in COMMANDS.into_iter().zip(results) {
        let (call, reply) = result?;
        let title = format!("{command} ({}, {} lines)", call.by, reply.lines().count());
        timeline.0.push(call);
        outputs.push((title, reply));
    }
    println!(
        "{timeline}\n  at most {} at work at a time; results come in the order of the arguments",
        timeline.most_at_once()
    );
    for (title, reply) in outputs {
        Printer { full: options.full }.output(&title, &reply);
    }
    exhausted(&pool, workers).await
}

async fn execute_and_tell<C: ConnectionClass>(
    pool: &AsyncPool<Session<C>>,
    command: &str,
    begun: Instant,
) -> conn_share::Result<(Call, Reply)> {
    let asked = begun.elapsed();
    let worker = pool.get().await?;
    let reply = worker.execute(command).await?;
    let by = format!("worker {}", WorkerGuard::id(&worker));
    Ok((call(command, &by, asked, &reply, begun.elapsed()), reply))
}

/// Every worker is taken: a request waits its turn, and is told after a while for whom.
async fn exhausted<C: ConnectionClass>(pool: &AsyncPool<Session<C>>, workers: usize) -> Outcome {
    println!("\n3. All {workers} workers are taken; one more request comes\n");
    let mut taken = Vec::new();
    for _ in 0..workers {
        taken.push(pool.get().await?);
    }
    match pool.get_timeout(Duration::from_millis(200)).await {
        Ok(_) => return Err("a worker came from nowhere".into()),
        Err(error) => println!("  with a timeout:  {}", whole_error(&error).replace("; ", "\n                   ")),
    }
    let begun = Instant::now();
    let next = execute_and_tell(pool, "show version", begun);
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        taken.pop().map(|worker| WorkerGuard::id(&worker))
    };
    let (next, released) = tokio::join!(next, release);
    let (call, reply) = next?;
    println!(
        "  without:         waited {:.1?}, until worker {} was back; {} then ran `show version` ({} lines)",
        call.started,
        released.map_or_else(|| "?".to_owned(), |id| id.to_string()),
        call.by,
        reply.lines().count()
    );
    Ok(())
}

/// The call as it happened: its turn came when the device began to work on it.
fn call(command: &str, by: &str, asked: Duration, reply: &Reply, ended: Duration) -> Call {
    let started = ended.saturating_sub(reply.elapsed()).max(asked);
    Call { name: command.to_owned(), by: by.to_owned(), asked, started, ended }
}
