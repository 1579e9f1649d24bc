//! The servers that the whole-system tests play against.
//!
//! [`Lab`] is the real thing: two FRRouting routers with OSPF and BGP between them, an OpenSSH `sshd` whose user lands
//! in the router's shell, and FRR's own Telnet line. [`Yard`] is SSH servers alone, set up as a test likes.
//! [`ConsoleServer`] is a serial line behind ser2net. [`badpeer`] are the servers nobody wants to meet.
//!
//! Everything runs below one [`Cage`], which ends with the test process however that ends, and takes its temporary
//! folder, its network namespaces and its user accounts along.

pub mod badpeer;
mod cage;
pub mod compare;
mod console;
mod dice;
mod lab;
mod process;
pub mod recorder;
mod wait;
mod yard;

pub use cage::Cage;
pub use console::ConsoleServer;
pub use dice::Dice;
pub use lab::{Asked, Daemon, Held, Lab, LabOptions, Login};
pub use process::Process;
pub use wait::{wait_for, wait_for_async};
pub use yard::Yard;

/// Why a server could not be started or asked: the text is for the person who reads the test's output.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
