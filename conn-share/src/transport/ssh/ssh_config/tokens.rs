//! What `~`, `%h` and `${HOME}` stand for.

use std::path::PathBuf;

/// The values that tokens stand for.
#[derive(Default)]
pub(super) struct Tokens {
    home: Option<PathBuf>,
    local_user: String,
    /// As the caller wrote it.
    pub(super) original: String,
    pub(super) host: String,
    pub(super) port: String,
    pub(super) user: String,
    /// The name that `known_hosts` files have for it.
    pub(super) key_name: String,
}

impl Tokens {
    /// Those that say where we are.
    pub(super) fn here() -> Self {
        Self { home: std::env::home_dir(), local_user: local_user().unwrap_or_default(), ..Self::default() }
    }

    pub(super) fn local_user(&self) -> String {
        self.local_user.clone()
    }

    pub(super) fn ssh_folder(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".ssh"))
    }

    /// `~` at the start is the home folder.
    pub(super) fn at_home(&self, path: &str) -> Result<PathBuf, String> {
        let Some(rest) = path.strip_prefix('~') else { return Ok(path.into()) };
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        match &self.home {
            Some(_) if !name.is_empty() => Err(format!("`~{name}`, somebody else's home folder, is not supported")),
            Some(home) => Ok(home.join(rest)),
            None => Err("the home folder is not known".to_owned()),
        }
    }

    /// A path with `~`, tokens and variables.
    pub(super) fn path(&self, path: &str) -> Result<PathBuf, String> {
        let home = || self.home.as_ref().map(|home| home.display().to_string());
        self.at_home(&expand(path, true, |token| match token {
            'd' => home(),
            'h' => Some(self.host.clone()),
            'k' => Some(self.key_name.clone()),
            'n' => Some(self.original.clone()),
            'p' => Some(self.port.clone()),
            'r' => Some(self.user.clone()),
            'u' => Some(self.local_user.clone()),
            _ => None,
        })?)
    }
}

/// A `HostName`, which knows `%h` and `%%` alone.
pub(super) fn host_name(name: &str, host: &str) -> Result<String, String> {
    expand(name, false, |token| (token == 'h').then(|| host.to_owned()))
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

/// Puts in what the tokens stand for, and `${NAME}` from the environment. As for `ssh`, what stands for nothing is a
/// mistake: a path that keeps it would be missing in silence, or be made.
fn expand(text: &str, variables: bool, value: impl Fn(char) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let mut letters = found.chars();
        let (sign, token) = (letters.next(), letters.next());
        rest = letters.as_str();
        match (sign, token) {
            (Some('%'), Some('%')) => out.push('%'),
            (Some('%'), Some(token)) => {
                out.push_str(&value(token).ok_or_else(|| format!("the token `%{token}` is not supported here"))?);
            }
            (Some('%'), None) => return Err("a `%` at the end stands for nothing".to_owned()),
            (_, Some('{')) if variables => {
                let (name, behind) = rest.split_once('}').ok_or("a `${` is not closed")?;
                let value = std::env::var(name);
                out.push_str(&value.map_err(|_| format!("the environment has no {name}"))?);
                rest = behind;
            }
            _ => {
                out.push('$');
                rest = found.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}
