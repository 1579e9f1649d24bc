//! A Unix shell at a terminal.

use super::{Platform, Proof};

pub(super) fn platform() -> Platform {
    Platform::new("linux")
        .pager("--More--")
        .refusal("", "command not found")
        .refusal("", ": not found")
        .refusal("", "Permission denied")
        .refusal("", "syntax error")
        // readline, editline and busybox know the keys. They are typed once a prompt shows, not ahead: half of all
        // programs read the keyboard. A shell without a line editor is asked by a command.
        .proof(Proof::Keys)
        .proof(Proof::Command("echo {a}''{b}".to_owned()))
        .takes_empty_lines()
        // No interrupt: behind ctrl-C bash drops keys that are typed, and would run what is left of a command.
        .kill_line("\x15")
        .on_close("exit")
}
