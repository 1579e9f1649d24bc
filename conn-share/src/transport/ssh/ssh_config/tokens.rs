//! What `~`, `%h` and `${HOME}` stand for.

use std::path::PathBuf;

/// The values that tokens stand for.
#[derive(Default)]
pub(super) struct Tokens {
    home: Option<PathBuf>,
    local_user: String,
    /// As the caller wrote it.
    original: String,
    host: String,
    port: String,
    user: String,
}

impl Tokens {
    /// Those that say where we are.
    pub(super) fn here() -> Self {
        Self { home: std::env::home_dir(), local_user: local_user().unwrap_or_default(), ..Self::default() }
    }

    /// And those that say where we go.
    pub(super) fn about(&mut self, original: &str, host: &str, port: u16, user: &str) {
        self.original = original.to_owned();
        self.host = host.to_owned();
        self.port = port.to_string();
        self.user = user.to_owned();
    }

    pub(super) fn local_user(&self) -> String {
        self.local_user.clone()
    }

    pub(super) fn ssh_folder(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".ssh"))
    }

    /// `HostName` knows `%h` and `%%` alone.
    pub(super) fn host(&self, name: &str, original: &str) -> String {
        expand(name, |token| match token {
            'h' => Some(original.to_owned()),
            _ => None,
        })
    }

    /// `~` at the start is the home folder.
    pub(super) fn at_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => path.into(),
        }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        let path = variables(path);
        let home = || self.home.as_ref().map(|home| home.display().to_string());
        self.at_home(&expand(&path, |token| match token {
            'd' => home(),
            'h' => Some(self.host.clone()),
            'n' => Some(self.original.clone()),
            'p' => Some(self.port.clone()),
            'r' => Some(self.user.clone()),
            'u' => Some(self.local_user.clone()),
            _ => None,
        }))
    }
}

/// Who runs this program: by the system's list of accounts, as for `ssh`, or by the environment where that has no entry.
fn local_user() -> Option<String> {
    let from_env = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    listed_user().or_else(from_env)
}

#[cfg(target_os = "linux")]
fn listed_user() -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let id = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let of = |account: &str| {
        let mut fields = account.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == id).then(|| name.to_owned())
    };
    accounts.lines().find_map(of)
}

#[cfg(not(target_os = "linux"))]
fn listed_user() -> Option<String> {
    None
}

/// Puts in what the tokens stand for; those that are not known stay.
fn expand(text: &str, value: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => out.push('%'),
            Some(token) => match value(token) {
                Some(value) => out.push_str(&value),
                None => out.extend(['%', token]),
            },
            None => out.push('%'),
        }
    }
    out
}

/// Puts in `${NAME}` from the environment; one that is not set stays.
fn variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        match std::env::var(name) {
            Ok(value) => out.push_str(&value),
            Err(_) => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
