//! An answer handed out line by line while it comes, so that none of it has to be kept.
//!
//! A line goes out once nothing that comes later can change or claim it: it is committed, the echo lies before it, and
//! behind it came output that is neither a prompt nor a question's answer. What the end of the answer may still take away
//! (prompts that a doubled line end drew, questions asked too soon) is held back till then.

use super::{Answer, Exchange, Proof};
use crate::cli::echo::after_echo;
use crate::cli::screen::decode;

/// Refusals are looked for in short answers only; so much of an answer is kept for that.
const HEAD: usize = 8192;

/// How far the handing out has got.
#[derive(Debug, Default)]
pub(super) struct Streamed {
    /// All lines go out at the end.
    at_end: bool,
    /// The start of the answer.
    head: String,
    /// Up to here in the committed text the echo was looked for, and is not.
    searched: usize,
    /// Up to here in the committed text every line was looked at.
    seen: usize,
    /// Up to here in the committed text the lines may go out.
    free: usize,
}

impl Streamed {
    fn hand(&mut self, line: &str, on_line: &mut (dyn FnMut(&str) + Send)) {
        if self.head.len() <= HEAD {
            if !self.head.is_empty() {
                self.head.push('\n');
            }
            self.head.extend(line.chars().take(HEAD));
        }
        on_line(line);
    }
}

impl Exchange {
    /// Hands the lines out while they come: [`Exchange::hand_out`], and [`Exchange::finish_lines`] at the end.
    pub(crate) fn in_lines(mut self) -> Self {
        // An empty command has no echo to tell where its answer starts.
        self.streamed = Some(Streamed { at_end: self.command.is_empty(), ..Streamed::default() });
        self
    }

    /// Hands out the lines that are settled.
    pub(crate) fn hand_out(&mut self, on_line: &mut (dyn FnMut(&str) + Send)) {
        let Some(mut streamed) = self.streamed.take() else { return };
        if self.proven.is_none() && !streamed.at_end && self.finds_echo(&mut streamed) {
            self.settle(&mut streamed);
            let lines = self.screen.text().get(..streamed.free).unwrap_or_default().to_vec();
            self.screen.drop_text(streamed.free);
            self.handed |= streamed.free > 0;
            streamed.seen -= streamed.free;
            streamed.free = 0;
            for line in lines.split_inclusive(|&byte| byte == b'\n') {
                let mut line = decode(line.to_vec());
                self.spent.iter_mut().chain(&mut self.probe).for_each(|probe| probe.scrub(&mut line));
                // A question's echo may have been all of the line.
                if let Some(line) = line.strip_suffix('\n') {
                    streamed.hand(line, on_line);
                }
            }
        }
        self.streamed = Some(streamed);
    }

    /// The rest of the lines, and the answer without its text but for the start of it; the whole answer where no lines
    /// are handed out.
    pub(crate) fn finish_lines(mut self, on_line: &mut (dyn FnMut(&str) + Send)) -> Option<Answer> {
        let Some(mut streamed) = self.streamed.take() else { return self.finish() };
        if streamed.at_end {
            let answer = self.finish()?;
            if !answer.text.is_empty() {
                answer.text.split('\n').for_each(on_line);
            }
            return Some(answer);
        }
        let twice = self.proven.as_ref().is_some_and(|proven| proven.twice);
        let (text, prompt) = self.output()?;
        text.split_terminator('\n').for_each(|line| streamed.hand(line, on_line));
        Some(Answer { text: streamed.head, prompt, doubled: false, twice })
    }

    /// Whether it is known where the output starts; what comes before is dropped.
    fn finds_echo(&mut self, streamed: &mut Streamed) -> bool {
        if self.echo.is_some() {
            return false;
        }
        if self.echoed {
            return true;
        }
        // Behind a log line or a late prompt the echo may still come.
        let end = self.own_from();
        let Some(new) = self.screen.text().get(streamed.searched..end) else { return false };
        let new = decode(new.to_vec());
        match after_echo(&new, &self.known.prompt, &self.command, self.known.twice) {
            Some(at) => {
                // Counted in bytes of the text, which decoding may have made longer.
                let lines = new.get(..at).unwrap_or_default().matches('\n').count();
                let rest = self.screen.text().get(streamed.searched..).unwrap_or_default();
                let end = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(lines.saturating_sub(1));
                let end = streamed.searched + end.map_or(0, |(at, _)| at + 1);
                self.screen.drop_text(end);
                self.echoed = true;
                true
            }
            None => {
                streamed.searched = end;
                false
            }
        }
    }

    /// Up to here in the committed text there is nothing that may be a question's.
    fn own_from(&self) -> usize {
        let accept = |line: &str| self.accepts(line);
        let own = self.probe.as_ref().and_then(|probe| probe.own_from(&self.screen, accept));
        own.unwrap_or(usize::MAX).min(self.screen.text().len())
    }

    /// Looks at the lines that are new, and moves `free` behind those that are settled.
    fn settle(&self, streamed: &mut Streamed) {
        let end = self.own_from();
        let new = self.screen.text().get(streamed.seen..end).unwrap_or_default();
        for line in new.split_inclusive(|&byte| byte == b'\n') {
            let held = streamed.free < streamed.seen;
            streamed.seen += line.len();
            let line = decode(line.strip_suffix(b"\n").unwrap_or(line).to_vec());
            let asked = self.spent.iter().chain(&self.probe).any(|probe| probe.may_show_on(&line));
            // A question's blanks, wrapped, behind the prompt that is held back.
            let blanks = held && self.known.proof == Proof::Blank && line.trim().is_empty();
            let above = blanks || self.known.may_stand_above_prompt(&line);
            if !asked && !above && !self.accepts(&line) && !self.accepts(line.trim_end()) {
                streamed.free = streamed.seen;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::cli::{Exchange, Known, Platform, Proof, Step, nonce};

    const PROMPT: &str = "r1# ";

    /// Lines that may be taken for something else.
    const LINES: [&str; 12] = [
        "x",
        "*> 10.0.0.0/24",
        "",
        "   ",
        "r1# ",
        "r1#",
        "r1#    ",
        "r1# show",
        "value#",
        "[edit]",
        "{master}",
        "a\rb",
    ];

    /// A device with a line editor, whose command says `output`.
    struct Device {
        typed: Vec<u8>,
        line: usize,
        doubles: bool,
        above: String,
    }

    impl Device {
        /// What it says to the keys that wait.
        fn answer(&mut self) -> Vec<u8> {
            let mut said = String::new();
            for key in std::mem::take(&mut self.typed) {
                match key {
                    b'\r' => {}
                    b'\n' => {
                        self.line = 0;
                        for _ in 0..1 + usize::from(self.doubles) {
                            said.push_str(&format!("\r\n{}{PROMPT}", self.above));
                        }
                    }
                    0x08 => {
                        self.line -= 1;
                        said.push_str("\x08 \x08");
                    }
                    0x01 => said.push_str(&"\x08".repeat(self.line)),
                    0x0b => {
                        self.line = 0;
                        said.push_str("\x1b[K");
                    }
                    key => {
                        self.line += 1;
                        said.push(char::from(key));
                    }
                }
            }
            said.into_bytes()
        }
    }

    fn answer(known: &Known, output: &str, seed: u64, in_lines: bool) -> String {
        let mut now = Duration::ZERO;
        let mut exchange = Exchange::command(known, "show", now).ahead();
        if in_lines {
            exchange = exchange.in_lines();
        }
        let mut lines: Vec<String> = Vec::new();
        let above = known.above.replace('\n', "\r\n");
        let mut device = Device { typed: Vec::new(), line: 0, doubles: known.doubles, above: above.clone() };
        let (mut begun, mut pending, mut dice) = (false, Vec::new(), seed | 1);
        for _ in 0..10_000 {
            match exchange.next(now) {
                Step::Write(keys) if begun => device.typed.extend(keys),
                Step::Write(keys) => {
                    begun = true;
                    device.typed.extend(&keys["show\r\n".len()..]);
                    let twice = if known.doubles { format!("{above}{PROMPT}\r\n") } else { String::new() };
                    pending = format!("show\r\n{output}{twice}{above}{PROMPT}").into_bytes();
                }
                Step::Wait(_) if !pending.is_empty() => {
                    dice ^= dice << 13;
                    dice ^= dice >> 7;
                    dice ^= dice << 17;
                    let piece: Vec<u8> = pending.drain(..pending.len().min(1 + dice as usize % 9)).collect();
                    exchange.receive(&piece, now).expect("short");
                    exchange.hand_out(&mut |line| lines.push(line.to_owned()));
                }
                Step::Wait(_) if !device.typed.is_empty() => pending = device.answer(),
                Step::Wait(until) => now = until.expect("somebody has to do something"),
                Step::Done => {
                    let answer = exchange.finish_lines(&mut |line| lines.push(line.to_owned())).expect("done");
                    return if in_lines { lines.join("\n") } else { answer.text };
                }
                Step::Stuck => panic!("stuck at {output:?}"),
            }
        }
        panic!("no end of {output:?}");
    }

    #[test]
    fn the_lines_are_the_answer_whatever_they_look_like() {
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            (dice >> 16) as usize % below
        };
        for round in 0..6000 {
            let name = ["frr", "cisco_ios", "generic", "juniper_junos"][round % 4];
            let proof = [Proof::Typeahead, Proof::Keys, Proof::Blank][random(3)].clone();
            let (doubles, seed) = (random(2) == 1, random(usize::MAX) as u64);
            let above = ["", "[edit]\n", "\n{master}\n", "\n", "x\n\nr1#\n"][random(5)];
            let output: String = (0..random(7)).map(|_| format!("{}\r\n", LINES[random(LINES.len())])).collect();
            let said = |in_lines| {
                let mut known = Known::nothing(Arc::new(Platform::named(name).expect("built in")), "\r\n", 1 << 16);
                known.prompt = PROMPT.to_owned();
                if known.platform.learns_prompts() {
                    (known.above, known.above_of) = (above.to_owned(), PROMPT.to_owned());
                }
                (known.proof, known.doubles) = (proof.clone(), doubles);
                nonce::repeatable::with(seed, || answer(&known, &output, seed, in_lines))
            };
            assert_eq!(said(true), said(false), "{name} {proof:?} {doubles} {above:?} {output:?}");
        }
    }
}
