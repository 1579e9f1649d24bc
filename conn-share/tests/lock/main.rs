//! What `#[locked]` and `ConnLock` promise.

mod sections;
