//! A string that does not print.

use std::fmt;

use zeroize::Zeroizing;

/// A password, an enable secret, a key's passphrase: never printed, never serialised, wiped when dropped.
///
/// `Debug` shows `Secret(..)` whatever the text. The text comes out through [`Secret::expose`] alone, so that
/// every place that uses it can be found by name.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Do not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
