//! Transcripts of real servers, for the tests of the session engine to replay.
//!
//! `CONN_SHARE_RECORD=1` writes them anew to `tests/transcripts/`; without it, what is recorded is thrown away, and
//! only has to be what the servers still say.

use std::fs;
use std::path::Path;

use conn_share_tests::recorder::{Recorder, Turn, read_transcript, write_transcript};
use conn_share_tests::{Failure, Lab, LabOptions, Login};

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

/// How the two kinds of line editors erase the digit of a proof.
const ERASED: [&[u8]; 2] = [b"7\x08\x1b[K", b"7\x08 \x08"];

/// How they erase ten: `^A` goes to the start, `^K` erases up to the end. zebra's overprints them by blanks.
const ALL_ERASED: [&[u8]; 2] = [b"\x1b[K", b"          \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08"];

/// A command, with the digit and the backspace that a session types ahead.
fn ahead(recorder: &mut Recorder, command: &str, line_end: &str) -> Result<(), Failure> {
    recorder.keys(format!("{command}{line_end}7\x08").as_bytes())?;
    recorder.until_one_of(&ERASED).map(drop)
}

/// A command, a blank for each `--More--`, and at the prompt the ten digits that a session types and erases.
fn keyed(recorder: &mut Recorder, command: &str, line_end: &str, prompt: &str) -> Result<(), Failure> {
    recorder.keys(format!("{command}{line_end}").as_bytes())?;
    pages(recorder, prompt)?;
    proof(recorder)
}

/// The ten digits, typed and erased.
fn proof(recorder: &mut Recorder) -> Result<(), Failure> {
    recorder.keys(b"0123456789\x01\x0b")?;
    recorder.until_one_of(&ALL_ERASED).map(drop)
}

/// A blank for each `--More--`, up to the prompt. Zebra's stands bare, that of `more` in reverse video, and before that
/// of BIRD the cursor goes back.
fn pages(recorder: &mut Recorder, prompt: &str) -> Result<(), Failure> {
    let mores = [b"--More--".as_slice(), b"--More-- ", b"--More--\x1b[27m", b"--More--\x1b[m", b"--More--\r"];
    while recorder.until_one_of(&[&[prompt.as_bytes()], mores.as_slice()].concat())? > 0 {
        recorder.keys(b" ")?;
    }
    Ok(())
}

#[test]
fn the_routers_shell() {
    let record = || {
        let mut recorder = Recorder::ssh(Lab::shared(), Login::Router)?;
        recorder.until("r1# ")?;
        ahead(&mut recorder, "terminal length 0", "\n")?;
        for command in FIVE {
            ahead(&mut recorder, command, "\n")?;
        }
        // A line longer than the terminal, as the line editor wraps it; and one the router does not know.
        ahead(&mut recorder, &format!("show {}", "long ".repeat(40)), "\n")?;
        for command in ["configure terminal", "interface veth1", "description replayed", "no description", "end"] {
            ahead(&mut recorder, command, "\n")?;
        }
        Ok(recorder.finish())
    };
    check("frr-ssh.txt", record(), &["*> 10.100.199.0/24", "FRRouting", "% ", "r1(config-if)# "]);
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
        proof(&mut recorder)?;
        // A terminal of 80 by 24, for which the router pages.
        recorder.keys(&[255, 251, 31, 255, 250, 31, 0, 80, 0, 24, 255, 240])?;
        keyed(&mut recorder, "show ip route", "\r\n", "r1# ")?;
        ahead(&mut recorder, "terminal length 0", "\r\n")?;
        ahead(&mut recorder, "show ip route 10.100.0.0/18 longer-prefixes", "\r\n")?;
        ahead(&mut recorder, "show nothing", "\r\n")?;
        Ok(recorder.finish())
    };
    check("frr-telnet.txt", record(), &["--More--", "B>* 10.100.199.0/24", "Unknown command: show nothing"]);
}

/// Answers of 345 KB: many times what the buffers on the way hold.
#[test]
fn long_answers() {
    let lab = Lab::start(&LabOptions { routes: 5000 }).expect("a lab");
    let by_ssh = || {
        let mut recorder = Recorder::ssh(&lab, Login::Router)?;
        recorder.until("r1# ")?;
        ahead(&mut recorder, "terminal length 0", "\n")?;
        ahead(&mut recorder, "show ip bgp", "\n")?;
        ahead(&mut recorder, "show version", "\n")?;
        Ok(recorder.finish())
    };
    check("frr-ssh-long.txt", by_ssh(), &["*> 10.119.135.0/24", "FRRouting"]);
    let by_telnet = || {
        let mut recorder = Recorder::tcp(lab.telnet())?;
        recorder.until("Password: ")?;
        recorder.keys(format!("{}\r\n", lab.line_password()).as_bytes())?;
        recorder.until("r1> ")?;
        ahead(&mut recorder, "terminal length 0", "\r\n")?;
        ahead(&mut recorder, "show ip route", "\r\n")?;
        ahead(&mut recorder, "show version", "\r\n")?;
        Ok(recorder.finish())
    };
    check("frr-telnet-long.txt", by_telnet(), &["B>* 10.119.135.0/24", "FRRouting"]);
}

/// What is asked of the Linux shells.
const SHELL: [&str; 5] =
    ["uname -s", "printf 'no end of line'", "seq 100", "printf '\\033[31mred\\033[0m\\n'", "no-such-command"];

#[test]
fn a_linux_shell() {
    let record = || {
        let mut recorder = Recorder::ssh(Lab::shared(), Login::Linux)?;
        recorder.until("$ ")?;
        for command in SHELL {
            keyed(&mut recorder, command, "\n", "$ ")?;
        }
        Ok(recorder.finish())
    };
    check("linux-ssh.txt", record(), &["Linux", "no end of line", "\u{1b}[31mred"]);
}

#[test]
fn a_telnet_daemon() {
    let lab = Lab::shared();
    let record = || {
        let mut recorder = Recorder::tcp(lab.telnetd()?)?;
        // It offers and asks for options first, and says nothing more before each is answered: the terminal's type is told.
        recorder.until([255, 253, 36])?;
        let refused = [254, 37, 254, 38, 252, 32, 252, 35, 252, 39, 252, 36].chunks(2);
        let answers: Vec<u8> = refused.flat_map(|answer| [255, answer[0], answer[1]]).collect();
        recorder.keys(&[&[255, 251, 24], answers.as_slice()].concat())?;
        recorder.until([255, 250, 24, 1, 255, 240])?;
        recorder.keys(b"\xff\xfa\x18\x00vt100\xff\xf0")?;
        recorder.until([255, 253, 33])?;
        // It may go ahead and is to echo; no line mode, no status, no flow control.
        recorder.keys(&[255, 253, 3, 255, 252, 1, 255, 252, 34, 255, 252, 31, 255, 254, 5, 255, 252, 33])?;
        recorder.until("login: ")?;
        recorder.keys(format!("{}\r\n", Login::Linux.user()).as_bytes())?;
        recorder.until("Password: ")?;
        recorder.keys(format!("{}\r\n", lab.password()).as_bytes())?;
        recorder.until("$ ")?;
        for command in SHELL {
            keyed(&mut recorder, command, "\r\n", "$ ")?;
        }
        // The terminal's height was not told, so it is that of any vt100. At the end `more` waits for one more key
        // unless told not to.
        keyed(&mut recorder, "seq 100 | more -e", "\r\n", "$ ")?;
        Ok(recorder.finish())
    };
    check("telnetd.txt", record(), &["login: ", "Linux", "no end of line", "\u{1b}[31mred", "--More--"]);
}

/// More lines than the terminal has.
const PAGED: &str = "show route in 10.100.0.0/18";

#[test]
fn bird() {
    let lab = Lab::shared();
    let record = || {
        lab.start_bird()?;
        let mut recorder = Recorder::ssh(lab, Login::Bird)?;
        recorder.until("bird> ")?;
        for command in ["show status", "show protocols", "show route in 10.100.0.0/20", "show nothing", PAGED] {
            // It shows a prompt before its answer and takes it back, and has no use for the line of blanks that a
            // session enters at a prompt.
            recorder.keys(format!("{command}\n").as_bytes())?;
            pages(&mut recorder, "bird> ")?;
            recorder.keys(b"   \n")?;
            recorder.until("for help.\r\n\x1b[?2004hbird> ")?;
        }
        Ok(recorder.finish())
    };
    check("bird-ssh.txt", record(), &["BIRD", "fixed", "10.100.15.0/24", "No such command", "--More--"]);
}
