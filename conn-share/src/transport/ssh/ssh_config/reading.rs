//! Goes through the files, and through what they include, for one host.

use std::path::{Path, PathBuf};

use super::lines::{Line, Lines};
use super::tokens::{self, Tokens};
use super::{HostConfig, Source};
use crate::transport::ssh::known_hosts::wildcard;
use crate::{Error, ErrorKind, Result};

/// Files that include each other in a ring end here; so deep goes `ssh`.
const DEEPEST_INCLUDE: usize = 16;

pub(super) struct Reading {
    /// What `Host` patterns are compared with.
    host: String,
    /// As the caller wrote it.
    original: String,
    pub(super) tokens: Tokens,
    pub(super) found: HostConfig,
    tag: Option<String>,
    /// A `Match final` asks for a second pass.
    pub(super) wants_final_pass: bool,
    is_final_pass: bool,
}

/// Where a file stands among the others.
#[derive(Clone, Copy)]
struct Place {
    /// It counts, as far as those that include it are concerned.
    active: bool,
    /// The machine's, and not a user's.
    is_system: bool,
    depth: usize,
}

impl Reading {
    pub(super) fn new(host: &str, user: Option<&str>) -> Self {
        Self {
            host: host.to_owned(),
            original: host.to_owned(),
            tokens: Tokens::here(),
            found: HostConfig { user: user.map(str::to_owned), ..HostConfig::default() },
            tag: None,
            wants_final_pass: false,
            is_final_pass: false,
        }
    }

    /// Reads all of them once.
    pub(super) fn pass(&mut self, source: &Source) -> Result<()> {
        let place = Place { active: true, is_system: false, depth: 0 };
        match source {
            Source::File(path) => {
                let path = self.tokens.at_home(&path.to_string_lossy());
                let path = path.map_err(|what| Error::new(ErrorKind::Config, what))?;
                let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
                self.file(&path, &text, place)
            }
            Source::Default => {
                let users = std::env::home_dir().map(|home| home.join(".ssh").join("config"));
                let users = users.into_iter().map(|path| (path, false));
                for (path, is_system) in users.chain([(PathBuf::from("/etc/ssh/ssh_config"), true)]) {
                    match std::fs::read_to_string(&path) {
                        Ok(text) => self.file(&path, &text, Place { is_system, ..place })?,
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => return Err(unreadable(&path, error)),
                    }
                }
                Ok(())
            }
        }
    }

    /// From here on `Host` and `Match host` are about the name that was found, and `Match final` is true.
    pub(super) fn begin_final_pass(&mut self) -> Result<()> {
        let name = self.host_name().map_err(|what| Error::new(ErrorKind::Config, format!("HostName: {what}")))?;
        self.found.host_name = Some(name.clone());
        self.host = name;
        self.is_final_pass = true;
        Ok(())
    }

    /// The name to connect to, as far as is known. As `ssh`, in lower case where it is no address.
    pub(super) fn host_name(&self) -> Result<String, String> {
        let name = match &self.found.host_name {
            Some(name) if !self.is_final_pass => tokens::host_name(name, &self.host)?,
            Some(name) => name.clone(),
            None => self.host.clone(),
        };
        Ok(if name.parse::<std::net::IpAddr>().is_ok() { name } else { name.to_ascii_lowercase() })
    }

    fn file(&mut self, path: &Path, text: &str, place: Place) -> Result<()> {
        // Until a `Host` or a `Match` says otherwise.
        let mut active = place.active;
        for line in Lines::of(text) {
            let line = line.map_err(|(number, what)| wrong(path, number, what))?;
            match line.keyword.as_str() {
                // Inside an included file of a section that does not count, nothing does.
                "host" => active = place.active && self.matches_host(&line),
                "match" => {
                    let matched = self.matches(&line, place.active);
                    active = matched.map_err(|what| wrong(path, line.number, &what))?;
                }
                // Where it does not count it may still ask for a second pass.
                "include" => self.include(&line, path, Place { active, depth: place.depth + 1, ..place })?,
                _ if active => self.set(&line).map_err(|what| wrong(path, line.number, &what))?,
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

    /// Whether a `Match` line is about this connection; `so_far` when nothing before it says otherwise.
    fn matches(&mut self, line: &Line, so_far: bool) -> Result<bool, String> {
        let mut words = line.values.iter();
        let mut all = so_far;
        let mut unknown: Option<String> = None;
        while let Some(word) = words.next() {
            let (not, word) = word.strip_prefix('!').map_or((false, word.as_str()), |word| (true, word));
            let (name, joined) = word.split_once('=').map_or((word, None), |(name, list)| (name, Some(list)));
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "all" => {
                    all &= !not;
                    continue;
                }
                "final" | "canonical" => {
                    // As to `ssh`, also where it is to be true before.
                    self.wants_final_pass |= name == "final";
                    all &= self.is_final_pass != not;
                    continue;
                }
                _ => {}
            }
            let list = joined.or_else(|| words.next().map(String::as_str));
            let list = list.ok_or_else(|| format!("`Match {name}` without a pattern"))?;
            let matched = match name.as_str() {
                // Names of hosts are compared whatever their case.
                "host" => in_list(&list.to_ascii_lowercase(), &self.host_name()?.to_ascii_lowercase()),
                "originalhost" => in_list(&list.to_ascii_lowercase(), &self.original.to_ascii_lowercase()),
                "user" => in_list(list, &self.found.user.clone().unwrap_or_else(|| self.tokens.local_user())),
                "localuser" => in_list(list, &self.tokens.local_user()),
                "tagged" => match self.tag.as_deref() {
                    None | Some("") => list.is_empty(),
                    Some(tag) => in_list(list, tag),
                },
                _ => {
                    unknown.get_or_insert(name);
                    continue;
                }
            };
            all &= matched != not;
        }
        match unknown {
            // Where the line is about others in any case it does not matter.
            Some(name) if all => Err(format!("`Match {name}` is not supported, and the section hangs on it")),
            _ => Ok(all),
        }
    }

    fn include(&mut self, line: &Line, from: &Path, place: Place) -> Result<()> {
        let wrong = |what: &str| wrong(from, line.number, what);
        if place.depth > DEEPEST_INCLUDE {
            return Err(wrong("too many files include each other"));
        }
        for pattern in &line.values {
            let mut pattern = match self.tokens.at_home(pattern) {
                Ok(pattern) => pattern,
                // It is about others.
                Err(_) if !place.active => continue,
                Err(what) => return Err(wrong(&what)),
            };
            if pattern.is_relative() {
                let folder = if place.is_system { Some("/etc/ssh".into()) } else { self.tokens.ssh_folder() };
                pattern = folder.unwrap_or_default().join(pattern);
            }
            let paths = match files(&pattern) {
                Ok(paths) => paths,
                Err(_) if !place.active => continue,
                Err(what) => return Err(wrong(&what)),
            };
            for path in paths {
                // As `ssh`: what is not there or may not be read is passed over.
                if let Ok(text) = std::fs::read_to_string(&path) {
                    self.file(&path, &text, place)?;
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, line: &Line) -> Result<(), String> {
        let value = || line.values.first().cloned().ok_or("a keyword without a value");
        let paths = || line.values.iter().map(PathBuf::from).collect::<Vec<_>>();
        let found = &mut self.found;
        match line.keyword.as_str() {
            "hostname" => first(&mut found.host_name, value()?),
            "user" => first(&mut found.user, value()?),
            "port" => {
                let port = value()?.parse().ok().filter(|port| *port != 0);
                first(&mut found.port, port.ok_or("a port is a number from 1 to 65535")?);
            }
            "identityfile" => further(&mut found.identity_files, value()?),
            "certificatefile" => further(&mut found.certificate_files, value()?),
            "identitiesonly" => {
                let yes = match value()?.to_ascii_lowercase().as_str() {
                    "yes" | "true" => true,
                    "no" | "false" => false,
                    _ => return Err("IdentitiesOnly is `yes` or `no`".to_owned()),
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
            "tag" => first(&mut self.tag, value()?),
            // A key that somebody took back must not be trusted because we cannot read their list.
            "revokedhostkeys" if !value()?.eq_ignore_ascii_case("none") => {
                return Err("RevokedHostKeys is not supported; `@revoked` lines in a known hosts file are".to_owned());
            }
            other => tracing::debug!(keyword = other, "passed over in the SSH configuration"),
        }
        Ok(())
    }
}

/// The first value counts.
fn first<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

/// Values add up, each of them once.
fn further(place: &mut Vec<PathBuf>, value: String) {
    let value = PathBuf::from(value);
    if !place.contains(&value) {
        place.push(value);
    }
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

/// The files that a pattern names, in the order of their names.
fn files(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return Ok(vec![pattern.to_owned()]);
    }
    // To `ssh`, two stars mean what one does.
    let mut text = text.into_owned();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    let strictly = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        // A star does not stand for the dot of a hidden file.
        require_literal_leading_dot: true,
    };
    let found = glob::glob_with(&text, strictly).map_err(|error| format!("Include {text}: {error}"))?;
    Ok(found.flatten().collect())
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("the SSH configuration {} cannot be read", path.display())).with_source(error)
}

fn wrong(path: &Path, line: usize, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("line {line} of the SSH configuration {}: {what}", path.display()))
}
