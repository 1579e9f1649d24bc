//! Juniper Junos: operational mode, and a candidate configuration that is committed. Written after public sources; not
//! run against a device.

use super::{Platform, Proof};

pub(super) fn platform() -> Platform {
    Platform::new("juniper_junos")
        .mode("shell", "", "%")
        .mode("operational", "", ">")
        .mode("configuration", "", "#")
        .way("shell", "operational", "cli")
        // A candidate of our own: nobody else's changes are committed with ours, and while the common one is being
        // edited the device refuses.
        .way("operational", "configuration", "configure private")
        .way("configuration", "operational", "exit configuration-mode")
        .privileged("operational")
        .configuration("configuration")
        .commit("commit", "commit complete")
        .discard("rollback 0")
        // `Exit with uncommitted changes?`, of somebody else's on a console line, and `Discard uncommitted changes?`.
        .question("(yes)", "yes")
        .above_prompt("[edit", "]")
        .above_prompt("{", "}")
        .above_prompt("{", "]")
        // A blank would otherwise complete the word before it, and the echo be another line than the one sent.
        .on_open("set cli complete-on-space off")
        .on_open("set cli screen-length 0")
        .on_open("set cli screen-width 511")
        .harmless("show ")
        // `---(more)---`, `---(more 42%)---`
        .pager(")---")
        .refusal("unknown command", "")
        .refusal("syntax error", "")
        .refusal("missing argument", "")
        .refusal("invalid ", "")
        .refusal("error:", "")
        .refusal("'", "is ambiguous")
        .proof(Proof::Keys)
        .proof(Proof::Blank)
        .kill_line("\x15")
        .on_close("exit")
}
