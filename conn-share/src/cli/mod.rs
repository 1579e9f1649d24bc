//! From bytes to commands and replies: plain values, no I/O, no clock.
//!
//! # Where an answer ends
//!
//! The echo proves where an answer starts. For its end there is only the prompt, and a prompt at the end of the bytes
//! at hand may be a line of output that reads the same, with more to come. Waiting whether more comes is slow and still no
//! proof. So the device's line editor is asked to do something that it only does when the command is over, and that no
//! output looks like: digits are typed, echoed behind the prompt, and erased again ([`Proof`]). Seen on the screen, the
//! line was `r1# 7` and is `r1# ` again.
//!
//! - *When the keys are typed.* On FRR in the same write as the command ([`Proof::Typeahead`]): the line editor takes
//!   them when it is back, no round trip is added, and the server spends some microseconds. Elsewhere once a prompt shows
//!   ([`Proof::Keys`]), since a question of the command might take them for an answer.
//! - *Why erased by these keys.* While a command runs on a Unix terminal, the terminal itself echoes what is typed. It obeys
//!   ctrl-U and DEL as line editors do, but shows ctrl-H, ctrl-A and ctrl-K as `^H`, `^A` and `^K`: its echo never looks like the proof.
//! - *Why no empty line.* It costs the server half as much again as a command, and Enter says yes to `[confirm]`.
//! - *After a cancelled command* the same question with ten random digits, which no old output contains, proves that
//!   all of the old answer has been read.

mod echo;
mod exchange;
#[cfg(all(any(test, fuzzing), feature = "telnet"))]
pub(crate) mod fuzzed;
mod interaction;
mod known;
mod line;
mod login;
mod nonce;
mod platform;
mod probe;
#[cfg(all(test, feature = "telnet"))]
mod replay;
mod screen;
mod transcript;
#[cfg(all(test, feature = "telnet"))]
mod transcripts;

use std::time::Duration;

pub(crate) use exchange::{Answer, Exchange, Step};
pub use interaction::Interaction;
pub(crate) use known::Known;
pub(crate) use login::{Asked, Login, LoginStep, Rejected};
pub use platform::{Platform, Proof};
pub(crate) use transcript::{HIDDEN, Said, Transcript, unescape};

/// How long a prompt must stand before it counts, with a device that can prove nothing: longer than most pauses inside
/// one output.
pub(crate) const QUIET: Duration = Duration::from_millis(300);
