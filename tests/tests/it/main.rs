//! Whole-system tests: one file per behaviour.

mod one_line;
mod servers;
mod tidy;
mod ways;
