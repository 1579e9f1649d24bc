//! What real servers said, as the whole-system tests have written it down: see `tests/src/recorder.rs`.

use std::fs;
use std::path::Path;

use super::unescape;

/// What was typed, and all that was heard before anything else was typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn {
    pub(super) typed: Vec<u8>,
    pub(super) heard: Vec<u8>,
}

/// A transcript by its file's name. Nothing was typed before the first turn.
pub(super) fn transcript(name: &str) -> Vec<Turn> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/transcripts").join(name);
    let text = fs::read_to_string(&file).expect("a transcript");
    let mut turns = vec![Turn::default()];
    for line in text.lines() {
        let (mark, bytes) = line.split_at(2);
        match mark {
            "> " => turns.push(Turn { typed: unescape(bytes).expect("escaped bytes"), heard: Vec::new() }),
            "< " => turns.last_mut().expect("the first turn").heard.extend(unescape(bytes).expect("escaped bytes")),
            other => panic!("no line of a transcript begins with {other:?}"),
        }
    }
    turns
}

/// All of them.
pub(super) const ALL: [&str; 7] = [
    "frr-ssh.txt",
    "frr-ssh-long.txt",
    "frr-telnet.txt",
    "frr-telnet-long.txt",
    "linux-ssh.txt",
    "telnetd.txt",
    "bird-ssh.txt",
];
