//! Byte streams to devices: open, read, write, close. No opinion about prompts.

mod host_keys;
#[cfg(feature = "telnet")]
mod leash;
#[cfg(feature = "telnet")]
mod socket;
#[cfg(feature = "ssh")]
pub(crate) mod ssh;
mod ssh_agent;
mod tcp;
#[cfg(feature = "telnet")]
pub(crate) mod telnet;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

pub use host_keys::HostKeys;
pub use ssh_agent::SshAgent;

/// The terminal that we claim to be: as wide as the widest that common devices take, so that echoes and tables are
/// not wrapped, and so high that pagers which go by the height have little to stop for. Not without end (0), which
/// some take for 24.
const COLUMNS: u16 = 511;
const ROWS: u16 = 1000;

/// An open byte stream to a device.
///
/// Reading is cancel safe, and so is writing: what was accepted goes out in order, also while the caller only reads.
/// A peer that closed in good order shows as end of file. One that is gone shows as an `io::Error` whose
/// [`get_ref`](std::io::Error::get_ref) is a [`crate::Error`] that says why. Shutting down says goodbye and waits
/// until the peer has it; dropping closes at once.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// A handle that tells and ends the stream's life from outside, without waiting.
    fn line(&self) -> Arc<dyn Line>;

    /// Whether the protocol itself has told the peer who we are, so that no login is to be expected on the stream.
    fn is_authenticated(&self) -> bool {
        false
    }
}

/// The life of a [`Transport`], seen from outside.
pub(crate) trait Line: Send + Sync {
    /// Whether the peer is believed to be there. Never waits.
    fn is_open(&self) -> bool;

    /// Ends the stream at once: a pending read or write on it fails promptly. Never waits.
    fn cut(&self);
}

/// Text from a peer, fit for an error or a log: control characters escaped, and not long.
fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
