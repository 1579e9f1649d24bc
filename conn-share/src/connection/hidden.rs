//! What a device said, fit for errors and events: without secrets and control characters.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::log::Secrets;
use crate::secret::masked;
use crate::{Interaction, Secret};

/// The secrets of a connection, which its errors, its events and its log leave out.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Arc<Mutex<Secrets>>);

impl Hidden {
    /// The secrets of the login: they are never forgotten.
    pub(crate) fn keeping<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let hidden = Self::default();
        secrets.into_iter().for_each(|secret| hidden.secrets().keep(secret.expose()));
        hidden
    }

    /// What these answer may be a secret.
    pub(crate) fn hide(&self, interactions: &[Interaction]) {
        interactions.iter().for_each(|interaction| self.secrets().know(interaction.reply()));
    }

    /// A command is sent that may set a secret.
    pub(crate) fn learn(&self, command: &str) {
        if masked(command) != command {
            self.secrets().typed(command);
        }
    }

    /// What a device said, for an error or an event.
    pub(crate) fn quote(&self, text: &str) -> String {
        printable(&self.secrets().without(text))
    }

    /// As [`Hidden::quote`], for a line that was typed, or that may repeat one.
    pub(crate) fn quote_line(&self, line: &str) -> String {
        printable(&masked(&self.secrets().without(line)))
    }

    pub(super) fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hidden").finish_non_exhaustive()
    }
}

/// Short, and control characters escaped.
fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    if text.chars().nth(120).is_some() {
        shown.push('…');
    }
    shown
}
