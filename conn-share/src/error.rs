//! The error of everything that talks to devices.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::{LockError, PoolError};

/// `Result` with conn-share's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong while talking to a device.
///
/// It answers: what was being done ([`Error::phase`]), to which device by which path ([`Error::device`]), whether
/// anything was sent ([`Error::was_sent`]) and whether it makes sense to try again ([`Error::is_transient`]). Match
/// on [`Error::kind`]; the text is for people. The cause, where there is one, is the `source()`.
///
/// A clone is cheap to pass on to everybody who waited for the same thing: the cause is shared.
///
/// ```
/// use conn_share::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Authentication => "look at the password, and do not try again",
///         ErrorKind::HostKey => "compare the key with the device's own",
///         _ if error.was_sent() => "the device may have done it: look before you repeat it",
///         _ if error.is_transient() => "try again",
///         _ => "read the text",
///     }
/// }
///
/// let lost = Error::new(ErrorKind::Disconnected, "the connection broke").with_device("r1 via mgmt");
/// assert_eq!(advice(&lost), "try again");
/// assert_eq!(advice(&lost.with_sent(true)), "the device may have done it: look before you repeat it");
/// ```
#[derive(Clone)]
pub struct Error(Box<Detail>);

#[derive(Clone)]
struct Detail {
    kind: ErrorKind,
    message: String,
    device: Option<String>,
    phase: Option<&'static str>,
    sent: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Whose fault it is, and what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The network: nobody answers there, the port is refused, the name does not resolve.
    Unreachable,
    /// The network or the peer: an established session is gone.
    Disconnected,
    /// Something took longer than its limit.
    Timeout,
    /// The peer refused the user name, password or key; or it was given the password and then hung up, or said
    /// something that is no prompt.
    Authentication,
    /// The peer's host key is unknown, changed or revoked.
    HostKey,
    /// The peer refused the enable secret or a change of mode.
    Privilege,
    /// The line or the device is in use by somebody else, or has no room for another session.
    Busy,
    /// The peer said something that its protocol does not allow, or that cannot be understood.
    Protocol,
    /// The peer sent more than the configured limit.
    Overflow,
    /// The device refused a command.
    Refused,
    /// Raw `receive` without a `send` since the last proven prompt, or another call in the wrong state.
    OutOfStep,
    /// A file, option or address is not valid.
    Config,
    /// The call cannot be made like this: see the text.
    Usage,
    /// The lock of a connection could not be taken.
    Lock,
    /// A pool could not lend a worker. Where none could be connected, the kind is that of the first attempt's error.
    Pool,
    /// Not connected, or closed by a call of this program.
    NotConnected,
    /// Given up because a call beside it failed and the caller had asked to stop then.
    Stopped,
}

impl Error {
    /// A new error of `kind`; `message` is lower case without a full stop, and says only this link's part.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Detail { kind, message: message.into(), device: None, phase: None, sent: false, source: None }))
    }

    /// Says what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// Says which device, by which path, unless that is known already.
    #[must_use]
    pub fn with_device(mut self, device: impl Into<String>) -> Self {
        self.0.device.get_or_insert_with(|| device.into());
        self
    }

    /// Says what was being done, unless that is known already.
    #[must_use]
    pub fn with_phase(mut self, phase: &'static str) -> Self {
        self.0.phase.get_or_insert(phase);
        self
    }

    /// Says that bytes of the request had gone to the peer.
    #[must_use]
    pub fn with_sent(mut self, sent: bool) -> Self {
        self.0.sent |= sent;
        self
    }

    /// Says more.
    pub(crate) fn noting(mut self, more: fmt::Arguments<'_>) -> Self {
        self.0.message.push_str(&more.to_string());
        self
    }

    /// A limit of `limit` ran out during `phase`.
    pub(crate) fn timeout(phase: &'static str, limit: Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no end of {phase} within {limit:?}")).with_phase(phase)
    }

    /// A pool failed with `error`. Where no worker could be connected, of the kind that stopped the first of them.
    pub(crate) fn of_pool(error: PoolError, message: impl Into<String>) -> Self {
        let kind = match &error {
            PoolError::Connect(failure) => failure.cause().and_then(|cause| cause.downcast_ref()).map(Self::kind),
            _ => None,
        };
        Self::new(kind.unwrap_or(ErrorKind::Pool), message).with_source(error)
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The device and the path to it, where known.
    pub fn device(&self) -> Option<&str> {
        self.0.device.as_deref()
    }

    /// What was being done: `connecting`, `logging in`, `waiting for the prompt`, …
    pub fn phase(&self) -> Option<&'static str> {
        self.0.phase
    }

    /// Whether bytes of the request may have reached the device.
    pub fn was_sent(&self) -> bool {
        self.0.sent
    }

    /// A limit ran out: on the network, in a lock's queue or in a pool's.
    ///
    /// ```
    /// # use conn_share::{AsyncPool, Error};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = AsyncPool::builder(|| async { Ok::<_, Error>(()) }).size(1).start().await?;
    /// let _only = pool.get().await?;
    /// let error: Error = pool.get_timeout(Duration::from_millis(10)).await.expect_err("it is on loan").into();
    /// assert!(error.is_timeout()); // though its kind is `Pool`
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
            || self.cause::<LockError>().is_some_and(LockError::is_timeout)
            || self.cause::<PoolError>().is_some_and(PoolError::is_timeout)
    }

    /// The same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unreachable | ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Busy)
            || self.is_timeout()
    }

    fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        let mut link: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = link {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // An `io::Error` gives not what it wraps but the source of that.
            link = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        None
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(device) = &self.0.device {
            write!(f, "{device}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(device) = &self.0.device {
            out.field("device", device);
        }
        if let Some(phase) = &self.0.phase {
            out.field("phase", phase);
        }
        out.field("sent", &self.0.sent);
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        Self::new(ErrorKind::Lock, "the connection's lock was not taken").with_source(error)
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::of_pool(error, "no worker from the pool")
    }
}

/// For methods that return `io::Result`. The kind is that of the `io::Error` which caused it, where there is one and it
/// says more than the error's own kind; the error itself is inside, and found by [`io::Error::get_ref`].
///
/// ```
/// use std::io;
///
/// use conn_share::{Error, ErrorKind};
///
/// fn version() -> io::Result<String> {
///     Err(Error::new(ErrorKind::Authentication, "permission denied"))?
/// }
///
/// let error = version().unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
/// let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<Error>());
/// assert_eq!(inside.map(Error::kind), Some(ErrorKind::Authentication));
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let caused = || error.cause::<io::Error>().map(io::Error::kind).filter(|kind| *kind != io::ErrorKind::Other);
        let kind = match error.0.kind {
            _ if error.is_timeout() => io::ErrorKind::TimedOut,
            ErrorKind::Unreachable => caused().unwrap_or(io::ErrorKind::HostUnreachable),
            ErrorKind::Disconnected => caused().unwrap_or(io::ErrorKind::ConnectionReset),
            ErrorKind::Authentication | ErrorKind::HostKey | ErrorKind::Privilege => io::ErrorKind::PermissionDenied,
            ErrorKind::Busy => io::ErrorKind::ResourceBusy,
            ErrorKind::Protocol | ErrorKind::Overflow => io::ErrorKind::InvalidData,
            ErrorKind::Config => caused().unwrap_or(io::ErrorKind::InvalidInput),
            ErrorKind::OutOfStep | ErrorKind::Usage => io::ErrorKind::InvalidInput,
            ErrorKind::NotConnected => io::ErrorKind::NotConnected,
            ErrorKind::Pool if error.cause::<PoolError>().is_some_and(PoolError::is_closed) => {
                io::ErrorKind::NotConnected
            }
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ConnLock, Lockable, LockableExt};

    struct Locked(ConnLock);

    impl Lockable for Locked {
        type State = ();

        fn conn_lock(&self) -> &ConnLock {
            &self.0
        }
    }

    #[test]
    fn as_an_io_error_it_keeps_its_kind_and_itself() {
        let refused = || {
            Error::new(ErrorKind::Unreachable, "no answer")
                .with_source(io::Error::from(io::ErrorKind::ConnectionRefused))
        };
        let check = |error: Error, kind| {
            let (own, text) = (error.kind(), error.to_string());
            let converted = io::Error::from(error);
            assert_eq!(converted.kind(), kind, "{converted:?}");
            assert_eq!(converted.to_string(), text);
            let inside = converted.get_ref().and_then(|inside| inside.downcast_ref::<Error>()).expect("it is inside");
            assert_eq!(inside.kind(), own);
        };
        check(refused(), io::ErrorKind::ConnectionRefused);
        check(Error::new(ErrorKind::Unreachable, "no route"), io::ErrorKind::HostUnreachable);
        check(Error::timeout("logging in", Duration::from_secs(1)), io::ErrorKind::TimedOut);
        check(Error::new(ErrorKind::HostKey, "changed"), io::ErrorKind::PermissionDenied);
        check(Error::new(ErrorKind::Privilege, "bad secret"), io::ErrorKind::PermissionDenied);
        check(Error::new(ErrorKind::NotConnected, "closed"), io::ErrorKind::NotConnected);
        check(Error::new(ErrorKind::Disconnected, "gone"), io::ErrorKind::ConnectionReset);
        check(PoolError::Closed.into(), io::ErrorKind::NotConnected);
        check(Error::new(ErrorKind::Refused, "invalid input"), io::ErrorKind::Other);
        // An error that was converted and is a cause again is recognised still.
        let again = Error::new(ErrorKind::Pool, "no worker").with_source(io::Error::from(refused()));
        assert!(again.cause::<Error>().is_some_and(|error| error.kind() == ErrorKind::Unreachable));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_is_recognised_inside_an_io_error() {
        let locked = Locked(ConnLock::new(()).with_timeout(Duration::from_secs(1)));
        let mut holder = Box::pin(locked.exclusive(std::future::pending::<()>()));
        assert!(futures_util::poll!(holder.as_mut()).is_pending());
        let timeout = locked.exclusive(async {}).await.expect_err("held");
        let error = Error::new(ErrorKind::Disconnected, "no answer").with_source(io::Error::from(timeout));
        assert!(error.is_timeout(), "{error:?}");
        drop(holder);
    }
}
