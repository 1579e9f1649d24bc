//! Cisco IOS and IOS XE. Written after the manuals; not run against a device.

use super::{Platform, Proof};

pub(super) fn platform() -> Platform {
    Platform::new("cisco_ios")
        .mode("exec", "", ">")
        .mode("enable", "", "#")
        .mode("config", "(", ")#")
        .way("exec", "enable", "enable")
        .way("enable", "config", "configure terminal")
        .way("config", "enable", "end")
        .way("enable", "exec", "disable")
        .privileged("enable")
        .configuration("config")
        .on_open("terminal length 0")
        .on_open("terminal width 511")
        .harmless("show ")
        .pager("--More--")
        .refusal("%", "Invalid")
        .refusal("%", "Incomplete command")
        .refusal("%", "Ambiguous command")
        .refusal("%", "Unknown command")
        .refusal("%", "Bad ")
        .refusal("%", "Unrecognized")
        .refusal("%", "overlaps with")
        .refusal("Command authorization failed", "")
        // Typed once a prompt shows: a digit typed ahead would be a no to the `[confirm]` of a command.
        .proof(Proof::Keys)
        .proof(Proof::Blank)
        .interrupt("\x1e")
        .kill_line("\x15")
        .on_close("exit")
}
