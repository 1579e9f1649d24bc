//! The roof against a network that the tests hold in their hands.

mod aliases;
mod budget;
mod cancel;
mod fake;
mod pcall;
mod sections;
