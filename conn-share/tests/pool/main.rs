//! The pool as its users see it: one file per behaviour.

mod lab;

mod cancel;
#[cfg(feature = "telnet")]
mod connection;
mod fifo;
mod lend;
mod storm;
