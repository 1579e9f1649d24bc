//! OpenSSH's client configuration, as far as it decides where a connection goes and how it logs in.
//!
//! Sections and values as `ssh` reads them: `Host` patterns with negation, the first value wins, `IdentityFile` and
//! `CertificateFile` add up, `Include`, quotes, `~`, `%` tokens and `${VARIABLES}`, and a second pass where a `Match
//! final` asks for one. Of `Match` the criteria `all`, `host`, `originalhost`, `user`, `localuser`, `tagged`, `final`
//! and `canonical` are known; others would need a program to be run or the network to be looked at, and are an error
//! rather than a guess where a section hangs on them. Keywords that concern nothing here are passed over, as `ssh` does
//! with those that it is told to ignore.

mod lines;
mod reading;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::PathBuf;

use self::reading::Reading;
use crate::{Error, ErrorKind, Result};

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
    /// None at all when there are to be none.
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

/// Whom it is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    /// Where the caller has set them.
    pub(super) port: Option<u16>,
    pub(super) user: Option<&'a str>,
}

impl HostConfig {
    /// What the files say. Blocks.
    pub(super) fn read(source: &Source, asked: Asked<'_>) -> Result<Self> {
        let mut reading = Reading::new(asked.host, asked.user);
        reading.pass(source)?;
        if reading.wants_final_pass {
            reading.begin_final_pass()?;
            reading.pass(source)?;
        }
        reading.finish(asked)
    }
}

impl Reading {
    /// Resolves `~`, tokens and variables, once everything they stand for is known.
    fn finish(self, asked: Asked<'_>) -> Result<HostConfig> {
        let name = self.host_name().map_err(|what| wrong("HostName", &what))?;
        let Self { mut tokens, mut found, .. } = self;
        if found.host_name.is_some() {
            found.host_name = Some(name.clone());
        }
        let user = found.user.get_or_insert_with(|| tokens.local_user()).clone();
        // In lower case, as it is looked up.
        found.host_key_alias = found.host_key_alias.map(|alias| alias.to_ascii_lowercase());
        tokens.key_name = found.host_key_alias.clone().unwrap_or_else(|| asked.host.to_owned());
        tokens.port = asked.port.or(found.port).unwrap_or(super::DEFAULT_PORT).to_string();
        (tokens.original, tokens.host, tokens.user) = (asked.host.to_owned(), name, user);

        let expanded =
            |keyword: &str, path: &PathBuf| tokens.path(&path.to_string_lossy()).map_err(|what| wrong(keyword, &what));
        let is_none = |path: &PathBuf| path.as_os_str().eq_ignore_ascii_case("none");
        for (keyword, paths) in
            [("IdentityFile", &mut found.identity_files), ("CertificateFile", &mut found.certificate_files)]
        {
            paths.retain(|path| !is_none(path));
            *paths = paths.iter().map(|path| expanded(keyword, path)).collect::<Result<_>>()?;
        }
        if let Some(files) = &mut found.user_known_hosts_files {
            files.retain(|path| !is_none(path));
            *files = files.iter().map(|path| expanded("UserKnownHostsFile", path)).collect::<Result<_>>()?;
        }
        if let Some(files) = &mut found.global_known_hosts_files {
            files.retain(|path| !is_none(path));
            // As `ssh`, which knows no tokens here.
            let at_home = |path: &PathBuf| tokens.at_home(&path.to_string_lossy());
            *files = files
                .iter()
                .map(|path| at_home(path).map_err(|what| wrong("GlobalKnownHostsFile", &what)))
                .collect::<Result<_>>()?;
        }
        if let Some(agent) = &mut found.identity_agent
            && agent != "none"
            && agent != "SSH_AUTH_SOCK"
            && (agent.starts_with("${") || !agent.starts_with('$'))
        {
            *agent = expanded("IdentityAgent", &PathBuf::from(&agent))?.display().to_string();
        }
        Ok(found)
    }
}

fn wrong(keyword: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{keyword} of the SSH configuration: {what}"))
}
