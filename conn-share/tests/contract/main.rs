//! What an outside user does with what the crate promises, across its parts.

mod disconnect;
mod lockable;
mod router;
