//! Conversations with real servers, played to the engine again: whole, byte by byte, and cut in two at every position,
//! or at many where an answer is long. Left out are cuts within the prompt that BIRD takes back before a paged answer
//! (`in_one_piece`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::transcripts::{ALL, Turn, transcript};
use super::{Answer, Exchange, Interaction, Known, Login, LoginStep, Platform, Proof, Step};
use crate::transport::telnet::fuzzed::Stripper;

const LIMIT: usize = 1 << 20;
const TYPED_AHEAD: &[u8] = b"7\x08";
const TYPED_AT_PROMPT: &[u8] = b"0123456789\x01\x0b";
const SECRET: &str = "enable-word";

/// How a session talks to the server of a transcript.
struct Manner {
    platform: &'static str,
    proof: Proof,
    line_end: &'static str,
    telnet: bool,
    username: &'static str,
    password: &'static str,
}

fn manner(name: &str) -> Manner {
    let ssh =
        Manner { platform: "frr", proof: Proof::Typeahead, line_end: "\n", telnet: false, username: "", password: "" };
    match name {
        "frr-ssh.txt" | "frr-ssh-long.txt" => ssh,
        "frr-telnet.txt" | "frr-telnet-long.txt" => {
            Manner { line_end: "\r\n", telnet: true, password: "vty-word", ..ssh }
        }
        "linux-ssh.txt" => Manner { platform: "linux", proof: Proof::Keys, ..ssh },
        "telnetd.txt" => Manner {
            platform: "linux",
            proof: Proof::Keys,
            line_end: "\r\n",
            telnet: true,
            username: "conn-share-sh",
            password: "conn-share words",
        },
        "bird-ssh.txt" => Manner { platform: "generic", proof: Proof::Blank, ..ssh },
        other => panic!("nobody knows how {other} was recorded"),
    }
}

/// How what was heard is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Nowhere,
    /// Between all bytes, in the first turn from this one on.
    Everywhere(usize),
    /// In the turn of this number, before this byte.
    Once(usize, usize),
}

impl Cut {
    fn pieces(self, turn: usize, heard: Vec<u8>) -> Vec<Vec<u8>> {
        match self {
            Self::Everywhere(from) => {
                let (whole, bytes) = heard.split_at(if turn == 0 { from } else { 0 });
                [whole].into_iter().chain(bytes.chunks(1)).map(<[u8]>::to_vec).collect()
            }
            Self::Once(in_turn, at) if in_turn == turn => vec![heard[..at].to_vec(), heard[at..].to_vec()],
            Self::Nowhere | Self::Once(..) => vec![heard],
        }
    }
}

/// Where to cut what was heard: everywhere, but in a long answer around its start, its end and what looks like a prompt
/// on the way, and every so often in between. Each cut plays all of it again.
fn positions(heard: &[u8]) -> Vec<usize> {
    const SHORT: usize = 20_000;
    /// A prime, so that the cuts fall on all parts of the lines.
    const STRIDE: usize = 4_999;
    const AROUND: usize = 40;
    let length = heard.len();
    if length <= SHORT {
        return (0..=length).collect();
    }
    let prompts =
        heard.windows(2).enumerate().filter(|(_, here)| [b"> ", b"# ", b"$ "].iter().any(|prompt| here == prompt));
    // One in a few hundred of them, and a line end every so often, with what is left and right of either.
    let prompts = prompts.map(|(at, _)| at + 2).step_by(487);
    let ends = heard.windows(2).enumerate().filter(|(_, here)| *here == b"\r\n").map(|(at, _)| at + 1).step_by(991);
    let special = prompts.chain(ends).flat_map(|at| at - 2..=at + 1);
    let mut all: Vec<usize> = special.chain((0..length).step_by(STRIDE)).collect();
    all.extend((0..AROUND).chain(length - AROUND..=length));
    all.sort_unstable();
    all.dedup();
    all
}

/// One command of a conversation, with the turns that it took: keys for a pager, a secret, the proof.
struct Asked {
    command: String,
    turns: Vec<Turn>,
}

impl Asked {
    fn is_ahead(&self) -> bool {
        self.turns[0].typed.ends_with(TYPED_AHEAD)
    }

    /// How much of the first turn has to come in one piece. At the prompt that BIRD shows before its answer and takes
    /// back a session that has heard no more asks its question, a line of blanks; where the answer is then paged it
    /// goes to the pager, which was not recorded.
    fn in_one_piece(&self, manner: &Manner) -> usize {
        const TAKEN_BACK: &[u8] = b"\r\x1b[K";
        let paged = self.turns.iter().any(|turn| turn.typed == b" ");
        match manner.proof {
            Proof::Blank if paged => {
                let heard = &self.turns[0].heard;
                let at = heard.windows(TAKEN_BACK.len()).position(|here| here == TAKEN_BACK);
                at.expect("a prompt that is taken back") + TAKEN_BACK.len()
            }
            _ => 0,
        }
    }

    /// Plays it, and tells the answer.
    fn play(&self, known: &Known, telnet: bool, cut: Cut) -> Answer {
        let mut exchange = Exchange::command(known, &self.command, Duration::ZERO);
        exchange = match self.command.as_str() {
            "enable" => exchange.interacting(vec![Interaction::line("assword:", SECRET)]),
            _ if self.is_ahead() => exchange.ahead(),
            _ => exchange,
        };
        let (mut now, mut turns, mut unread) = (Duration::ZERO, self.turns.iter().enumerate(), VecDeque::new());
        let mut stripper = telnet.then(Stripper::default);
        loop {
            match exchange.next(now) {
                Step::Write(written) => {
                    let (number, turn) = turns.next().expect("nothing more was typed");
                    unread.extend(cut.pieces(number, heard_after(turn, &written)));
                }
                Step::Wait(until) => match unread.pop_front() {
                    Some(mut piece) => {
                        if let Some(stripper) = &mut stripper {
                            piece = stripper.strip(piece).expect("Telnet");
                        }
                        exchange.receive(&piece, now).expect("less than the limit");
                    }
                    None => now = until.unwrap_or_else(|| panic!("{:?}: nothing to wait for", self.command)),
                },
                Step::Done => break,
                Step::Stuck => panic!("{:?}: stuck", self.command),
            }
        }
        assert!(turns.next().is_none(), "{:?}: more was typed", self.command);
        assert!(unread.iter().flatten().all(|&byte| byte == 0), "{:?}: more was said: {unread:?}", self.command);
        exchange.finish().expect("the answer")
    }
}

/// What the server says to what the engine wrote, which is what was typed then but for the digits of a proof.
fn heard_after(turn: &Turn, written: &[u8]) -> Vec<u8> {
    let same = |a: &u8, b: &u8| a == b || (a.is_ascii_digit() && b.is_ascii_digit());
    let like = turn.typed.len() == written.len() && turn.typed.iter().zip(written).all(|(a, b)| same(a, b));
    assert!(like, "wrote {} instead of {}", written.escape_ascii(), turn.typed.escape_ascii());
    let mut heard = turn.heard.clone();
    for (keys, digits) in [(TYPED_AHEAD, 1), (TYPED_AT_PROMPT, 10)] {
        if turn.typed.ends_with(keys) {
            let shown = &keys[..digits];
            let at = heard.windows(digits + 1).rposition(|here| here.starts_with(shown) && here[digits] < b' ');
            let at = at.expect("the echo of the digits");
            heard[at..at + digits].copy_from_slice(&written[written.len() - keys.len()..][..digits]);
        }
    }
    heard
}

/// Plays the login, and returns what came after it.
fn log_in(manner: &Manner, turns: &[Turn], known: &mut Known) -> usize {
    let password = (!manner.password.is_empty()).then(|| manner.password.into());
    let platform = known.platform.clone();
    let mut login = Login::new(platform, manner.username, password, manner.line_end, false, Duration::ZERO);
    let (mut now, mut at) = (Duration::ZERO, 0);
    let mut stripper = manner.telnet.then(Stripper::default);
    let mut hear = |login: &mut Login, heard: &[u8], now| {
        let heard = match &mut stripper {
            Some(stripper) => stripper.strip(heard.to_vec()).expect("Telnet"),
            None => heard.to_vec(),
        };
        heard.chunks(1).for_each(|piece| login.receive(piece, now).expect("no refusal"));
    };
    hear(&mut login, &turns[0].heard, now);
    loop {
        match login.next(now).expect("a login") {
            LoginStep::Write(written) => {
                at += 1;
                assert_eq!(written, turns[at].typed);
                hear(&mut login, &turns[at].heard, now);
            }
            LoginStep::Wait(until) => now = until.expect("something to wait for"),
            LoginStep::Prompt(prompt) => {
                known.prompt = prompt;
                return at + 1;
            }
        }
    }
}

/// The commands behind the login.
fn commands(line_end: &str, turns: &[Turn]) -> Vec<Asked> {
    let mut commands: Vec<Asked> = Vec::new();
    for turn in turns {
        let typed = str::from_utf8(&turn.typed).expect("keys");
        let line = typed.strip_suffix("7\x08").unwrap_or(typed);
        let command = line.strip_suffix(line_end).filter(|line| !line.trim().is_empty() && *line != SECRET);
        match (command, commands.last_mut()) {
            (Some(command), _) => {
                commands.push(Asked { command: command.to_owned(), turns: vec![turn.clone()] });
            }
            (None, Some(last)) => last.turns.push(turn.clone()),
            (None, None) => panic!("{typed:?} is no command"),
        }
    }
    commands
}

/// What a reader who knows nothing of terminals makes of one plain turn: all between the first line and the last.
fn by_eye(asked: &Asked) -> Option<String> {
    let [Turn { heard, .. }] = asked.turns.as_slice() else { return None };
    let text = String::from_utf8_lossy(heard).replace('\0', "");
    let echoed = text.starts_with(&format!("{}\r\n", asked.command));
    if !echoed || text.contains('\x1b') {
        return None;
    }
    let answer = &text[text.find("\r\n")? + 2..];
    let end = answer.rfind("\r\n")?;
    Some(answer[..end].replace("\r\n", "\n"))
}

fn replay(name: &str) -> Vec<(String, String)> {
    let manner = manner(name);
    let platform = Platform::named(manner.platform).expect("built in");
    let mut known = Known::nothing(Arc::new(platform), manner.line_end, LIMIT);
    known.proof = manner.proof.clone();
    // Telnet's own keys belong to what was heard before.
    let mut turns: Vec<Turn> = Vec::new();
    for turn in transcript(name) {
        match turns.last_mut().filter(|_| turn.typed.first() == Some(&255)) {
            Some(before) => before.heard.extend(turn.heard),
            None => turns.push(turn),
        }
    }
    let rest = log_in(&manner, &turns, &mut known);
    let (mut answers, mut compared) = (Vec::new(), 0);
    for asked in commands(manner.line_end, &turns[rest..]) {
        // Each its own, so that all begin with the same blanks.
        let known_then = || {
            let mut again = Known::nothing(known.platform.clone(), manner.line_end, LIMIT);
            (again.prompt, again.proof) = (known.prompt.clone(), known.proof.clone());
            again
        };
        let whole = asked.play(&known_then(), manner.telnet, Cut::Nowhere);
        let mut check = |cut| {
            assert_eq!(asked.play(&known_then(), manner.telnet, cut), whole, "{name}: {:?} at {cut:?}", asked.command);
            compared += 1;
        };
        let from = asked.in_one_piece(&manner);
        check(Cut::Everywhere(from));
        for (number, turn) in asked.turns.iter().enumerate() {
            let from = if number == 0 { from } else { 0 };
            positions(&turn.heard).into_iter().filter(|at| *at >= from).for_each(|at| check(Cut::Once(number, at)));
        }
        if let Some(text) = by_eye(&asked) {
            assert_eq!(whole.text.trim_end(), text.trim_end(), "{name}: {:?}", asked.command);
        }
        assert!(!whole.text.contains(['\x1b', '\x08', '\r', '\0']), "{name}: {:?}", whole.text);
        assert!(!whole.text.contains("--More--"), "{name}: {:?}", whole.text);
        known.prompt.clone_from(&whole.prompt);
        answers.push((asked.command, whole.text));
    }
    eprintln!("{name}: {} commands, {compared} replays with the same answers", answers.len());
    answers
}

/// The answer to `command`.
fn answer<'a>(answers: &'a [(String, String)], command: &str) -> &'a str {
    let found = answers.iter().find(|(asked, _)| asked == command);
    found.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("{command:?} was not recorded"))
}

#[test]
fn the_routers_shell() {
    let answers = replay("frr-ssh.txt");
    let routes = answer(&answers, "show ip bgp").lines().filter(|line| line.starts_with("*> ")).count();
    assert_eq!(routes, 200);
    assert!(answer(&answers, "show version").starts_with("FRRouting "));
    let long = answers.iter().find(|(command, _)| command.starts_with("show long")).expect("the long line");
    assert!(long.1.starts_with("% "), "{long:?}");
    assert_eq!(answer(&answers, "description replayed"), "");
}

#[test]
fn long_answers() {
    for (name, command, start) in
        [("frr-ssh-long.txt", "show ip bgp", "*> "), ("frr-telnet-long.txt", "show ip route", "B>* ")]
    {
        let answers = replay(name);
        let table = answer(&answers, command);
        let routes = table.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(routes, 5000, "{name}");
        assert!(table.len() > 300_000, "{name}");
        assert!(answer(&answers, "show version").contains("FRR"), "{name}: the next answer is its own");
    }
}

#[test]
fn the_routers_line() {
    let answers = replay("frr-telnet.txt");
    // The ages go on.
    let routes = |command: &str| -> Vec<String> {
        let routes = answer(&answers, command).lines().filter(|line| line.starts_with("B>* "));
        routes.map(|line| line.rsplit_once(", ").expect("an age").0.to_owned()).collect()
    };
    // Paged and unpaged.
    let (paged, some) = (routes("show ip route"), routes("show ip route 10.100.0.0/18 longer-prefixes"));
    assert_eq!((paged.len(), some.len()), (200, 64));
    assert!(some.iter().all(|route| paged.contains(route)));
}

#[test]
fn linux_shells() {
    for name in ["linux-ssh.txt", "telnetd.txt"] {
        let answers = replay(name);
        let counted: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
        assert_eq!(answer(&answers, "uname -s"), "Linux", "{name}");
        assert_eq!(answer(&answers, "printf 'no end of line'"), "no end of line", "{name}");
        assert_eq!(answer(&answers, "seq 100"), counted.join("\n"), "{name}");
        assert_eq!(answer(&answers, "printf '\\033[31mred\\033[0m\\n'"), "red", "{name}");
        if name == "telnetd.txt" {
            assert_eq!(answer(&answers, "seq 100 | more -e"), counted.join("\n"));
        }
    }
}

#[test]
fn bird() {
    let answers = replay("bird-ssh.txt");
    assert!(answer(&answers, "show status").starts_with("BIRD 2"), "{answers:?}");
    assert_eq!(answer(&answers, "show route in 10.100.0.0/20").lines().count(), 17);
    assert_eq!(answer(&answers, "show nothing"), "No such command. Press `?' for help.");
    // Through the pager: the table's name, and a line for each network.
    let paged: Vec<&str> = answer(&answers, "show route in 10.100.0.0/18").lines().collect();
    assert_eq!((paged.len(), paged[0]), (65, "Table master4:"));
    assert!(paged[1..].iter().all(|line| line.starts_with("10.100.") && line.ends_with("* (200)")), "{paged:?}");
}

#[test]
fn all_are_replayed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/transcripts");
    let files = std::fs::read_dir(folder).expect("the transcripts");
    let mut names: Vec<_> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect();
    names.sort();
    let mut all = ALL;
    all.sort();
    assert_eq!(names, all);
}
