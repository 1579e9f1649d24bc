//! The keys we can show: key files, certificates beside them, and what an agent keeps.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, PrivateKey, PublicKey, decode_secret_key};
use zeroize::Zeroizing;

use super::settings::{KeyFile, Settings};
use crate::transport::printable;
use crate::{Error, ErrorKind, Result, Secret};

/// What the key files hold.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    /// What we can sign with ourselves, in the order to try.
    pub(super) own: VecDeque<Identity>,
    /// Certificates for keys that only the agent may have.
    certificates: Vec<(Certificate, String)>,
    /// Keys of which we have the public half alone: the agent's are tried first, and under `IdentitiesOnly` no others.
    wanted: Vec<PublicKey>,
    only_wanted: bool,
}

/// One key to show.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// For messages.
    pub(super) name: String,
    pub(super) proof: Proof,
}

#[derive(Clone, Debug)]
pub(super) enum Proof {
    Key(Arc<PrivateKey>),
    Certificate(Arc<PrivateKey>, Certificate),
    AgentKey(PublicKey),
    AgentCertificate(Certificate),
}

impl Proof {
    /// RSA keys sign with a hash of our choice.
    pub(super) fn is_rsa(&self) -> bool {
        let algorithm = match self {
            Self::Key(key) | Self::Certificate(key, _) => key.algorithm(),
            Self::AgentKey(key) => key.algorithm(),
            Self::AgentCertificate(certificate) => certificate.algorithm(),
        };
        matches!(algorithm, Algorithm::Rsa { .. })
    }
}

/// Reads and deciphers the key files.
///
/// # Cancel safety
///
/// Nothing is lost: deciphering runs on a thread of its own and its result is thrown away.
pub(super) async fn load(settings: &Settings) -> Result<KeyRing> {
    if settings.keys.is_empty() && settings.certificates.is_empty() {
        return Ok(KeyRing { only_wanted: settings.identities_only, ..KeyRing::default() });
    }
    let (keys, certificates) = (settings.keys.clone(), settings.certificates.clone());
    let (passphrase, only_wanted) = (settings.passphrase.clone(), settings.identities_only);
    let has_agent = settings.agent.is_some();
    let loaded = tokio::task::spawn_blocking(move || {
        let mut ring = KeyRing { only_wanted, ..KeyRing::default() };
        for file in &certificates {
            if let Some(certificate) = usable(file, read_certificate(&file.path))? {
                ring.certificates.push((certificate, file.path.display().to_string()));
            }
        }
        for file in &keys {
            usable(file, ring.add(file, passphrase.as_ref(), has_agent))?;
        }
        Ok(ring)
    });
    loaded.await.map_err(|_| Error::new(ErrorKind::Config, "the key file could not be deciphered"))?
}

/// As `ssh`: a configuration is written for many hosts and machines, and what it names and cannot be used is passed over.
fn usable<T>(file: &KeyFile, read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if file.is_optional => {
            tracing::debug!(%error, "passed over");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl KeyRing {
    fn add(&mut self, file: &KeyFile, passphrase: Option<&Secret>, has_agent: bool) -> Result<()> {
        let path = &file.path;
        let unusable = |what: &str| Error::new(ErrorKind::Config, format!("the key file {} {what}", path.display()));
        let public_beside = || if has_agent { read_public(&beside(path, ".pub")) } else { None };
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => {
                // The private half may be the agent's.
                return self.want(public_beside()).ok_or_else(|| unusable("cannot be read").with_source(error));
            }
        };
        if has_agent && let Ok(public) = PublicKey::from_openssh(&text) {
            self.wanted.push(public);
            return Ok(());
        }
        let key = match decode(&text, passphrase) {
            Ok(key) if is_of_security_key(&key) => {
                let public = has_agent.then(|| key.public_key().clone());
                return self.want(public).ok_or_else(|| unusable("is for a security key, which an agent has to use"));
            }
            Ok(key) => Arc::new(key),
            Err(undecoded) => {
                // An agent keeps such keys deciphered. OpenSSH's format shows the public half all the same. That a
                // passphrase is wrong is told to those who named the file.
                let inside = || PrivateKey::from_openssh(text.as_str()).ok().map(|key| key.public_key().clone());
                let may_be_kept = has_agent && (matches!(undecoded, Undecoded::Encrypted) || file.is_optional);
                let public = if may_be_kept { public_beside().or_else(inside) } else { None };
                return self.want(public).ok_or_else(|| match undecoded {
                    Undecoded::Encrypted => unusable("needs a passphrase"),
                    Undecoded::Useless(what) => unusable(what),
                });
            }
        };
        let name = path.display().to_string();
        let beside_it = beside(path, "-cert.pub");
        let found = if beside_it.exists() { usable(file, read_certificate(&beside_it))? } else { None };
        let ours = |(certificate, _): &mut (Certificate, String)| is_for(certificate, key.public_key());
        let mut certificates: Vec<_> = self.certificates.extract_if(.., ours).collect();
        if let Some(found) = found
            && !certificates.iter().any(|(_, from)| Path::new(from) == beside_it)
        {
            certificates.push((found, beside_it.display().to_string()));
        }
        for (certificate, name) in certificates {
            self.own.push_back(Identity { name, proof: Proof::Certificate(Arc::clone(&key), certificate) });
        }
        self.own.push_back(Identity { name, proof: Proof::Key(key) });
        Ok(())
    }

    /// Asks the agent for this one, when it is known.
    fn want(&mut self, public: Option<PublicKey>) -> Option<()> {
        self.wanted.push(public?);
        Some(())
    }

    /// What is to be tried of an agent's keys: first those that the files name, then the others, and none that we have
    /// ourselves.
    pub(super) fn of_agent(&self, kept: Vec<AgentIdentity>) -> VecDeque<Identity> {
        let mut first = VecDeque::new();
        let mut others = VecDeque::new();
        for identity in kept {
            let (key, comment, proof) = match identity {
                AgentIdentity::PublicKey { key, comment } => {
                    (key.key_data().clone(), comment, Proof::AgentKey(key.clone()))
                }
                AgentIdentity::Certificate { certificate, comment } => {
                    (certificate.public_key().clone(), comment, Proof::AgentCertificate(certificate))
                }
            };
            if self.has(&key, &proof) {
                continue;
            }
            let place = if self.wanted.iter().any(|wanted| *wanted.key_data() == key) {
                &mut first
            } else if self.only_wanted {
                continue;
            } else {
                &mut others
            };
            for (certificate, from) in self.certificates.iter().filter(|(given, _)| *given.public_key() == key) {
                let proof = Proof::AgentCertificate(certificate.clone());
                place.push_back(Identity { name: format!("{from} by the agent"), proof });
            }
            place.push_back(Identity { name: format!("\"{}\" of the agent", printable(&comment)), proof });
        }
        first.append(&mut others);
        first
    }

    fn has(&self, key: &KeyData, proof: &Proof) -> bool {
        self.own.iter().any(|own| match (&own.proof, proof) {
            (Proof::Key(own), Proof::AgentKey(_)) => own.public_key().key_data() == key,
            (Proof::Certificate(_, own), Proof::AgentCertificate(theirs)) => own == theirs,
            _ => false,
        })
    }
}

enum Undecoded {
    Encrypted,
    Useless(&'static str),
}

fn decode(text: &str, passphrase: Option<&Secret>) -> Result<PrivateKey, Undecoded> {
    match decode_secret_key(text, passphrase.map(Secret::expose)) {
        Ok(key) => Ok(key),
        Err(russh::keys::Error::KeyIsEncrypted) => Err(Undecoded::Encrypted),
        // An encrypted one of the old PEM format that is not for RSA, or not with AES-128.
        Err(_) if text.contains("DEK-Info:") && passphrase.is_some() => Err(Undecoded::Useless(
            "is an encrypted PEM file that cannot be read, or the passphrase is wrong; `ssh-keygen -p -f FILE` writes it in today's format",
        )),
        Err(_) if text.contains("ENCRYPTED") && passphrase.is_none() => Err(Undecoded::Encrypted),
        // A passphrase that is meant for another file makes some formats fail that are not encrypted.
        Err(_) if passphrase.is_some() => decode_secret_key(text, None)
            .map_err(|_| Undecoded::Useless("is no private key, or the passphrase is wrong")),
        Err(_) => Err(Undecoded::Useless("is no private key")),
    }
}

fn read_certificate(path: &Path) -> Result<Certificate> {
    let unusable = |what: &str| Error::new(ErrorKind::Config, format!("the certificate {} {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unusable("cannot be read").with_source(error))?;
    Certificate::from_openssh(text.trim()).map_err(|_| unusable("is no OpenSSH certificate"))
}

fn read_public(path: &Path) -> Option<PublicKey> {
    PublicKey::from_openssh(fs::read_to_string(path).ok()?.trim()).ok()
}

/// Half of it lies in a thing that we do not speak to.
fn is_of_security_key(key: &PrivateKey) -> bool {
    matches!(key.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
}

fn is_for(certificate: &Certificate, key: &PublicKey) -> bool {
    certificate.public_key() == key.key_data()
}

/// `path` with `end` behind its last letter.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
