//! What a person can do about an error.

use conn_share::{Error, ErrorKind};

/// One sentence, where there is something to be done that the error does not say itself.
pub(crate) fn about(error: &Error) -> Option<&'static str> {
    if error.is_timeout() && error.phase() == Some("waiting for the prompt") {
        return Some("Does the command take longer, or ask something? --timeout gives it more time.");
    }
    Some(match error.kind() {
        ErrorKind::Unreachable => "Check the address and the port, and whether the device lets this machine in.",
        ErrorKind::Timeout => "Is the device up, and is the way to it open? A firewall often drops what it refuses.",
        ErrorKind::Authentication => {
            "Check the user name and the password: in the testbed under `credentials`, or the variables it names."
        }
        ErrorKind::HostKey => "Compare the key with the device's own before you add it to a file of known hosts.",
        ErrorKind::Privilege => "Check the secret for `enable`: in the testbed under `credentials: enable: password`.",
        ErrorKind::Busy => {
            "Somebody else has the line, or the device has no room: a smaller --pool, or try again later."
        }
        ErrorKind::Disconnected => "The device or something on the way ended the session; its log may say why.",
        _ => return None,
    })
}
