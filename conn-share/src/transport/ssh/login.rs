//! Proves to the server who we are.

use std::collections::VecDeque;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{AgentAuthError, MethodKind, MethodSet};

use super::agent::{Agent, OwnKey};
use super::algorithms;
use super::events::{Events, Fault};
use super::identity::{Identity, KeyRing, Proof};
use super::pipe::{End, Pipe};
use super::settings::Settings;
use crate::transport::printable;
use crate::{Error, ErrorKind, Result, Secret, SshAgent};

/// Rounds of questions after which a server is asking for something we do not have.
const MOST_QUESTIONS: usize = 8;

/// Logs in with what there is: the keys first, files before agents, then the password, as such or as the answer to a
/// question.
///
/// A server that takes one proof and wants another gets the next that it asks for.
pub(super) async fn log_in(handle: &mut Handle<Events>, pipe: &Pipe, settings: &Settings, keys: KeyRing) -> Result<()> {
    let hashes = algorithms::rsa_hashes(&settings.algorithms)?;
    let mut login = Login {
        handle,
        pipe,
        settings,
        keys,
        agent: None,
        hashes,
        server_hashes: None,
        tried: Vec::new(),
        notes: Vec::new(),
        refusals: 0,
    };
    login.run(settings.password.as_ref()).await
}

struct Login<'a> {
    handle: &'a mut Handle<Events>,
    pipe: &'a Pipe,
    settings: &'a Settings,
    keys: KeyRing,
    agent: Option<Agent>,
    /// What RSA keys may sign with, as far as we are concerned.
    hashes: Vec<Option<HashAlg>>,
    /// The same as far as the server is concerned, once it has been asked.
    server_hashes: Option<Vec<Option<HashAlg>>>,
    tried: Vec<String>,
    /// Why something was not tried.
    notes: Vec<String>,
    refusals: usize,
}

/// What the server said to one attempt.
enum Verdict {
    Welcome,
    /// Not so, but these ways are open; `further` when it was right and is not enough.
    Refused {
        open: MethodSet,
        further: bool,
    },
}

impl Login<'_> {
    async fn run(&mut self, password: Option<&Secret>) -> Result<()> {
        let mut open = MethodSet::client_supported();
        let mut agent = self.settings.agent.as_ref();
        let mut identities = std::mem::take(&mut self.keys.own);
        self.keys.own.clone_from(&identities);
        let mut with_password = password;
        let mut with_answers = password;
        loop {
            if open.contains(&MethodKind::PublicKey)
                && identities.is_empty()
                && let Some(agent) = agent.take()
            {
                identities = self.ask(agent).await;
            }
            let verdict = if open.contains(&MethodKind::PublicKey)
                && let Some(identity) = identities.pop_front()
            {
                match self.with_identity(identity).await? {
                    Some(verdict) => verdict,
                    None => continue,
                }
            } else if open.contains(&MethodKind::Password)
                && let Some(password) = with_password.take()
            {
                let verdict = self.with_password(password).await?;
                // The same password once more would be a second failed login in the device's books.
                if let Verdict::Refused { open, further: false } = &verdict
                    && open.contains(&MethodKind::Password)
                {
                    with_answers = None;
                }
                verdict
            } else if open.contains(&MethodKind::KeyboardInteractive)
                && let Some(password) = with_answers.take()
            {
                self.with_answers(password).await?
            } else if self.tried.is_empty() {
                // Either the device asks nobody, or it says what it would take.
                self.with_nothing().await?
            } else {
                return Err(self.refused(&open));
            };
            match verdict {
                Verdict::Welcome => return Ok(()),
                Verdict::Refused { open: ways, further } => {
                    open = ways;
                    self.refusals += usize::from(!further);
                    if further && let Some(tried) = self.tried.last_mut() {
                        tried.push_str(" (taken, and not enough)");
                    }
                }
            }
        }
    }

    /// What an agent has to show. One that is not there is no reason to give up before the other ways were tried.
    async fn ask(&mut self, agent: &SshAgent) -> VecDeque<Identity> {
        match Agent::ask(agent, self.handle.agent_session_binding()).await {
            Ok((agent, kept)) => {
                let found = self.keys.of_agent(kept);
                if found.is_empty() {
                    self.notes.push("the agent has no key for it".to_owned());
                }
                self.agent = Some(agent);
                found
            }
            Err(why) => {
                tracing::debug!(%why, "no agent");
                self.notes.push(why);
                VecDeque::new()
            }
        }
    }

    async fn with_nothing(&mut self) -> Result<Verdict> {
        self.tried.push("none".to_owned());
        let answer = self.handle.authenticate_none(&self.settings.user).await;
        self.verdict(answer)
    }

    async fn with_password(&mut self, password: &Secret) -> Result<Verdict> {
        self.tried.push("password".to_owned());
        let answer = self.handle.authenticate_password(&self.settings.user, password.expose()).await;
        self.verdict(answer)
    }

    /// `None` when there was nothing to try, or the agent would not sign.
    async fn with_identity(&mut self, identity: Identity) -> Result<Option<Verdict>> {
        let hashes = if identity.proof.is_rsa() { self.rsa_hashes().await? } else { vec![None] };
        if hashes.is_empty() {
            self.notes
                .push(format!("{} could only sign with ssh-rsa, which needs ssh_algorithms = legacy", identity.name));
            return Ok(None);
        }
        self.tried.push(format!("publickey {}", identity.name));
        let mut verdict = None;
        for hash in hashes {
            let Some(answer) = self.show(&identity.proof, hash).await? else {
                self.notes.push(format!("the agent does not sign with {}", identity.name));
                return Ok(verdict);
            };
            match self.verdict(Ok(answer))? {
                Verdict::Refused { open, further: false } if open.contains(&MethodKind::PublicKey) => {
                    verdict = Some(Verdict::Refused { open, further: false });
                }
                settled => return Ok(Some(settled)),
            }
        }
        Ok(verdict)
    }

    /// Shows one key. `None` when it does not sign.
    async fn show(&mut self, proof: &Proof, hash: Option<HashAlg>) -> Result<Option<AuthResult>> {
        let user = &self.settings.user;
        let unsigned = |error: AgentAuthError| match error {
            AgentAuthError::Key(error) => {
                tracing::debug!(%error, "a key does not sign");
                Ok(None)
            }
            AgentAuthError::Send(_) => Err(russh::Error::SendError),
        };
        let shown = match (proof, &mut self.agent) {
            (Proof::Key(key), _) => {
                let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
                self.handle.authenticate_publickey(user, key).await.map(Some)
            }
            (Proof::Certificate(key, certificate), _) => {
                let mut signer = OwnKey(key.clone());
                let shown = self.handle.authenticate_certificate_with(user, certificate.clone(), hash, &mut signer);
                shown.await.map(Some).or_else(unsigned)
            }
            (Proof::AgentKey(key), Some(agent)) => {
                let shown = self.handle.authenticate_publickey_with(user, key.clone(), hash, agent);
                shown.await.map(Some).or_else(unsigned)
            }
            (Proof::AgentCertificate(certificate), Some(agent)) => {
                let shown = self.handle.authenticate_certificate_with(user, certificate.clone(), hash, agent);
                shown.await.map(Some).or_else(unsigned)
            }
            (_, None) => Ok(None),
        };
        shown.map_err(|error| self.lost(error))
    }

    /// The hashes to sign with. Only for RSA keys is there a choice, and only for them is the server asked: it can
    /// take a second to find out that it will not say.
    async fn rsa_hashes(&mut self) -> Result<Vec<Option<HashAlg>>> {
        if let Some(known) = &self.server_hashes {
            return Ok(known.clone());
        }
        let best = self.handle.best_supported_rsa_hash().await.map_err(|error| self.lost(error))?;
        let ours = |hash: Option<HashAlg>| self.hashes.contains(&hash);
        let hashes: Vec<_> = match best {
            // Old versions of OpenSSH list what they can do, whatever they are set to take: SHA-1 is still tried.
            Some(best) => {
                let best = if ours(best) || best.is_none() { best } else { Some(HashAlg::Sha256) };
                let (first, last) = (ours(best).then_some(best), ours(None).then_some(None));
                first.into_iter().chain(last.filter(|_| best.is_some())).collect()
            }
            // Servers from before the extension mostly know SHA-1 alone.
            None => self.hashes.iter().copied().filter(|hash| *hash != Some(HashAlg::Sha512)).collect(),
        };
        self.server_hashes = Some(hashes.clone());
        Ok(hashes)
    }

    async fn with_answers(&mut self, password: &Secret) -> Result<Verdict> {
        self.tried.push("keyboard-interactive".to_owned());
        let mut answer = self.handle.authenticate_keyboard_interactive_start(&self.settings.user, None).await;
        let mut password = Some(password);
        for _ in 0..MOST_QUESTIONS {
            let prompts = match answer {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(Verdict::Welcome),
                Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                    return Ok(Verdict::Refused { open: remaining_methods, further: partial_success });
                }
                // One without questions is an announcement, and wants an answer without answers.
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => prompts,
                Err(error) => return Err(self.lost(error)),
            };
            let answers = answers(&prompts, &mut password).ok_or_else(|| {
                let asked = prompts.iter().map(|prompt| prompt.prompt.trim()).collect::<Vec<_>>().join(" ");
                let text = format!("the device asks for more than a password: \"{}\"", printable(&asked));
                Error::new(ErrorKind::Authentication, text)
            })?;
            answer = self.handle.authenticate_keyboard_interactive_respond(answers).await;
        }
        Err(Error::new(ErrorKind::Authentication, "the device asks question after question"))
    }

    fn verdict(&self, answer: Result<AuthResult, russh::Error>) -> Result<Verdict> {
        match answer {
            Ok(AuthResult::Success) => Ok(Verdict::Welcome),
            // russh says "failure, and no way is left" also when the connection is gone.
            Ok(AuthResult::Failure { remaining_methods, .. })
                if remaining_methods.is_empty() && self.pipe.ended().is_some() =>
            {
                Err(self.lost(russh::Error::Disconnect))
            }
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                Ok(Verdict::Refused { open: remaining_methods, further: partial_success })
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, error: russh::Error) -> Error {
        match self.pipe.ended() {
            // A server that first refuses us and then sends us away has refused us; one that just goes has not.
            Some(End::Lost { text, farewell: true, .. }) if self.refusals > 0 => {
                Error::new(ErrorKind::Authentication, format!("{text} (tried: {}{})", self.tried(), self.notes()))
            }
            Some(end) => end.into(),
            None => Fault::from(error).into(),
        }
    }

    fn refused(&self, open: &MethodSet) -> Error {
        let open = open.iter().map(<&str>::from).collect::<Vec<_>>().join(", ");
        let open = if open.is_empty() { "nothing" } else { &open };
        let (user, tried, notes) = (printable(&self.settings.user), self.tried(), self.notes());
        let text = format!("the device refused the login of \"{user}\" (tried: {tried}; it would take: {open}{notes})");
        Error::new(ErrorKind::Authentication, text)
    }

    fn tried(&self) -> String {
        if self.tried.is_empty() { "nothing".to_owned() } else { self.tried.join(", ") }
    }

    fn notes(&self) -> String {
        self.notes.iter().map(|note| format!("; {note}")).collect()
    }
}

/// One answer a prompt: the password where it is asked for, once. `None` when there is nothing to answer with.
fn answers(prompts: &[Prompt], password: &mut Option<&Secret>) -> Option<Vec<String>> {
    prompts.iter().map(|_| password.take().map(|password| password.expose().to_owned())).collect()
}
