//! Secrets taken out of a stream of bytes, in whatever pieces they come.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

/// What stands in a secret's place.
pub(super) const MASK: &str = "***";

/// Shorter secrets are not looked for everywhere: they would take half of all words with them.
const LONG: usize = 6;

/// For so many lines after it was typed a short secret is looked for: its echo, behind a line that was under way.
const LINES: usize = 2;

/// Longer stretches of control characters inside a secret are no way of drawing it.
const GAP: usize = 64;

/// Secrets that came up on the way are forgotten when there are more: a configuration seldom sets as many at once.
const KNOWN: usize = 256;

/// The secrets of a session.
pub(in crate::connection) struct Secrets {
    known: VecDeque<Known>,
    /// So many of them, the first, are never forgotten.
    kept: usize,
    /// Where among them those are that begin with this byte. Most bytes begin none, and pass without a look at any.
    starts: [Vec<usize>; 256],
}

struct Known {
    text: Text,
    /// For so many lines it is looked for, however short.
    lines: usize,
}

/// A secret's bytes, shared with those who follow it in the stream.
type Text = Arc<Zeroizing<Vec<u8>>>;

impl Default for Secrets {
    fn default() -> Self {
        Self { known: VecDeque::new(), kept: 0, starts: [const { Vec::new() }; 256] }
    }
}

impl Secrets {
    /// A secret of the login: every session needs it anew, so it is never forgotten.
    pub(in crate::connection) fn keep(&mut self, text: &str) {
        for line in lines(text) {
            if !self.known.iter().take(self.kept).any(|known| **known.text == line.as_bytes()) {
                self.put(self.kept, line);
                self.kept += 1;
            }
        }
    }

    /// A secret that came up on the way; each of its lines is one.
    pub(in crate::connection) fn know(&mut self, text: &str) {
        for line in lines(text) {
            if self.known.iter().any(|known| **known.text == line.as_bytes()) {
                continue;
            }
            if self.known.len() - self.kept >= KNOWN {
                self.known.remove(self.kept);
            }
            self.put(self.known.len(), line);
        }
    }

    fn put(&mut self, at: usize, line: &str) {
        self.known.insert(at, Known { text: Arc::new(Zeroizing::new(line.as_bytes().to_vec())), lines: 0 });
        self.starts.iter_mut().for_each(Vec::clear);
        for (at, known) in self.known.iter().enumerate() {
            known.text.first().into_iter().for_each(|&byte| self.starts[usize::from(byte)].push(at));
        }
    }

    /// `text` goes out, a line or several. Without its secrets, which are looked for from now on.
    pub(in crate::connection) fn typed(&mut self, text: &str) -> String {
        text.split_inclusive(['\r', '\n']).map(|line| self.typed_line(line)).collect()
    }

    fn typed_line(&mut self, line: &str) -> String {
        let (text, end) = line.split_at(line.find(['\r', '\n']).unwrap_or(line.len()));
        let mut shown = text.to_owned();
        let announced = crate::secret::masked(text);
        if let Some(start) = announced.strip_suffix('…').filter(|_| announced != text) {
            let value = text.get(start.len()..).unwrap_or_default().trim();
            self.know(value);
            // Behind the number of an encryption type stands the secret itself, and further words may follow it.
            let word = value.split_whitespace().find(|word| word.len() >= LONG);
            word.into_iter().for_each(|word| self.know(word));
            shown = format!("{start}{MASK}");
            self.expect(value.as_bytes());
        }
        if self.expect(text.as_bytes()) {
            shown = MASK.to_owned();
        }
        self.without_long(&shown) + end
    }

    /// `text` without its secrets: short ones where they are words, but for those of a few letters that only answered a
    /// question.
    pub(in crate::connection) fn without(&self, text: &str) -> String {
        const FEW: usize = 4;
        let beside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        self.without_those(text, |at, known, range| {
            let before = range.start.checked_sub(1).and_then(|before| text.as_bytes().get(before));
            let word = !beside(before) && !beside(text.as_bytes().get(range.end));
            known.text.len() >= LONG || word && (at < self.kept || known.text.len() >= FEW)
        })
    }

    /// `text` without the secrets that are looked for everywhere.
    fn without_long(&self, text: &str) -> String {
        self.without_those(text, |_, known, _| known.text.len() >= LONG)
    }

    /// Those that overlap go as one: nothing of either is left.
    fn without_those(&self, text: &str, counts: impl Fn(usize, &Known, &Range<usize>) -> bool) -> String {
        let mut found: Vec<Range<usize>> = Vec::new();
        for (number, known) in self.known.iter().enumerate() {
            let windows = text.as_bytes().windows(known.text.len()).enumerate();
            let here = windows.filter(|(_, here)| *here == **known.text).map(|(at, here)| at..at + here.len());
            found.extend(here.filter(|range| counts(number, known, range)));
        }
        found.sort_by_key(|range| range.start);
        let (mut shown, mut end) = (String::new(), 0);
        for range in found {
            if range.start >= end {
                shown.push_str(text.get(end..range.start).unwrap_or_default());
                shown.push_str(MASK);
            }
            end = end.max(range.end);
        }
        shown + text.get(end..).unwrap_or_default()
    }

    /// Looks out for the echo of `text`, if that is a secret.
    fn expect(&mut self, text: &[u8]) -> bool {
        let found = self.known.iter_mut().find(|known| **known.text == text);
        found.is_some_and(|known| {
            known.lines = LINES;
            true
        })
    }

    fn line_ended(&mut self) {
        self.known.iter_mut().for_each(|known| known.lines = known.lines.saturating_sub(1));
    }

    /// Those that are looked for and begin with `byte`.
    fn starting_with(&self, byte: u8) -> impl Iterator<Item = &Text> {
        let known = self.starts[usize::from(byte)].iter().filter_map(|&at| self.known.get(at));
        known.filter(|known| known.text.len() >= LONG || known.lines > 0).map(|known| &known.text)
    }

    /// How many of `bytes` come before one that begins a secret, a line end or an escape sequence.
    fn idle(&self, bytes: &[u8]) -> usize {
        let stirs = |&byte: &u8| !self.starts[usize::from(byte)].is_empty() || matches!(byte, b'\n' | 0x1b);
        bytes.iter().position(stirs).unwrap_or(bytes.len())
    }
}

/// The lines of a secret that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\r', '\n']).filter(|line| !line.is_empty())
}

/// Takes secrets out of what is received. What may be the start of one is held back until more is known.
#[derive(Default)]
pub(super) struct Redactor {
    held: Vec<u8>,
    candidates: Vec<Candidate>,
    /// A secret, or several that overlap, in the held bytes: it goes once no candidate can make it longer.
    found: Option<Range<usize>>,
    escape: Escape,
}

/// A secret that may be under way.
struct Candidate {
    text: Text,
    /// Where in the held bytes it starts.
    start: usize,
    matched: usize,
    gap: usize,
}

/// Line editors draw over what they echo: inside a secret, what draws is passed over.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Text,
    Start,
    Control,
}

impl Redactor {
    /// What is held back.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Reads `bytes`, and appends to `out` what is certain.
    pub(super) fn feed(&mut self, mut bytes: &[u8], secrets: &mut Secrets, out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let idle = if self.held.is_empty() && self.escape == Escape::Text { secrets.idle(bytes) } else { 0 };
            let (plain, rest) = bytes.split_at(idle);
            out.extend_from_slice(plain);
            let Some((&byte, rest)) = rest.split_first() else { break };
            self.step(byte, secrets, out);
            bytes = rest;
        }
        let starts = self.candidates.iter().map(|candidate| candidate.start);
        let certain = starts.chain(self.found.iter().map(|found| found.start)).min().unwrap_or(self.held.len());
        out.extend(self.take_held(certain));
    }

    /// No more follows: what was held back may be half a secret.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            out.extend_from_slice(MASK.as_bytes());
        }
        self.held.clear();
        self.candidates.clear();
        self.found = None;
    }

    fn step(&mut self, byte: u8, secrets: &mut Secrets, out: &mut Vec<u8>) {
        let draws = self.escape != Escape::Text || byte < 0x20 || byte == 0x7f;
        self.escape = match (self.escape, byte) {
            (_, 0x1b) => Escape::Start,
            (Escape::Start, b'[') => Escape::Control,
            (Escape::Control, 0x20..=0x3f) => Escape::Control,
            _ => Escape::Text,
        };
        let at = self.held.len();
        self.held.push(byte);
        if !draws {
            let started = secrets.starting_with(byte);
            self.candidates.extend(started.map(|text| Candidate { text: text.clone(), start: at, matched: 0, gap: 0 }));
        }
        let found = &mut self.found;
        self.candidates.retain_mut(|candidate| {
            if candidate.text.get(candidate.matched) != Some(&byte) {
                candidate.gap += 1;
                return draws && candidate.gap <= GAP;
            }
            candidate.matched += 1;
            candidate.gap = 0;
            let whole = candidate.matched == candidate.text.len();
            if whole {
                let start = found.as_ref().map_or(candidate.start, |found| found.start.min(candidate.start));
                *found = Some(start..at + 1);
            }
            !whole
        });
        self.let_found_go(out);
        if self.candidates.is_empty() && self.found.is_none() {
            out.append(&mut self.held);
        }
        if byte == b'\n' {
            secrets.line_ended();
        }
    }

    /// Masks what was found, unless one that began before its end may go on behind it.
    fn let_found_go(&mut self, out: &mut Vec<u8>) {
        let Some(Range { start, end }) = self.found.clone() else { return };
        if self.candidates.iter().any(|candidate| candidate.start < end) {
            return;
        }
        self.found = None;
        out.extend(self.take_held(start));
        out.extend_from_slice(MASK.as_bytes());
        self.take_held(end - start);
    }

    /// The first `count` of the held bytes.
    fn take_held(&mut self, count: usize) -> std::vec::Drain<'_, u8> {
        self.candidates.iter_mut().for_each(|candidate| candidate.start = candidate.start.saturating_sub(count));
        if let Some(found) = &mut self.found {
            *found = found.start.saturating_sub(count)..found.end.saturating_sub(count);
        }
        self.held.drain(..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.know("hunter22");
        secrets.know("hunger");
        secrets.know("pw");
        secrets
    }

    /// `heard` after `typed`, cut at every position.
    fn check(typed: &str, heard: &[u8], expected: &str) {
        for cut in 0..=heard.len() {
            let (mut secrets, mut redactor, mut out) = (secrets(), Redactor::default(), Vec::new());
            secrets.typed(typed);
            for piece in [&heard[..cut], &heard[cut..]] {
                redactor.feed(piece, &mut secrets, &mut out);
            }
            redactor.finish(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "cut at {cut}");
        }
    }

    #[test]
    fn secrets_are_masked_wherever_they_are_cut() {
        check("", b"before hunter22 after", "before *** after");
        check("", b"hunhunter22hunger", "hun******");
        check("", b"hunger hunter2 hunter22", "*** hunter2 ***");
        check("", b"a hunt", "a ***");
        check("", "é hunter22 \u{1F512}".as_bytes(), "é *** \u{1F512}");
    }

    #[test]
    fn drawing_does_not_hide_them() {
        check("", b"secret hun\r\nter22 x", "secret *** x");
        check("", b"hu\x1b[Knte\x08r22", "***");
        check("", b"hun\r\n\r\nx", "hun\r\n\r\nx");
    }

    #[test]
    fn short_ones_are_looked_for_where_they_were_typed() {
        check("", b"pwd power pw\r\n", "pwd power pw\r\n");
        check("pw\r\n", b"pw\r\nok\r\npw\r\n", "***\r\nok\r\npw\r\n");
        check("pw\r\n", b"%LOG\r\nPassword: pw\r\npw\r\n", "%LOG\r\nPassword: ***\r\npw\r\n");
    }

    #[test]
    fn lines_that_set_secrets_lose_them_and_so_do_their_echoes() {
        let mut secrets = secrets();
        assert_eq!(secrets.typed("username admin secret 9 $9$abcdef\r"), "username admin secret ***\r");
        assert_eq!(secrets.typed("hunter22\n"), "***\n");
        assert_eq!(secrets.typed("pw\n"), "***\n");
        assert_eq!(secrets.typed("say pw hunter22"), "say pw ***");
        assert_eq!(secrets.typed("enable secret x\n7\x08"), "enable secret ***\n7\x08");
        assert_eq!(secrets.typed("show version\n7\x08"), "show version\n7\x08");
        check(
            "snmp-server community abc ro\n",
            b"r1# snmp-server community abc ro\r\n",
            "r1# snmp-server community ***\r\n",
        );
        check(
            "enable secret 9 $9$abcdef\n",
            b"x\r\ny\r\nz\r\nenable secret 9 $9$abcdef",
            "x\r\ny\r\nz\r\nenable secret ***",
        );
        check(
            "enable secret 9 $9$abcdef\n",
            b"x\r\ny\r\nz\r\nenable secret 8 $9$abcdef",
            "x\r\ny\r\nz\r\nenable secret 8 ***",
        );
    }

    #[test]
    fn of_secrets_that_begin_alike_the_longest_is_masked() {
        let known = ["hunter", "hunter22", "ter22-and-more", "unte", "passes", "asse"];
        let check = |heard: &[u8], expected: &str| {
            for cut in 0..=heard.len() {
                let (mut secrets, mut redactor, mut out) = (Secrets::default(), Redactor::default(), Vec::new());
                known.iter().for_each(|text| secrets.know(text));
                for piece in [&heard[..cut], &heard[cut..]] {
                    redactor.feed(piece, &mut secrets, &mut out);
                }
                redactor.finish(&mut out);
                assert_eq!(String::from_utf8_lossy(&out), expected, "cut at {cut}");
            }
        };
        check(b"a hunter22 b", "a *** b");
        check(b"a hunter2 b", "a ***2 b");
        check(b"a hunter b", "a *** b");
        check(b"a hunter\r\nb hunter\r\n22 c", "a ***\r\nb *** c");
        // One begins before the end of the other: nothing of either is left.
        check(b"a hunter22-and-more b", "a *** b");
        check(b"a hunter22-and-less b", "a ***-and-less b");
        check(b"hunter", "***");
        let mut secrets = Secrets::default();
        known.iter().for_each(|text| secrets.know(text));
        assert_eq!(secrets.typed("say hunter22\n"), "say ***\n");
        assert_eq!(secrets.typed("say hunter22-and-more\n"), "say ***\n");
    }

    #[test]
    fn every_line_of_an_answer_is_a_secret() {
        let mut secrets = Secrets::default();
        secrets.know("a\nopen sesame\r\nx");
        assert_eq!(secrets.typed("a\nopen sesame\r\nx\n"), "***\n***\r\n***\n");
        assert_eq!(secrets.typed("password x1\nenable secret x2\n7\x08"), "password ***\nenable secret ***\n7\x08");
        check("password x1\nenable secret x2\n", b"x1 x2\r\n", "*** ***\r\n");
    }

    #[test]
    fn what_is_known_is_bounded() {
        let mut secrets = secrets();
        (0..10 * KNOWN).for_each(|number| secrets.know(&format!("secret-{number}")));
        assert_eq!(secrets.known.len(), KNOWN);
    }

    #[test]
    fn a_secret_of_the_login_outlives_those_that_came_up_on_the_way() {
        let mut secrets = Secrets::default();
        secrets.keep("hunter22");
        (0..2 * KNOWN).for_each(|number| secrets.know(&format!("secret-{number}")));
        assert_eq!(secrets.typed("hunter22\n"), "***\n");
        assert_eq!(secrets.known.len(), KNOWN + 1);
    }
}
