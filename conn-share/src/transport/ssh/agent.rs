//! Speaks to an SSH agent.

use std::sync::Arc;

use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey};
use russh::{AgentAuthError, Signer};

use crate::SshAgent;
use crate::transport::printable;

/// A connection to an agent, and the keys that it keeps.
pub(super) struct Agent {
    client: AgentClient<Box<dyn AgentStream + Send + Unpin>>,
}

impl Agent {
    /// Connects and asks for its keys; in words why that does not work.
    pub(super) async fn ask(
        agent: &SshAgent,
        session: Option<&AgentSessionBinding>,
    ) -> Result<(Self, Vec<AgentIdentity>), String> {
        let socket = agent.socket().ok_or("the environment names no agent (SSH_AUTH_SOCK)")?;
        let shown = printable(&socket.display().to_string());
        #[cfg(unix)]
        let client = AgentClient::connect_uds(&socket).await;
        #[cfg(windows)]
        let client = AgentClient::connect_named_pipe(&socket).await;
        let client = client.map_err(|error| format!("the agent at {shown} cannot be reached: {error}"))?;
        let mut agent = Self { client: client.dynamic() };
        // Keys that may only be used towards certain hosts are shown after this. Agents that do not know it refuse,
        // and lose nothing.
        if let Some(session) = session {
            let _ = agent.client.bind_session(session, false).await;
        }
        let kept = agent.client.request_identities().await;
        let kept = kept.map_err(|error| format!("the agent at {shown} does not tell its keys: {error}"))?;
        Ok((agent, kept))
    }
}

impl Signer for Agent {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        self.client.auth_sign(key, hash, to_sign).await
    }
}

/// Signs with a key of ours where russh leaves no choice of the hash: RSA keys with a certificate.
pub(super) struct OwnKey(pub(super) Arc<PrivateKey>);

impl OwnKey {
    fn sign(&self, hash: Option<HashAlg>, data: &[u8]) -> Result<Vec<u8>, ssh_key::Error> {
        let signature: ssh_key::Signature = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(data)?,
            _ => self.0.try_sign(data)?,
        };
        Vec::<u8>::try_from(signature)
    }
}

impl Signer for OwnKey {
    type Error = AgentAuthError;

    /// Gives back what was to be signed with the signature behind it, as a string of the SSH protocol.
    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        let signature = self.sign(hash, &to_sign).map_err(russh::keys::Error::from)?;
        to_sign.extend(u32::try_from(signature.len()).unwrap_or(0).to_be_bytes());
        to_sign.extend(signature);
        Ok(to_sign)
    }
}
