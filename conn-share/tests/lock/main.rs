//! What `#[locked]` and `ConnLock` promise.

mod cancel;
mod cost;
mod deadlock;
mod ending;
mod fickle;
mod fifo;
mod interruption;
mod limits;
mod line;
mod random;
mod reentry;
mod sections;
mod siblings;
mod slow_wait;
mod state;
mod strangers;
mod strays;
mod stress;
mod wakers;
