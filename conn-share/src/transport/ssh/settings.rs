//! What a connection does, settled: the target, its arguments, and the SSH configuration where one is asked for.

use std::path::PathBuf;

use super::DEFAULT_PORT;
use super::ssh_config::{Asked, HostConfig, Source};
use crate::transport::host_keys::Policy;
use crate::{Credential, Error, ErrorKind, HostKeys, Result, Secret, SshAgent, Target};

/// So many hosts may lie on the way. More are a ring in the configuration.
const MOST_HOPS: usize = 8;

/// The keys that OpenSSH tries where a configuration names none.
const USUAL_KEYS: [&str; 5] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// One host to log in to, and the way there.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What people call it.
    pub(super) name: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    pub(super) passphrase: Option<Secret>,
    pub(super) keys: Vec<KeyFile>,
    pub(super) certificates: Vec<KeyFile>,
    pub(super) agent: Option<SshAgent>,
    /// Of an agent's keys, only those that the key files name.
    pub(super) identities_only: bool,
    pub(super) host_keys: HostKeys,
    /// The name that `known_hosts` files have for the host, when it is another.
    pub(super) host_key_alias: Option<String>,
    pub(super) algorithms: Algorithms,
    /// The hosts on the way, the nearest first.
    pub(super) jumps: Vec<Settings>,
}

/// A key to try, or a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    /// It comes from a configuration, and the login goes on without it.
    pub(super) is_optional: bool,
}

/// Which algorithms are offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Algorithms {
    /// What only old devices need, too.
    pub(super) legacy: bool,
    /// Lists as OpenSSH writes them, where they replace or change ours.
    pub(super) kex: Option<String>,
    pub(super) ciphers: Option<String>,
    pub(super) macs: Option<String>,
    pub(super) host_keys: Option<String>,
    pub(super) public_keys: Option<String>,
}

impl Settings {
    /// Settles everything for `target`. Reads its SSH configuration, when it has one, on another thread.
    pub(super) async fn of(target: &Target) -> Result<Self> {
        if source(target)?.is_none() && target.jump.is_none() {
            return Self::settle(target, 0);
        }
        let target = target.clone();
        let settled = tokio::task::spawn_blocking(move || Self::settle(&target, 0)).await;
        settled.map_err(|_| super::interrupted())?
    }

    /// Blocks when there is a configuration to read.
    fn settle(target: &Target, depth: usize) -> Result<Self> {
        let source = source(target)?;
        let explicit_user = Some(target.credential.username.as_str()).filter(|user| !user.is_empty());
        let asked = Asked { host: &target.host, port: target.port, user: explicit_user };
        let config = source.as_ref().map(|source| HostConfig::read(source, asked)).transpose()?;
        let has_config = config.is_some();
        let config = config.unwrap_or_default();
        let user = explicit_user.map(str::to_owned).or_else(|| config.user.clone()).unwrap_or_default();
        let mut settings = Self {
            name: target.name.clone(),
            host: config.host_name.clone().unwrap_or_else(|| target.host.clone()),
            port: target.port.or(config.port).unwrap_or(DEFAULT_PORT),
            user,
            password: target.credential.password.clone(),
            passphrase: target.credential.passphrase.clone(),
            keys: keys(target, &config, has_config),
            certificates: certificates(target, &config),
            agent: agent(target, &config, has_config),
            identities_only: yes(target, "identities_only")?.or(config.identities_only).unwrap_or(false),
            host_keys: host_keys(target, &config),
            host_key_alias: argument(target, "host_key_alias").or_else(|| config.host_key_alias.clone()),
            algorithms: algorithms(target, &config)?,
            jumps: Vec::new(),
        };
        settings.jumps = jumps(target, &config, source.as_ref(), depth)?;
        Ok(settings)
    }

    /// Whether both log in to the same host as the same user with the same proofs, and trust it for the same reasons.
    pub(super) fn is_same_login(&self, other: &Self) -> bool {
        let same = |one: &Option<Secret>, two: &Option<Secret>| {
            one.as_ref().map(Secret::expose) == two.as_ref().map(Secret::expose)
        };
        (&self.host, self.port, &self.user) == (&other.host, other.port, &other.user)
            && same(&self.password, &other.password)
            && same(&self.passphrase, &other.passphrase)
            && (&self.keys, &self.certificates, &self.agent) == (&other.keys, &other.certificates, &other.agent)
            && self.identities_only == other.identities_only
            && (&self.host_keys, &self.host_key_alias) == (&other.host_keys, &other.host_key_alias)
            && self.algorithms == other.algorithms
    }

    /// The name and the port under which the host's key is known.
    pub(super) fn key_name(&self) -> (&str, u16) {
        match &self.host_key_alias {
            Some(alias) => (alias, DEFAULT_PORT),
            None => (&self.host, self.port),
        }
    }
}

fn argument(target: &Target, name: &str) -> Option<String> {
    target.arguments.get(name).cloned()
}

fn yes(target: &Target, name: &str) -> Result<Option<bool>> {
    match target.arguments.get(name).map(String::as_str) {
        None => Ok(None),
        Some("true" | "yes") => Ok(Some(true)),
        Some("false" | "no") => Ok(Some(false)),
        Some(_) => Err(Error::new(ErrorKind::Config, format!("argument `{name}` must be `true` or `false`"))),
    }
}

fn source(target: &Target) -> Result<Option<Source>> {
    let path = match (&target.ssh_config, target.arguments.get("ssh_config")) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => path.into(),
        (None, None) => return Ok(None),
    };
    Ok(Some(if path.as_os_str().is_empty() { Source::Default } else { Source::File(path) }))
}

fn keys(target: &Target, config: &HostConfig, has_config: bool) -> Vec<KeyFile> {
    let credential = &target.credential;
    let given = credential.key.iter().chain(&credential.further_keys).cloned();
    let given = given.chain(argument(target, "identity_file").map(PathBuf::from));
    let given: Vec<_> = given.map(|path| KeyFile { path, is_optional: false }).collect();
    if !given.is_empty() || !has_config {
        return given;
    }
    let configured = config.identity_files.clone();
    let usual = || {
        let folder = std::env::home_dir().map(|home| home.join(".ssh"));
        folder.into_iter().flat_map(|folder| USUAL_KEYS.map(|name| folder.join(name))).collect()
    };
    let paths = if configured.is_empty() { usual() } else { configured };
    paths.into_iter().map(|path| KeyFile { path, is_optional: true }).collect()
}

fn certificates(target: &Target, config: &HostConfig) -> Vec<KeyFile> {
    let given = target.credential.certificate.clone().or_else(|| argument(target, "certificate_file").map(Into::into));
    if let Some(path) = given {
        return vec![KeyFile { path, is_optional: false }];
    }
    let configured = config.certificate_files.iter().cloned();
    configured.map(|path| KeyFile { path, is_optional: true }).collect()
}

fn agent(target: &Target, config: &HostConfig, has_config: bool) -> Option<SshAgent> {
    if let Some(agent) = &target.credential.agent {
        return Some(agent.clone());
    }
    // What a configuration leaves out is the environment's agent, where there is one.
    let from_env =
        || std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()).map(|_| SshAgent::from_env());
    match argument(target, "identity_agent").or_else(|| config.identity_agent.clone()).as_deref() {
        Some("none") => None,
        Some("SSH_AUTH_SOCK") => Some(SshAgent::from_env()),
        Some(name) if name.starts_with('$') => {
            let name = name.trim_start_matches('$').trim_start_matches('{').trim_end_matches('}');
            std::env::var_os(name).map(SshAgent::at)
        }
        Some(path) => Some(SshAgent::at(path)),
        None if has_config => from_env(),
        None => None,
    }
}

/// The target's own policy, unless it has not been told any and the configuration has; and the same of the files.
fn host_keys(target: &Target, config: &HostConfig) -> HostKeys {
    let own = &target.host_keys;
    if own.policy() == Policy::AcceptAny || own.names_files() {
        return own.clone();
    }
    let machines = &config.global_known_hosts_files;
    let mut users = config.user_known_hosts_files.as_deref();
    let has_no_file = users.is_some_and(<[PathBuf]>::is_empty);
    let (mut trust, accepts_new) = if own.is_unset() {
        // `no` is taken for `accept-new`: that a key which has changed is refused is not up to a file.
        match config.strict_host_key_checking.as_deref() {
            Some("accept-new" | "no" | "off") if has_no_file => (HostKeys::trust_new(), false),
            Some("accept-new" | "no" | "off") => (HostKeys::accept_new(), true),
            _ => (HostKeys::known(), false),
        }
    } else if own.policy() == Policy::WriteDown {
        // Whatever a file says: what the caller wants written down goes somewhere.
        users = users.filter(|_| !has_no_file);
        (HostKeys::accept_new(), true)
    } else {
        (HostKeys::known(), false)
    };
    if users.is_none() && machines.is_none() {
        return trust;
    }
    trust = trust.without_default_files();
    let usual_users =
        || std::env::home_dir().map(|home| vec![home.join(".ssh").join("known_hosts")]).unwrap_or_default();
    let usual_machines = || vec![PathBuf::from("/etc/ssh/ssh_known_hosts")];
    let files = users.map_or_else(usual_users, <[PathBuf]>::to_vec).into_iter();
    for (at, file) in files.chain(machines.clone().unwrap_or_else(usual_machines)).enumerate() {
        // As `ssh`, which passes over files that are not there; the first is where new keys go.
        if (accepts_new && at == 0) || file.exists() {
            trust = trust.file(file);
        }
    }
    trust
}

fn algorithms(target: &Target, config: &HostConfig) -> Result<Algorithms> {
    let legacy = match target.arguments.get("ssh_algorithms").map(String::as_str) {
        None | Some("default") => false,
        Some("legacy") => true,
        Some(_) => return Err(Error::new(ErrorKind::Config, "ssh_algorithms is neither \"default\" nor \"legacy\"")),
    };
    // Whoever asks for the old ones gets them: some distributions have lists without them for every host.
    let list = |name: &str, configured: &Option<String>| {
        argument(target, name).or_else(|| configured.clone().filter(|_| !legacy))
    };
    Ok(Algorithms {
        legacy,
        kex: list("kex_algorithms", &config.kex),
        ciphers: list("ciphers", &config.ciphers),
        macs: list("macs", &config.macs),
        host_keys: list("host_key_algorithms", &config.host_key_algorithms),
        public_keys: list("pubkey_accepted_algorithms", &config.pubkey_algorithms),
    })
}

/// The hosts on the way: the target's own, or those that an argument or the configuration names.
fn jumps(target: &Target, config: &HostConfig, source: Option<&Source>, depth: usize) -> Result<Vec<Settings>> {
    if depth > MOST_HOPS {
        return Err(Error::new(
            ErrorKind::Config,
            format!("more than {MOST_HOPS} jump hosts: do they lead in a ring?"),
        ));
    }
    let through = |jump: &Target| -> Result<Vec<Settings>> {
        let mut hop = Settings::settle(jump, depth + 1)?;
        let mut way = std::mem::take(&mut hop.jumps);
        way.push(hop);
        Ok(way)
    };
    if let Some(jump) = &target.jump {
        return through(jump);
    }
    let named = argument(target, "proxy_jump").or_else(|| config.proxy_jump.clone());
    let Some(named) = named.filter(|named| !named.eq_ignore_ascii_case("none")) else {
        return match &config.proxy_command {
            Some(command) if !command.eq_ignore_ascii_case("none") => Err(Error::new(
                ErrorKind::Config,
                "the SSH configuration goes through a ProxyCommand, which is not supported; ProxyJump is, and `Target::jump`",
            )),
            _ => Ok(Vec::new()),
        };
    };
    let mut way = Vec::new();
    for (at, place) in named.split(',').enumerate() {
        let mut hop = place_of(place.trim())?;
        let port = |own: Option<u16>| own.or(config.port).unwrap_or(DEFAULT_PORT);
        if hop.host == target.host && port(hop.port) == port(target.port) {
            // `Host *` with a jump host is about the jump host, too, which is not reached through itself.
            continue;
        }
        if let Some(Source::File(path)) = source {
            hop.ssh_config = Some(path.clone());
        } else if source.is_some() {
            hop.ssh_config = Some(PathBuf::new());
        } else {
            // No configuration: the same keys and known hosts. The password is the target's alone, as with OpenSSH.
            hop.host_keys = target.host_keys.clone();
            let username = std::mem::take(&mut hop.credential.username);
            hop.credential = Credential { password: None, ..target.credential.clone() };
            for name in ["identity_file", "certificate_file", "identity_agent", "identities_only"] {
                if let Some(value) = target.arguments.get(name) {
                    hop.arguments.insert(name.into(), value.clone());
                }
            }
            if !username.is_empty() {
                hop.credential.username = username;
            }
        }
        // Of several, only the first has a way of its own.
        if at > 0 {
            hop.arguments.insert("proxy_jump".into(), "none".into());
        }
        way.extend(through(&hop)?);
    }
    Ok(way)
}

/// `[user@]host[:port]`, the host in brackets where it holds colons, or as an `ssh://` address.
fn place_of(text: &str) -> Result<Target> {
    let wrong = || Error::new(ErrorKind::Config, format!("{text:?} is no jump host: [user@]host[:port] is expected"));
    let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user), place));
    let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (place, None),
        },
    };
    if host.is_empty() || user == Some("") {
        return Err(wrong());
    }
    let mut target = Target::new(host);
    if let Some(port) = port {
        target.port = Some(port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?);
    }
    target.credential.username = user.unwrap_or_default().to_owned();
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_are_written_as_for_openssh() {
        let read = |text: &str| {
            let place = place_of(text).ok()?;
            Some((place.credential.username, place.host, place.port))
        };
        let place = |user: &str, host: &str, port| Some((user.to_owned(), host.to_owned(), port));
        assert_eq!(read("bastion"), place("", "bastion", None));
        assert_eq!(read("me@bastion:2222"), place("me", "bastion", Some(2222)));
        assert_eq!(read("me@corp@bastion"), place("me@corp", "bastion", None));
        assert_eq!(read("[2001:db8::1]:22"), place("", "2001:db8::1", Some(22)));
        assert_eq!(read("2001:db8::1"), place("", "2001:db8::1", None));
        assert_eq!(read("ssh://me@bastion:22/"), place("me", "bastion", Some(22)));
        for wrong in ["", "me@", "@bastion", "bastion:", "bastion:0", "bastion:70000", "bastion:x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_named_jump_host_gets_the_targets_keys_and_not_its_password() {
        let target = Target::new("r1").username("admin").password("secret").argument("proxy_jump", "one,ops@two:2222");
        let target = target.argument("identity_file", "/keys/mine");
        let settings = Settings::of(&target).await.expect("settled");
        let hops: Vec<_> = settings
            .jumps
            .iter()
            .map(|hop| (hop.user.as_str(), hop.host.as_str(), hop.port, hop.jumps.len()))
            .collect();
        assert_eq!(hops, [("admin", "one", 22, 0), ("ops", "two", 2222, 0)]);
        assert!(settings.jumps.iter().all(|hop| hop.password.is_none() && hop.keys.len() == settings.keys.len()));
        assert!(settings.password.is_some() && !settings.keys.is_empty());
    }

    #[tokio::test]
    async fn a_host_is_its_own_jump_host_by_another_port() {
        let target = Target::new("10.0.0.1").port(2222).argument("proxy_jump", "10.0.0.1");
        let settings = Settings::of(&target).await.expect("settled");
        assert_eq!(settings.jumps.iter().map(|hop| hop.port).collect::<Vec<_>>(), [22]);
        let settings = Settings::of(&target.port(22)).await.expect("settled");
        assert!(settings.jumps.is_empty());
    }

    #[test]
    fn which_host_keys_are_trusted_is_up_to_the_target_before_a_configuration() {
        let config = HostConfig {
            strict_host_key_checking: Some("no".into()),
            user_known_hosts_files: Some(vec!["/lab/known".into()]),
            ..HostConfig::default()
        };
        let told = |keys: Option<HostKeys>| {
            let target = Target::new("r1");
            host_keys(&keys.map_or(target.clone(), |keys| target.host_keys(keys)), &config)
        };
        assert_eq!(told(None).policy(), Policy::WriteDown);
        assert_eq!(told(Some(HostKeys::known())).policy(), Policy::Refuse, "not loosened by a file");
        let new = told(Some(HostKeys::accept_new()));
        assert_eq!(new.policy(), Policy::WriteDown);
        assert_eq!(
            new.given_files().collect::<Vec<_>>(),
            [std::path::Path::new("/lab/known")],
            "the files still count"
        );
        assert_eq!(told(Some(HostKeys::known().file("/own"))), HostKeys::known().file("/own"));
    }

    #[test]
    fn a_configuration_without_files_of_the_users_writes_no_key_down() {
        let config = |strict: &str| HostConfig {
            strict_host_key_checking: Some(strict.into()),
            user_known_hosts_files: Some(vec![]),
            global_known_hosts_files: Some(vec!["/dev/null".into()]),
            ..HostConfig::default()
        };
        let trust = host_keys(&Target::new("r1"), &config("no"));
        assert_eq!((trust.policy(), trust.new_keys_file()), (Policy::TrustNew, None));
        assert_eq!(trust.given_files().collect::<Vec<_>>(), [std::path::Path::new("/dev/null")], "the machine's count");
        let trust = host_keys(&Target::new("r1"), &config("yes"));
        assert_eq!(trust.policy(), Policy::Refuse);
        // Whoever asks in code for new keys to be written down gets that.
        let asked = host_keys(&Target::new("r1").host_keys(HostKeys::accept_new()), &config("yes"));
        assert_eq!((asked.policy(), asked.new_keys_file()), (Policy::WriteDown, HostKeys::known().new_keys_file()));
    }

    #[tokio::test]
    async fn old_algorithms_that_the_caller_asks_for_go_before_the_lists_of_a_file() {
        let config = HostConfig { kex: Some("curve25519-sha256".into()), ..HostConfig::default() };
        let target = Target::new("r1");
        assert_eq!(algorithms(&target, &config).expect("settled").kex.as_deref(), Some("curve25519-sha256"));
        let legacy = target.legacy_algorithms();
        assert_eq!(algorithms(&legacy, &config).expect("settled").kex, None);
        let own = algorithms(&legacy.argument("kex_algorithms", "+x"), &config).expect("settled");
        assert_eq!(own.kex.as_deref(), Some("+x"));
    }

    #[tokio::test]
    async fn a_configuration_names_jump_hosts_and_rings_end() {
        let mut ring = Target::new("r0");
        for number in 1..12 {
            ring = Target::new(format!("r{number}")).jump(ring);
        }
        let error = Settings::of(&ring).await.expect_err("too many");
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("ring"), "{error}");
    }

    #[tokio::test]
    async fn arguments_that_make_no_sense_are_mistakes_of_the_configuration() {
        for (name, value) in [("ssh_algorithms", "all"), ("identities_only", "perhaps"), ("proxy_jump", "me@")] {
            let error = Settings::of(&Target::new("r1").argument(name, value)).await.expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Config, "{name}: {error}");
        }
    }
}
