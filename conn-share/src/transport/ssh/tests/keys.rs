//! Key files that are of no use: a mistake where the caller named them, passed over where a configuration did.

use std::path::PathBuf;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{KeypairData, SkEd25519};
use russh::keys::ssh_key::public;

use super::folder::Folder;
use super::server::{Script, ed25519};
use super::{failure, open_over, target};
use crate::{ErrorKind, Target};

/// A folder of keys, and a configuration that names them.
struct Keys(Folder);

impl Keys {
    fn new(name: &str) -> Self {
        Self(Folder::new(&format!("keys-{name}")))
    }

    fn key(&self, name: &str, key: &PrivateKey) -> PathBuf {
        self.0.file(name, &key.to_openssh(LineEnding::LF).unwrap())
    }

    /// A target that has these lines for a configuration.
    fn configured(&self, lines: &[String]) -> Target {
        let config = self.0.file("config", &format!("IdentityAgent none\n{}\n", lines.join("\n")));
        let mut target = target().ssh_config(config);
        target.credential.password = None;
        target
    }
}

fn encrypted(seed: u8) -> PrivateKey {
    ed25519(seed).encrypt(&mut russh::keys::key::safe_rng(), "of another key").unwrap()
}

/// The half of a key that lies on the disk when a security key has the other.
fn of_a_security_key() -> PrivateKey {
    let public = public::SkEd25519::from(public::Ed25519PublicKey([7; 32]));
    let key = SkEd25519::new(public, 1, [9; 64]).unwrap();
    PrivateKey::new(KeypairData::SkEd25519(key), "").unwrap()
}

#[tokio::test]
async fn what_a_configuration_names_and_nobody_can_use_is_passed_over() {
    let keys = Keys::new("useless");
    let good = keys.key("good", &ed25519(9));
    let useless = [
        keys.0.0.join("nowhere"),
        keys.0.0.clone(),
        keys.0.file("text", "no key"),
        keys.0.file("bytes", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
        keys.key("encrypted", &encrypted(8)),
        keys.key("security", &of_a_security_key()),
    ];
    let server = Script { authorized: Some(ed25519(9).public_key().clone()), ..Script::new() };
    for passphrase in [None, Some("open sesame")] {
        for useless in &useless {
            let lines = [useless, &good].map(|path| format!("IdentityFile {}", path.display()));
            let mut target = keys.configured(&lines);
            target.credential.passphrase = passphrase.map(Into::into);
            server.logins.lock().unwrap().clear();
            let opened = open_over(server.serve(), &target).await;
            assert!(opened.is_ok(), "{}, {passphrase:?}: {:?}", useless.display(), opened.err());
            assert_eq!(*server.logins.lock().unwrap(), ["publickey"], "{}", useless.display());
        }
    }
    // The same files named by the caller are mistakes, and named.
    for useless in &useless {
        let mut target = target().keys([useless, &good]).passphrase("open sesame");
        target.credential.password = None;
        let (kind, _, text) = failure(open_over(server.serve(), &target).await);
        assert_eq!(kind, ErrorKind::Config, "{text}");
        assert!(text.contains(&useless.display().to_string()), "{text}");
    }
    let error = open_over(server.serve(), &target().key(&useless[5])).await.err().unwrap();
    assert!(error.to_string().contains("security key"), "{error}");
}

#[tokio::test]
async fn certificates_of_a_configuration_may_be_missing_or_none() {
    let keys = Keys::new("certificates");
    let good = keys.key("good", &ed25519(9));
    let server = Script { authorized: Some(ed25519(9).public_key().clone()), ..Script::new() };
    let useless = [keys.0.0.join("nowhere-cert.pub"), keys.0.file("none-cert.pub", "no certificate")];
    for useless in &useless {
        let lines = [format!("CertificateFile {}", useless.display()), format!("IdentityFile {}", good.display())];
        let opened = open_over(server.serve(), &keys.configured(&lines)).await;
        assert!(opened.is_ok(), "{}: {:?}", useless.display(), opened.err());
        let (kind, ..) = failure(open_over(server.serve(), &target().key(&good).certificate(useless)).await);
        assert_eq!(kind, ErrorKind::Config);
    }
    // Beside a key of the configuration, too.
    keys.0.file("good-cert.pub", "no certificate");
    let lines = [format!("IdentityFile {}", good.display())];
    let opened = open_over(server.serve(), &keys.configured(&lines)).await;
    assert!(opened.is_ok(), "{:?}", opened.err());
}
