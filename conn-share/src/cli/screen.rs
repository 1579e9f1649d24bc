//! What a terminal would show of the bytes a device sends: lines of text, without the ways they were drawn.

use super::line::Line;

/// A stretch of escape sequence longer than this is no escape sequence; it ends, and text follows.
///
/// Window titles, the longest that devices send, stay below one line of a terminal.
const ESCAPE_LIMIT: usize = 1024;

/// More came than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

/// A nonce was seen at the end of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// What stood on the line before the nonce.
    pub(crate) before: String,
    /// Where the line begins in the committed text.
    pub(crate) line_start: usize,
    /// The line ended with it; otherwise it was still the last line when the cursor went back.
    pub(crate) committed: bool,
    /// Up to so many of the blanks at the end of `before` may be what the line was wrapped with.
    pub(crate) spare: usize,
}

impl Sighting {
    /// What may have stood before the nonce.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        (0..=self.spare).filter_map(|spare| self.before.get(..self.before.len() - spare))
    }
}

/// Blanks at the end of a line, and those that follow on the next: a line editor wraps them as it wraps a command, by a
/// line end, or by a carriage return and one character more.
#[derive(Debug)]
struct Blanks {
    /// What stands before them.
    base: String,
    count: usize,
    line_start: usize,
    returns: usize,
}

/// Turns bytes, cut anywhere, into committed lines and the line in the making. Its cost is linear in the bytes.
#[derive(Debug)]
pub(crate) struct Screen {
    text: Vec<u8>,
    line: Line,
    escape: Escape,
    /// A carriage return came; what it means depends on the next byte.
    returned: bool,
    limit: usize,
    watched: Option<String>,
    sighting: Option<Sighting>,
    /// Followed while blanks are watched for.
    blanks: Option<Blanks>,
    /// What stood on the last line first, the prompt, without the blanks at its end.
    prompt: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// No sequence is open.
    Text,
    /// After ESC.
    Start,
    /// After ESC and an intermediate byte: one more follows.
    Intermediate,
    /// `ESC [`: the first parameter so far, and the length.
    Control { parameter: Option<u16>, first: bool, private: bool, length: usize },
    /// `ESC ]` and other strings, up to BEL or `ESC \`.
    String { length: usize, escaped: bool },
}

impl Screen {
    /// An empty screen that holds at most `limit` bytes, with `line` standing on its last line already.
    pub(crate) fn new(limit: usize, line: &str) -> Self {
        Self {
            text: Vec::new(),
            line: Line::holding(line),
            escape: Escape::Text,
            returned: false,
            limit,
            watched: None,
            sighting: None,
            blanks: None,
            prompt: line.trim_end_matches(' ').to_owned(),
        }
    }

    /// Looks out for `nonce` at the end of a line from now on.
    pub(crate) fn watch(&mut self, nonce: impl Into<String>) {
        self.watched = Some(nonce.into());
        self.sighting = None;
        self.blanks = None;
    }

    /// Where the watched nonce was last seen.
    pub(crate) fn sighting(&self) -> Option<&Sighting> {
        self.sighting.as_ref()
    }

    /// The committed text, as bytes: every line of it ends with `\n`.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The committed text up to `end`, taken out.
    pub(crate) fn take_text(&mut self, end: usize) -> Vec<u8> {
        self.text.truncate(end);
        std::mem::take(&mut self.text)
    }

    /// Drops the first `end` bytes of the committed text, which were handed on.
    pub(crate) fn drop_text(&mut self, end: usize) {
        self.text.drain(..end.min(self.text.len()));
        if let Some(seen) = &mut self.sighting {
            seen.line_start = seen.line_start.saturating_sub(end);
        }
        if let Some(blanks) = &mut self.blanks {
            blanks.line_start = blanks.line_start.saturating_sub(end);
        }
    }

    /// Forgets the committed text; the line in the making stays.
    pub(crate) fn forget_text(&mut self) {
        self.text.clear();
    }

    /// Wipes the line in the making.
    pub(crate) fn clear_line(&mut self) {
        self.line.clear();
        self.blanks = None;
        self.returned = false;
    }

    /// The line in the making up to the cursor, when nothing but blanks follows it. Nothing while a sequence is open, and
    /// nothing of a line too long to be read by people.
    pub(crate) fn last_line(&self) -> Option<String> {
        const LONGEST: usize = 4096;
        (self.escape == Escape::Text && !self.returned && self.line.len() <= LONGEST)
            .then(|| self.line.up_to_cursor())
            .flatten()
    }

    /// The line in the making, where a carriage return came last: the cursor is back at its start, or a line end is
    /// about to follow.
    pub(crate) fn returned_line(&self) -> Option<String> {
        (self.escape == Escape::Text && self.returned).then(|| self.line.up_to_cursor()).flatten()
    }

    /// Whether the line in the making is `line`, with the cursor behind it.
    pub(crate) fn last_line_is(&self, line: &str) -> bool {
        self.escape == Escape::Text && !self.returned && self.line.is(line)
    }

    /// Reads `bytes`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Overflow> {
        if self.text.capacity() == 0 {
            // A short answer comes in one piece.
            self.text.reserve(bytes.len());
        }
        while !bytes.is_empty() {
            let plain = match self.escape {
                Escape::Text => plain_run(bytes),
                _ => 0,
            };
            let (run, rest) = bytes.split_at(plain);
            if let Some(rest) = rest.strip_prefix(b"\r\n").filter(|_| self.takes_whole(run)) {
                self.text.extend_from_slice(run);
                if self.text.len() > self.limit {
                    return Err(Overflow);
                }
                self.text.push(b'\n');
                bytes = rest;
                continue;
            }
            if !run.is_empty() {
                self.print(run);
            }
            if self.text.len() + self.line.len() > self.limit {
                return Err(Overflow);
            }
            let Some((&byte, rest)) = rest.split_first() else { return Ok(()) };
            match self.escape {
                Escape::Text => self.control(byte),
                _ => self.escape_byte(byte),
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Whether `run` is a whole line, if a line end follows, and nothing on it is looked out for: as most output is. It
    /// need not be made on the last line first.
    fn takes_whole(&self, run: &[u8]) -> bool {
        self.escape == Escape::Text
            && !self.returned
            && self.line.is_empty()
            && self.sighting.is_none()
            && !self.watched.as_ref().is_some_and(|nonce| is_blank(nonce) || run.ends_with(nonce.as_bytes()))
    }

    fn print(&mut self, run: &[u8]) {
        self.settle_return();
        self.line.print(run);
    }

    fn control(&mut self, byte: u8) {
        match byte {
            b'\n' => self.commit(),
            b'\r' => self.returned = true,
            0x1b => self.escape = Escape::Start,
            0x08 => self.edit(|line| line.left(1)),
            _ => {}
        }
    }

    /// Ends the line in the making.
    fn commit(&mut self) {
        self.returned = false;
        self.look(true);
        self.follow_blanks(true);
        self.line.commit_to(&mut self.text);
        self.text.push(b'\n');
    }

    /// A carriage return that was no part of a line end moves the cursor back.
    fn settle_return(&mut self) {
        if std::mem::take(&mut self.returned) {
            self.look(false);
            self.follow_blanks(false);
            self.line.go_to_start();
        }
    }

    fn edit(&mut self, change: impl FnOnce(&mut Line)) {
        self.settle_return();
        self.look(false);
        change(&mut self.line);
    }

    /// Notes the watched nonce before the line changes. A nonce that was seen on this line stays seen while it is erased.
    fn look(&mut self, committed: bool) {
        let Some(nonce) = self.watched.as_ref().filter(|nonce| !is_blank(nonce)) else { return };
        if let Some(before) = self.line.before_suffix(nonce) {
            self.sighting = Some(Sighting { before, line_start: self.text.len(), committed, spare: 0 });
        } else if committed && self.sighting.as_ref().is_some_and(|seen| !seen.committed) {
            // The line went on after the nonce, so the nonce was no sign of the line editor.
            self.sighting = None;
        }
    }

    /// Counts the watched blanks, also where they go on below or on top of the line they began on, before the cursor
    /// leaves it.
    fn follow_blanks(&mut self, committed: bool) {
        const LONGEST: usize = 4096;
        let Some(wanted) = self.watched.as_ref().filter(|nonce| is_blank(nonce)).map(String::len) else { return };
        let here = if self.line.len() <= LONGEST { self.line.before_cursor() } else { String::new() };
        match &mut self.blanks {
            Some(blanks) if !blanks.base.is_empty() && is_blank(&here) => blanks.count += here.len(),
            blanks => {
                let line = self.line.up_to_cursor().filter(|line| *line == here);
                *blanks = line.map(|line| {
                    let base = line.trim_end_matches(' ').to_owned();
                    Blanks { count: line.len() - base.len(), base, line_start: self.text.len(), returns: 0 }
                });
            }
        }
        let Some(blanks) = &mut self.blanks else { return };
        blanks.returns += usize::from(!committed);
        let Some(more) = blanks.count.checked_sub(wanted).filter(|_| committed) else { return };
        let before = format!("{}{}", blanks.base, " ".repeat(more));
        self.sighting =
            Some(Sighting { before, line_start: blanks.line_start, committed, spare: blanks.returns.min(more) });
        if blanks.returns > 0 && blanks.base == self.prompt {
            // They were drawn over their prompt.
            self.line = Line::holding(&format!("{}{}", blanks.base, " ".repeat(blanks.count)));
        }
    }

    fn escape_byte(&mut self, byte: u8) {
        self.escape = match self.escape {
            Escape::Text => Escape::Text,
            Escape::Start => match byte {
                b'[' => Escape::Control { parameter: None, first: true, private: false, length: 0 },
                b']' | b'P' | b'X' | b'^' | b'_' => Escape::String { length: 0, escaped: false },
                0x20..=0x2f => Escape::Intermediate,
                0x1b => Escape::Start,
                _ => Escape::Text,
            },
            Escape::Intermediate => match byte {
                0x20..=0x2f => Escape::Intermediate,
                _ => Escape::Text,
            },
            Escape::Control { parameter, first, private, length } => {
                return self.control_sequence(byte, parameter, first, private, length);
            }
            Escape::String { length, escaped } => match byte {
                b'\n' => {
                    self.escape = Escape::Text;
                    return self.control(byte);
                }
                0x07 | 0x18 | 0x1a => Escape::Text,
                b'\\' if escaped => Escape::Text,
                _ if length >= ESCAPE_LIMIT => Escape::Text,
                _ => Escape::String { length: length + 1, escaped: byte == 0x1b },
            },
        };
    }

    fn control_sequence(&mut self, byte: u8, parameter: Option<u16>, first: bool, private: bool, length: usize) {
        let open = |parameter, first, private| Escape::Control { parameter, first, private, length: length + 1 };
        self.escape = match byte {
            _ if length >= ESCAPE_LIMIT => Escape::Text,
            b'0'..=b'9' if first => {
                let digits = parameter.unwrap_or(0).saturating_mul(10).saturating_add(u16::from(byte - b'0'));
                open(Some(digits), true, private)
            }
            b'<'..=b'?' => open(parameter, first, true),
            0x20..=0x3f => open(parameter, false, private),
            0x40..=0x7e => {
                self.escape = Escape::Text;
                if !private {
                    self.finish_control(byte, parameter);
                }
                return;
            }
            0x1b => Escape::Start,
            b'\n' | 0x18 | 0x1a => {
                // Broken off: what follows is text again, and a line end still ends its line.
                self.escape = Escape::Text;
                self.control(byte);
                return;
            }
            _ => open(parameter, first, private),
        };
    }

    fn finish_control(&mut self, command: u8, parameter: Option<u16>) {
        let count = usize::from(parameter.unwrap_or(1).max(1));
        match command {
            b'C' => self.edit(|line| line.right(count)),
            b'D' => self.edit(|line| line.left(count)),
            b'G' | b'`' => self.edit(|line| line.column(count - 1)),
            b'K' => self.edit(|line| line.erase(parameter.unwrap_or(0))),
            b'J' if parameter.unwrap_or(0) == 0 => self.edit(|line| line.erase(0)),
            b'J' | b'H' | b'f' => self.edit(Line::clear),
            b'P' => self.edit(|line| line.delete(count)),
            b'@' => self.edit(|line| line.insert(count)),
            _ => {}
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ')
}

/// How many bytes come before the first control.
fn plain_run(bytes: &[u8]) -> usize {
    // So many at once are compared by one machine instruction or two.
    const BLOCK: usize = 16;
    let plain = |block: &&[u8]| !block.iter().fold(false, |found, &byte| found | is_control(byte));
    let blocks = bytes.chunks_exact(BLOCK).take_while(plain).count() * BLOCK;
    let rest = bytes.get(blocks..).unwrap_or_default();
    blocks + rest.iter().position(|&byte| is_control(byte)).unwrap_or(rest.len())
}

/// C0 controls but the tab, and DEL.
fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Whether `byte` is among `bytes`. Whole answers are searched for what is seldom there, so many bytes are compared at
/// a time.
pub(crate) fn holds(bytes: &[u8], byte: u8) -> bool {
    let blocks = bytes.chunks_exact(32);
    let rest = blocks.remainder().contains(&byte);
    rest || blocks.map(|block| block.iter().fold(0, |found, one| found | u8::from(*one == byte))).any(|found| found > 0)
}

/// UTF-8 where it is; what is not, byte by byte as Latin-1.
pub(crate) fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.into_bytes();
        let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
        }
        text
    })
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
