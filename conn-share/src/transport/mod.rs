//! Byte streams to devices: open, read, write, close. No opinion about prompts.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

/// An open byte stream to a device.
///
/// Reading is cancel safe. A peer that is gone shows as end of file or as an `io::Error` whose source says why.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// A handle that tells and ends the stream's life from outside, without waiting.
    fn line(&self) -> Arc<dyn Line>;
}

/// The life of a [`Transport`], seen from outside.
pub(crate) trait Line: Send + Sync {
    /// Whether the peer is believed to be there. Never waits.
    fn is_open(&self) -> bool;

    /// Ends the stream at once: a pending read or write on it fails promptly. Never waits.
    fn cut(&self);
}
