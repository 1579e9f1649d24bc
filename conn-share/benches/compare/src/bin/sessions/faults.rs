//! What comes back right after a command that was given up in the middle of its output.
//!
//! A long command is given up at a random moment between a tenth and nine tenths of the time that it takes, and at once something is asked
//! whose right answer is known. The sides take turns, so that the machine's moods hit all alike.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use conn_share::{Connection, SshConnection};
use conn_share_tests::{Dice, Lab, LabOptions, Login};

use crate::bare::Bare;
use crate::neter::Neter;

const TIMES: usize = 200;
const LONG: &str = "show ip bgp";
/// 345 KB of it.
const ROUTES: usize = 5000;
/// Answers in a row that are compared with what vtysh says where nobody interrupts.
const UNINTERRUPTED: usize = 40;
const LIMIT: Duration = Duration::from_secs(20);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + 'a>>;

/// One of those compared.
trait Side {
    fn name(&self) -> &'static str;
    fn run<'a>(&'a mut self, command: &'a str) -> Answer<'a>;

    /// What a caller can do after an error.
    fn start_anew<'a>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async {})
    }
}

struct Ours(SshConnection);

impl Side for Ours {
    fn name(&self) -> &'static str {
        "conn-share"
    }

    fn run<'a>(&'a mut self, command: &'a str) -> Answer<'a> {
        Box::pin(async move { self.0.execute(command).await.map(|r| r.to_string()).map_err(|e| e.to_string()) })
    }
}

impl Side for Bare {
    fn name(&self) -> &'static str {
        "bare russh"
    }

    fn run<'a>(&'a mut self, command: &'a str) -> Answer<'a> {
        Box::pin(async move { Ok(String::from_utf8_lossy(&Bare::run(self, command).await).into_owned()) })
    }
}

struct Rneter(Neter, &'static str);

impl Side for Rneter {
    fn name(&self) -> &'static str {
        self.1
    }

    fn run<'a>(&'a mut self, command: &'a str) -> Answer<'a> {
        Box::pin(self.0.run_by_manager(command))
    }

    /// Left alone, it goes on failing.
    fn start_anew<'a>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(self.0.close())
    }
}

const SIDES: usize = 4;

/// Fresh sessions.
async fn sides(lab: &Lab) -> [Box<dyn Side>; SIDES] {
    let (user, key) = (Login::Router.user(), lab.key());
    [
        Box::new(Ours(crate::connected(lab).await)),
        Box::new(Rneter(Neter::connect(lab, user, &key, None).await, "rneter, its template")),
        Box::new(Rneter(Neter::connect(lab, user, &key, Some("r1# ")).await, "rneter, the exact prompt")),
        Box::new(crate::bare(lab).await),
    ]
}

/// What came of it on one side.
#[derive(Default)]
struct Tally {
    right: usize,
    foreign: usize,
    failed: usize,
    /// Uninterrupted long answers that were not whole, and reported as a success all the same.
    cut: usize,
    /// Those that were an error.
    refused: usize,
    asking: Duration,
    failures: Vec<String>,
}

pub async fn after_given_up() {
    let lab = Lab::start(&LabOptions { routes: ROUTES }).expect("a lab");
    let mut tallies: [Tally; SIDES] = Default::default();
    let expected = Expected::of(&lab);
    // The bare loop's answers hold echo and prompt, so that only what is missing counts.
    let table = lab.vtysh(LONG).expect("the table");
    let table_lines = lines(&table);
    let mut whole = Duration::ZERO;
    let mut asked = sides(&lab).await;
    for _ in 0..UNINTERRUPTED {
        for (at, side) in asked.iter_mut().enumerate() {
            let start = Instant::now();
            let Ok(answer) = side.run(LONG).await else {
                tallies[at].refused += 1;
                side.start_anew().await;
                continue;
            };
            let mut told = answer.lines().map(str::trim);
            if !table_lines.iter().all(|line| told.any(|said| said == line)) {
                tallies[at].cut += 1;
                continue;
            }
            if at == 0 {
                whole += start.elapsed() / UNINTERRUPTED as u32;
            }
        }
    }

    let mut asked = sides(&lab).await;
    let mut dice = Dice::new(Dice::seed());
    for number in 0..TIMES {
        for (at, side) in asked.iter_mut().enumerate() {
            give_up(side.as_mut(), whole, &mut dice).await;
            let address = lab.address((number * 7 + at) % lab.routes());
            let (command, tally) = (format!("show ip route {address}"), &mut tallies[at]);
            let failed = tally.failed;
            let start = Instant::now();
            match tokio::time::timeout(LIMIT, side.run(&command)).await {
                Ok(Ok(answer)) if expected.is(&answer, &address) => tally.right += 1,
                Ok(Ok(_)) => tally.foreign += 1,
                Ok(Err(error)) => {
                    tally.failed += 1;
                    tally.failures.push(error);
                }
                Err(_) => {
                    tally.failed += 1;
                    tally.failures.push("no answer".to_owned());
                }
            }
            tally.asking += start.elapsed();
            if tally.failed > failed {
                side.start_anew().await;
            }
        }
    }
    println!("{TIMES} commands, each right after `{LONG}` ({} KB) was given up in the middle", table.len() / 1000);
    for (side, tally) in asked.iter().zip(&tallies) {
        println!(
            "  {:<24} {:>3} right, {:>3} foreign or cut, {:>3} failed, {:>6.1} ms each; of {UNINTERRUPTED} uninterrupted \
             long ones {:>2} cut, {:>2} failed",
            side.name(),
            tally.right,
            tally.foreign,
            tally.failed,
            tally.asking.as_secs_f64() * 1e3 / TIMES as f64,
            tally.cut,
            tally.refused,
        );
        if let Some(failure) = tally.failures.first() {
            println!("    the first failure: {failure}");
        }
    }
}

/// Runs the long command and drops it half-way, until that was before its end; on a side that takes another answer for it, a few times.
async fn give_up(side: &mut dyn Side, whole: Duration, dice: &mut Dice) {
    for _ in 0..10 {
        let patience = whole * (10 + dice.below(80) as u32) / 100;
        if tokio::time::timeout(patience, side.run(LONG)).await.is_err() {
            return;
        }
    }
}

/// What `show ip route` says about a network, which but for the address is the same for all.
struct Expected {
    address: String,
    lines: Vec<String>,
}

impl Expected {
    fn of(lab: &Lab) -> Self {
        let address = lab.address(0);
        let route = lab.vtysh(&format!("show ip route {address}")).expect("a route");
        Self { address, lines: lines(&route) }
    }

    /// Whether `answer` is the whole answer about `address`, and no more but for an echo and a prompt.
    fn is(&self, answer: &str, address: &str) -> bool {
        let told = lines(answer);
        let wanted: Vec<String> = self.lines.iter().map(|line| line.replace(&self.address, address)).collect();
        told.len() <= wanted.len() + 2 && told.windows(wanted.len()).any(|here| here == wanted)
    }
}

fn lines(text: &str) -> Vec<String> {
    let aged = |line: &str| line.starts_with("Last update");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !aged(line));
    lines.map(str::to_owned).collect()
}
