//! Where a locked method is written.

use std::time::Duration;

/// A locked method: its name, its place, its options. One `static` per method, made by `#[locked]`.
#[derive(Debug)]
pub struct Site {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) fallible: bool,
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
}
