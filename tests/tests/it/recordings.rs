//! Transcripts of real servers, for the tests of the session engine to replay.
//!
//! `CONN_SHARE_RECORD=1` writes them anew to `tests/transcripts/`; without it, what is recorded is thrown away, and
//! only has to be what the servers still say.

use std::fs;
use std::path::Path;

use conn_share_tests::recorder::{Recorder, Turn, read_transcript, write_transcript};
use conn_share_tests::{Failure, Lab, Login};

use crate::ways::FIVE;

/// Keeps the transcript if that is asked for, and reads the one that is kept.
fn keep(name: &str, turns: &[Turn]) -> Vec<Turn> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(name);
    if std::env::var_os("CONN_SHARE_RECORD").is_some() {
        fs::write(&file, write_transcript(turns)).expect("writing a transcript");
    }
    let kept = fs::read_to_string(&file).expect("a transcript that is kept");
    read_transcript(&kept).expect("a transcript")
}

/// All that was heard, in one.
fn heard(turns: &[Turn]) -> String {
    let pieces = turns.iter().filter_map(|turn| match turn {
        Turn::Heard(piece) => Some(piece.as_slice()),
        Turn::Typed(_) => None,
    });
    String::from_utf8_lossy(&pieces.collect::<Vec<_>>().concat()).into_owned()
}

fn typed(turns: &[Turn]) -> Vec<&Turn> {
    turns.iter().filter(|turn| matches!(turn, Turn::Typed(_))).collect()
}

/// The same was typed, and both conversations hold these.
fn check(name: &str, recorded: Result<Vec<Turn>, Failure>, marks: &[&str]) {
    let recorded = recorded.expect(name);
    let kept = keep(name, &recorded);
    assert_eq!(typed(&kept), typed(&recorded), "{name}");
    for mark in marks {
        assert!(heard(&recorded).contains(mark), "{name}: the server no longer says {mark:?}");
        assert!(heard(&kept).contains(mark), "{name}: the transcript does not hold {mark:?}");
    }
}

#[test]
fn the_routers_shell() {
    let record = || {
        let mut recorder = Recorder::ssh(Lab::shared(), Login::Router)?;
        recorder.until("r1# ")?;
        for command in FIVE {
            recorder.keys(format!("{command}\r").as_bytes())?;
            recorder.until("r1# ")?;
        }
        // A line longer than the terminal, as the line editor wraps it; and one the router does not know.
        recorder.keys(format!("show {}\r", "long ".repeat(40)).as_bytes())?;
        recorder.until("r1# ")?;
        Ok(recorder.finish())
    };
    check("frr-ssh.txt", record(), &["*> 10.100.199.0/24", "FRRouting", "% "]);
}

#[test]
fn the_routers_line() {
    let lab = Lab::shared();
    let record = || {
        let mut recorder = Recorder::tcp(lab.telnet())?;
        recorder.until("Password: ")?;
        recorder.keys(format!("{}\r\n", lab.line_password()).as_bytes())?;
        recorder.until("r1> ")?;
        recorder.keys(b"enable\r\n")?;
        recorder.until("Password: ")?;
        recorder.keys(format!("{}\r\n", lab.enable_secret()).as_bytes())?;
        recorder.until("r1# ")?;
        // A terminal of 80 by 24, for which the router pages.
        recorder.keys(&[255, 251, 31, 255, 250, 31, 0, 80, 0, 24, 255, 240])?;
        recorder.keys(b"show ip route\r\n")?;
        recorder.until(" --More-- ")?;
        recorder.keys(b" ")?;
        recorder.until(" --More-- ")?;
        recorder.keys(b"q")?;
        recorder.until("r1# ")?;
        recorder.keys(b"terminal length 0\r\n")?;
        recorder.until("r1# ")?;
        recorder.keys(b"show ip route\r\n")?;
        recorder.until("r1# ")?;
        Ok(recorder.finish())
    };
    check("frr-telnet.txt", record(), &["--More--", "B>* 10.100.199.0/24"]);
}

#[test]
fn a_linux_shell() {
    let record = || {
        let mut recorder = Recorder::ssh(Lab::shared(), Login::Linux)?;
        recorder.until("$ ")?;
        for command in ["uname -s", "printf 'no end of line'", "seq 100", "printf '\\033[31mred\\033[0m\\n'"] {
            recorder.keys(format!("{command}\r").as_bytes())?;
            recorder.until("$ ")?;
        }
        Ok(recorder.finish())
    };
    check("linux-ssh.txt", record(), &["Linux", "no end of line", "\u{1b}[31mred"]);
}
