//! The echo of a command, as line editors send it: wrapped, redrawn, with the character at the edge sent twice.

use super::screen::{Screen, decode};

/// So much of a command is seen at least, before an editor scrolls it sideways and after.
const SCROLLED: usize = 8;

/// Follows the first line of an answer and tells whether it is the echo.
#[derive(Debug)]
pub(crate) struct Echo {
    /// The prompt, then the command.
    expected: Vec<u8>,
    /// How many bytes of `expected` may have been seen. More than one value while a character can be read in two ways.
    seen: Vec<usize>,
    /// The values after the next byte, while they are found.
    next: Vec<usize>,
    held: Vec<u8>,
    escape: Escape,
    returned: bool,
    /// Of the echo itself something was seen: a line end from now on is a wrap, no other line.
    begun: bool,
    /// How much of `expected` was seen at most.
    most: usize,
    /// The cursor went back since then, on the same line: it may be drawn anew.
    redrawn: bool,
    /// What was drawn anew is no echo as it was typed. Whether it is what fits on the line of it, the line's end tells.
    scrolling: bool,
    prompt: usize,
    /// Where the command begins, if all of it or each of its characters may come twice.
    twice: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
enum Escape {
    Text,
    Start,
    Control,
    String,
}

/// What is known after some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Cannot tell yet; the bytes are held back.
    Open,
    /// The echo ended; this many of the bytes just given belonged to it.
    Ended(usize),
    /// It is not the echo: all bytes so far, to be read as output.
    Absent(Vec<u8>),
}

impl Echo {
    /// Waits for the echo of `command`, typed at `prompt`, which may be drawn once more before it. It may come `twice`,
    /// character by character or as a whole.
    pub(crate) fn new(prompt: &str, command: &str, twice: bool) -> Self {
        let expected = [prompt, command].concat().into_bytes();
        let mut seen = vec![prompt.len(), 0];
        seen.dedup();
        let twice = twice.then_some(prompt.len());
        Self {
            expected,
            seen,
            next: Vec::new(),
            held: Vec::new(),
            escape: Escape::Text,
            returned: false,
            begun: false,
            most: 0,
            redrawn: false,
            scrolling: false,
            prompt: prompt.len(),
            twice,
        }
    }

    /// Reads `bytes`.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Verdict {
        for (index, &byte) in bytes.iter().enumerate() {
            let line_end = self.escape == Escape::Text && byte == b'\n';
            if line_end && (self.seen.contains(&self.expected.len()) || self.shows_the_end(bytes.get(..index))) {
                return Verdict::Ended(index + 1);
            }
            self.step(byte);
            self.scrolling = !line_end && (self.scrolling || self.seen.is_empty() && self.may_scroll());
            // Redrawing a line costs a few times its length; more than that is output.
            if self.seen.is_empty() && !self.scrolling || self.held.len() + index > 8 * self.expected.len() + 512 {
                self.held.extend_from_slice(bytes);
                return Verdict::Absent(std::mem::take(&mut self.held));
            }
        }
        self.held.extend_from_slice(bytes);
        Verdict::Open
    }

    /// What is held back.
    pub(crate) fn held(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    fn step(&mut self, byte: u8) {
        match (&self.escape, byte) {
            (Escape::Text, 0x1b) => self.escape = Escape::Start,
            (Escape::Text, b'\n') if !self.begun => self.seen.clear(),
            (Escape::Text, b'\n') => self.redrawn = false,
            (Escape::Text, b'\r') => (self.returned, self.redrawn) = (true, true),
            (Escape::Text, 0x08) => self.redrawn = true,
            (Escape::Text, 0..0x20 | 0x7f) => {}
            (Escape::Text, _) => self.print(byte),
            (Escape::Start, b'[') => self.escape = Escape::Control,
            (Escape::Start, b']') => self.escape = Escape::String,
            (Escape::Start, _) => self.escape = Escape::Text,
            (Escape::Control, 0x40..=0x7e) | (Escape::String, 0x07 | b'\\') => self.escape = Escape::Text,
            (Escape::Control | Escape::String, _) => {}
        }
    }

    fn print(&mut self, byte: u8) {
        self.next.clear();
        for &seen in &self.seen {
            if self.expected.get(seen) == Some(&byte) {
                self.next.push(seen + 1);
            }
            // After a carriage return the editor may repeat the character at the edge of the screen; and it wraps
            // some terminals by a blank.
            let last = seen.checked_sub(1).and_then(|last| self.expected.get(last));
            let repeated = (self.returned || self.twice.is_some()) && last == Some(&byte);
            if repeated || (byte == b' ' && self.begun) {
                self.next.push(seen);
            }
            if let Some(start) = self.twice
                && seen == self.expected.len()
                && self.expected.get(start) == Some(&byte)
            {
                self.next.push(start + 1);
            }
        }
        self.next.sort_unstable();
        self.next.dedup();
        std::mem::swap(&mut self.seen, &mut self.next);
        self.returned = false;
        self.begun = true;
        self.most = self.most.max(self.seen.last().copied().unwrap_or_default());
    }

    fn may_scroll(&self) -> bool {
        self.redrawn && self.most >= self.prompt + SCROLLED
    }

    /// Whether an editor that scrolls sideways has drawn the end of the command on what is left of its line: `bytes`
    /// follow what is held.
    fn shows_the_end(&self, bytes: Option<&[u8]>) -> bool {
        let Some(bytes) = bytes.filter(|_| self.may_scroll()) else { return false };
        let (prompt, command) = self.expected.split_at(self.prompt);
        let (prompt, command) = (String::from_utf8_lossy(prompt), String::from_utf8_lossy(command));
        let mut screen = Screen::new(usize::MAX, &prompt);
        let fed = screen.feed(&self.held).and_then(|()| screen.feed(bytes)).and_then(|()| screen.feed(b"\n"));
        let drawn = decode(screen.take_text(usize::MAX));
        // Marks say that the line goes on: `$` before it on IOS, `<` far behind it in mksh.
        let line = drawn.lines().last().unwrap_or_default().trim_end();
        let bare = line.strip_suffix(['<', '>', '*', '+']).unwrap_or(line).trim_end();
        let ends = |line: &str| {
            let line = line.strip_prefix(prompt.trim_end()).unwrap_or(line).trim_start();
            let line = line.strip_prefix(['$', '<', '*', '+']).unwrap_or(line).trim_start();
            line.len() >= SCROLLED && command.trim_end().ends_with(line)
        };
        fed.is_ok() && (ends(line) || ends(bare))
    }
}

/// Splits the output off `text` by its first line that is the echo, when the echo was not at the very start: log
/// lines or a late prompt came before it. The echo may have come `twice`.
pub(crate) fn after_echo(text: &str, prompt: &str, command: &str, twice: bool) -> Option<usize> {
    if command.is_empty() {
        return None;
    }
    let doubled = if twice { shown_twice(command) } else { [const { String::new() }; 2] };
    let shown = |typed: &str| doubled.iter().any(|doubled| twice && doubled.trim() == typed);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let line = line.trim_end();
        let typed = line.strip_prefix(prompt.trim_end()).unwrap_or(line);
        if typed.trim() == command.trim() || shown(typed.trim()) {
            return Some(end);
        }
        start = end;
    }
    None
}

/// What is seen of `typed` when it is shown twice: each character, or all of it.
pub(crate) fn shown_twice(typed: &str) -> [String; 2] {
    [typed.chars().flat_map(|character| [character; 2]).collect(), typed.repeat(2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(prompt: &str, command: &str, bytes: &[u8]) -> Option<String> {
        let whole = Echo::new(prompt, command, false).feed(bytes);
        for cut in 0..=bytes.len() {
            let mut echo = Echo::new(prompt, command, false);
            let verdict = match echo.feed(&bytes[..cut]) {
                Verdict::Open => match echo.feed(&bytes[cut..]) {
                    Verdict::Ended(used) => Verdict::Ended(cut + used),
                    other => other,
                },
                Verdict::Absent(mut held) => {
                    held.extend_from_slice(&bytes[cut..]);
                    Verdict::Absent(held)
                }
                ended => ended,
            };
            assert_eq!(verdict, whole, "cut at {cut}");
        }
        match whole {
            Verdict::Ended(used) => Some(String::from_utf8_lossy(&bytes[used..]).into_owned()),
            _ => None,
        }
    }

    #[test]
    fn plain() {
        assert_eq!(after("r1# ", "show version", b"show version\r\nFRR\r\n").as_deref(), Some("FRR\r\n"));
    }

    #[test]
    fn redrawn_behind_the_prompt() {
        assert_eq!(after("r1# ", "show", b"\r\x1b[Kr1# show\r\nx").as_deref(), Some("x"));
    }

    #[test]
    fn wrapped_in_every_known_way() {
        // By the terminal's own line ends, with the edge character twice, by a blank.
        assert_eq!(after("r1# ", "show version", b"show v\r\n\rersion\r\nx").as_deref(), Some("x"));
        assert_eq!(after("r1# ", "show version", b"show ve\rersion\r\nx").as_deref(), Some("x"));
        assert_eq!(after("r1# ", "show version", b"show v \rersion\r\nx").as_deref(), Some("x"));
        assert_eq!(after("", "aabb", b"aa\r\n\rbb\r\nx").as_deref(), Some("x"));
        assert_eq!(after("", "aabb", b"aab\rbb\r\nx").as_deref(), Some("x"));
    }

    #[test]
    fn scrolled_sideways() {
        // mksh on eighty columns: the line is drawn again from its start, without the prompt, and a mark at the edge.
        let back = "\x08".repeat(19);
        let (z, mark) = ("z".repeat(90), format!("{}<", " ".repeat(18)));
        let command = format!("echo {z} | wc -c");
        let first = format!("echo {}\r{}{mark}{back}{}", &z[..73], &z[..61], &z[..18]);
        let heard = format!("{first}\r{}{mark}{back}z | wc -c\r\r\n91\r\n", &z[..61]);
        assert_eq!(after("$ ", &command, heard.as_bytes()).as_deref(), Some("91\r\n"));
        let command = "echo abcdefghijklmnopqrstuvwxyz0123456789 abcdefghijklmnopqrstuvwxyz0123456789 | wc -c";
        let heard = format!(
            "echo abcdefghijklmnopqrstuvwxyz0123456789 abcdefghijklmnopqrstuvwxyz01234567\r\
             lmnopqrstuvwxyz0123456789 abcdefghijklmnopqrstuvwxyz01234567{mark}{back}89 | wc -c\r\r\n74\r\n"
        );
        assert_eq!(after("$ ", command, heard.as_bytes()).as_deref(), Some("74\r\n"));
        // Behind the prompt, with a mark before what is left of the command.
        let command = "show running-config | include description of the interface";
        let end = "$include description of the interface\x1b[K\r\nx\r\n";
        let heard = format!("{}{}{end}", &command[..40], "\x08".repeat(40));
        assert_eq!(after("r1#", command, heard.as_bytes()).as_deref(), Some("x\r\n"));
        // What was drawn over it is not the end of the command.
        let heard = format!("{}\rsomething else altogether\r\nx\r\n", &command[..40]);
        assert_eq!(after("r1#", command, heard.as_bytes()), None);
    }

    #[test]
    fn output_is_no_echo() {
        assert_eq!(after("r1# ", "show version", b"FRR\r\n"), None);
        assert_eq!(after("r1# ", "show version", b"\r\nshow version\r\n"), None);
    }

    #[test]
    fn shown_twice_it_is_one_echo() {
        let twice = |bytes: &[u8]| Echo::new("$ ", "ls aa", true).feed(bytes);
        assert_eq!(twice(b"llss  aaaa\r\nx"), Verdict::Ended(12));
        assert_eq!(twice(b"ls aals aa\r\nx"), Verdict::Ended(12));
        assert_eq!(twice(b"$ ls aals aa\r\nx"), Verdict::Ended(14));
        assert_eq!(twice(b"ls aa\r\nx"), Verdict::Ended(7));
        assert!(matches!(twice(b"ls aalt"), Verdict::Absent(_)));
        assert_eq!(after("$ ", "ls aa", b"llss  aaaa\r\nx"), None);
        assert_eq!(after_echo("%LOG\n$ llss\nx", "$ ", "ls", true), Some(12));
        assert_eq!(after_echo("%LOG\n$ lsls\nx", "$ ", "ls", true), Some(12));
        assert_eq!(after_echo("%LOG\n$ lsls\nx", "$ ", "ls", false), None);
    }

    #[test]
    fn behind_noise() {
        let text = "\n%LINK-3-UPDOWN\nr1# show version\nFRR\n";
        assert_eq!(after_echo(text, "r1# ", "show version", false).map(|at| &text[at..]), Some("FRR\n"));
        assert_eq!(after_echo("FRR\n", "r1# ", "show version", false), None);
    }
}
