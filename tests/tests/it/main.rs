//! Whole-system tests: one file per behaviour.

mod bad_input;
mod consoles;
mod example;
mod five_sessions;
mod linux;
mod one_line;
mod others;
mod recordings;
mod servers;
mod ssh_config;
mod ssh_exec;
mod ssh_jump;
mod ssh_login;
mod ssh_old;
mod ssh_share;
mod storm;
mod tidy;
mod ways;
