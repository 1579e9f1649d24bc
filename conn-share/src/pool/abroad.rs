//! Runtimes in which jobs were begun, as others see them: one that has ended, and one that nobody turns.
//!
//! A job's timers and sockets belong to the runtime that polled it first. Only a pool that is used from several of them
//! comes here.

use super::sync::{Errand, Home, RuntimeId};

/// What is known of each.
#[derive(Default)]
pub(super) struct Abroad {
    known: Vec<Known>,
}

struct Known {
    id: RuntimeId,
    /// A task that only ends with its runtime.
    witness: Errand,
    /// A task that ends as soon as the runtime is turned.
    question: Option<Errand>,
}

impl Abroad {
    /// Nothing is polled there any more: jobs of that runtime cannot go on.
    pub(super) fn has_ended(&mut self, home: &Home) -> bool {
        if self.known(home).witness.is_over() {
            // Its number is used by no other.
            self.known.retain(|known| known.id != home.id());
            return true;
        }
        false
    }

    /// Asks whether it is turned; at most once until it has answered.
    pub(super) fn ask(&mut self, home: &Home) {
        let known = self.known(home);
        if known.question.as_ref().is_none_or(Errand::is_over) {
            known.question = Some(home.send(std::future::ready(())));
        }
    }

    /// It was asked, and has not answered.
    pub(super) fn is_mute(&self, id: RuntimeId) -> bool {
        let known = self.known.iter().find(|known| known.id == id);
        known.and_then(|known| known.question.as_ref()).is_some_and(|question| !question.is_over())
    }

    fn known(&mut self, home: &Home) -> &mut Known {
        let at = match self.known.iter().position(|known| known.id == home.id()) {
            Some(at) => at,
            None => {
                let witness = home.send(std::future::pending());
                self.known.push(Known { id: home.id(), witness, question: None });
                self.known.len() - 1
            }
        };
        &mut self.known[at]
    }
}
