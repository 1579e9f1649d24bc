//! FRRouting: `vtysh` behind a shell or sshd, and the Telnet vty of its daemons.

use super::{Platform, Proof, cisco_like};

pub(super) fn platform() -> Platform {
    cisco_like::platform("frr")
        .refusal("%", "Unknown command")
        .refusal("%", "Command incomplete")
        .refusal("%", "Ambiguous command")
        .refusal("%", "There is no matched command")
        .refusal("%", "Invalid")
        .refusal("%", "Malformed")
        .refusal("%", "Configuration failed")
        .refusal("%", "Can't")
        .refusal("%", "Cannot")
        .refusal("%", "not found")
        .refusal("%", "Specify")
        .refusal("%", "does not exist")
        // readline and FRR's own vty both know the keys, and no command but `start-shell`, `ping`, `traceroute` and their
        // like reads the keyboard.
        .proof(Proof::Typeahead)
        .proof(Proof::Keys)
        .proof(Proof::Blank)
    // No interrupt: vtysh answers ctrl-C with a prompt while the old answer goes on, and its readline may drop what is
    // typed next. A command that never ends, a `ping`, costs a new session.
}
