//! What `#[locked]` and `ConnLock` promise.

mod cancel;
mod deadlock;
mod fifo;
mod interruption;
mod line;
mod random;
mod reentry;
mod sections;
mod siblings;
mod strangers;
mod strays;
mod wakers;
