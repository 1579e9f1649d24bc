//! [`Slots`] against a naive model: random operations, after each of which every slot and every worker is counted anew.

use std::collections::BTreeSet;
use std::panic::Location;

use super::caller::Caller;
use super::slots::{Asker, Needs, Remedy, Slot, Slots, Tally, Work, Worker};
use super::sync::Instant;

/// A worker or an attempt that is not in the pool's hands.
enum Out {
    Loan(usize, Box<Worker<u64>>),
    Tended(usize, Box<Worker<u64>>),
    Closing(usize, Box<Worker<u64>>),
    Connecting(usize),
}

/// Which workers exist, and who of them is out.
#[derive(Default)]
struct Model {
    alive: BTreeSet<u64>,
    out: Vec<Out>,
    next: u64,
}

/// Small, and the same each time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides
    }
}

fn count(slots: &Slots<u64>, fits: impl Fn(&Slot<u64>) -> bool) -> usize {
    slots.iter().filter(|slot| fits(slot)).count()
}

impl Model {
    fn lend(&mut self, slots: &mut Slots<u64>, now: Instant) {
        let idle = count(slots, |slot| matches!(slot, Slot::Idle(_)));
        let asker = Asker { place: Location::caller(), purpose: None, caller: Caller::here() };
        let lent = slots.lend(&asker, now);
        assert_eq!(lent.is_some(), idle > 0);
        self.out.extend(lent.map(|(at, worker)| Out::Loan(at, worker)));
    }

    fn look_after(&mut self, slots: &mut Slots<u64>, only_close: bool) {
        let fits = |remedy: &Remedy| !only_close || matches!(remedy, Remedy::Close);
        let ailing = count(slots, |slot| matches!(slot, Slot::Ailing(_, remedy) if fits(remedy)));
        let next = slots.next_ailing(only_close);
        assert_eq!(next.is_some(), ailing > 0);
        self.out.extend(next.map(|(at, worker, remedy)| match remedy {
            Remedy::Tend(_) => Out::Tended(at, worker),
            Remedy::Close => Out::Closing(at, worker),
        }));
    }

    fn connect(&mut self, slots: &mut Slots<u64>) {
        let vacant = count(slots, |slot| matches!(slot, Slot::Vacant { .. }));
        let at = slots.next_vacant();
        assert_eq!(at.is_some(), vacant > 0);
        self.out.extend(at.map(Out::Connecting));
    }

    /// Something that is out comes back, one way or another.
    fn come_back(&mut self, slots: &mut Slots<u64>, dice: &mut Dice, now: Instant) {
        if self.out.is_empty() {
            return;
        }
        let back = self.out.swap_remove(dice.roll(self.out.len()));
        let good = dice.roll(3) > 0;
        let tend = Remedy::Tend(Needs { check: true, ..Needs::default() });
        let close = Remedy::Close;
        match back {
            Out::Loan(at, worker) if dice.roll(4) == 0 => {
                self.alive.remove(&worker.id);
                slots.end_loan(at, worker.id, good);
                assert!(slots.take_back(at, worker, None).is_err(), "it is no longer the pool's");
            }
            Out::Loan(at, worker) => {
                let remedy = [None, Some(tend), Some(close)][dice.roll(3)];
                slots.take_back(at, worker, remedy).expect("it was on loan");
            }
            Out::Tended(at, worker) => {
                slots.note(at, Work::Resetting);
                let kept = if good { slots.settle(at, worker) } else { slots.set_aside(at, worker, close) };
                kept.expect("it was being tended");
            }
            Out::Closing(at, worker) => {
                self.alive.remove(&worker.id);
                slots.vacate(at, good);
                assert!(slots.settle(at, worker).is_err(), "there is no job any more");
            }
            Out::Connecting(at) if good => {
                self.next += 1;
                self.alive.insert(self.next);
                let worker = Worker { id: self.next, connection: self.next, expires: None, proven: now, fresh: true };
                slots.settle(at, Box::new(worker)).expect("it was being connected");
            }
            Out::Connecting(at) => slots.vacate(at, true),
        }
    }

    fn agree(&self, slots: &Slots<u64>) {
        let mut naive = Tally::default();
        let mut seen = BTreeSet::new();
        for slot in slots.iter() {
            let place = match slot {
                Slot::Unused => &mut naive.unused,
                Slot::Vacant { heal } => {
                    naive.to_heal += usize::from(*heal);
                    &mut naive.vacant
                }
                Slot::Idle(_) => &mut naive.idle,
                Slot::Ailing(_, Remedy::Tend(_)) => &mut naive.to_tend,
                Slot::Ailing(_, Remedy::Close) => &mut naive.to_close,
                Slot::Busy(Work::Connecting) => &mut naive.connecting,
                Slot::Busy(Work::Closing) => &mut naive.closing,
                Slot::Busy(_) => &mut naive.tended,
                Slot::OnLoan(_) => &mut naive.on_loan,
            };
            *place += 1;
            if let Slot::Idle(worker) | Slot::Ailing(worker, _) = slot {
                assert!(seen.insert(worker.id), "one worker in two slots");
            }
        }
        assert_eq!(naive, *slots.tally());
        for out in &self.out {
            if let Out::Loan(_, worker) | Out::Tended(_, worker) | Out::Closing(_, worker) = out {
                assert!(seen.insert(worker.id), "one worker in two hands");
            }
        }
        assert_eq!(seen, self.alive, "no worker is lost, and none lives on");
        // Above the size there is nothing but what is out and will go when it comes back.
        let staying = naive.connections() - naive.to_close - naive.closing + naive.vacant;
        if staying > slots.size() {
            assert_eq!((naive.idle, naive.vacant), (0, 0), "{naive:?} with size {}", slots.size());
        }
        assert!(naive.connections() + naive.vacant >= slots.size(), "{naive:?} with size {}", slots.size());
    }
}

#[test]
fn random_operations_agree_with_a_naive_model() {
    let now = Instant::now();
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut slots = Slots::new(dice.roll(6), false);
        let mut model = Model::default();
        for _ in 0..400 {
            let connections = slots.tally().connections();
            let size = slots.size();
            match dice.roll(12) {
                0 | 1 => model.lend(&mut slots, now),
                2 | 3 => model.look_after(&mut slots, seed % 2 == 0),
                4 | 5 => model.connect(&mut slots),
                6..=9 => model.come_back(&mut slots, &mut dice, now),
                10 => slots.resize(dice.roll(7), dice.roll(2) == 0),
                _ if dice.roll(2) == 0 => slots.heal_one(),
                _ => {
                    let limit = model.next.saturating_sub(dice.roll(4) as u64);
                    slots.retire(|worker| worker.id < limit);
                }
            }
            model.agree(&slots);
            let most = connections.max(size).max(slots.size());
            assert!(slots.tally().connections() <= most, "more connections than there may be");
        }
    }
}

#[test]
fn what_the_pool_gave_up_comes_back_to_nobody() {
    let now = Instant::now();
    let mut slots = Slots::new(3, false);
    let mut model = Model::default();
    let mut dice = Dice(1);
    while slots.tally().idle < 2 {
        model.connect(&mut slots);
        model.come_back(&mut slots, &mut dice, now);
    }
    model.lend(&mut slots, now);
    let (loans, rest) = slots.abandon();
    assert_eq!((loans.len(), slots.tally().connections()), (1, 0));
    drop(rest);
    for out in model.out {
        if let Out::Loan(at, worker) = out {
            assert!(slots.take_back(at, worker, None).is_err());
        }
    }
}
