//! What the example programs share: options from the command line, secrets, and printing.

mod known_hosts;
mod lab;
mod options;
mod print;
mod secrets;
mod timeline;

pub use known_hosts::KnownHosts;
pub use lab::{Lab, Outcome};
pub use options::{Address, Options};
pub use print::{Printer, harmless, whole_error};
pub use secrets::secret;
pub use timeline::{Call, Timeline};
