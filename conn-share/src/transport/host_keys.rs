//! Which SSH host keys are trusted.

#[cfg(feature = "ssh")]
use std::path::Path;
use std::path::PathBuf;

/// Which SSH host keys a connection trusts. Strict unless told otherwise.
///
/// Keys are looked up in `known_hosts` files in OpenSSH's format, with hashed names, `[host]:port`, wildcards,
/// negation and `@revoked`. Lines that begin with `@cert-authority` are passed over: host certificates are not used.
///
/// | | unknown key | changed key | revoked key |
/// |---|---|---|---|
/// | [`HostKeys::known`] | refused | refused | refused |
/// | [`HostKeys::accept_new`] | written down and trusted | refused | refused |
/// | [`HostKeys::danger_accept_any`] | trusted | trusted | trusted |
///
/// ```
/// use conn_share::HostKeys;
///
/// let strict = HostKeys::known().file("/etc/lab/known_hosts");
/// let first_contact = HostKeys::accept_new().file("known_hosts").without_default_files();
/// ```
///
/// ```
/// use conn_share::{ConnectOptions, HostKeys, Target};
///
/// // One more file beside the user's and the system's own, for one connection or a whole device.
/// let lab = HostKeys::known().file("lab_known_hosts");
/// let target = Target::new("192.0.2.1").host_keys(lab.clone());
/// let options = ConnectOptions::new().host_keys(lab);
/// ```
#[derive(Clone, Debug)]
pub struct HostKeys {
    policy: Policy,
    files: Vec<PathBuf>,
    default_files: bool,
    /// Nobody chose it, so that an OpenSSH configuration may.
    unset: bool,
}

/// What to do about a key that no file knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Refuse,
    WriteDown,
    /// Trusts it for once: an OpenSSH configuration says so, and that there is no file to write it to.
    #[cfg(feature = "ssh")]
    TrustNew,
    AcceptAny,
}

impl HostKeys {
    /// Only keys that are written down already, in `~/.ssh/known_hosts`, `/etc/ssh/ssh_known_hosts` or a file given
    /// with [`HostKeys::file`]. This is the default.
    ///
    /// ```
    /// use conn_share::{HostKeys, Target};
    ///
    /// let router = Target::new("192.0.2.1").host_keys(HostKeys::known());
    /// ```
    pub fn known() -> Self {
        Self::with_policy(Policy::Refuse)
    }

    /// Like [`HostKeys::known`], but the key of a host that no file knows is written down and trusted from then on.
    ///
    /// It goes to the first file given with [`HostKeys::file`], otherwise to `~/.ssh/known_hosts`. A host that is
    /// known by a key of another type is not new, and is refused.
    ///
    /// ```
    /// use conn_share::{HostKeys, Target};
    ///
    /// // As good as the first contact: whoever answers then is trusted from then on.
    /// let router = Target::new("192.0.2.1").host_keys(HostKeys::accept_new().file("lab_known_hosts"));
    /// ```
    pub fn accept_new() -> Self {
        Self::with_policy(Policy::WriteDown)
    }

    /// Any key, without looking: whoever answers may read the password and everything sent, and answer as they like.
    ///
    /// For simulators and throw-away machines alone.
    ///
    /// ```
    /// use conn_share::{HostKeys, Target};
    ///
    /// let simulated = Target::new("127.0.0.1").port(2222).host_keys(HostKeys::danger_accept_any());
    /// ```
    pub fn danger_accept_any() -> Self {
        Self::with_policy(Policy::AcceptAny)
    }

    /// Reads `path` too, beside the default files. May be called for several. A file that cannot be read is an error,
    /// except for [`HostKeys::accept_new`], which makes it.
    ///
    /// ```
    /// use conn_share::HostKeys;
    ///
    /// let two_labs = HostKeys::known().file("lab_one").file("lab_two");
    /// ```
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self.unset = false;
        self
    }

    /// Leaves `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` out: only the files given count.
    ///
    /// ```
    /// use conn_share::HostKeys;
    ///
    /// let nothing_else = HostKeys::known().without_default_files().file("lab_known_hosts");
    /// ```
    #[must_use]
    pub fn without_default_files(mut self) -> Self {
        self.default_files = false;
        self.unset = false;
        self
    }

    fn with_policy(policy: Policy) -> Self {
        Self { policy, files: Vec::new(), default_files: true, unset: false }
    }
}

/// Chosen or not, the same keys are trusted.
impl PartialEq for HostKeys {
    fn eq(&self, other: &Self) -> bool {
        let said = |keys: &Self| (keys.policy, keys.default_files);
        said(self) == said(other) && self.files == other.files
    }
}

impl Eq for HostKeys {}

impl Default for HostKeys {
    fn default() -> Self {
        Self { unset: true, ..Self::known() }
    }
}

#[cfg(feature = "ssh")]
impl HostKeys {
    /// Like [`HostKeys::accept_new`], but nothing is written down.
    pub(super) fn trust_new() -> Self {
        Self::with_policy(Policy::TrustNew)
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether nobody chose it.
    pub(super) fn is_unset(&self) -> bool {
        self.unset
    }

    /// Whether it says itself which files count.
    pub(super) fn names_files(&self) -> bool {
        !self.files.is_empty() || !self.default_files
    }

    /// The files given by the caller.
    pub(super) fn given_files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// The user's file and the machine's, unless left out.
    pub(super) fn default_files(&self) -> impl Iterator<Item = PathBuf> {
        let user = std::env::home_dir().map(|home| home.join(".ssh").join("known_hosts"));
        let machine = Some(PathBuf::from("/etc/ssh/ssh_known_hosts"));
        [user, machine].into_iter().flatten().filter(|_| self.default_files)
    }

    /// Where new keys are written down.
    pub(super) fn new_keys_file(&self) -> Option<PathBuf> {
        let first = || self.given_files().map(Path::to_owned).next().or_else(|| self.default_files().next());
        if self.policy == Policy::TrustNew { None } else { first() }
    }
}
