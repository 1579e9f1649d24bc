//! What the daemons say about who asked them what.

use std::path::Path;

/// A command that a daemon took up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The daemon's number for the line: the same for all commands of one session. Numbers are used again when a
    /// session has ended.
    pub line: String,
    /// Whether it came over the Telnet line, and not from a router shell.
    pub by_telnet: bool,
    /// The command.
    pub command: String,
}

/// Reads the log of a daemon that has `log commands`.
pub(super) fn parse(log: &str) -> Vec<Asked> {
    log.lines().filter_map(parse_line).collect()
}

/// `2026/01/02 03:04:05 ZEBRA: [M7Q4P-46WDR] vty[42]@127.0.0.1# show version`, without the address from a router shell.
fn parse_line(line: &str) -> Option<Asked> {
    let (_, rest) = line.split_once("] vty[")?;
    let (line, rest) = rest.split_once("]@")?;
    let (origin, command) = rest.split_once(' ')?;
    Some(Asked {
        line: line.to_owned(),
        by_telnet: origin.starts_with(|letter: char| letter.is_ascii_digit()),
        command: command.to_owned(),
    })
}

/// Lists the unix sockets of both sides: those that have been accepted count as the client's, in the machine's
/// network; the one that listens is the daemon's.
pub(super) const LIST_SOCKETS: &str = "ss -x -H; ip netns exec r1 ss -x -l -H";

/// How many connections to the socket at `path` its server has not accepted, or has bytes from that it has not read,
/// by what [`LIST_SOCKETS`] prints.
pub(super) fn queues(sockets: &str, path: &Path) -> usize {
    let path = path.display().to_string();
    // `u_str ESTAB BYTES 0 PATH NODE * NODE`, and `u_str LISTEN CONNECTIONS LIMIT PATH NODE * 0`
    let waiting = sockets.lines().map(|socket| match socket.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "ESTAB", bytes, _, at, ..] if at == path => usize::from(bytes != "0"),
        [_, "LISTEN", connections, _, at, ..] if at == path => connections.parse().unwrap_or(0),
        _ => 0,
    });
    waiting.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_who_waits_at_one_socket() {
        let sockets = "\
u_str ESTAB 14 0 /tmp/x/r1/bgpd.vty 12 * 13
u_str ESTAB 0 0 /tmp/x/r1/bgpd.vty 14 * 15
u_str ESTAB 7 0 /tmp/x/r1/zebra.vty 16 * 17
u_str LISTEN 2 128 /tmp/x/r1/bgpd.vty 11 * 0
";
        assert_eq!(queues(sockets, Path::new("/tmp/x/r1/bgpd.vty")), 3);
    }

    #[test]
    fn reads_commands_of_shells_and_of_the_line() {
        let log = "\
2026/11/23 21:55:19 ZEBRA: [M7Q4P-46WDR] vty[42]@# do write terminal
2026/11/23 21:55:19 ZEBRA: [NNACN-54BDA][EC 4043309110] Disabling MPLS support (no kernel support)
2026/11/23 21:55:20 ZEBRA: [M7Q4P-46WDR] vty[7]@127.0.0.1> enable
";
        let asked = |line: &str, by_telnet, command: &str| Asked {
            line: line.to_owned(),
            by_telnet,
            command: command.to_owned(),
        };
        assert_eq!(parse(log), [asked("42", false, "do write terminal"), asked("7", true, "enable")]);
    }
}
