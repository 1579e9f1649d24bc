//! Questions that a command asks, and the caller's answers.

use std::fmt;

use crate::Secret;

/// A question that a command may ask, and the answer to type: stated by the caller, never guessed.
///
/// It is answered when the last line, without blanks at its end, ends with the expected text; once. No line asks an
/// empty text.
///
/// ```
/// use conn_share::{ExecuteOptions, Interaction};
///
/// let options = ExecuteOptions::new()
///     .interaction(Interaction::line("Save? [yes/no]:", "no"))
///     .interaction(Interaction::keys("[confirm]", "y"));
/// ```
#[derive(Clone)]
pub struct Interaction {
    expect: String,
    reply: Secret,
    enter: bool,
}

impl Interaction {
    /// Answers a line that ends with `expect` by `reply` and a line end.
    ///
    /// ```
    /// use conn_share::{ExecuteOptions, Interaction};
    ///
    /// let overwrite = ExecuteOptions::new().interaction(Interaction::line("Overwrite? (yes/no)", "yes"));
    /// # drop(overwrite);
    /// ```
    pub fn line(expect: impl Into<String>, reply: impl Into<Secret>) -> Self {
        Self { expect: expect.into(), reply: reply.into(), enter: true }
    }

    /// Answers by these keys alone, without a line end.
    ///
    /// ```
    /// use conn_share::{ExecuteOptions, Interaction};
    ///
    /// let clear = ExecuteOptions::new().interaction(Interaction::keys("[confirm]", "y"));
    /// # drop(clear);
    /// ```
    pub fn keys(expect: impl Into<String>, keys: impl Into<Secret>) -> Self {
        Self { expect: expect.into(), reply: keys.into(), enter: false }
    }

    pub(crate) fn is_asked_by(&self, line: &str) -> bool {
        let expect = self.expect.trim_end();
        !expect.is_empty() && line.trim_end().ends_with(expect)
    }

    pub(crate) fn reply(&self) -> &str {
        self.reply.expose()
    }

    pub(crate) fn bytes(&self, line_end: &str) -> Vec<u8> {
        let mut bytes = self.reply.expose().as_bytes().to_vec();
        if self.enter {
            bytes.extend_from_slice(line_end.as_bytes());
        }
        bytes
    }
}

/// The reply may be a secret, so it does not show.
impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interaction").field("expect", &self.expect).finish_non_exhaustive()
    }
}
