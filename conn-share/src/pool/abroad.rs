//! Runtimes in which jobs were begun, as others see them: one that has ended, and one that nobody turns.
//!
//! A job's timers and sockets belong to the runtime that polled it first. Only a pool that is used from several of them
//! comes here.

use std::time::Duration;

use super::sync::{Errand, Home, Instant, RuntimeId};

/// Longer than a runtime at work takes to come round; after each answer it is asked again.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);

/// What is known of each.
#[derive(Default)]
pub(super) struct Abroad {
    known: Vec<Known>,
}

struct Known {
    id: RuntimeId,
    /// A task that only ends with its runtime.
    witness: Errand,
    /// A task that ends as soon as the runtime is turned, and when it was sent.
    question: Option<(Instant, Errand)>,
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
        if known.question.as_ref().is_none_or(|(_, question)| question.is_over()) {
            known.question = Some((Instant::now(), home.send(std::future::ready(()))));
        }
    }

    /// It was asked, and has not answered for long. Whoever has waited for long may have asked an earlier question,
    /// which was answered.
    pub(super) fn is_mute(&self, id: RuntimeId, now: Instant) -> bool {
        let known = self.known.iter().find(|known| known.id == id);
        let question = known.and_then(|known| known.question.as_ref());
        question.is_some_and(|(asked, task)| now.saturating_duration_since(*asked) >= PATIENCE && !task.is_over())
    }

    fn known(&mut self, home: &Home) -> &mut Known {
        let at = match self.known.iter().position(|known| known.id == home.id()) {
            Some(at) => at,
            None => {
                // What a runtime leaves behind is kept by the handle of its witness.
                self.known.retain(|known| !known.witness.is_over());
                let witness = home.send(std::future::pending());
                self.known.push(Known { id: home.id(), witness, question: None });
                self.known.len() - 1
            }
        };
        &mut self.known[at]
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_runtime_that_answered_is_not_mute_when_it_was_just_asked_again() {
        let (home, mut abroad) = (Home::here().expect("a runtime"), Abroad::default());
        abroad.ask(&home);
        let asked = Instant::now();
        assert!(!abroad.is_mute(home.id(), asked + PATIENCE / 2));
        assert!(abroad.is_mute(home.id(), asked + PATIENCE));
        tokio::time::sleep(PATIENCE).await; // it answers
        assert!(!abroad.is_mute(home.id(), Instant::now()));
        // Asked by another, who has just come: the first has waited for long, but not for this answer.
        abroad.ask(&home);
        assert!(!abroad.is_mute(home.id(), Instant::now()));
        assert!(abroad.is_mute(home.id(), Instant::now() + PATIENCE));
    }

    #[test]
    fn nothing_is_kept_of_runtimes_that_have_ended() {
        let mut abroad = Abroad::default();
        for _ in 0..10 {
            let runtime = Builder::new_current_thread().build().expect("a runtime");
            let home = runtime.block_on(async { Home::here() }).expect("it is one");
            assert!(!abroad.has_ended(&home));
            drop(runtime);
        }
        assert_eq!(abroad.known.len(), 1);
    }
}
