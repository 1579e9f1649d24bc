//! Six hundred commands, a third of them given up at random moments: does anybody get somebody else's answer?
//!
//! On the simulated router, sessions are killed meanwhile, and output drips in odd pieces. `--help` says how to point it
//! at a real device.

use std::collections::HashMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use conn_share::sim::{Fault, Router, Scope};
use conn_share::{
    AsyncPool, ConnectOptions, Connection, ConnectionClass, Device, Session, SshConnection, TelnetConnection, pcall,
};
use conn_share_examples::{Lab, Options, Outcome, whole_error};
use tokio::time::timeout;

const COMMANDS: usize = 600;
/// How many callers there are at a time; the workers are fewer.
const CALLERS: usize = 25;
/// No command may take longer than this, recovery and reconnecting included.
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Long enough for a login, or nobody would ever get to work.
const BETWEEN_KILLS: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("Usage: cancel_storm [OPTIONS]\n\n{}", Options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("cancel_storm: {error}; --help says more");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cancel_storm: {}", whole_error(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome {
    let lab = Lab::open(options).await?;
    let done = match lab.device().paths().any(|path| path == "mgmt") {
        true => storm::<SshConnection>(lab.device(), "mgmt", lab.router(), options).await,
        false => storm::<TelnetConnection>(lab.device(), "console", lab.router(), options).await,
    };
    lab.close().await?;
    done
}

/// What came of the commands.
#[derive(Default)]
struct Tally {
    right: AtomicUsize,
    wrong: AtomicUsize,
    given_up: AtomicUsize,
    failed: AtomicUsize,
    hung: AtomicUsize,
    first_failure: OnceLock<String>,
}

async fn storm<C: ConnectionClass>(device: &Device, via: &str, router: Option<&Router>, options: &Options) -> Outcome {
    let connect = ConnectOptions::via(via).alias("storm").pool_size(options.workers).command_timeout(LIMIT / 2);
    device.connect::<C>(connect).await?;
    let pool = device.pool_as::<C>("storm")?;
    let calm = calm_answers(&pool).await?;
    let seed = RandomState::new().hash_one(0);
    println!(
        "{COMMANDS} commands over {} sessions ({via}), a third given up half-way; seed {seed:016x}",
        options.workers
    );

    if let Some(router) = router {
        router.inject(Scope::All, Fault::Drip { most: 400, pause: Duration::ZERO });
    }
    let begun = Instant::now();
    let tally = Tally::default();
    let calls = async {
        let call = |number| one_call(&pool, number, seed, &calm, &tally);
        pcall(0..COMMANDS, call).limit(CALLERS).await.into_iter().collect::<Result<(), std::convert::Infallible>>()
    };
    tokio::select! {
        Ok(()) = calls => {}
        () = kill_sessions(router, options.workers, seed) => {}
    }
    let took = begun.elapsed();
    if let Some(router) = router {
        router.clear_faults();
    }

    let Tally { right, wrong, given_up, failed, hung, first_failure } = &tally;
    println!("{right:?} right, {wrong:?} wrong, {given_up:?} given up, {failed:?} failed, {hung:?} over their limit");
    if let Some(failure) = first_failure.get() {
        println!("the first failure: {failure}");
    }
    let counters = pool.status().counters;
    println!(
        "{:.0} commands a second; {} sessions were opened, {} lost or closed",
        COMMANDS as f64 / took.as_secs_f64(),
        counters.connected,
        counters.closed
    );
    let after = calm_answers(&pool).await?;
    let whole = pool.status().on_loan == 0 && after == calm;
    println!("afterwards the pool is whole and answers as before: {whole}");
    if tally.wrong.load(Relaxed) + tally.hung.load(Relaxed) > 0 || !whole {
        return Err("the storm did damage".into());
    }
    Ok(())
}

/// What the device answers when nobody disturbs it.
async fn calm_answers<C: ConnectionClass>(pool: &AsyncPool<Session<C>>) -> conn_share::Result<HashMap<String, String>> {
    let mut answers = HashMap::new();
    for number in 0..40 {
        let command = command(number);
        let answer = timeless(&pool.execute(&command).await?);
        answers.insert(command, answer);
    }
    let distinct: std::collections::HashSet<_> = answers.values().collect();
    if distinct.len() < answers.len() {
        println!("note: only {} of {} answers differ, so a mix-up may go unseen", distinct.len(), answers.len());
    }
    Ok(answers)
}

/// A long answer now and then, and else a short one that names what it was asked for.
fn command(number: usize) -> String {
    match number % 40 {
        n if n.is_multiple_of(8) => {
            ["show ip bgp", "show ip route", "show running-config", "show version"][n / 8 % 4].to_owned()
        }
        n => format!("show ip route 100.64.{n}.1"),
    }
}

async fn one_call<C: ConnectionClass>(
    pool: &AsyncPool<Session<C>>,
    number: usize,
    seed: u64,
    calm: &HashMap<String, String>,
    tally: &Tally,
) -> Result<(), std::convert::Infallible> {
    let command = command(number);
    let dice = mixed(seed ^ number as u64);
    // At any moment of a command's life, and often in the middle of its output.
    let patience = if dice.is_multiple_of(3) { Duration::from_micros(dice % 90_000) } else { LIMIT };
    let count = match timeout(patience, pool.execute(&command)).await {
        Ok(Ok(reply)) if calm.get(&command) == Some(&timeless(&reply)) => &tally.right,
        Ok(Ok(reply)) => {
            println!("WRONG: {command} was answered with {:?}...", reply.chars().take(200).collect::<String>());
            &tally.wrong
        }
        Ok(Err(error)) => {
            tally.first_failure.get_or_init(|| whole_error(&error));
            // While a pool cannot connect it fails at once: no use to run on.
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            &tally.failed
        }
        Err(_) if patience == LIMIT => &tally.hung,
        Err(_) => &tally.given_up,
    };
    count.fetch_add(1, Relaxed);
    Ok(())
}

/// Kills a session of the simulated router from time to time.
async fn kill_sessions(router: Option<&Router>, workers: usize, seed: u64) {
    let Some(router) = router else { return std::future::pending().await };
    for round in 1.. {
        tokio::time::sleep(BETWEEN_KILLS).await;
        let sessions = router.sessions();
        // The fewer there are, the likelier one is spared: else the last one would always be hit.
        if let Some(victim) = sessions.get(mixed(seed.wrapping_add(round)) as usize % workers) {
            router.kill_session(victim.id);
        }
    }
}

/// The text without what a device's clock changes from call to call.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| {
        word.contains(':') && word.chars().all(|c| c.is_ascii_digit() || ":,".contains(c))
            || word.ends_with(|c: char| "wdhms".contains(c)) && word.starts_with(|c: char| c.is_ascii_digit())
    };
    text.split(' ').filter(|word| !is_time(word.trim())).collect::<Vec<_>>().join(" ")
}

/// A number that looks as good as random: SplitMix64.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
