//! The deadlines of a [`Line`] against a naive model: random requests come, leave, are told and come again; whoever's
//! time has come is told, nobody else is but one, and the earliest deadline is never missed.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::caller::Caller;
use super::line::Line;
use super::slots::Asker;
use super::slots_model::Dice;
use super::sync::Instant;

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

struct Waiting {
    ticket: u64,
    deadline: Option<Instant>,
    bell: Arc<Bell>,
    told: bool,
}

impl Waiting {
    fn register(&mut self, line: &mut Line<u64>) {
        line.register_until(self.ticket, &Waker::from(self.bell.clone()), self.deadline);
        self.told = false;
    }

    fn was_told(&mut self) -> bool {
        let rung = self.bell.0.swap(0, SeqCst) == 1;
        self.told |= rung;
        rung
    }
}

#[test]
fn deadlines_against_a_naive_model() {
    for seed in 0..40 {
        let (mut dice, mut line) = (Dice(seed), Line::<u64>::new());
        let (mut waiting, start, mut seconds) = (Vec::<Waiting>::new(), Instant::now(), 0);
        for _ in 0..2000 {
            let now = start + Duration::from_secs(seconds);
            match dice.roll(8) {
                0..=3 => {
                    let asker = Asker { place: Location::caller(), purpose: None, caller: Caller::here() };
                    let limit = Duration::from_secs(dice.roll(30) as u64 + 1);
                    let deadline = (dice.roll(5) > 0).then(|| now + limit);
                    let ticket = line.join(asker, dice.roll(2) == 0);
                    waiting.push(Waiting { ticket, deadline, bell: Arc::default(), told: false });
                    waiting.last_mut().unwrap().register(&mut line);
                }
                4 | 5 if !waiting.is_empty() => {
                    let gone = waiting.swap_remove(dice.roll(waiting.len()));
                    assert!(line.leave(gone.ticket).is_some());
                }
                6 if !waiting.is_empty() => {
                    let at = dice.roll(waiting.len());
                    waiting[at].register(&mut line);
                }
                _ => {
                    let earliest = waiting.iter().filter(|one| !one.told).filter_map(|one| one.deadline).min();
                    if let Some(earliest) = earliest {
                        assert!(line.earliest_deadline().is_some_and(|at| at <= earliest));
                    }
                    seconds += dice.roll(3) as u64;
                    let now = start + Duration::from_secs(seconds);
                    line.expired(now).into_iter().for_each(Waker::wake);
                    let mut others = 0;
                    for one in &mut waiting {
                        let (asleep, due) = (!one.told, one.deadline.is_some_and(|at| at <= now));
                        let rung = one.was_told();
                        assert!(rung || !due || !asleep, "not told in time");
                        assert!(!rung || one.deadline.is_some(), "told without a deadline");
                        others += usize::from(rung && !due);
                    }
                    assert!(others <= 1, "{others} were told early");
                }
            }
        }
    }
}
