//! Anything that shows a prompt, echoes, and takes an empty line as nothing to do.

use super::{Platform, Proof};

pub(super) fn platform() -> Platform {
    Platform::new("generic")
        .pager("--More--")
        .pager("-- More --")
        .pager("--- more ---")
        .pager("<--- More --->")
        .pager("-More-")
        .pager("--More-- or (q)uit")
        .pager("---(more)---")
        .pager("%)---")
        .pager("Press any key to continue (Q to quit)")
        // The line editor's keys are not tried: a device without them keeps the digits for its next command.
        .proof(Proof::Blank)
}
