//! A log of sessions: what was sent and received, when, without the secrets.

mod clock;
mod redact;
mod tap;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Error, ErrorKind, Result};

pub(super) use redact::Secrets;
pub(crate) use tap::Logging;
use writer::Feed;

/// A log of everything that is said in sessions, to any writer: what was sent, what was received, and when.
///
/// Given to [`Target::log`](crate::Target::log), [`SessionOptions::log`](crate::SessionOptions::log) or
/// [`ConnectOptions::log`](crate::ConnectOptions::log); in a testbed file the connection's argument `session_log` names a
/// file. One log can serve many sessions: each line says whose it is.
///
/// ```text
/// 2026-11-25T11:47:08.123Z [r1 via mgmt 1] # open
/// 2026-11-25T11:47:08.311Z [r1 via mgmt 1] < r1>
/// 2026-11-25T11:47:08.312Z [r1 via mgmt 1] > enable\n
/// 2026-11-25T11:47:08.315Z [r1 via mgmt 1] < enable\r\n
/// 2026-11-25T11:47:08.315Z [r1 via mgmt 1] < Password:
/// 2026-11-25T11:47:08.316Z [r1 via mgmt 1] > ***\n
/// ```
///
/// - **Harmless to look at.** Everything but printable ASCII is escaped as in Rust's byte strings, escape sequences included,
///   so that a device cannot write to the reader's terminal. No other byte is lost:
///   a [`ReplayConnection`](crate::ReplayConnection) plays the log back.
/// - **Secrets are `***`**: the passwords and secrets of the login, the answers of [`Interaction`](crate::Interaction)s, and in what is sent the
///   words behind `password`, `secret`, `community`, `key` and their like; also where a device echoes them, in however many pieces.
///   Where no such word stands before it, a secret stays: `snmp-server host 192.0.2.1 version 2c COMMUNITY`, `authentication text SECRET`.
///   Echoes of fewer than six characters are only looked for right after they were typed. What a device shows of its own
///   configuration is not known to be a secret, and stays.
/// - **A slow writer holds nobody up.** A thread of the log's own writes; what waits for it is bounded by 1 MiB, and beyond that
///   lines are left out and the log says how much. After an error of the writer the log is over: see [`SessionLog::flush`].
///
/// The thread ends when nobody holds the log any more and everything is written. A program that ends before loses the rest:
/// [`SessionLog::flush`] waits for it.
#[derive(Clone)]
pub struct SessionLog(Arc<Feed>);

impl SessionLog {
    /// A log to `writer`, which may block; it is used by a thread of its own.
    ///
    /// ```
    /// use conn_share::{SessionLog, Target};
    ///
    /// let target = Target::new("192.0.2.1").log(SessionLog::to(std::io::stderr()));
    /// ```
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Feed::start(Box::new(writer))))
    }

    /// A log to the end of a file, which is made if need be, on Unix for its owner's eyes only. Whoever asks for the
    /// same file while its log is in use gets the same log.
    ///
    /// ```
    /// use conn_share::{SessionLog, Target};
    ///
    /// let path = std::env::temp_dir().join("conn-share-example.log");
    /// let log = SessionLog::file(&path)?;
    /// assert_eq!(log, SessionLog::file(&path)?);
    /// let target = Target::new("192.0.2.1").log(log);
    /// # drop(target);
    /// # std::fs::remove_file(path).expect("it is there");
    /// # Ok::<_, conn_share::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it cannot be opened.
    ///
    /// # Blocking
    ///
    /// Opens one local file.
    pub fn file(path: impl AsRef<Path>) -> Result<Self> {
        static OPEN: Mutex<Option<HashMap<PathBuf, Weak<Feed>>>> = Mutex::new(None);
        let path = path.as_ref();
        let refused = |error| {
            Error::new(ErrorKind::Config, format!("the session log {path:?} cannot be written")).with_source(error)
        };
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.get_or_insert_default();
        open.retain(|_, feed| feed.strong_count() > 0);
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(refused)?;
        let path = path.canonicalize().map_err(refused)?;
        if let Some(feed) = open.get(&path).and_then(Weak::upgrade) {
            return Ok(Self(feed));
        }
        let log = Self::to(io::BufWriter::new(file));
        open.insert(path, Arc::downgrade(&log.0));
        Ok(log)
    }

    /// Waits until all that was logged so far is written and flushed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use conn_share::SessionLog;
    ///
    /// let log = SessionLog::to(Vec::new());
    /// // … connections that are given it, until the program ends:
    /// log.flush().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The writer's error, now or earlier: the log ended there, the sessions went on.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&self) -> io::Result<()> {
        self.0.flush().await
    }
}

/// The same log, not the same content.
impl PartialEq for SessionLog {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SessionLog {}

impl fmt::Debug for SessionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLog").finish_non_exhaustive()
    }
}
