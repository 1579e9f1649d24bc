//! Where a locked method is written.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// A locked method: its name, its place, its options. One `static` per method, made by `#[locked]`.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    file: &'static str,
    line: u32,
    timeout: Option<Duration>,
    fallible: bool,
}

impl Site {
    /// `name` is `Type::method`.
    pub const fn new(name: &'static str, file: &'static str, line: u32) -> Self {
        Self { name, file, line, timeout: None, fallible: true }
    }

    /// Bounds the wait for the lock.
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The method returns no `Result`: no timeout applies.
    pub const fn infallible(mut self) -> Self {
        self.fallible = false;
        self
    }

    /// The site of a call of `exclusive`. There are as many as such calls in the program's text.
    pub(crate) fn of_section(place: &'static Location<'static>) -> &'static Self {
        /// A thread has few such calls in use at a time; two that meet in one slot take turns with it.
        const SLOTS: usize = 16;
        type Known = Option<(&'static Location<'static>, &'static Site)>;
        thread_local! {
            /// So that threads do not meet in the table of the whole program for what they have seen before.
            static KNOWN: [Cell<Known>; SLOTS] = const { [const { Cell::new(None) }; SLOTS] };
        }
        KNOWN.with(|known| {
            let slot = &known[ptr::from_ref(place).addr() / align_of::<Location<'_>>() % SLOTS];
            match slot.get() {
                Some((known, site)) if ptr::eq(known, place) => site,
                _ => {
                    let site = Self::in_table(place);
                    slot.set(Some((place, site)));
                    site
                }
            }
        })
    }

    /// The same, from the table of the whole program.
    fn in_table(place: &'static Location<'static>) -> &'static Self {
        type Sites = HashMap<(&'static str, u32, u32), &'static Site>;
        static SITES: LazyLock<Mutex<Sites>> = LazyLock::new(Mutex::default);
        let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        sites
            .entry((place.file(), place.line(), place.column()))
            .or_insert_with(|| Box::leak(Box::new(Self::new("exclusive", place.file(), place.line()))))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn file(&self) -> &'static str {
        self.file
    }

    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// How long a wait may last, given what the lock says for all its methods.
    pub(crate) fn limit(&self, of_lock: Option<Duration>) -> Option<Duration> {
        if self.fallible { self.timeout.or(of_lock) } else { None }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.name, self.file, self.line)
    }
}
