//! Cisco NX-OS. Written after public sources; not run against a device.

use super::{Platform, Proof, cisco_like};

pub(super) fn platform() -> Platform {
    cisco_like::platform("cisco_nxos")
        .on_open("terminal width 511")
        .refusal("%", "Invalid")
        .refusal("%", "Incomplete command")
        .refusal("%", "Ambiguous command")
        .refusal("%", "Permission denied")
        .refusal("ERROR: ", "")
        .refusal("Syntax error while parsing", "")
        .proof(Proof::Keys)
        .proof(Proof::Blank)
        .on_close("exit")
}
