//! A router's running configuration.

use std::fmt::Write as _;

/// Lines and blocks of lines, in the order in which they were entered.
#[derive(Clone, Debug)]
pub(super) struct RunningConfig {
    hostname: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    head: String,
    body: Vec<String>,
}

impl RunningConfig {
    pub(super) fn new(hostname: &str, as_number: u32, router_id: &str) -> Self {
        let mut config = Self { hostname: hostname.to_owned(), entries: Vec::new() };
        for (block, lines) in [
            ("interface eth0", vec!["description management".to_owned()]),
            ("interface eth1", vec!["description to r2".to_owned(), "ip address 10.0.12.1/24".to_owned()]),
            ("interface lo", vec![format!("ip address {router_id}/32")]),
            (
                &format!("router bgp {as_number}"),
                vec![format!("bgp router-id {router_id}"), "neighbor 10.0.12.2 remote-as 65002".to_owned()],
            ),
            (
                "router ospf",
                vec![format!("ospf router-id {router_id}"), "network 10.0.12.0/24 area 0.0.0.0".to_owned()],
            ),
        ] {
            lines.iter().for_each(|line| config.set(Some(block), line));
        }
        config
    }

    pub(super) fn hostname(&self) -> &str {
        &self.hostname
    }

    pub(super) fn set_hostname(&mut self, hostname: &str) {
        hostname.clone_into(&mut self.hostname);
    }

    /// Makes sure that `block` exists.
    pub(super) fn open(&mut self, block: &str) {
        self.block(block);
    }

    /// Adds `line`, to the block if there is one. A line of which there can be only one replaces the other.
    pub(super) fn set(&mut self, block: Option<&str>, line: &str) {
        let Some(block) = block else { return self.open(line) };
        let body = &mut self.block(block).body;
        if let Some(only) = ["description ", "bandwidth ", "mtu "].iter().find(|word| line.starts_with(**word)) {
            body.retain(|other| !other.starts_with(only));
        }
        if !body.iter().any(|other| other == line) {
            body.push(line.to_owned());
        }
    }

    /// Takes away what begins with the words of `line`; whether there was such a thing.
    pub(super) fn unset(&mut self, block: Option<&str>, line: &str) -> bool {
        let begins = |text: &str| text.strip_prefix(line).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        match block {
            None => {
                let before = self.entries.len();
                self.entries.retain(|entry| !begins(&entry.head));
                self.entries.len() < before
            }
            Some(block) => {
                let body = &mut self.block(block).body;
                let before = body.len();
                body.retain(|line| !begins(line));
                body.len() < before
            }
        }
    }

    /// As `show running-config` prints it.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "Building configuration...\n\nCurrent configuration:\n!\nfrr version 8.4.4\nfrr defaults traditional\n",
        );
        let _ =
            writeln!(text, "hostname {}\nlog syslog informational\nservice integrated-vtysh-config\n!", self.hostname);
        for Entry { head, body } in &self.entries {
            let _ = writeln!(text, "{head}");
            for line in body {
                let _ = writeln!(text, " {line}");
            }
            // FRR closes blocks, and only blocks, with `exit`.
            let _ = writeln!(text, "{}!", if is_block(head) { "exit\n" } else { "" });
        }
        text.push_str("end\n");
        text
    }

    fn block(&mut self, head: &str) -> &mut Entry {
        let at = self.entries.iter().position(|entry| entry.head == head).unwrap_or_else(|| {
            self.entries.push(Entry { head: head.to_owned(), body: Vec::new() });
            self.entries.len() - 1
        });
        &mut self.entries[at]
    }
}

/// Whether a line of the configuration opens a block.
pub(super) fn is_block(line: &str) -> bool {
    ["interface ", "router "].iter().any(|word| line.starts_with(word))
}
