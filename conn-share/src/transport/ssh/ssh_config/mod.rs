//! OpenSSH's client configuration, as far as it decides where a connection goes and how it logs in.
//!
//! Sections and values as `ssh` reads them: `Host` patterns with negation, the first value wins, `IdentityFile` and `CertificateFile`
//! add up, `Include`, quotes, `~`, `%` tokens and `${VARIABLES}`. Of `Match` the criteria `all`, `host`, `originalhost`, `user` and
//! `localuser` are known; others would need a program to be run, and are an error rather than a guess. Keywords that concern
//! nothing here are passed over, as `ssh` does with those that it is told to ignore.

mod lines;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::{Path, PathBuf};

use self::lines::{Line, Lines};
use self::tokens::Tokens;
use super::known_hosts::wildcard;
use crate::{Error, ErrorKind, Result};

/// Files that include each other in a ring end here; so deep goes `ssh`.
const DEEPEST_INCLUDE: usize = 16;

/// What a configuration says about one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostConfig {
    pub(super) host_name: Option<String>,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) identity_files: Vec<PathBuf>,
    pub(super) certificate_files: Vec<PathBuf>,
    pub(super) identities_only: Option<bool>,
    pub(super) identity_agent: Option<String>,
    pub(super) proxy_jump: Option<String>,
    pub(super) proxy_command: Option<String>,
    pub(super) user_known_hosts_files: Option<Vec<PathBuf>>,
    pub(super) global_known_hosts_files: Option<Vec<PathBuf>>,
    pub(super) host_key_alias: Option<String>,
    pub(super) strict_host_key_checking: Option<String>,
    pub(super) kex: Option<String>,
    pub(super) ciphers: Option<String>,
    pub(super) macs: Option<String>,
    pub(super) host_key_algorithms: Option<String>,
    pub(super) pubkey_algorithms: Option<String>,
}

/// Which files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The user's file and then the machine's, where they exist.
    Default,
    /// One file, as `ssh -F` takes it.
    File(PathBuf),
}

impl HostConfig {
    /// What the files say about `host`, with `user` where the caller has set one. Blocks.
    pub(super) fn read(source: &Source, host: &str, user: Option<&str>) -> Result<Self> {
        let mut reading =
            Reading { host, tokens: Tokens::here(), found: Self { user: user.map(str::to_owned), ..Self::default() } };
        match source {
            Source::File(path) => {
                let path = reading.tokens.at_home(&path.to_string_lossy());
                let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
                reading.file(&path, &text, true, 0)?;
            }
            Source::Default => {
                let users = std::env::home_dir().map(|home| home.join(".ssh").join("config"));
                for path in users.into_iter().chain([PathBuf::from("/etc/ssh/ssh_config")]) {
                    match std::fs::read_to_string(&path) {
                        Ok(text) => reading.file(&path, &text, true, 0)?,
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => return Err(unreadable(&path, error)),
                    }
                }
            }
        }
        reading.finish()
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("the SSH configuration {} cannot be read", path.display())).with_source(error)
}

struct Reading<'a> {
    host: &'a str,
    tokens: Tokens,
    found: HostConfig,
}

impl Reading<'_> {
    /// Reads one file; `active` as long as no `Host` or `Match` says otherwise.
    fn file(&mut self, path: &Path, text: &str, mut active: bool, depth: usize) -> Result<()> {
        let outer = active;
        for line in Lines::of(text) {
            let line = line.map_err(|(number, what)| wrong(path, number, what))?;
            match line.keyword.as_str() {
                // Inside an included file of a section that does not count, nothing does.
                "host" => active = outer && self.matches_host(&line),
                "match" => active = self.matches(&line, path)? && outer,
                "include" if active => self.include(&line, path, depth)?,
                _ if active => self.set(&line, path)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn matches_host(&self, line: &Line) -> bool {
        let mut found = false;
        for pattern in &line.values {
            match pattern.strip_prefix('!') {
                Some(not) if wildcard(not.as_bytes(), self.host.as_bytes()) => return false,
                Some(_) => {}
                None => found |= wildcard(pattern.as_bytes(), self.host.as_bytes()),
            }
        }
        found
    }

    fn matches(&self, line: &Line, path: &Path) -> Result<bool> {
        let mut words = line.values.iter();
        let mut all = true;
        while let Some(word) = words.next() {
            let (not, name) = word.strip_prefix('!').map_or((false, word.as_str()), |name| (true, name));
            let name = name.to_ascii_lowercase();
            let subject = match name.as_str() {
                "all" => {
                    all &= !not;
                    continue;
                }
                "host" => self.found.host_name.clone().map(|name| self.tokens.host(&name, self.host)),
                "originalhost" => None,
                "user" => Some(self.found.user.clone().unwrap_or_else(|| self.tokens.local_user())),
                "localuser" => Some(self.tokens.local_user()),
                other => {
                    return Err(wrong(
                        path,
                        line.number,
                        &format!(
                            "`Match {other}` is not supported; of its criteria `all`, `host`, `originalhost`, `user` and `localuser` are"
                        ),
                    ));
                }
            };
            let subject = subject.unwrap_or_else(|| self.host.to_owned());
            let Some(patterns) = words.next() else {
                return Err(wrong(path, line.number, &format!("`Match {name}` without a pattern")));
            };
            all &= in_list(patterns, &subject) != not;
        }
        Ok(all)
    }

    fn include(&mut self, line: &Line, from: &Path, depth: usize) -> Result<()> {
        if depth >= DEEPEST_INCLUDE {
            return Err(wrong(from, line.number, "too many files include each other"));
        }
        for pattern in &line.values {
            let mut pattern = self.tokens.at_home(pattern);
            if pattern.is_relative() {
                let system = from.starts_with("/etc/ssh");
                let folder = if system { Some("/etc/ssh".into()) } else { self.tokens.ssh_folder() };
                pattern = folder.unwrap_or_default().join(pattern);
            }
            for path in glob(&pattern) {
                // As `ssh`: what is not there or may not be read is passed over.
                if let Ok(text) = std::fs::read_to_string(&path) {
                    self.file(&path, &text, true, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, line: &Line, path: &Path) -> Result<()> {
        let value =
            || line.values.first().cloned().ok_or_else(|| wrong(path, line.number, "a keyword without a value"));
        let paths = || line.values.iter().map(PathBuf::from).collect::<Vec<_>>();
        let found = &mut self.found;
        match line.keyword.as_str() {
            "hostname" => first(&mut found.host_name, value()?),
            "user" => first(&mut found.user, value()?),
            "port" => {
                let port = value()?.parse().ok().filter(|port| *port != 0);
                first(
                    &mut found.port,
                    port.ok_or_else(|| wrong(path, line.number, "a port is a number from 1 to 65535"))?,
                );
            }
            "identityfile" => found.identity_files.push(value()?.into()),
            "certificatefile" => found.certificate_files.push(value()?.into()),
            "identitiesonly" => {
                let yes = match value()?.to_ascii_lowercase().as_str() {
                    "yes" | "true" => true,
                    "no" | "false" => false,
                    _ => return Err(wrong(path, line.number, "IdentitiesOnly is `yes` or `no`")),
                };
                first(&mut found.identities_only, yes);
            }
            "identityagent" => first(&mut found.identity_agent, value()?),
            // What came first of the two excludes the other.
            "proxyjump" if found.proxy_command.is_none() => first(&mut found.proxy_jump, value()?),
            "proxycommand" if found.proxy_jump.is_none() => first(&mut found.proxy_command, line.rest.clone()),
            "userknownhostsfile" => first(&mut found.user_known_hosts_files, paths()),
            "globalknownhostsfile" => first(&mut found.global_known_hosts_files, paths()),
            "hostkeyalias" => first(&mut found.host_key_alias, value()?),
            "stricthostkeychecking" => first(&mut found.strict_host_key_checking, value()?.to_ascii_lowercase()),
            "kexalgorithms" => first(&mut found.kex, value()?),
            "ciphers" => first(&mut found.ciphers, value()?),
            "macs" => first(&mut found.macs, value()?),
            "hostkeyalgorithms" => first(&mut found.host_key_algorithms, value()?),
            "pubkeyacceptedalgorithms" | "pubkeyacceptedkeytypes" => first(&mut found.pubkey_algorithms, value()?),
            other => tracing::debug!(keyword = other, "passed over in the SSH configuration"),
        }
        Ok(())
    }

    /// Resolves `~`, tokens and variables, once everything they stand for is known.
    fn finish(mut self) -> Result<HostConfig> {
        let found = &mut self.found;
        if let Some(name) = &mut found.host_name {
            *name = self.tokens.host(name, self.host);
        }
        let host_name = found.host_name.clone().unwrap_or_else(|| self.host.to_owned());
        let user = found.user.get_or_insert_with(|| self.tokens.local_user()).clone();
        self.tokens.about(self.host, &host_name, found.port.unwrap_or(super::DEFAULT_PORT), &user);
        let tokens = &self.tokens;
        let all = |paths: &mut Vec<PathBuf>| {
            for path in paths {
                *path = tokens.path(&path.to_string_lossy());
            }
        };
        all(&mut found.identity_files);
        found.identity_files.retain(|path| path.as_os_str() != "none");
        all(&mut found.certificate_files);
        found.certificate_files.retain(|path| path.as_os_str() != "none");
        found.user_known_hosts_files.iter_mut().for_each(all);
        if let Some(agent) = &mut found.identity_agent
            && agent != "none"
            && agent != "SSH_AUTH_SOCK"
            && !agent.starts_with('$')
        {
            *agent = tokens.path(agent).display().to_string();
        }
        Ok(self.found)
    }
}

/// The first value counts.
fn first<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

/// A list of patterns with commas between, as `Match` takes it.
fn in_list(patterns: &str, subject: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(not) if wildcard(not.as_bytes(), subject.as_bytes()) => return false,
            Some(_) => {}
            None => found |= wildcard(pattern.as_bytes(), subject.as_bytes()),
        }
    }
    found
}

/// The files of a pattern whose last part may hold `*` and `?`, in the order of their names.
fn glob(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().map(|name| name.to_string_lossy().into_owned()) else { return Vec::new() };
    if !name.contains(['*', '?']) {
        return vec![pattern.to_owned()];
    }
    let Some(entries) = pattern.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let entry = entry.file_name();
            let entry = entry.to_string_lossy();
            // A star does not stand for the dot of a hidden file.
            (name.starts_with('.') || !entry.starts_with('.')) && wildcard(name.as_bytes(), entry.as_bytes())
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn wrong(path: &Path, line: usize, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("line {line} of the SSH configuration {}: {what}", path.display()))
}
