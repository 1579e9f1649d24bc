//! What an outside user does with what the crate promises, across its parts.

mod bastion;
mod disconnect;
mod escapes;
mod lockable;
mod pointers;
mod router;
mod secrets;
