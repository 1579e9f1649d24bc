//! What a session has learnt about the device at the other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::platform::{Platform, Proof};

/// So many lengths of blanks take turns where every question is answered at once.
const FEW: usize = 3;

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
    /// Each key that is typed is shown twice: by a terminal before the device, and by the device.
    pub(crate) twice: bool,
    /// The lines that stand above every prompt, each with its end, as far as they are always the same.
    pub(crate) above: String,
    /// The prompt that they stand above.
    pub(crate) above_of: String,
    /// The longest answer, in bytes.
    pub(crate) limit: usize,
    /// How many lines of blanks were entered; shared with the exchanges, for one that is dropped has entered its own.
    blanks: Arc<AtomicUsize>,
}

impl Known {
    /// Before login.
    pub(crate) fn nothing(platform: Arc<Platform>, line_end: &str, limit: usize) -> Self {
        let proof = Proof::Quiet(super::QUIET);
        Self {
            platform,
            prompt: String::new(),
            proof,
            line_end: line_end.to_owned(),
            doubles: false,
            twice: false,
            above: String::new(),
            above_of: String::new(),
            limit,
            blanks: Arc::default(),
        }
    }

    /// A line of blanks unlike those that were entered since the last proof and the one that gave it: their echoes may
    /// still come. The lengths lie apart, so that a blank at the end of the prompt, or one that wrapped the line, does
    /// not make one look like another.
    pub(crate) fn fresh_blanks(&self) -> String {
        " ".repeat(3 + 4 * (self.blanks.fetch_add(1, Ordering::Relaxed) % (6 * FEW)))
    }

    /// The device waits, proven: what was entered before is echoed. So a few blanks will do again.
    pub(crate) fn in_step(&self) {
        self.blanks.store(self.blanks.load(Ordering::Relaxed) % FEW, Ordering::Relaxed);
    }

    /// Whether `line` may be one of those above a prompt.
    pub(crate) fn may_stand_above_prompt(&self, line: &str) -> bool {
        self.platform.may_stand_above_prompt(line) || self.above.lines().any(|above| above == line)
    }

    /// The mode that the prompt stands for; empty where the platform names none.
    pub(crate) fn mode(&self) -> &str {
        self.platform.mode_of(&self.prompt).unwrap_or_default()
    }
}
