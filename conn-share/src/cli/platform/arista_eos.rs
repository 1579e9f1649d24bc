//! Arista EOS. Written after public sources; not run against a device.

use super::{Platform, Proof, cisco_like};

pub(super) fn platform() -> Platform {
    cisco_like::platform("arista_eos")
        .on_open("terminal width 32767")
        .refusal("%", "Invalid input")
        .refusal("%", "Incomplete command")
        .refusal("%", "Ambiguous command")
        .refusal("%", "Unavailable command")
        .refusal("%", "Authorization denied")
        .refusal("%", "Error")
        .refusal("%", "Cannot")
        .proof(Proof::Keys)
        .proof(Proof::Blank)
        .on_close("exit")
}
