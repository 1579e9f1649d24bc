//! The servers' processes, seen and signalled from the test.

use std::fs;
use std::process::Command;

use crate::Failure;

/// A process on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    id: u32,
    command: Vec<String>,
}

impl Process {
    /// All processes that `wanted` says yes to, in no particular order.
    pub fn all(wanted: impl Fn(&Self) -> bool) -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter_map(Self::find).filter(wanted).collect()
    }

    fn find(id: u32) -> Option<Self> {
        let words = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words);
        let command: Vec<_> = words.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        (!command.is_empty()).then_some(Self { id, command })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its program and arguments, as it shows them.
    pub fn command(&self) -> Vec<&str> {
        self.command.iter().map(String::as_str).collect()
    }

    /// The process that started it.
    pub fn parent(&self) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        Self::find(parent.trim().parse().ok()?)
    }

    /// Whether it has been stopped by [`Process::freeze`].
    pub fn is_frozen(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:\tT"))
    }

    /// Stops it where it is; its sockets stay open.
    pub fn freeze(&self) -> Result<(), Failure> {
        self.signal("STOP")
    }

    /// Lets it go on.
    pub fn thaw(&self) -> Result<(), Failure> {
        self.signal("CONT")
    }

    /// Kills it.
    pub fn kill(&self) -> Result<(), Failure> {
        self.signal("KILL")
    }

    fn signal(&self, name: &str) -> Result<(), Failure> {
        let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id)]).output()?;
        match done.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned().into()),
        }
    }
}
