//! What fuzzers and random tests drive: any bytes in, and what must hold whatever they are.

use std::sync::Arc;
use std::time::Duration;

use super::nonce;
use super::screen::Screen;
use super::{Exchange, Known, Platform, Proof, Step};

const LIMIT: usize = 4096;

/// The escape stripper: the same text however the bytes are cut, no control characters in it, and bounded.
pub fn screen(data: &[u8]) {
    let Some((&cut, data)) = data.split_first() else { return };
    let (mut whole, mut pieces) = (Screen::new(LIMIT, ""), Screen::new(LIMIT, ""));
    let one = whole.feed(data);
    let other = data.chunks(usize::from(cut % 16) + 1).try_for_each(|piece| pieces.feed(piece));
    if one.is_ok() && other.is_ok() {
        assert_eq!(whole.text(), pieces.text());
        assert_eq!(whole.last_line(), pieces.last_line());
        assert!(whole.text().len() <= LIMIT);
    }
    let control = |byte: &u8| (*byte < 0x20 && !matches!(byte, b'\t' | b'\n')) || *byte == 0x7f;
    assert!(!whole.text().iter().any(control));
}

/// The engine: it never spins, never answers without a proof, and holds no more than its limit.
///
/// The first two bytes choose platform, proof, goal and pieces; a piece of 0xff is a pause, and 0xfe stands for the
/// digits that were typed last, as their echo.
pub fn engine(data: &[u8]) {
    converse(data);
}

/// Whether the exchange ended with a proof. Handed out in lines it ends the same, and the lines are those of the whole.
fn converse(data: &[u8]) -> bool {
    let [choice, cut, data @ ..] = data else { return false };
    let seed = 0x5eed_0000 + (u64::from(*choice) << 8) + u64::from(*cut);
    let [whole, lines] =
        [false, true].map(|in_lines| nonce::repeatable::with(seed, || said(*choice, *cut, data, in_lines)));
    // One that is handed out keeps less, and may go on where the other is over the limit.
    if let (Some(whole), Some(lines)) = (&whole, &lines) {
        assert_eq!(whole, lines);
    }
    assert!(whole.is_none() || lines.is_some(), "in lines it does not end");
    whole.is_some()
}

/// The whole answer, if the exchange ends with a proof.
fn said(choice: u8, cut: u8, data: &[u8], in_lines: bool) -> Option<String> {
    let name = match choice >> 5 {
        1 => "juniper_junos",
        _ => Platform::BUILT_IN[usize::from(choice & 3)],
    };
    let platform = Platform::named(name)?;
    let mut known = Known::nothing(Arc::new(platform), "\r\n", LIMIT);
    known.prompt = "r1# ".to_owned();
    known.twice = choice >> 5 == 2;
    if choice >> 5 == 3 {
        known.above = ["[edit]\n", "\n[edit]\n"][usize::from(choice & 1)].to_owned();
        known.above_of.clone_from(&known.prompt);
    }
    known.proof = match choice >> 2 & 3 {
        0 => Proof::Typeahead,
        1 => Proof::Keys,
        2 => Proof::Blank,
        _ => Proof::Command("echo {a}''{b}".to_owned()),
    };
    let mut now = Duration::ZERO;
    let mut exchange = match choice >> 4 & 1 {
        0 => Exchange::command(&known, "show version", now).ahead(),
        _ => Exchange::step(&known, b"r1# ", now),
    };
    if in_lines {
        exchange = exchange.in_lines();
    }
    let mut lines: Vec<String> = Vec::new();
    let (mut digits, mut echoed) = (Vec::new(), false);
    for piece in data.chunks(usize::from(cut % 32) + 1) {
        // A device can be made to answer each piece by a key or two, and a question has two steps at most.
        let settled = (0..16).find_map(|_| match exchange.next(now) {
            Step::Write(keys) => {
                digits = keys.into_iter().filter(u8::is_ascii_digit).collect();
                None
            }
            step => Some(step),
        });
        match settled.expect("a few writes, then a wait") {
            Step::Wait(until) if piece.iter().all(|&byte| byte == 0xff) => {
                now = until.unwrap_or(now + Duration::from_secs(1)).max(now);
                continue;
            }
            Step::Wait(_) | Step::Write(_) => {}
            Step::Stuck => return None,
            Step::Done => break,
        }
        now += Duration::from_millis(1);
        echoed |= piece.contains(&0xfe);
        let heard: Vec<u8> = piece
            .iter()
            .flat_map(|byte| if *byte == 0xfe { digits.as_slice() } else { std::slice::from_ref(byte) })
            .copied()
            .collect();
        if exchange.receive(&heard, now).is_err() {
            return None;
        }
        exchange.hand_out(&mut |line| lines.push(line.to_owned()));
    }
    let done = matches!(exchange.next(now), Step::Done);
    let answer = exchange.finish_lines(&mut |line| lines.push(line.to_owned()));
    assert_eq!(answer.is_some(), done);
    // Ten digits, or two times six, are met by no chance; one digit is, and so are some blanks.
    let by_chance = matches!(known.proof, Proof::Typeahead | Proof::Blank);
    assert!(!done || echoed || by_chance, "an end that nothing proved");
    let whole = answer.map(|answer| if in_lines { lines.join("\n") } else { answer.text });
    assert!(in_lines || whole.as_ref().is_none_or(|text| text.len() <= 4 * LIMIT));
    whole
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::cli::transcripts::{ALL, transcript};

    /// What real servers said, each turn for itself.
    fn recorded() -> Vec<Vec<u8>> {
        let turns = ALL.iter().flat_map(|name| transcript(name));
        turns.map(|turn| turn.heard).filter(|heard| !heard.is_empty()).collect()
    }

    /// A stretch of what a server said, with a few mistakes in it: bytes changed, left out, doubled, and strange ones
    /// put in.
    fn mutated(heard: &[u8], words: &[&[u8]], random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        const LONGEST: usize = 3000;
        let start = random(heard.len());
        let mut bytes = heard[start..heard.len().min(start + 1 + random(LONGEST))].to_vec();
        for _ in 0..random(6) {
            let at = random(bytes.len() + 1);
            let end = (at + random(20)).min(bytes.len());
            match random(4) {
                0 if at < bytes.len() => bytes[at] = random(256) as u8,
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
                _ => drop(bytes.splice(at..at, words[random(words.len())].iter().copied())),
            }
        }
        bytes
    }

    /// Replays the corpus of `target`, then random inputs: a third of them noise, a third made of what devices send, a
    /// third of recorded conversations with mistakes in them.
    fn replay(target: &str, run: fn(&[u8])) {
        const WORDS: [&[u8]; 21] = [
            b"\xfe\x08 \x08",
            b"\xfe\x1b[10D\x1b[K",
            b"\xfe\r\nr1# ",
            b"r1# ",
            b"\r\n",
            b"\r",
            b"\n",
            b"show version",
            b"\x1b[K",
            b"\x1b[",
            b"\x08 \x08",
            b" --More-- ",
            b"\xff\xff",
            b"\xff\xfb\x01",
            b"\xff\xfa\x18\x01\xff\xf0",
            b"7\x08",
            b"^A^K",
            b"\x1b]0;",
            b"\r\n[edit]\r\nr1# ",
            b"r1#    \r\n",
            "é".as_bytes(),
        ];
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut replayed = 0;
        for entry in fs::read_dir(&corpus).expect("the corpus") {
            run(&fs::read(entry.expect("an entry").path()).expect("a file"));
            replayed += 1;
        }
        assert!(replayed > 0, "{} is empty", corpus.display());
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 16) as usize % below
        };
        let recorded = recorded();
        for round in 0..6000 {
            let mut input = vec![random(256) as u8, random(256) as u8];
            match round % 3 {
                0 => input.extend((0..random(40)).map(|_| random(256) as u8)),
                1 => input.extend((0..random(40)).flat_map(|_| WORDS[random(WORDS.len())])),
                _ => input.extend(mutated(&recorded[random(recorded.len())], &WORDS, &mut random)),
            }
            if let Err(panic) = std::panic::catch_unwind(|| run(&input)) {
                eprintln!("{target} fails on {:?}", input.escape_ascii().to_string());
                std::panic::resume_unwind(panic);
            }
        }
    }

    #[test]
    fn screen() {
        replay("screen", super::screen);
    }

    #[test]
    fn engine() {
        replay("engine", super::engine);
    }

    /// The inputs above are worth something only if exchanges can end in them.
    #[test]
    fn a_proof_ends_an_exchange() {
        for (choice, heard) in [
            (0b0000_0001, "show version\r\nFRR\r\nr1# \u{fe}\x08 \x08"),
            (0b0000_0101, "show version\r\nFRR\r\nr1# \u{ff}\u{fe}\x1b[10D\x1b[K"),
            (0b0001_0101, "more\r\nr1# \u{fe}\x1b[10D\x1b[K"),
        ] {
            let input = [choice, 0].into_iter().chain(heard.chars().map(|letter| letter as u8));
            assert!(super::converse(&input.collect::<Vec<_>>()), "{heard:?}");
        }
    }

    #[test]
    fn telnet() {
        replay("telnet", crate::transport::telnet::fuzzed::telnet);
    }
}
