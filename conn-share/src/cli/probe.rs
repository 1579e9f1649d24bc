//! One question whose answer proves that the device waits for a command.

use super::known::Known;
use super::nonce;
use super::platform::Proof;
use super::screen::Screen;

/// Erases what was typed: to the start of the line, then to its end. Line editors obey; a terminal that merely echoes
/// shows `^A^K`, other than for backspace and ctrl-U, which it obeys too.
const ERASE: &str = "\x01\x0b";

/// What was asked, and how the answer looks.
#[derive(Debug)]
pub(crate) struct Probe {
    kind: Kind,
    /// The characters to look out for at the end of a line.
    nonce: String,
    /// All that is typed, without the line end.
    typed: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ahead,
    Keys,
    Blank,
    Command,
}

/// A proven prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// The line it stands on, up to the cursor.
    pub(crate) line: String,
    /// Where the committed text ends that came before the proof.
    pub(crate) text_end: usize,
}

impl Probe {
    /// The keys to type in one write with a command.
    pub(crate) fn ahead() -> Self {
        let nonce = nonce::digits(1);
        Self { kind: Kind::Ahead, typed: format!("{nonce}\x08"), nonce }
    }

    /// The question of the proof that is known to work; `None` where it asks none.
    pub(crate) fn fresh(known: &Known) -> Option<Self> {
        match &known.proof {
            Proof::Typeahead | Proof::Keys => {
                let nonce = nonce::digits(10);
                Some(Self { kind: Kind::Keys, typed: format!("{nonce}{ERASE}"), nonce })
            }
            Proof::Blank => {
                let blanks = known.fresh_blanks();
                Some(Self { kind: Kind::Blank, nonce: blanks.clone(), typed: blanks })
            }
            Proof::Command(command) => {
                let (a, b) = (nonce::digits(6), nonce::digits(6));
                let typed = command.replace("{a}", &a).replace("{b}", &b);
                Some(Self { kind: Kind::Command, nonce: format!("{a}{b}"), typed })
            }
            Proof::Quiet(_) => None,
        }
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Whether it is a line, with a line end.
    pub(crate) fn is_entered(&self) -> bool {
        matches!(self.kind, Kind::Blank | Kind::Command)
    }

    /// What to write.
    pub(crate) fn bytes(&self, line_end: &str) -> Vec<u8> {
        let mut bytes = self.typed.clone().into_bytes();
        if self.is_entered() {
            bytes.extend_from_slice(line_end.as_bytes());
        }
        bytes
    }

    /// The prompt that this question has proven, if it has. `accept` says whether a line may be a prompt at all.
    pub(crate) fn answer(&self, screen: &Screen, accept: impl Fn(&str) -> bool) -> Option<Proven> {
        let seen = screen.sighting()?;
        match self.kind {
            Kind::Ahead | Kind::Keys => {
                let erased = !seen.committed && screen.last_line_is(&seen.before);
                (erased && accept(&seen.before))
                    .then(|| Proven { line: seen.before.clone(), text_end: screen.text().len() })
            }
            Kind::Blank => {
                let entered = seen.committed && screen.last_line_is(&seen.before);
                (entered && accept(&seen.before))
                    .then(|| Proven { line: seen.before.clone(), text_end: seen.line_start })
            }
            Kind::Command => {
                let ran = seen.committed && seen.before.is_empty();
                let line = screen.last_line().filter(|line| ran && accept(line))?;
                let text_end = echo_start(screen.text(), seen.line_start, &self.typed);
                Some(Proven { line, text_end })
            }
        }
    }

    /// Takes this question's echo and answer, behind `prompt`, off the end of `text`.
    pub(crate) fn strip_answer(&self, text: &mut String, prompt: &str) {
        let answer = match self.kind {
            Kind::Ahead | Kind::Keys => return,
            Kind::Blank => format!("{prompt}{}\n", self.typed),
            Kind::Command => format!("{prompt}{}\n{}\n", self.typed, self.nonce),
        };
        // Where the output has no line end, the prompt follows on its line.
        if let Some(rest) = text.strip_suffix(answer.as_str()) {
            text.truncate(rest.len());
        }
    }

    /// Takes the terminal's own echo of this question out of `text`, where it was asked too soon: the output went on.
    pub(crate) fn scrub(&self, text: &mut String) {
        let shown = match self.kind {
            // Split from its command on the way, so that the terminal got it before the line editor was back.
            Kind::Ahead => [format!("{}^H", self.nonce), String::new()],
            Kind::Keys => [format!("{}^A^K", self.nonce), self.nonce.clone()],
            Kind::Command => [format!("{}\n", self.typed), self.typed.clone()],
            Kind::Blank => return,
        };
        // Looking for one character costs next to nothing, and there is seldom any.
        let carets = text.contains('^');
        for shown in shown.iter().filter(|shown| !shown.is_empty() && (carets || !shown.contains('^'))) {
            if let Some(at) = text.find(shown) {
                text.replace_range(at..at + shown.len(), "");
                return;
            }
        }
    }
}

/// The start of the line before `end` if it ends with `typed`; otherwise `end`.
fn echo_start(text: &[u8], end: usize, typed: &str) -> usize {
    let Some(before) = text.get(..end.saturating_sub(1)) else { return end };
    let start = last_line_start(before);
    if before[start..].ends_with(typed.as_bytes()) { start } else { end }
}

fn last_line_start(text: &[u8]) -> usize {
    text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
}
