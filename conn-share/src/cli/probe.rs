//! One question whose answer proves that the device waits for a command.

use super::echo::shown_twice;
use super::known::Known;
use super::nonce;
use super::platform::Proof;
use super::screen::{Screen, holds};

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
    /// Its echo was taken out of the output.
    scrubbed: bool,
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
    /// The question's echo was there twice.
    pub(crate) twice: bool,
}

impl Probe {
    /// The keys to type in one write with a command.
    pub(crate) fn ahead() -> Self {
        let nonce = nonce::digits(1);
        let mut typed = String::with_capacity(2);
        typed.push_str(&nonce);
        typed.push('\x08');
        Self { kind: Kind::Ahead, typed, nonce, scrubbed: false }
    }

    /// The question of the proof that is known to work; `None` where it asks none.
    pub(crate) fn fresh(known: &Known) -> Option<Self> {
        match &known.proof {
            Proof::Typeahead | Proof::Keys => {
                let nonce = nonce::digits(10);
                Some(Self { kind: Kind::Keys, typed: format!("{nonce}{ERASE}"), nonce, scrubbed: false })
            }
            Proof::Blank => {
                let blanks = known.fresh_blanks();
                Some(Self { kind: Kind::Blank, nonce: blanks.clone(), typed: blanks, scrubbed: false })
            }
            Proof::Command(command) => {
                let (a, b) = (nonce::digits(6), nonce::digits(6));
                let typed = command.replace("{a}", &a).replace("{b}", &b);
                Some(Self { kind: Kind::Command, nonce: format!("{a}{b}"), typed, scrubbed: false })
            }
            Proof::Quiet(_) => None,
        }
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Whether the device shows a prompt for it, and not only keys.
    pub(crate) fn enters_a_line(&self) -> bool {
        matches!(self.kind, Kind::Blank | Kind::Command)
    }

    /// The keys, without a line end.
    pub(crate) fn keys(&self) -> &[u8] {
        self.typed.as_bytes()
    }

    /// What to write.
    pub(crate) fn bytes(&self, line_end: &str) -> Vec<u8> {
        let mut bytes = self.keys().to_vec();
        if self.enters_a_line() {
            bytes.extend_from_slice(line_end.as_bytes());
        }
        bytes
    }

    /// The prompt that this question has proven, if it has. `accept` says whether a line may be a prompt at all.
    /// Its echo may be there twice where that is known, or being learnt.
    pub(crate) fn answer(&self, screen: &Screen, may_be_twice: bool, accept: impl Fn(&str) -> bool) -> Option<Proven> {
        let seen = screen.sighting()?;
        match self.kind {
            Kind::Ahead | Kind::Keys => {
                let erased = !seen.committed && screen.last_line_is(&seen.before);
                (erased && accept(&seen.before)).then(|| Proven {
                    line: seen.before.clone(),
                    text_end: screen.text().len(),
                    twice: false,
                })
            }
            Kind::Blank => {
                // Shown twice, half of the blanks are left. No other question's blanks are as many.
                let half =
                    |line| Some(line).filter(|_| may_be_twice).and_then(|line: &str| line.strip_suffix(&self.nonce));
                let entered = |line: &&str| seen.committed && screen.last_line_is(line) && accept(line);
                let once = seen.lines().find(entered);
                let line = once.or_else(|| seen.lines().filter_map(half).find(entered))?;
                Some(Proven { line: line.to_owned(), text_end: seen.line_start, twice: once.is_none() })
            }
            Kind::Command => {
                // Where nothing is echoed, the line end is not either: what it says follows the prompt.
                let ran = seen.committed && (seen.before.is_empty() || accept(&seen.before));
                let line = screen.last_line().filter(|line| ran && accept(line))?;
                let text_end = echo_start(screen.text(), seen.line_start, &self.typed);
                let echo = screen.text().get(text_end..seen.line_start.saturating_sub(1)).unwrap_or_default();
                let twice =
                    may_be_twice && shown_twice(&self.typed).iter().any(|shown| echo.ends_with(shown.as_bytes()));
                Some(Proven { line, text_end, twice })
            }
        }
    }

    /// Takes this question's echo and answer, behind `prompt`, off the end of `text`. The prompt may stand behind
    /// output whose last line has no end. Each of so many `pages` may have taken one of its keys.
    pub(crate) fn strip_answer(&self, text: &mut String, prompt: &str, pages: usize) {
        let rest = match self.kind {
            Kind::Ahead | Kind::Keys => None,
            Kind::Blank => self.before_blanks(text, prompt.trim_end_matches(' '), pages),
            Kind::Command => {
                let echoes = shown_twice(&self.typed).into_iter().chain([self.typed.clone()]);
                let answers = echoes.map(|echo| format!("{prompt}{echo}\n{}\n", self.nonce));
                let answers = answers.chain([format!("{prompt}{}\n", self.nonce)]);
                answers
                    .into_iter()
                    .find_map(|answer| text.strip_suffix(&answer).map(str::len))
                    .and_then(|end| text.get(..end))
            }
        };
        if let Some(rest) = rest.map(str::len) {
            text.truncate(rest);
        }
    }

    /// What stands before `prompt` and these blanks at the end of `text`, which may go on below. There are more than
    /// were typed where the echo came twice, or where some were meant for a pager.
    fn before_blanks<'a>(&self, text: &'a str, prompt: &str, pages: usize) -> Option<&'a str> {
        let (mut rest, mut blanks) = (text, 0);
        loop {
            let line = rest.strip_suffix('\n')?;
            rest = line.trim_end_matches(' ');
            let more = line.len() - rest.len();
            blanks += more;
            let enough = blanks + pages >= self.typed.len();
            if let Some(before) = rest.strip_suffix(prompt) {
                return Some(before).filter(|_| enough);
            }
            if more == 0 || !(rest.is_empty() || rest.ends_with('\n')) {
                return None;
            }
            // Below a log line there was no prompt.
            if enough && blanks == more && !self.goes_on_above(rest, prompt) {
                return Some(rest);
            }
        }
    }

    /// Whether the line that `text` ends with may be `prompt` and blanks before those of a line that was wrapped.
    fn goes_on_above(&self, text: &str, prompt: &str) -> bool {
        let line = text.trim_end_matches([' ', '\n']);
        !prompt.is_empty() && text.len() - line.len() <= 2 + self.typed.len() && line.ends_with(prompt)
    }

    /// From where on the committed text may be this question's own: until it is answered, or another is asked.
    pub(crate) fn own_from(&self, screen: &Screen, accept: impl Fn(&str) -> bool) -> Option<usize> {
        let seen = screen.sighting().filter(|seen| seen.committed)?;
        match self.kind {
            Kind::Ahead | Kind::Keys => None,
            Kind::Blank => seen.lines().any(accept).then_some(seen.line_start),
            Kind::Command if seen.before.is_empty() => Some(echo_start(screen.text(), seen.line_start, &self.typed)),
            Kind::Command => accept(&seen.before).then_some(seen.line_start),
        }
    }

    /// Whether `line` may be this question's echo or answer on a line of its own.
    pub(crate) fn may_show_on(&self, line: &str) -> bool {
        match self.kind {
            Kind::Ahead | Kind::Keys => false,
            Kind::Blank => !line.is_empty() && line.bytes().all(|byte| byte == b' '),
            Kind::Command => line.ends_with(&self.nonce) || line.ends_with(&self.typed),
        }
    }

    /// Takes the terminal's own echo of this question out of `text`, where it was asked too soon: the output went on.
    pub(crate) fn scrub(&mut self, text: &mut String) {
        if self.scrubbed {
            return;
        }
        let shown = match self.kind {
            // Split from its command on the way, so that the terminal got it before the line editor was back.
            Kind::Ahead => [format!("{}^H", self.nonce), String::new()],
            Kind::Keys => [format!("{}^A^K", self.nonce), self.nonce.clone()],
            Kind::Command => [format!("{}\n", self.typed), self.typed.clone()],
            Kind::Blank => return,
        };
        // There is seldom any.
        let carets = holds(text.as_bytes(), b'^');
        for shown in shown.iter().filter(|shown| !shown.is_empty() && (carets || !shown.contains('^'))) {
            if let Some(at) = text.find(shown) {
                text.replace_range(at..at + shown.len(), "");
                self.scrubbed = true;
                return;
            }
        }
    }
}

/// The start of the line before `end` if it ends with `typed`, seen once or twice; otherwise `end`.
fn echo_start(text: &[u8], end: usize, typed: &str) -> usize {
    let Some(before) = text.get(..end.saturating_sub(1)) else { return end };
    let start = last_line_start(before);
    let line = before.get(start..).unwrap_or_default();
    let shown = line.ends_with(typed.as_bytes()) || line.ends_with(shown_twice(typed)[0].as_bytes());
    if shown { start } else { end }
}

fn last_line_start(text: &[u8]) -> usize {
    text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
}
