//! What lets requests through to the workers: one permit for each slot that is neither on loan nor promised to one who
//! waits.

use super::sync::{Semaphore, SemaphorePermit};

pub(super) struct Gate {
    semaphore: Semaphore,
    /// The permit that came back last, for the next who asks: to give one back to the semaphore and to get it again is four
    /// atomic operations. It is the pool's, like those in the semaphore.
    at_hand: bool,
}

impl Gate {
    pub(super) fn new(permits: usize) -> Self {
        Self { semaphore: Semaphore::new(permits), at_hand: false }
    }

    /// Takes a permit if there is one.
    #[inline]
    pub(super) fn pass(&mut self) -> bool {
        std::mem::take(&mut self.at_hand) || self.semaphore.try_acquire().map(SemaphorePermit::forget).is_ok()
    }

    /// Gives one back.
    #[inline]
    pub(super) fn give_back(&mut self) {
        if std::mem::replace(&mut self.at_hand, true) {
            self.semaphore.add_permits(1);
        }
    }

    /// Takes so many out for good, if there are as many; returns how many it took.
    pub(super) fn forget(&mut self, permits: usize) -> usize {
        let at_hand = usize::from(permits > 0 && std::mem::take(&mut self.at_hand));
        at_hand + self.semaphore.forget_permits(permits - at_hand)
    }

    /// Lets nobody through any more.
    pub(super) fn close(&mut self) {
        self.at_hand = false;
        self.semaphore.close();
    }
}
