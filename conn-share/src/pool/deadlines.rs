//! When those who wait run out of time, earliest first.
//!
//! Nearly everybody is served long before, so a deadline costs one comparison when it is entered and nothing when its
//! request leaves. They are put in order only once one of them has come: each of them once, however many there are.

use super::sync::Instant;

#[derive(Debug)]
pub(super) struct Deadlines {
    /// Of the requests up to `sorted_to`, the earliest last; an entry that no longer holds is skipped.
    sorted: Vec<(Instant, u64)>,
    sorted_to: u64,
    /// None of the others is earlier; `None`: there are none.
    others_from: Option<Instant>,
}

impl Deadlines {
    pub(super) fn new() -> Self {
        Self { sorted: Vec::new(), sorted_to: 0, others_from: None }
    }

    /// A request, known by its ticket, has a deadline from now on.
    #[inline]
    pub(super) fn enter(&mut self, ticket: u64, deadline: Instant) {
        if ticket > self.sorted_to {
            self.others_from = Some(self.others_from.map_or(deadline, |from| from.min(deadline)));
        } else {
            // It had joined the line, but not waited yet, when the others were sorted; or it was told that its time has
            // come, and came by another clock than the one that said so.
            let at = self.sorted.partition_point(|(other, _)| *other > deadline);
            self.sorted.insert(at, (deadline, ticket));
        }
    }

    /// No deadline is earlier than this. `holds`: whether a request still has the deadline that it entered.
    pub(super) fn earliest(&mut self, holds: impl Fn(u64) -> bool) -> Option<Instant> {
        while self.sorted.pop_if(|(_, ticket)| !holds(*ticket)).is_some() {}
        let sorted = self.sorted.last().map(|(deadline, _)| *deadline);
        sorted.into_iter().chain(self.others_from).min()
    }

    /// From which ticket on requests are to be given to [`Deadlines::sort`] before those until `limit` can be told.
    pub(super) fn unsorted(&self, limit: Option<Instant>) -> Option<u64> {
        let due = self.others_from.is_some_and(|from| limit.is_none_or(|limit| from <= limit));
        due.then_some(self.sorted_to + 1)
    }

    /// Puts the deadlines of all others in order, the last of whom has the ticket `to`.
    pub(super) fn sort(&mut self, others: impl Iterator<Item = (Instant, u64)>, to: u64, holds: impl Fn(u64) -> bool) {
        self.sorted.retain(|(_, ticket)| holds(*ticket));
        self.sorted.extend(others);
        self.sorted.sort_by(|one, other| other.cmp(one));
        self.sorted_to = to;
        self.others_from = None;
    }

    /// Takes the next request whose deadline is `limit` or earlier; of those in order.
    pub(super) fn take_due(&mut self, limit: Instant) -> Option<u64> {
        self.sorted.pop_if(|(deadline, _)| *deadline <= limit).map(|(_, ticket)| ticket)
    }

    /// Those in order, the earliest first.
    pub(super) fn in_order(&self) -> impl Iterator<Item = u64> {
        self.sorted.iter().rev().map(|(_, ticket)| *ticket)
    }
}
