//! Looks a host up in `known_hosts` files, checks the key it shows, and writes a new one down.
//!
//! `ssh-key` parses the lines. russh's own `known_hosts` is not used: it passes over `@revoked`, wildcards and
//! negation, takes an unreadable file for an empty one, counts no comment lines when it says which line a changed
//! key is on, and gives up on the whole file at the first key of a type that it does not know.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use sha1::Sha1;

use crate::transport::host_keys::{HostKeys, Policy};
use crate::{Error, ErrorKind, Result};

/// What the files say about one host, and what to do about a key that they do not know.
pub(super) struct HostRecord {
    policy: Policy,
    /// As the files write it: `host`, or `[host]:port`.
    name: String,
    host: String,
    keys: Vec<Known>,
    new_keys_file: Option<PathBuf>,
    /// The key that was accepted although no file knew it.
    accepted: OnceLock<PublicKey>,
}

/// One line that is about the host.
struct Known {
    key: PublicKey,
    standing: Standing,
    file: PathBuf,
    line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Trusted,
    /// The line names the host without the port that is asked for: good enough to trust a key, not to call another
    /// one changed.
    TrustedOnAnyPort,
    Revoked,
}

impl HostRecord {
    /// Reads the files. Blocks.
    pub(super) fn read(trust: &HostKeys, host: &str, port: u16) -> Result<Self> {
        let host = host.to_ascii_lowercase();
        let name = if port == 22 { host.clone() } else { format!("[{host}]:{port}") };
        let mut record = Self {
            policy: trust.policy(),
            name,
            host,
            keys: Vec::new(),
            new_keys_file: trust.new_keys_file(),
            accepted: OnceLock::new(),
        };
        if trust.policy() == Policy::AcceptAny {
            return Ok(record);
        }
        for file in trust.given_files() {
            let may_be_missing = trust.policy() == Policy::WriteDown;
            record.read_file(file, may_be_missing)?;
        }
        for file in trust.default_files() {
            record.read_file(&file, true)?;
        }
        Ok(record)
    }

    fn read_file(&mut self, file: &Path, may_be_missing: bool) -> Result<()> {
        match fs::read(file) {
            Ok(text) => {
                self.read_lines(file, &String::from_utf8_lossy(&text));
                Ok(())
            }
            Err(error) if may_be_missing && error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(file, "cannot be read", error)),
        }
    }

    /// Lines that make no sense, and keys of unknown types, say nothing about this host.
    fn read_lines(&mut self, file: &Path, text: &str) {
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The parser takes single spaces for separators and refuses lone comments; the format allows more.
            let words = line.split_ascii_whitespace().take(if line.starts_with('@') { 4 } else { 3 });
            let Ok(entry) = words.collect::<Vec<_>>().join(" ").parse::<Entry>() else { continue };
            let standing = match entry.marker() {
                Some(Marker::CertAuthority) => continue,
                Some(Marker::Revoked) if names(entry.host_patterns(), &self.name, &self.host) => Standing::Revoked,
                Some(Marker::Revoked) => continue,
                None if matches(entry.host_patterns(), &self.name) => Standing::Trusted,
                None if matches(entry.host_patterns(), &self.host) => Standing::TrustedOnAnyPort,
                None => continue,
            };
            self.keys.push(Known { key: entry.into(), standing, file: file.to_owned(), line: at + 1 });
        }
    }

    /// `algorithms` with those first for which a key is known, so that a host is not asked for a key of another type.
    pub(super) fn known_first(&self, algorithms: &[Algorithm]) -> Vec<Algorithm> {
        let is_known = |algorithm: &Algorithm| {
            self.keys
                .iter()
                .any(|known| known.standing != Standing::Revoked && same_type(&known.key.algorithm(), algorithm))
        };
        let (known, others): (Vec<_>, Vec<_>) = algorithms.iter().cloned().partition(is_known);
        known.into_iter().chain(others).collect()
    }

    /// Whether `key` may be trusted.
    pub(super) fn check(&self, key: &PublicKey) -> Result<()> {
        if self.policy == Policy::AcceptAny {
            return Ok(());
        }
        let same = |known: &&Known| known.key.key_data() == key.key_data();
        if let Some(known) = self.keys.iter().filter(same).find(|known| known.standing == Standing::Revoked) {
            return Err(self.refusal(format!("shows a revoked key: {} (revoked by {known})", fingerprint(key))));
        }
        if self.keys.iter().any(|known| same(&known)) {
            return Ok(());
        }
        let mut trusted = self.keys.iter().filter(|known| known.standing == Standing::Trusted);
        if let Some(known) = trusted.clone().find(|known| same_type(&known.key.algorithm(), &key.algorithm())) {
            return Err(self.refusal(format!(
                "shows another key than before: it shows {}, {known} has {}; somebody may be listening in, or the \
                 device got a new key. If you know that it did, replace that line",
                fingerprint(key),
                fingerprint(&known.key),
            )));
        }
        if let Some(known) = trusted.next() {
            return Err(self.refusal(format!(
                "shows {}, but is known by a key of another type: {known} has {}. {}",
                fingerprint(key),
                fingerprint(&known.key),
                self.advice(key),
            )));
        }
        if self.policy == Policy::WriteDown {
            // Written down by `write_down`, before any secret is sent.
            self.accepted.get_or_init(|| key.clone());
            return Ok(());
        }
        if self.policy == Policy::TrustNew {
            return Ok(());
        }
        Err(self.refusal(format!("is not known; it shows {}. {}", fingerprint(key), self.advice(key))))
    }

    /// Whether [`HostRecord::write_down`] has anything to do.
    pub(super) fn has_news(&self) -> bool {
        self.accepted.get().is_some()
    }

    /// Writes an accepted new key down, unless another session has done so meanwhile. Blocks.
    pub(super) fn write_down(&self) -> Result<()> {
        let Some(key) = self.accepted.get() else { return Ok(()) };
        let Some(file) = &self.new_keys_file else {
            return Err(Error::new(ErrorKind::Config, "there is no known hosts file to write a new host key to"));
        };
        append(file, |text| {
            let mut now = Self {
                policy: Policy::Refuse,
                name: self.name.clone(),
                host: self.host.clone(),
                keys: Vec::new(),
                new_keys_file: None,
                accepted: OnceLock::new(),
            };
            now.read_lines(file, text);
            match now.check(key) {
                Ok(()) => Ok(None),
                // Somebody who came first was shown something else.
                Err(error) if !now.keys.is_empty() => Err(error),
                Err(_) => Ok(Some(self.line_for(key))),
            }
        })
    }

    fn refusal(&self, text: String) -> Error {
        Error::new(ErrorKind::HostKey, format!("the host {} {text}", self.name))
    }

    fn line_for(&self, key: &PublicKey) -> String {
        let mut line = format!("{} {}", self.name, key.algorithm());
        // An OpenSSH key without comment is its type and its data.
        if let Ok(text) = key.to_openssh()
            && let Some(data) = text.split_ascii_whitespace().nth(1)
        {
            line.clear();
            let _ = write!(line, "{} {} {data}", self.name, key.algorithm());
        }
        line
    }

    fn advice(&self, key: &PublicKey) -> String {
        let file = self.new_keys_file.as_deref().unwrap_or(Path::new("a known hosts file"));
        format!("If that is the right key, add this line to {}: {}", file.display(), self.line_for(key))
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of {}", self.line, self.file.display())
    }
}

fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

/// RSA keys are one type, whatever the hash they sign with.
fn same_type(a: &Algorithm, b: &Algorithm) -> bool {
    matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || a == b
}

fn names(patterns: &HostPatterns, name: &str, host: &str) -> bool {
    matches(patterns, name) || matches(patterns, host)
}

/// Whether a line is about `name`, which is in lower case.
fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(hash).is_ok()),
        HostPatterns::Patterns(patterns) => {
            let mut found = false;
            for pattern in patterns {
                let pattern = pattern.to_ascii_lowercase();
                match pattern.strip_prefix('!') {
                    Some(not) if wildcard(not.as_bytes(), name.as_bytes()) => return false,
                    Some(_) => {}
                    None => found |= wildcard(pattern.as_bytes(), name.as_bytes()),
                }
            }
            found
        }
    }
}

/// `*` stands for any run of bytes, `?` for one. Steps back to the last `*` alone, so it is never exponential.
pub(super) fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(in_name) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(want) if *want == b'?' || want == byte => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, in_name) = (after, from + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// Appends the line that `decide` makes of the file's text, if it makes one, while nobody else does the same.
fn append(file: &Path, decide: impl FnOnce(&str) -> Result<Option<String>>) -> Result<()> {
    let cannot = |error| unusable(file, "cannot be written", error);
    if let Some(folder) = file.parent() {
        make_private_folder(folder).map_err(cannot)?;
    }
    let mut open = OpenOptions::new();
    open.read(true).append(true).create(true);
    let mut file: File = open.open(file).map_err(cannot)?;
    file.lock().map_err(cannot)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(cannot)?;
    let Some(line) = decide(&String::from_utf8_lossy(&bytes))? else { return Ok(()) };
    let gap = if bytes.last().is_some_and(|byte| *byte != b'\n') { "\n" } else { "" };
    file.write_all(format!("{gap}{line}\n").as_bytes()).map_err(cannot)
}

/// A missing `~/.ssh` is made as OpenSSH would: for the owner alone.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut make = fs::DirBuilder::new();
    make.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    if folder.as_os_str().is_empty() { Ok(()) } else { make.create(folder) }
}

fn unusable(file: &Path, what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("the known hosts file {} {what}", file.display())).with_source(error)
}

#[cfg(test)]
mod tests;
