//! Which SSH agent signs for us.

use std::path::PathBuf;

/// An SSH agent: a program that keeps private keys and signs with them, such as OpenSSH's `ssh-agent`.
///
/// Its keys are tried after the key files of a [`Target`](crate::Target) and before the password, in the agent's own
/// order. Devices give up after a few refused keys (OpenSSH's server after six): with many keys in the agent, name the
/// right one with [`Target::key`](crate::Target::key), its public half is enough.
///
/// ```
/// use conn_share::{SshAgent, Target};
///
/// let by_the_environment = Target::new("192.0.2.1").username("admin").agent(SshAgent::from_env());
/// let at_a_socket = Target::new("192.0.2.1").username("admin").agent(SshAgent::at("/run/user/1000/agent.sock"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAgent(Option<PathBuf>);

impl SshAgent {
    /// The agent whose socket the environment variable `SSH_AUTH_SOCK` names when a connection is opened.
    pub fn from_env() -> Self {
        Self(None)
    }

    /// The agent that listens at this socket.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self(Some(socket.into()))
    }

    /// Where it listens; `None` when the environment names no agent.
    #[cfg(feature = "ssh")]
    pub(super) fn socket(&self) -> Option<PathBuf> {
        let from_env = || std::env::var_os("SSH_AUTH_SOCK").filter(|value| !value.is_empty()).map(PathBuf::from);
        self.0.clone().or_else(from_env)
    }
}
