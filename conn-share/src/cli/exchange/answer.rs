//! The answer once its end is proven: what the command said, without what was drawn around it.

use super::{Answer, Exchange, Goal};
use crate::cli::echo::after_echo;
use crate::cli::screen::decode;

impl Exchange {
    /// The answer, after [`Step::Done`].
    pub(crate) fn finish(mut self) -> Option<Answer> {
        let twice = self.proven.as_ref().is_some_and(|proven| proven.twice);
        let (mut text, prompt) = self.output()?;
        if text.ends_with('\n') && !self.raw {
            text.pop();
        }
        let mut doubled = false;
        if self.command.is_empty() && self.goal == Goal::Answer {
            // The line on which nothing was typed; where it shows twice, one line end was taken for two.
            doubled = text.lines().filter(|line| *line == prompt).count() > 1;
            let typed =
                text.lines().next().filter(|line| line.trim_end() == self.known.prompt.trim_end()).map(str::len);
            if let Some(length) = typed {
                text.drain(..text.len().min(length + 1));
            }
        }
        Some(Answer { text, prompt, doubled, twice })
    }

    /// What the command said, its last line end included, and the prompt that followed.
    pub(super) fn output(&mut self) -> Option<(String, String)> {
        let proven = self.proven.take()?;
        let mut text = decode(self.screen.take_text(proven.text_end));
        let mut prompt = proven.line;
        if self.goal == Goal::Answer
            && let Some(output) = self.behind_output(&prompt)
        {
            text.push_str(output);
            prompt = self.known.prompt.clone();
        }
        if !self.echoed
            && !self.raw
            && let Some(start) = after_echo(&text, &self.known.prompt, &self.command, self.known.twice)
        {
            text.drain(..start);
        }
        // The last question's answer was the proof; those entered before it were answered before it, each with a line
        // end of its own.
        for probe in self.spent.iter().rev().skip(1).filter(|probe| probe.enters_a_line()) {
            self.strip_drawn(&mut text, &prompt);
            probe.strip_answer(&mut text, &prompt, self.pages);
        }
        self.strip_drawn(&mut text, &prompt);
        for probe in &mut self.spent {
            probe.scrub(&mut text);
        }
        self.strip_platforms_lines(&mut text);
        Some((text, prompt))
    }

    /// Takes off the end of `text` what the device has drawn before it waited: the lines above its prompt, and the
    /// prompt for the second half of a line end.
    fn strip_drawn(&self, text: &mut String, prompt: &str) {
        self.strip_above_prompt(text, prompt);
        if self.strip_doubled(text, prompt) {
            self.strip_above_prompt(text, prompt);
        }
    }

    /// Takes the lines off the end of `text` that are part of `prompt` below them. What was learnt of one prompt says
    /// nothing of another.
    fn strip_above_prompt(&self, text: &mut String, prompt: &str) {
        self.strip_platforms_lines(text);
        let above = Some(self.known.above.as_str())
            .filter(|above| !above.is_empty() && !self.raw && prompt == self.known.above_of);
        let Some(above) = above else { return };
        // They begin a line; where the first is empty, its end is the end of the output before it.
        let rest =
            text.strip_suffix(above).filter(|rest| above.starts_with('\n') || rest.is_empty() || rest.ends_with('\n'));
        let all = || text.is_empty() || above.strip_prefix('\n').is_some_and(|above| self.handed && text == above);
        match rest.map(str::len) {
            Some(rest) => text.truncate(rest),
            None if all() => text.clear(),
            None => {}
        }
    }

    fn strip_platforms_lines(&self, text: &mut String) {
        if !self.known.platform.has_lines_above_prompt() {
            return;
        }
        while let Some(rest) = text.strip_suffix('\n') {
            let start = rest.rfind('\n').map_or(0, |at| at + 1);
            if !self.known.platform.may_stand_above_prompt(rest.get(start..).unwrap_or_default()) {
                return;
            }
            text.truncate(start);
        }
    }

    /// Takes the prompt off the end of `text` that a device shows for the second half of a line end. Like any prompt it may
    /// stand behind output whose last line has no end.
    fn strip_doubled(&self, text: &mut String, prompt: &str) -> bool {
        let shown = text.strip_suffix('\n').and_then(|text| text.strip_suffix(prompt));
        let rest = shown.filter(|_| self.known.doubles).map(str::len);
        rest.inspect(|&rest| text.truncate(rest)).is_some()
    }
}
