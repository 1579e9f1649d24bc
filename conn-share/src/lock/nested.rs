//! Which nested section is where.

use super::raw::StaticSlot;
use super::site::Site;

/// The section that went in last at each depth from 2 on; the last slot stands for all depths beyond, too.
pub(crate) struct Nested([StaticSlot<Site>; 4]);

impl Nested {
    pub(crate) fn none() -> Self {
        Self(std::array::from_fn(|_| StaticSlot::empty()))
    }

    /// A section goes in one deeper than `parent`.
    #[inline(always)]
    pub(crate) fn note(&self, parent: u32, site: &'static Site) {
        self.slot(parent).store(site);
    }

    /// The one that went in last there.
    pub(crate) fn beneath(&self, parent: u32) -> Option<&'static Site> {
        self.slot(parent).load()
    }

    #[inline(always)]
    fn slot(&self, parent: u32) -> &StaticSlot<Site> {
        let [.., last] = &self.0;
        self.0.get((parent as usize).wrapping_sub(1)).unwrap_or(last)
    }
}
