//! The roof against a network that the tests hold in their hands.

mod aliases;
mod budget;
mod cancel;
pub(super) mod fake;
mod options;
mod pcall;
mod pools;
#[cfg(feature = "sim")]
mod router;
mod sections;
mod shapes;
