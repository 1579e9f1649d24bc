//! Cisco IOS and IOS XE. Written after the manuals; not run against a device.

use super::{Platform, Proof, cisco_like};

pub(super) fn platform(name: &str) -> Platform {
    cisco_like::platform(name)
        .on_open("terminal width 511")
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
        .on_close("exit")
}
