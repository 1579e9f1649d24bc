//! One exchange with a device: a command and its whole answer, or nothing but a proof that the device waits.

mod answer;
mod streamed;

use std::collections::VecDeque;
use std::time::Duration;

use super::echo::{Echo, Verdict};
use super::interaction::Interaction;
use super::known::Known;
use super::platform::Proof;
use super::probe::{Probe, Proven};
use super::screen::{Overflow, Screen, decode};
use streamed::Streamed;

/// A line that may be a prompt, but is not the known one, is asked after this much silence: more than the gap between
/// two pieces of one output, less than a person notices.
const SETTLE: Duration = Duration::from_millis(100);

/// A question that is not answered is repeated after this much silence at a prompt, then after twice as long, and so on:
/// longer than any round trip but a satellite's, which costs one question more.
const PATIENCE: Duration = Duration::from_millis(500);

/// A device that is out of step and silent for this long without a prompt waits for something else than a command.
const STUCK: Duration = Duration::from_secs(1);

/// For so long from the first question on, what is heard may have been said before it came: it is on its way for
/// several round trips.
const DOUBT: Duration = Duration::from_millis(1800);

/// So often at least a question is asked of which it is not known whether the device can answer it.
const TRIES: usize = 2;

/// So many questions in a row that nobody answers, and the device counts as stuck although it shows a prompt.
const QUESTIONS: usize = 4;

/// More of an old answer than this is not read to its end: to open a new session takes no longer.
const DRAINED: usize = 16 << 20;

/// So often a stuck device is interrupted before it is given up.
const INTERRUPTS: u32 = 3;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write these bytes.
    Write(Vec<u8>),
    /// Wait for bytes; without any, ask again at this time. `None`: only bytes can help.
    Wait(Option<Duration>),
    /// The device waits for a command.
    Done,
    /// The device does not come back to its prompt; only a new connection can help.
    Stuck,
}

/// What an exchange is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// The whole answer.
    Answer,
    /// A prompt that nothing said before can stand for. What comes before it is dropped.
    Step,
}

/// The whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Lines separated by `\n`, without echo and prompt.
    pub(crate) text: String,
    /// The exact prompt that followed.
    pub(crate) prompt: String,
    /// An empty line was taken for a command of its own.
    pub(crate) doubled: bool,
    /// The proof's echo was there twice.
    pub(crate) twice: bool,
}

/// The thinking of one exchange. Bytes and times go in, steps come out; times count from any fixed moment.
#[derive(Debug)]
pub(crate) struct Exchange {
    known: Known,
    goal: Goal,
    command: String,
    expected: Option<String>,
    interactions: Vec<Interaction>,
    screen: Screen,
    echo: Option<Echo>,
    echoed: bool,
    out: VecDeque<Vec<u8>>,
    probe: Option<Probe>,
    /// Questions that were asked too soon.
    spent: Vec<Probe>,
    /// When bytes last came or a question was asked.
    stirred: Duration,
    interrupts: u32,
    /// Pages that were turned. A pager that had gone on by itself leaves the blank to the line editor.
    pages: usize,
    /// Whether the device can answer the question at all is what this is to find out.
    finding: bool,
    /// Bytes came since a question was asked.
    replied: bool,
    /// A question was asked while the one before had no reply, or only one that was none to it.
    hasty: bool,
    /// When the first question was asked.
    asked: Option<Duration>,
    /// The lines above the prompt are what this is to find out: nothing is taken off the answer.
    raw: bool,
    /// Lines were handed out: what is left of the answer begins with a new line.
    handed: bool,
    /// Something came since the last proof.
    heard: bool,
    /// Bytes of an old answer that were dropped.
    drained: usize,
    /// How many proofs are needed still.
    rounds: u32,
    proven: Option<Proven>,
    /// The lines are handed out while they come.
    streamed: Option<Streamed>,
}

impl Exchange {
    /// Sends `command` and reads its answer.
    pub(crate) fn command(known: &Known, command: &str, now: Duration) -> Self {
        let mut exchange = Self::new(known, Goal::Answer, command, now);
        // With room for the keys of a proof.
        let mut write = Vec::with_capacity(command.len() + known.line_end.len() + 2);
        write.extend_from_slice(command.as_bytes());
        write.extend_from_slice(known.line_end.as_bytes());
        exchange.out.push_back(write);
        exchange
    }

    /// Reads the answer to what was sent already; `command` is its last line.
    pub(crate) fn reading(known: &Known, command: &str, now: Duration) -> Self {
        Self::new(known, Goal::Answer, command, now)
    }

    /// Drops what a device still says and has it prove that it waits for a command.
    /// `tail` is the last of what came since the last proof.
    pub(crate) fn step(known: &Known, tail: &[u8], now: Duration) -> Self {
        let mut exchange = Self::new(known, Goal::Step, "", now);
        // A few hundred bytes, below any limit that lets a prompt through.
        let _ = exchange.screen.feed(tail);
        exchange.heard = !tail.is_empty();
        // Old output may hold a prompt and some blanks; it hardly holds both numbers in a row.
        exchange.rounds = if known.proof == Proof::Blank { 2 } else { 1 };
        exchange
    }

    /// The same at the prompt that a login has come to: no old command is under way that an Enter could answer.
    pub(crate) fn first(known: &Known, now: Duration) -> Self {
        Self { heard: true, ..Self::step(known, b"", now) }
    }

    fn new(known: &Known, goal: Goal, command: &str, now: Duration) -> Self {
        Self {
            goal,
            command: command.to_owned(),
            expected: None,
            interactions: Vec::new(),
            screen: Screen::new(known.limit, &known.prompt),
            echo: (goal == Goal::Answer && !command.is_empty()).then(|| Echo::new(&known.prompt, command, known.twice)),
            echoed: false,
            out: VecDeque::new(),
            probe: None,
            spent: Vec::new(),
            stirred: now,
            interrupts: 0,
            pages: 0,
            finding: false,
            replied: false,
            hasty: false,
            asked: None,
            raw: false,
            handed: false,
            heard: true,
            drained: 0,
            rounds: 1,
            proven: None,
            streamed: None,
            known: known.clone(),
        }
    }

    /// Finds out whether the device can give the proof: it is given up as soon as what is heard is something else.
    pub(crate) fn finding(mut self) -> Self {
        self.finding = true;
        self
    }

    /// Leaves in the answer what stands above the prompt, and an echo that comes late.
    pub(crate) fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// The prompt may end with this text.
    pub(crate) fn expecting(mut self, prompt: Option<String>) -> Self {
        // An empty text would be at the end of any line.
        self.expected = prompt.filter(|prompt| !prompt.trim_end().is_empty());
        self
    }

    /// Answers these questions.
    pub(crate) fn interacting(mut self, interactions: Vec<Interaction>) -> Self {
        self.interactions = interactions;
        self
    }

    /// Types the proof's keys in one write with the command, where the platform allows it and no question of the
    /// command could take them.
    pub(crate) fn ahead(mut self) -> Self {
        if self.known.proof == Proof::Typeahead
            && self.interactions.is_empty()
            && let Some(write) = self.out.back_mut()
        {
            let probe = Probe::ahead();
            write.extend_from_slice(probe.keys());
            self.ask(probe);
        }
        self
    }

    /// Bytes came.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Duration) -> Result<(), Overflow> {
        self.stirred = now;
        self.heard = true;
        self.replied = true;
        let result = self.show(bytes);
        self.hasty |= self.finding && self.shows_spent(bytes);
        if self.goal == Goal::Step {
            self.screen.forget_text();
            self.drained = self.drained.saturating_add(bytes.len());
        }
        result
    }

    fn show(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        let Some(echo) = &mut self.echo else { return self.screen.feed(bytes) };
        match echo.feed(bytes) {
            Verdict::Open => Ok(()),
            Verdict::Ended(used) => {
                self.echo = None;
                self.echoed = true;
                self.screen.clear_line();
                self.screen.feed(bytes.get(used..).unwrap_or_default())
            }
            Verdict::Absent(held) => {
                // Without an echo there was no line end after the prompt either.
                self.echo = None;
                self.screen.clear_line();
                self.screen.feed(&held)
            }
        }
    }

    /// What to do at the time `now`.
    pub(crate) fn next(&mut self, now: Duration) -> Step {
        loop {
            if let Some(bytes) = self.out.pop_front() {
                return Step::Write(bytes);
            }
            if let Some(step) = self.consider(now) {
                return step;
            }
        }
    }

    /// One decision; `None` when it put something into `out` or changed the state.
    fn consider(&mut self, now: Duration) -> Option<Step> {
        if self.proven.is_some() {
            return Some(Step::Done);
        }
        if self.drained > DRAINED {
            return Some(Step::Stuck);
        }
        let accept = |line: &str| self.accepts(line);
        let twice = self.finding || self.raw || self.known.twice;
        if let Some(proven) = self.probe.as_ref().and_then(|probe| probe.answer(&self.screen, twice, accept)) {
            self.rounds -= 1;
            self.spent.extend(self.probe.take());
            if self.rounds == 0 {
                self.proven = Some(proven);
            } else {
                self.ask_fresh(now);
            }
            return None;
        }
        // Keys can do no harm at any time, and the line editor keeps them until the old command is over.
        let keys = matches!(self.known.proof, Proof::Keys | Proof::Typeahead);
        if self.goal == Goal::Step && keys && self.probe.is_none() {
            self.ask_fresh(now);
            return None;
        }
        if let Some(echo) = &mut self.echo {
            let held = echo.held();
            if held.is_empty() {
                return Some(Step::Wait(None));
            }
            if now < self.stirred + PATIENCE {
                return Some(Step::Wait(Some(self.stirred + PATIENCE)));
            }
            // No line end follows: a device that echoes nothing may have said no more than this, its prompt perhaps.
            let held = std::mem::take(held);
            self.echo = None;
            self.screen.clear_line();
            // A few hundred bytes: were they over the limit, the next would be too.
            let _ = self.screen.feed(&held);
            return None;
        }
        let Some(line) = self.screen.last_line() else { return self.at_no_line(now) };
        if self.known.platform.is_pager(&line) {
            let due = self.stirred + SETTLE;
            if self.goal == Goal::Answer && now < due && !self.known.platform.is_pager_alone(&line) {
                return Some(Step::Wait(Some(due)));
            }
            self.page_on();
            return None;
        }
        if self.finding && self.probe.is_some() {
            return self.doubt(&line, now);
        }
        if let Some(at) = self.interactions.iter().position(|interaction| interaction.is_asked_by(&line)) {
            let interaction = self.interactions.remove(at);
            self.out.push_back(interaction.bytes(&self.known.line_end));
            return None;
        }
        self.at_line(&line, now)
    }

    /// Nothing that can be read stands before the cursor. birdc's pager moves it back to the start of its prompt, and waits.
    fn at_no_line(&mut self, now: Duration) -> Option<Step> {
        let returned = self.screen.returned_line();
        if !returned.is_some_and(|line| self.known.platform.is_pager(&line)) {
            return self.when_mute(now);
        }
        // A line end may follow, and then it was output.
        let due = self.stirred + SETTLE;
        if now < due {
            return Some(Step::Wait(Some(due)));
        }
        self.page_on();
        None
    }

    fn page_on(&mut self) {
        let key = if self.goal == Goal::Step { "q" } else { " " };
        self.out.push_back(key.as_bytes().to_vec());
        self.screen.clear_line();
        self.pages += 1;
    }

    /// The last line may be a prompt, or not.
    fn at_line(&mut self, line: &str, now: Duration) -> Option<Step> {
        let exact = self.is_exact(line);
        if !exact && !self.accepts(line) && !self.is_blotted(line) {
            return self.when_mute(now);
        }
        if let Proof::Quiet(quiet) = self.known.proof {
            let due = self.stirred + if exact { quiet } else { quiet * 2 };
            if now < due {
                return Some(Step::Wait(Some(due)));
            }
            self.proven = Some(Proven { line: line.to_owned(), text_end: self.screen.text().len(), twice: false });
            return None;
        }
        if self.goal == Goal::Step && self.spent.len() >= QUESTIONS {
            return self.when_mute(now);
        }
        let due = self.stirred
            + match &self.probe {
                // Nothing was said to the old command, which may be about to ask something that an Enter would answer.
                None if !self.heard => STUCK,
                None if exact => Duration::ZERO,
                None => SETTLE,
                Some(_) => PATIENCE * 2u32.pow(self.spent.len().min(6) as u32),
            };
        if now < due {
            return Some(Step::Wait(Some(due)));
        }
        self.ask_fresh(now);
        None
    }

    /// A question was asked that the device may not be able to answer.
    fn doubt(&mut self, line: &str, now: Duration) -> Option<Step> {
        if line.ends_with("^A^K") {
            // The terminal's own echo: the line editor is still to come.
            return Some(Step::Wait(None));
        }
        let shown = self.probe.as_ref().is_some_and(|probe| line.ends_with(probe.nonce()));
        // What is echoed is answered, if slowly; and what comes now may be the answer to the question before.
        let patient = shown || self.screen.sighting().is_some() || self.hasty;
        let again = self.stirred + PATIENCE * 2u32.pow(self.spent.len().min(6) as u32);
        // A device that has said nothing at all may be about to answer: it is given all the time there is.
        let hopeless = self.replied && !patient && self.spent.len() + 1 >= TRIES;
        let end = hopeless.then(|| (self.stirred + PATIENCE).max(self.asked.unwrap_or(now) + DOUBT));
        if end.is_some_and(|end| now >= end) {
            return Some(Step::Stuck);
        }
        if now < again {
            return Some(Step::Wait(Some(end.unwrap_or(again).min(again))));
        }
        self.hasty |= !self.replied;
        self.ask_fresh(now);
        None
    }

    /// Whether the echo of a question that was asked too soon has come with these bytes: then the answer to the last is
    /// on its way.
    fn shows_spent(&self, bytes: &[u8]) -> bool {
        let typed = |probe: &Probe| bytes.windows(probe.nonce().len()).any(|keys| keys == probe.nonce().as_bytes());
        let entered = |probe: &Probe| {
            self.screen.text().split(|&byte| byte == b'\n').any(|line| line.ends_with(probe.nonce().as_bytes()))
        };
        self.spent.iter().any(|probe| if probe.enters_a_line() { entered(probe) } else { typed(probe) })
    }

    /// No prompt in sight: an answer may take as long as it likes, a device out of step is nudged.
    fn when_mute(&mut self, now: Duration) -> Option<Step> {
        if self.goal == Goal::Answer {
            return Some(Step::Wait(None));
        }
        let key = self.known.platform.interrupt_key();
        // Without a key the same time passes in all before the device is given up.
        let due = self.stirred + if key.is_some() { STUCK } else { STUCK * (INTERRUPTS + 1) };
        if now < due {
            return Some(Step::Wait(Some(due)));
        }
        let Some(key) = key.filter(|_| self.interrupts < INTERRUPTS) else {
            return Some(Step::Stuck);
        };
        self.interrupts += 1;
        self.out.push_back(key.as_bytes().to_vec());
        // The interrupt throws away what was typed, the question too.
        self.spent.extend(self.probe.take());
        self.stirred = now;
        None
    }

    fn ask_fresh(&mut self, now: Duration) {
        let Some(probe) = Probe::fresh(&self.known) else { return };
        self.out.push_back(probe.bytes(&self.known.line_end));
        self.stirred = now;
        self.asked.get_or_insert(now);
        self.replied = false;
        self.ask(probe);
    }

    fn ask(&mut self, probe: Probe) {
        self.screen.watch(probe.nonce());
        self.spent.extend(self.probe.replace(probe));
    }

    /// The prompt, and behind it blanks that were meant for a pager. The next question wipes them.
    fn is_blotted(&self, line: &str) -> bool {
        let blanks = line.strip_prefix(self.known.prompt.as_str()).filter(|_| !self.known.prompt.is_empty());
        blanks.is_some_and(|rest| rest.len() <= self.pages && rest.bytes().all(|byte| byte == b' '))
    }

    fn is_exact(&self, line: &str) -> bool {
        (!self.known.prompt.is_empty() && line == self.known.prompt) || self.is_expected(line)
    }

    fn is_expected(&self, line: &str) -> bool {
        self.expected.as_ref().is_some_and(|expected| line.trim_end().ends_with(expected.trim_end()))
    }

    fn accepts(&self, line: &str) -> bool {
        self.is_exact(line) || self.behind_output(line).is_some() || self.known.platform.may_be_prompt(line)
    }

    /// The output whose last line had no end, so that the known prompt follows on the same line.
    fn behind_output<'a>(&self, line: &'a str) -> Option<&'a str> {
        let prompt = Some(self.known.prompt.as_str()).filter(|prompt| !prompt.is_empty())?;
        line.strip_suffix(prompt).filter(|output| !output.is_empty())
    }

    /// Nobody's command is at stake.
    pub(crate) fn is_step(&self) -> bool {
        self.goal == Goal::Step
    }

    /// The last line that says something, to tell people what a device waits with, or left with.
    pub(crate) fn last_said(&self) -> String {
        const LONGEST: usize = 4096;
        let line = self.screen.last_line().filter(|line| !line.trim().is_empty());
        line.unwrap_or_else(|| {
            let text = self.screen.text();
            let text = decode(text.get(text.len().saturating_sub(LONGEST)..).unwrap_or_default().to_vec());
            text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
        })
    }
}
