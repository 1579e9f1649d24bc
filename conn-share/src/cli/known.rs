//! What a session has learnt about the device at the other end.

use std::sync::Arc;

use super::platform::{Platform, Proof};

/// The device's ways, as far as login has shown them.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) platform: Arc<Platform>,
    /// The exact prompt, blanks and all; empty before login.
    pub(crate) prompt: String,
    /// The proof that the device answered to.
    pub(crate) proof: Proof,
    /// What ends a line that we send.
    pub(crate) line_end: String,
    /// The device takes our line end for two: an empty line follows each command, and answers with one more prompt.
    pub(crate) doubles: bool,
    /// The longest answer, in bytes.
    pub(crate) limit: usize,
}

impl Known {
    /// Before login.
    pub(crate) fn nothing(platform: Arc<Platform>, line_end: &str, limit: usize) -> Self {
        let proof = Proof::Quiet(super::QUIET);
        Self { platform, prompt: String::new(), proof, line_end: line_end.to_owned(), doubles: false, limit }
    }

    /// The mode that the prompt stands for; empty where the platform names none.
    pub(crate) fn mode(&self) -> &str {
        self.platform.mode_of(&self.prompt).unwrap_or_default()
    }
}
