//! What a simulated router is to be like.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::config::RunningConfig;
use super::hub::Hub;
use super::model::{Answer, Model, User, router_id};
use super::tables::Tables;
use super::telnet::TelnetStyle;
use super::{Output, Request, Router, ssh};
use crate::Secret;

/// Describes a [`Router`]. The first mistake is reported by [`RouterBuilder::start`].
#[must_use = "a builder does nothing until it is started"]
pub struct RouterBuilder {
    hostname: String,
    users: Vec<User>,
    enable: Option<Secret>,
    latency: Duration,
    max_sessions: Option<usize>,
    bgp_routes: u32,
    commands: Vec<(String, Answer)>,
    telnet: TelnetStyle,
    host_key_seed: Option<u64>,
    mistake: Option<String>,
}

impl Default for RouterBuilder {
    fn default() -> Self {
        Self {
            hostname: "r1".to_owned(),
            users: Vec::new(),
            enable: None,
            latency: Duration::ZERO,
            max_sessions: None,
            bgp_routes: 220,
            commands: Vec::new(),
            telnet: TelnetStyle { asks_name: false, negotiates: true },
            host_key_seed: None,
            mistake: None,
        }
    }
}

impl RouterBuilder {
    /// The host name, which is also the prompt's. Default: `r1`.
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Lets a user log in with a password. May be called more than once.
    ///
    /// Telnet asks for a password alone, as FRR does, and takes any user's. **A router without users lets anybody in.**
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.users.push(User::Password { name: name.into(), password: password.into() });
        self
    }

    /// Lets a user log in over SSH with the key whose public part this is, in the form of an `authorized_keys` line.
    pub fn user_key(mut self, name: impl Into<String>, public_key: &str) -> Self {
        match public_key.trim().parse() {
            Ok(key) => self.users.push(User::Key { name: name.into(), key }),
            Err(error) => self.note(format!("not a public key: {error}")),
        }
        self
    }

    /// As [`RouterBuilder::user_key`], from a file like `id_ed25519.pub`.
    pub fn user_key_file(mut self, name: impl Into<String>, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match std::fs::read_to_string(path) {
            Ok(text) => self.user_key(name, &text),
            Err(error) => {
                self.note(format!("{}: {error}", path.display()));
                self
            }
        }
    }

    /// The secret for `enable` on Telnet. Default: none, and `enable` asks for nothing.
    pub fn enable(mut self, secret: impl Into<Secret>) -> Self {
        self.enable = Some(secret.into());
        self
    }

    /// How long every command takes before it answers. Default: none.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// How many sessions there may be at a time, over both protocols; others are closed at once. Default: any number.
    pub fn max_sessions(mut self, most: usize) -> Self {
        self.max_sessions = Some(most);
        self
    }

    /// How many routes `show ip bgp` and `show ip route` list. Default: 220; 5,000 make an answer of some 350 KB.
    pub fn bgp_routes(mut self, routes: u32) -> Self {
        self.bgp_routes = routes;
        self
    }

    /// Answers every line that begins with these words; comes before the router's own commands.
    ///
    /// ```
    /// use conn_share::sim::{Output, Router};
    ///
    /// let router = Router::builder()
    ///     .command("show clock", |_| Output::from("12:00:00 UTC Mon Nov 23 2026"))
    ///     .command("ping", |request| Output::from(format!("{} is alive", request.arguments)));
    /// ```
    pub fn command<F, O>(mut self, words: impl Into<String>, answer: F) -> Self
    where
        F: Fn(&Request) -> O + Send + Sync + 'static,
        O: Into<Output>,
    {
        self.commands.push((words.into(), Box::new(move |request| answer(request).into())));
        self
    }

    /// Makes Telnet ask for a user name too, as many routers do. Default: for a password alone.
    pub fn telnet_asks_name(mut self) -> Self {
        self.telnet.asks_name = true;
        self
    }

    /// Makes Telnet a plain line: no options are negotiated, as on a console server's raw port.
    pub fn telnet_without_options(mut self) -> Self {
        self.telnet.negotiates = false;
        self
    }

    /// Makes the SSH host key from this number: the same number, the same key. Default: a new key for each router,
    /// which it keeps to its end.
    ///
    /// Such a key protects nothing.
    pub fn host_key_seed(mut self, seed: u64) -> Self {
        self.host_key_seed = Some(seed);
        self
    }

    /// Starts the router on two loopback ports that the system chooses. Call it inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// An option was not valid, or no port is free.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind when dropped.
    pub async fn start(self) -> io::Result<Router> {
        if let Some(mistake) = self.mistake {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, mistake));
        }
        let id = router_id(&self.hostname);
        let tables = Tables { router_id: id, as_number: 65001, bgp_routes: self.bgp_routes };
        let config = RunningConfig::new(&self.hostname, tables.as_number, &id.to_string());
        let model = Model {
            users: self.users,
            enable: self.enable,
            latency: self.latency,
            tables,
            commands: self.commands,
            config: Mutex::new(config),
        };
        let key = ssh::host_key(&seed(self.host_key_seed));
        Router::start(Hub::new(model, self.max_sessions), ssh::config(key), self.telnet).await
    }

    fn note(&mut self, mistake: String) {
        self.mistake.get_or_insert(mistake);
    }
}

impl fmt::Debug for RouterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterBuilder").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

/// Thirty-two bytes: of this number, or else from the randomness that the standard library gives its hash maps.
fn seed(number: Option<u64>) -> [u8; 32] {
    let words = [0_u64, 1, 2, 3].map(|word| match number {
        Some(number) => number.rotate_left(17) ^ word,
        None => RandomState::new().hash_one(word),
    });
    let mut seed = [0; 32];
    for (bytes, word) in seed.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    seed
}
