//! Cisco IOS XR: lines are a candidate until they are committed. Written after public sources; not run against a device.

use super::{Platform, Proof};

pub(super) fn platform() -> Platform {
    Platform::new("cisco_xr")
        .mode("enable", "", "#")
        .mode("config", "(", ")#")
        .way("enable", "config", "configure terminal")
        // Unlike `end`, it asks nothing, and drops what is not committed.
        .way("config", "enable", "abort")
        .privileged("enable")
        .configuration("config")
        // It says nothing when all went well.
        .commit("commit", "")
        // Somebody else has committed meanwhile: `Would you like to proceed with this commit anyway? [no]:`
        .question("[no]:", "no")
        .on_open("terminal length 0")
        .on_open("terminal width 511")
        // The time above each answer is no part of it.
        .on_open("terminal exec prompt no-timestamp")
        .harmless("show ")
        .pager("--More--")
        .refusal("%", "Invalid")
        .refusal("%", "Incomplete command")
        .refusal("%", "Ambiguous command")
        .refusal("%", "Unknown command")
        .refusal("%", "Bad ")
        .refusal("%", "Failed to commit")
        .refusal("%", "not authorized")
        .proof(Proof::Keys)
        .proof(Proof::Blank)
        .kill_line("\x15")
        .on_close("exit")
}
