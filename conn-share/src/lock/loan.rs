//! The state's one guard: out or not, where it was taken, and whether it has outlived all sections.

use std::panic::Location;
use std::sync::atomic::Ordering;

use super::raw::StaticSlot;
use super::sync::AtomicU8;

const FREE: u8 = 0;
const LENT: u8 = 1;
/// The guard has outlived all sections: its drop ends the holding.
const LENT_LAST: u8 = 2;

pub(crate) struct Loan {
    guard: AtomicU8,
    /// Where the guard was taken.
    place: StaticSlot<Location<'static>>,
}

impl Loan {
    pub(crate) fn new() -> Self {
        Self { guard: AtomicU8::new(FREE), place: StaticSlot::empty() }
    }

    #[inline(always)]
    pub(crate) fn is_out(&self) -> bool {
        self.guard.load(Ordering::Acquire) != FREE
    }

    /// Lends to the innermost section, of which there is one, so that nobody lends at the same time. Otherwise says
    /// where the guard was taken.
    #[inline(always)]
    pub(crate) fn lend(&self, place: &'static Location<'static>) -> Result<(), Option<&'static Location<'static>>> {
        if self.is_out() {
            return Err(self.place.load());
        }
        self.place.store(place);
        self.guard.store(LENT, Ordering::Relaxed);
        Ok(())
    }

    /// The last section has ended. Whether a guard is out, whose drop goes on from here.
    #[inline(always)]
    pub(crate) fn outlives_sections(&self) -> bool {
        self.is_out() && self.guard.compare_exchange(LENT, LENT_LAST, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The guard is dropped. Whether it had outlived all sections.
    #[inline(always)]
    pub(crate) fn give_back(&self) -> bool {
        self.guard.swap(FREE, Ordering::AcqRel) == LENT_LAST
    }
}
