//! What `#[locked]` and `ConnLock` promise.

mod line;
mod sections;
mod strays;
mod wakers;
