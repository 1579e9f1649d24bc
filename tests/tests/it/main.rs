//! Whole-system tests: one file per behaviour.

mod servers;
mod tidy;
