//! The macros of conn-share; use them through that crate, which re-exports and documents them.
