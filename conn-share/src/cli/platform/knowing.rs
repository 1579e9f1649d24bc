//! What an engine asks of a platform: its parts, and what a line or a command means on it.

use super::super::screen::holds;
use super::{AbovePrompt, Commit, Mode, Platform, Proof, Question};

impl Platform {
    pub(crate) fn commit_command(&self) -> Option<&Commit> {
        self.commit.as_ref()
    }

    pub(crate) fn discard_command(&self) -> Option<&str> {
        self.discard.as_deref()
    }

    pub(crate) fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Whether `line` may be no output, if it stands above a prompt.
    pub(crate) fn may_stand_above_prompt(&self, line: &str) -> bool {
        let line = line.trim_end();
        let part = |above: &AbovePrompt| line.starts_with(&above.start) && line.ends_with(&above.end);
        self.has_lines_above_prompt() && (line.is_empty() || self.above_prompt.iter().any(part))
    }

    /// Whether there are lines that may stand above a prompt and be no output.
    pub(crate) fn has_lines_above_prompt(&self) -> bool {
        !self.above_prompt.is_empty()
    }

    /// Whether nothing is said of how prompts look: what stands above them is then learnt, by lines without a command.
    pub(crate) fn learns_prompts(&self) -> bool {
        let harmless = self.takes_empty_lines || self.proofs.contains(&Proof::Blank);
        harmless && self.modes.is_empty() && self.above_prompt.is_empty()
    }

    pub(crate) fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    pub(crate) fn open_commands(&self) -> &[String] {
        &self.on_open
    }

    pub(crate) fn close_commands(&self) -> &[String] {
        &self.on_close
    }

    pub(crate) fn privileged_mode(&self) -> Option<&str> {
        self.privileged.as_deref()
    }

    pub(crate) fn configuration_mode(&self) -> Option<&str> {
        self.configuration.as_deref()
    }

    pub(crate) fn interrupt_key(&self) -> Option<&str> {
        self.interrupt.as_deref()
    }

    pub(crate) fn kill_key(&self) -> Option<&str> {
        self.kill_line.as_deref()
    }

    /// The mode whose prompt `line` is.
    pub(crate) fn mode_of(&self, line: &str) -> Option<&str> {
        let prompt = line.strip_suffix(' ').unwrap_or(line);
        if prompt.is_empty() || prompt.starts_with([' ', '%', '*']) || prompt.trim_end() != prompt {
            return None;
        }
        let fits = |mode: &&Mode| {
            prompt.strip_suffix(mode.tail.as_str()).is_some_and(|rest| {
                let name = match rest.find(mode.marker.as_str()) {
                    Some(at) => &rest[..at],
                    None => return false,
                };
                mode.marker.is_empty() && !rest.is_empty() && !rest.contains(['(', ' '])
                    || !mode.marker.is_empty() && !name.is_empty()
            })
        };
        let special = |mode: &&Mode| (mode.marker.len(), mode.tail.len());
        self.modes.iter().filter(fits).max_by_key(special).map(|mode| mode.name.as_str())
    }

    /// Whether `line` may be a prompt. Where the platform names its modes, they decide; otherwise the usual last characters.
    pub(crate) fn may_be_prompt(&self, line: &str) -> bool {
        if !self.modes.is_empty() {
            return self.mode_of(line).is_some();
        }
        let prompt = line.trim();
        prompt.chars().count() <= 200 && !prompt.starts_with('*') && prompt.ends_with(['#', '>', '$', '%'])
    }

    /// The command of the first step on the shortest way.
    pub(crate) fn step_towards(&self, from: &str, to: &str) -> Option<&str> {
        // Backwards from the goal: the modes that lead there, nearest first.
        let mut reached = vec![to];
        let mut next = 0;
        while let Some(&goal) = reached.get(next) {
            for way in self.ways.iter().filter(|way| way.to == goal) {
                if way.from == from {
                    return Some(&way.command);
                }
                if !reached.contains(&way.from.as_str()) {
                    reached.push(&way.from);
                }
            }
            next += 1;
        }
        None
    }

    /// Whether `command` is one that sessions send of themselves: on opening, on closing, from mode to mode.
    pub(crate) fn sends_itself(&self, command: &str) -> bool {
        let ways = self.ways.iter().map(|way| &way.command);
        let candidate = self.commit.iter().map(|commit| &commit.command).chain(&self.discard);
        self.on_open.iter().chain(&self.on_close).chain(ways).chain(candidate).any(|own| own == command)
    }

    /// Whether `line` asks for the user name at login, by what the platform says of it.
    pub(crate) fn asks_username(&self, line: &str) -> bool {
        ends_with_any(line, &self.username_prompts)
    }

    /// Whether `line` asks for the password at login, by what the platform says of it.
    pub(crate) fn asks_password(&self, line: &str) -> bool {
        ends_with_any(line, &self.password_prompts)
    }

    /// The pager's prompt that `line` ends with; how much was shown may stand behind it, `(12%)`.
    pub(crate) fn is_pager(&self, line: &str) -> bool {
        let percentage = |line: &str| {
            let (pager, rest) = line.strip_suffix("%)")?.rsplit_once('(')?;
            rest.bytes().all(|byte| byte.is_ascii_digit()).then_some(pager.len())
        };
        let line = line.trim_end();
        let bare = percentage(line).and_then(|end| line.get(..end)).unwrap_or(line);
        ends_with_any(line, &self.pagers) || ends_with_any(bare, &self.pagers)
    }

    /// Whether a pager's prompt is all that stands on `line`; output may read like one for a moment, until the rest of
    /// it comes.
    pub(crate) fn is_pager_alone(&self, line: &str) -> bool {
        let line = line.trim_end();
        let before = self.pagers.iter().filter_map(|pager| line.strip_suffix(pager.as_str()));
        before.min_by_key(|before| before.len()).is_some_and(|before| !before.contains(char::is_alphanumeric))
    }

    /// Whether `command` leaves nothing behind in the session.
    pub(crate) fn is_harmless(&self, command: &str) -> bool {
        // Behind a semicolon some devices take another command.
        !command.contains(';') && self.harmless.iter().any(|start| command.starts_with(start.as_str()))
    }

    /// The line of `text` that refuses a command.
    ///
    /// Refusals are short. In a long answer a line that reads like one is part of what was asked for.
    pub(crate) fn refusal_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        const LONGEST: usize = 4096;
        let text = if text.len() <= LONGEST { text } else { return None };
        // Most begin alike, and most answers hold no line that does.
        let mut sought = ("", true);
        let mut possible = self.refusals.iter().filter(|refusal| {
            if sought.0 != refusal.starts {
                let begun = refusal.starts.bytes().next().is_none_or(|first| holds(text.as_bytes(), first));
                sought = (&refusal.starts, begun && text.contains(&refusal.starts));
            }
            sought.1
        });
        possible.next()?;
        text.lines().find(|line| {
            let line = line.trim_start();
            self.refusals.iter().any(|refusal| {
                line.strip_prefix(refusal.starts.as_str()).is_some_and(|rest| rest.contains(refusal.contains.as_str()))
            })
        })
    }
}

/// Whether `line`, without the blanks at its end, ends with one of `ends`.
fn ends_with_any(line: &str, ends: &[String]) -> bool {
    let line = line.trim_end();
    !line.is_empty() && ends.iter().map(|end| end.trim_end()).any(|end| !end.is_empty() && line.ends_with(end))
}
