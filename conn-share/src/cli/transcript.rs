//! A recorded conversation, read back into commands and their answers.

use std::sync::Arc;

use super::echo::{Echo, Verdict, after_echo};
use super::platform::Platform;
use super::screen::{Screen, decode};

/// A recording is a text file; longer answers are no recording.
const LIMIT: usize = 64 << 20;

/// What stands for a secret in a recording.
pub(crate) const HIDDEN: &str = "***";

/// One command and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Counts the turns of the recording; here it was typed.
    pub(crate) turn: usize,
    pub(crate) command: String,
    /// Lines separated by `\n`, without echo and prompt.
    pub(crate) text: String,
    /// The prompt that followed.
    pub(crate) prompt: String,
}

/// Reads one session, turn by turn.
#[derive(Debug)]
pub(crate) struct Transcript {
    platform: Arc<Platform>,
    screen: Screen,
    /// The prompt at which the command was typed.
    prompt: String,
    /// None while nothing of interest is under way: before the first command, and while a prompt is being proven.
    command: Option<(usize, String)>,
    /// While the start of the answer may be the command's echo.
    echo: Option<Echo>,
    echoed: bool,
    /// Keys typed behind the command; a terminal may have shown them in the middle of the output.
    keys: Vec<String>,
    /// The last line end counts for two.
    doubles: bool,
    /// A line of blanks was entered: what answers it stands above the prompt.
    blank: bool,
    /// What stood above the prompt the last time, and above each so far.
    last_above: String,
    above: String,
    said: Vec<Said>,
}

impl Transcript {
    /// Of a device of this platform.
    pub(crate) fn new(platform: Arc<Platform>) -> Self {
        Self {
            platform,
            screen: Screen::new(LIMIT, ""),
            prompt: String::new(),
            command: None,
            echo: None,
            echoed: false,
            keys: Vec::new(),
            doubles: false,
            blank: false,
            last_above: String::new(),
            above: String::new(),
            said: Vec::new(),
        }
    }

    /// The device sent this.
    pub(crate) fn heard(&mut self, bytes: &[u8]) {
        let output = match self.echo.as_mut().map(|echo| echo.feed(bytes)) {
            None => bytes,
            Some(Verdict::Open) => return,
            Some(Verdict::Ended(used)) => {
                self.echo = None;
                self.echoed = true;
                self.screen.clear_line();
                bytes.get(used..).unwrap_or_default()
            }
            Some(Verdict::Absent(held)) => {
                self.echo = None;
                self.screen.clear_line();
                return self.heard(&held);
            }
        };
        // What is over the limit is left out: the start tells as much.
        let _ = self.screen.feed(output);
    }

    /// The last line, with what was held back for an echo that does not come.
    fn last_line(&mut self) -> String {
        if let Some(mut echo) = self.echo.take() {
            let held = std::mem::take(echo.held());
            if !held.is_empty() {
                self.screen.clear_line();
                self.heard(&held);
            }
        }
        self.screen.last_line().unwrap_or_default()
    }

    /// This was sent to the device, as turn number `turn`.
    pub(crate) fn typed(&mut self, turn: usize, bytes: &[u8]) {
        let line_end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let Some(end) = line_end else { return self.pressed(bytes) };
        let (line, rest) = bytes.split_at(end);
        let keys = rest.trim_ascii_start();
        let last = self.last_line();
        if self.command.is_some() && !self.platform.may_be_prompt(&last) {
            // The answer to a question of the command.
            return;
        }
        self.learn_above();
        self.end();
        let line = decode(line.to_vec());
        self.blank = !line.is_empty() && line.trim().is_empty();
        let is_command = !line.trim().is_empty() && line != HIDDEN;
        self.echo = is_command.then(|| Echo::new(&last, &line, false));
        self.echoed = false;
        self.command = is_command.then_some((turn, line));
        self.prompt = last;
        self.screen = Screen::new(LIMIT, &self.prompt);
        self.doubles = rest.starts_with(b"\r\n");
        self.keys.clear();
        self.pressed(keys);
    }

    /// The commands and answers.
    pub(crate) fn finish(mut self) -> Vec<Said> {
        self.end();
        self.said
    }

    /// Keys without a line end: for a pager, or to prove a prompt.
    fn pressed(&mut self, keys: &[u8]) {
        if keys.is_empty() {
            return;
        }
        if self.screen.last_line().is_some_and(|line| self.platform.is_pager(&line)) {
            self.screen.clear_line();
        }
        let caret = |&byte: &u8| match byte {
            0..0x20 => format!("^{}", char::from(byte + 0x40)),
            byte => char::from(byte).to_string(),
        };
        self.keys.push(keys.iter().map(caret).collect());
    }

    /// As a live session does: what answers a line of blanks twice alike is a part of the prompt.
    fn learn_above(&mut self) {
        if !std::mem::take(&mut self.blank) || !self.platform.learns_prompts() {
            return;
        }
        let text = decode(self.screen.take_text(usize::MAX));
        let Some((_, above)) = text.split_once('\n') else { return };
        if above == self.last_above {
            self.above = above.to_owned();
        }
        self.last_above = above.to_owned();
    }

    /// The answer is over.
    fn end(&mut self) {
        let Some((turn, command)) = self.command.take() else { return };
        let mut prompt = self.last_line();
        let mut text = decode(self.screen.take_text(usize::MAX));
        // As in a live session: output whose last line has no end, and the known prompt behind it.
        if let Some(output) = prompt.strip_suffix(self.prompt.as_str()).filter(|_| !self.prompt.is_empty())
            && !output.is_empty()
        {
            text.push_str(output);
            prompt.clone_from(&self.prompt);
        }
        if !self.echoed
            && let Some(start) = after_echo(&text, &self.prompt, &command, false)
        {
            text.drain(..start);
        }
        if self.doubles
            && let Some(rest) = text.strip_suffix('\n').and_then(|text| text.strip_suffix(prompt.as_str()))
        {
            text.truncate(rest.len());
        }
        for keys in self.keys.iter().filter(|keys| keys.contains('^')) {
            if let Some(at) = text.find(keys.as_str()) {
                text.replace_range(at..at + keys.len(), "");
            }
        }
        while let Some(rest) = text.strip_suffix('\n')
            && let line = rest.rsplit_once('\n').map_or(rest, |(_, line)| line)
            && self.platform.may_stand_above_prompt(line)
        {
            text.truncate(rest.len() - line.len());
        }
        let begins_a_line = |rest: &&str| self.above.starts_with('\n') || rest.is_empty() || rest.ends_with('\n');
        if let Some(rest) = text.strip_suffix(self.above.as_str()).filter(begins_a_line).map(str::len) {
            text.truncate(rest);
        }
        if text.ends_with('\n') {
            text.pop();
        }
        self.said.push(Said { turn, command, text, prompt });
    }
}

/// The bytes that `escape_ascii` has written.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        bytes.push(match letter {
            b'\\' => match letters.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let digits = [letters.next()?, letters.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                same @ (b'\\' | b'\'' | b'"') => same,
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(turns: &[&str]) -> Vec<(String, String, String)> {
        let mut transcript = Transcript::new(Arc::new(Platform::generic()));
        for (turn, text) in turns.iter().enumerate() {
            match text.split_at(2) {
                ("> ", bytes) => transcript.typed(turn, bytes.as_bytes()),
                (_, bytes) => transcript.heard(bytes.as_bytes()),
            }
        }
        transcript.finish().into_iter().map(|said| (said.command, said.text, said.prompt)).collect()
    }

    fn check(turns: &[&str], expected: &[(&str, &str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect();
        assert_eq!(said(turns), expected, "{turns:?}");
    }

    #[test]
    fn commands_and_their_answers() {
        check(
            &["< \r\nPassword: ", "> ***\r\n", "< \r\nr1> ", "> show\n", "< show\r\none\r\n", "< two\r\nr1> "],
            &[("show", "one\ntwo", "r1> ")],
        );
        check(&["< r1# ", "> a\n7\x08", "< a\r\nx\r\nr1# 7\x08 \x08"], &[("a", "x", "r1# ")]);
        check(&["< r1# ", "> a\n7\x08", "< a\r\n7^Hx\r\nr1# "], &[("a", "x", "r1# ")]);
        check(&["< r1# ", "> a\r\n", "< a\r\nx\r\nr1# \r\nr1# "], &[("a", "x", "r1# ")]);
        check(&["< x$ ", "> printf x\n", "< printf x\r\nxx$ "], &[("printf x", "x", "x$ ")]);
        check(&["< r1# ", "> a\n", "< \r\n%LOG\r\nr1# a\r\nx\r\nr1# "], &[("a", "x", "r1# ")]);
    }

    #[test]
    fn proofs_pagers_and_questions_are_no_commands() {
        check(
            &[
                "< r1# ",
                "> a\n",
                "< a\r\nx\r\nr1# ",
                "> 123\x01\x0b",
                "< 123\x08\x08\x08\x1b[K",
                "> b\n",
                "< b\r\nr1# ",
            ],
            &[("a", "x", "r1# "), ("b", "", "r1# ")],
        );
        check(
            &["< $ ", "> a\n", "< a\r\nx\r\n$ ", ">    \n", "<    \r\n$ ", "> b\n", "< b\r\ny\r\n$ "],
            &[("a", "x", "$ "), ("b", "y", "$ ")],
        );
        check(
            &["< r1# ", "> a\n", "< a\r\n1\r\n --More-- ", ">  ", "< \r          \r2\r\nr1# "],
            &[("a", "1\n2", "r1# ")],
        );
        check(
            &["< r1> ", "> enable\n", "< enable\r\nPassword: ", "> ***\n", "< \r\nr1# ", "> b\n", "< b\r\nr1# "],
            &[("enable", "Password: ", "r1# "), ("b", "", "r1# ")],
        );
    }

    #[test]
    fn bytes_come_back() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&every.escape_ascii().to_string()), Some(every));
    }
}
