//! What the command lines that follow Cisco's have in common.

use super::Platform;

/// Modes told by `>`, `#` and `(config…)#`, and the ways between them.
pub(super) fn platform(name: &str) -> Platform {
    Platform::new(name)
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
        .harmless("show ")
        .pager("--More--")
        .kill_line("\x15")
}
