//! What `#[locked]` and `ConnLock` promise.

mod fifo;
mod line;
mod reentry;
mod sections;
mod siblings;
mod strangers;
mod strays;
mod wakers;
