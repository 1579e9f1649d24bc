//! What a device answered to one command.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use crate::secret::masked;
use crate::{Error, ErrorKind, Result};

/// The whole answer to one command: derefs to its text.
///
/// The methods look at it, the fields of the same names are for those who take it apart.
///
/// ```
/// use conn_share::{ErrorKind, Reply};
///
/// let reply = Reply::new("Interface  Status\neth0       up");
/// assert_eq!(reply.lines().count(), 2); // a `str` in all that one reads
/// assert!(reply.contains("eth0"));
/// assert!(reply.refused().is_none());
///
/// // As a connection of one's own makes it, when the device did not like the command:
/// let reply = Reply::new("% Unknown command").with_refusal(Some("% Unknown command".to_owned()));
/// assert_eq!(reply.ok().unwrap_err().kind(), ErrorKind::Refused);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// As [`Reply::text`].
    pub text: String,
    /// As [`Reply::elapsed`].
    pub elapsed: Duration,
    /// As [`Reply::mode`].
    pub mode: String,
    refusal: Option<String>,
}

impl Reply {
    /// A reply with this text, for connections of your own.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), elapsed: Duration::ZERO, mode: String::new(), refusal: None }
    }

    /// Says how long the device took, from the first byte sent to the proven prompt.
    #[must_use]
    pub fn with_elapsed(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// Says in which mode of its platform the device was when it answered.
    #[must_use]
    pub fn with_mode(mut self, mode: impl Into<String>) -> Self {
        self.mode = mode.into();
        self
    }

    /// Says with which line the device refused the command.
    #[must_use]
    pub fn with_refusal(mut self, line: Option<String>) -> Self {
        self.refusal = line;
        self
    }

    /// Everything but the text, for [`Connection::execute_lines`](crate::Connection::execute_lines) of your own.
    #[must_use]
    pub fn without_text(mut self) -> Self {
        self.text = String::new();
        self
    }

    /// The output, lines separated by `\n`, without the echo and the prompt.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The output as an owned string.
    pub fn into_text(self) -> String {
        self.text
    }

    /// How long the device took, from the first byte sent to the proven prompt.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The mode in which the device was after it had answered; empty where the connection knows no modes.
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// The line with which the device refused the command, if it did.
    pub fn refused(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Makes a refusal an error of kind [`ErrorKind::Refused`], whose text is the device's line, escaped, without what
    /// follows a word such as `password`.
    ///
    /// # Errors
    ///
    /// The device refused the command.
    pub fn ok(self) -> Result<Self> {
        match &self.refusal {
            Some(line) => {
                let line: String = masked(line).chars().flat_map(char::escape_debug).collect();
                Err(Error::new(ErrorKind::Refused, format!("the device refused the command: {line}")).with_sent(true))
            }
            None => Ok(self),
        }
    }
}

impl Deref for Reply {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for Reply {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<Reply> for String {
    fn from(reply: Reply) -> Self {
        reply.text
    }
}

impl PartialEq<str> for Reply {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for Reply {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl PartialEq<String> for Reply {
    fn eq(&self, other: &String) -> bool {
        self.text == *other
    }
}
