//! Proves to the server who we are.

use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{MethodKind, MethodSet};
use zeroize::Zeroizing;

use super::events::{Events, Fault};
use super::pipe::{End, Pipe};
use crate::transport::printable;
use crate::{Credential, Error, ErrorKind, Result, Secret};

/// Rounds of questions after which a server is asking for something we do not have.
const MOST_QUESTIONS: usize = 8;

/// Reads and deciphers the private key file, when there is one.
///
/// # Cancel safety
///
/// Nothing is lost: deciphering runs on a thread of its own and its result is thrown away.
pub(super) async fn load_key(credential: &Credential) -> Result<Option<Arc<PrivateKey>>> {
    let Some(path) = credential.key.clone() else { return Ok(None) };
    let passphrase = credential.passphrase.clone();
    let loaded = tokio::task::spawn_blocking(move || {
        let unusable = |what: &str| Error::new(ErrorKind::Config, format!("the key file {} {what}", path.display()));
        let text = std::fs::read_to_string(&path).map(Zeroizing::new);
        let text = text.map_err(|error| unusable("cannot be read").with_source(error))?;
        match decode_secret_key(&text, passphrase.as_ref().map(Secret::expose)) {
            Ok(key) => Ok(Arc::new(key)),
            Err(russh::keys::Error::KeyIsEncrypted) => Err(unusable("needs a passphrase")),
            Err(_) if passphrase.is_some() => Err(unusable("is no private key, or the passphrase is wrong")),
            Err(_) => Err(unusable("is no private key")),
        }
    });
    match loaded.await {
        Ok(key) => key.map(Some),
        Err(_) => Err(Error::new(ErrorKind::Config, "the key file could not be deciphered")),
    }
}

/// Logs in with what the credential has: the key first, then the password, as such or as the answer to a question.
pub(super) async fn log_in(
    handle: &mut Handle<Events>,
    pipe: &Pipe,
    credential: &Credential,
    key: Option<Arc<PrivateKey>>,
) -> Result<()> {
    let mut login = Login { handle, pipe, user: &credential.username, tried: Vec::new(), refusals: 0 };
    login.run(credential.password.as_ref(), key).await
}

struct Login<'a> {
    handle: &'a mut Handle<Events>,
    pipe: &'a Pipe,
    user: &'a str,
    tried: Vec<&'static str>,
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
    async fn run(&mut self, password: Option<&Secret>, key: Option<Arc<PrivateKey>>) -> Result<()> {
        let mut open = MethodSet::client_supported();
        let mut with_key = key;
        let mut with_password = password;
        let mut with_answers = password;
        if with_key.is_none() && with_password.is_none() {
            return match self.with_nothing().await? {
                Verdict::Welcome => Ok(()),
                Verdict::Refused { open, .. } => Err(self.refused(&open)),
            };
        }
        loop {
            let verdict = if open.contains(&MethodKind::PublicKey)
                && let Some(key) = with_key.take()
            {
                self.with_key(key).await?
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
            } else {
                return Err(self.refused(&open));
            };
            match verdict {
                Verdict::Welcome => return Ok(()),
                Verdict::Refused { open: ways, further } => {
                    open = ways;
                    self.refusals += usize::from(!further);
                }
            }
        }
    }

    async fn with_nothing(&mut self) -> Result<Verdict> {
        self.tried.push("none");
        let answer = self.handle.authenticate_none(self.user).await;
        self.verdict(answer)
    }

    async fn with_password(&mut self, password: &Secret) -> Result<Verdict> {
        self.tried.push("password");
        let answer = self.handle.authenticate_password(self.user, password.expose()).await;
        self.verdict(answer)
    }

    async fn with_key(&mut self, key: Arc<PrivateKey>) -> Result<Verdict> {
        self.tried.push("publickey");
        let mut verdict = None;
        for hash in self.hashes(&key).await? {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
            let answer = self.handle.authenticate_publickey(self.user, key).await;
            match self.verdict(answer)? {
                Verdict::Refused { open, further: false } if open.contains(&MethodKind::PublicKey) => {
                    verdict = Some(Verdict::Refused { open, further: false });
                }
                settled => return Ok(settled),
            }
        }
        Ok(verdict.unwrap_or(Verdict::Refused { open: MethodSet::empty(), further: false }))
    }

    /// The hashes to sign with. Only for RSA keys is there a choice, and only for them is the server asked: it can
    /// take a second to find out that it will not say.
    async fn hashes(&mut self, key: &PrivateKey) -> Result<Vec<Option<HashAlg>>> {
        if !matches!(key.algorithm(), Algorithm::Rsa { .. }) {
            return Ok(vec![None]);
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(hash)) => Ok(vec![hash]),
            // Servers from before the extension mostly know SHA-1 alone.
            Ok(None) => Ok(vec![Some(HashAlg::Sha256), None]),
            Err(error) => Err(self.lost(error)),
        }
    }

    async fn with_answers(&mut self, password: &Secret) -> Result<Verdict> {
        self.tried.push("keyboard-interactive");
        let mut answer = self.handle.authenticate_keyboard_interactive_start(self.user, None).await;
        let mut password = Some(password);
        for _ in 0..MOST_QUESTIONS {
            let prompts = match answer {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(Verdict::Welcome),
                Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                    return Ok(Verdict::Refused { open: remaining_methods, further: partial_success });
                }
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
                Error::new(ErrorKind::Authentication, text)
            }
            Some(end) => end.into(),
            None => Fault::from(error).into(),
        }
    }

    fn refused(&self, open: &MethodSet) -> Error {
        let list = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let open = list(open.iter().map(<&str>::from).collect());
        let tried = list(self.tried.clone());
        let user = printable(self.user);
        let text = format!("the device refused the login of \"{user}\" (tried: {tried}; it would take: {open})");
        Error::new(ErrorKind::Authentication, text)
    }
}

/// One answer a prompt: the password where it is asked for, once. `None` when there is nothing to answer with.
fn answers(prompts: &[Prompt], password: &mut Option<&Secret>) -> Option<Vec<String>> {
    prompts.iter().map(|_| password.take().map(|password| password.expose().to_owned())).collect()
}
