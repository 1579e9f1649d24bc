//! The pool as its users see it: one file per behaviour.

mod lab;

mod backoff;
mod cancel;
mod closing;
#[cfg(feature = "telnet")]
mod connection;
mod faults;
mod fifo;
mod lend;
#[cfg(feature = "macros")]
mod lockable;
mod outage;
mod reports;
mod runtimes;
mod size;
mod storm;
mod wakers;
mod warm;
mod wrapped;
