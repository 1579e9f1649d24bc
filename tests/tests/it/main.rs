//! Whole-system tests: one file per behaviour.

mod bad_input;
mod example;
mod five_sessions;
mod linux;
mod one_line;
mod others;
mod recordings;
mod servers;
mod storm;
mod tidy;
mod ways;
