//! Every way to log in, at servers that people run.

use std::net::SocketAddr;
use std::path::Path;

use conn_share::{Connection, ErrorKind, Result, SshAgent, SshConnection, Target};
use conn_share_tests::Yard;

use crate::ways::{at, only};

/// To one of the yard's `sshd`.
pub(crate) fn to(yard: &Yard, server: SocketAddr) -> Target {
    let file = format!("known_hosts{}", server.port());
    let known = yard.known_hosts(&file, &[(server, &yard.host_key())]).expect("known hosts");
    at(server).name("host").username(yard.user()).host_keys(only(known)).platform("linux")
}

/// To a dropbear, whose key nobody has seen yet.
pub(crate) fn to_dropbear(yard: &Yard, server: SocketAddr) -> Target {
    let known = yard.dir().join(format!("known_dropbear{}", server.port()));
    let first_contact = conn_share::HostKeys::accept_new().without_default_files().file(known);
    at(server).name("host").username(yard.user()).host_keys(first_contact).platform("linux")
}

/// Logs in, has a command answered, and leaves.
pub(crate) async fn talk(target: &Target) -> Result<()> {
    let host = SshConnection::new(target)?;
    host.connect().await?;
    assert_eq!(host.execute("echo \"$((6 * 7))\"").await?, "42");
    host.disconnect().await
}

/// Why that does not work.
pub(crate) async fn refusal(target: &Target) -> conn_share::Error {
    talk(target).await.expect_err("it let us in")
}

#[tokio::test]
async fn keys_of_every_kind_and_format() {
    let yard = Yard::new().expect("a yard");
    let server = yard.sshd("sshd", "PasswordAuthentication no").expect("sshd");
    let kinds: &[(&str, &[&str])] = &[
        ("ed25519", &["-t", "ed25519"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("ecdsa", &["-t", "ecdsa", "-b", "256"]),
        ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
    ];
    // ed25519 has no PEM format, and for encrypted PEM of ECDSA keys see below.
    let formats: &[(&str, &[&str], &[&str])] = &[
        ("openssh", &[], &["ed25519", "rsa", "ecdsa", "ecdsa384"]),
        ("pem", &["-m", "PEM"], &["rsa", "ecdsa", "ecdsa384"]),
        ("pkcs8", &["-m", "PKCS8"], &["rsa", "ecdsa", "ecdsa384"]),
        ("locked-openssh", &["-N", "open sesame"], &["ed25519", "rsa", "ecdsa", "ecdsa384"]),
        ("locked-pem", &["-m", "PEM", "-N", "open sesame"], &["rsa"]),
        ("locked-pkcs8", &["-m", "PKCS8", "-N", "open sesame"], &["rsa", "ecdsa", "ecdsa384"]),
    ];
    for (kind, made) in kinds {
        for (format, written, _) in formats.iter().filter(|(_, _, kinds)| kinds.contains(kind)) {
            let key = yard.key(&format!("{kind}-{format}"), &[*made, *written].concat()).expect("a key");
            yard.authorize(&[("", &key)]).expect("authorized");
            let mut target = to(&yard, server).key(&key);
            if format.starts_with("locked") {
                let error = refusal(&target).await;
                assert_eq!(error.kind(), ErrorKind::Config, "{kind} {format}: {error}");
                assert!(error.to_string().contains("needs a passphrase"), "{kind} {format}: {error}");
                let error = refusal(&target.clone().passphrase("open says me")).await;
                assert_eq!(error.kind(), ErrorKind::Config, "{kind} {format}: {error}");
                target = target.passphrase("open sesame");
            }
            talk(&target).await.unwrap_or_else(|error| panic!("{kind} {format}: {error:?}"));
        }
    }
    // What cannot be read says what helps.
    let key = yard.key("locked", &["-t", "ecdsa", "-m", "PEM", "-N", "open sesame"]).expect("a key");
    let error = refusal(&to(&yard, server).key(&key).passphrase("open sesame")).await;
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("ssh-keygen -p"), "{error}");
}

#[tokio::test]
async fn an_agent_signs() {
    let yard = Yard::new().expect("a yard");
    let server = yard.sshd("sshd", "PasswordAuthentication no\nMaxAuthTries 3").expect("sshd");
    let kinds: [(&str, &[&str]); 4] = [
        ("ed", &["-t", "ed25519"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("ec", &["-t", "ecdsa"]),
        ("other", &["-t", "ed25519"]),
    ];
    let keys = kinds.map(|(name, options)| yard.key(name, options).expect("a key"));
    for (at, key) in keys.iter().enumerate() {
        yard.authorize(&[("", key)]).expect("authorized");
        let socket = yard.agent(&format!("agent{at}"), &[key]).expect("an agent");
        talk(&to(&yard, server).agent(SshAgent::at(&socket)))
            .await
            .unwrap_or_else(|error| panic!("{key:?}: {error:?}"));
    }

    // Four keys are more than this server hears; the public half names the right one, and goes first.
    let [ed, rsa, ec, other] = &keys;
    yard.authorize(&[("", other)]).expect("authorized");
    let socket = yard.agent("full", &[ed, rsa, ec, other]).expect("an agent");
    let many = to(&yard, server).agent(SshAgent::at(&socket));
    let error = refusal(&many).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(error.to_string().contains("Too many authentication failures"), "{error}");
    assert!(error.to_string().contains("publickey \"ed\" of the agent"), "{error}");
    talk(&many.clone().key(format!("{}.pub", other.display()))).await.expect("the named one");

    // The same with the private half at hand but locked away.
    let locked = yard.key("locked", &["-t", "ed25519", "-N", "open sesame"]).expect("a key");
    let open = yard.dir().join("opened");
    std::fs::copy(&locked, &open).expect("a copy");
    yard.run(&format!("ssh-keygen -q -p -P 'open sesame' -N '' -f {}", open.display())).expect("opened");
    yard.authorize(&[("", &locked)]).expect("authorized");
    let socket = yard.agent("locked-agent", &[ed, &open]).expect("an agent");
    let only_that = to(&yard, server).agent(SshAgent::at(&socket)).key(&locked).argument("identities_only", "true");
    talk(&only_that).await.expect("by the agent");

    // One that asks before it signs, and nobody says yes: the next way is taken, over the same connection.
    let asking = yard.agent("asking", &[]).expect("an agent");
    let added =
        std::process::Command::new("ssh-add").args(["-q", "-c"]).arg(other).env("SSH_AUTH_SOCK", &asking).status();
    assert!(added.expect("ssh-add").success());
    yard.authorize(&[("", other)]).expect("authorized");
    let words = yard.sshd("words", "").expect("sshd");
    let declined = to(&yard, words).agent(SshAgent::at(&asking));
    talk(&declined.clone().password(yard.password())).await.expect("by password");
    let error = refusal(&declined).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(error.to_string().contains("the agent does not sign with \"other\""), "{error}");
    yard.authorize(&[("", &locked)]).expect("authorized");

    // An agent that is not there does not hide the other ways.
    let nobody = SshAgent::at(yard.dir().join("nobody.sock"));
    talk(&to(&yard, server).agent(nobody.clone()).key(&open)).await.expect("by the key");
    let error = refusal(&to(&yard, server).agent(nobody)).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(error.to_string().contains("nobody.sock cannot be reached"), "{error}");
    assert!(error.to_string().contains("it would take: publickey"), "{error}");
}

#[tokio::test]
async fn certificates_open_the_door() {
    let yard = Yard::new().expect("a yard");
    let authority = yard.key("authority", &["-t", "ed25519"]).expect("a key");
    let config = format!("PasswordAuthentication no\nTrustedUserCAKeys {}.pub", authority.display());
    let server = yard.sshd("sshd", &config).expect("sshd");
    yard.authorize(&[]).expect("nobody by key");
    let sign = |key: &Path| {
        let signed =
            format!("ssh-keygen -q -s {} -I test -n {} {}.pub", authority.display(), yard.user(), key.display());
        yard.run(&signed).expect("signed");
        format!("{}-cert.pub", key.display())
    };
    for options in [&["-t", "ed25519"] as &[&str], &["-t", "rsa", "-b", "2048"], &["-t", "ecdsa"]] {
        let name = options[1];
        let key = yard.key(name, options).expect("a key");
        let error = refusal(&to(&yard, server).key(&key)).await;
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        let certificate = sign(&key);
        talk(&to(&yard, server).key(&key)).await.unwrap_or_else(|error| panic!("{name}, beside it: {error:?}"));

        let elsewhere = yard.dir().join(format!("{name}.cert"));
        std::fs::rename(&certificate, &elsewhere).expect("moved");
        let named = to(&yard, server).key(&key).certificate(&elsewhere);
        talk(&named).await.unwrap_or_else(|error| panic!("{name}, named: {error:?}"));

        // ssh-add takes the certificate along when it lies beside the key.
        std::fs::rename(&elsewhere, &certificate).expect("moved back");
        let socket = yard.agent(&format!("{name}-agent"), &[&key]).expect("an agent");
        let kept = to(&yard, server).agent(SshAgent::at(socket));
        talk(&kept).await.unwrap_or_else(|error| panic!("{name}, by the agent: {error:?}"));
    }
}

#[tokio::test]
async fn several_proofs_in_turn() {
    let yard = Yard::new().expect("a yard");
    let key = yard.key("user", &["-t", "ed25519"]).expect("a key");
    let other = yard.key("other", &["-t", "ed25519"]).expect("a key");
    yard.authorize(&[("", &key)]).expect("authorized");

    // A banner that looks like prompts, and two proofs wanted.
    let banner = yard.dir().join("banner");
    std::fs::write(&banner, "# no entry #\r\nrouter> \r\nrouter# Password: \r\n").expect("a banner");
    let both = format!("AuthenticationMethods publickey,password\nBanner {}", banner.display());
    let server = yard.sshd("both", &both).expect("sshd");
    let target = to(&yard, server).keys([&other, &key]);
    talk(&target.clone().password(yard.password())).await.expect("key and password");
    let error = refusal(&target).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    for told in ["other, publickey", "user (taken, and not enough)", "it would take: password"] {
        assert!(error.to_string().contains(told), "{told}: {error}");
    }
    let error = refusal(&to(&yard, server).password(yard.password())).await;
    assert!(error.to_string().contains("tried: password; it would take: publickey"), "{error}");

    // Only a key, only a password: what is offered is told.
    let server = yard.sshd("word", "PubkeyAuthentication no").expect("sshd");
    talk(&to(&yard, server).key(&key).password(yard.password())).await.expect("password");
    let error = refusal(&to(&yard, server).password("wrong")).await;
    assert!(error.to_string().contains("tried: password; it would take: password"), "{error}");
}

/// What PAM asks comes as questions, and after the last answer comes a round without any.
#[tokio::test]
async fn questions_of_pam() {
    let yard = Yard::new().expect("a yard");
    let rules = "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n";
    let file = yard.dir().join("pam");
    std::fs::write(&file, rules).expect("rules");
    yard.run(&format!("touch /etc/pam.d/sshd && mount --bind {} /etc/pam.d/sshd", file.display())).expect("mounted");
    let config = "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\nPubkeyAuthentication no";
    let server = yard.sshd("sshd", &format!("{config}\nLogLevel DEBUG3")).expect("sshd");
    talk(&to(&yard, server).password(yard.password())).await.unwrap_or_else(|error| {
        panic!("{error:?}\n{}", yard.record("sshd"));
    });
    let rounds = yard.record("sshd").matches("sshpam_query").count();
    assert!(rounds >= 2, "PAM had {rounds} rounds:\n{}", yard.record("sshd"));
    let error = refusal(&to(&yard, server).password("wrong")).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(error.to_string().contains("keyboard-interactive; it would take: keyboard-interactive"), "{error}");
}

#[tokio::test]
async fn dropbear_lets_us_in_by_password_and_by_key() {
    let yard = Yard::new().expect("a yard");
    let server = yard.dropbear("dropbear", "").expect("dropbear");
    talk(&to_dropbear(&yard, server).password(yard.password())).await.unwrap_or_else(|error| {
        panic!("{error:?}\n{}", yard.record("dropbear"));
    });
    for options in [&["-t", "ed25519"] as &[&str], &["-t", "rsa", "-b", "2048"], &["-t", "ecdsa"]] {
        let key = yard.key(options[1], options).expect("a key");
        yard.authorize(&[("", &key)]).expect("authorized");
        talk(&to_dropbear(&yard, server).key(&key)).await.unwrap_or_else(|error| {
            panic!("{}: {error:?}\n{}", options[1], yard.record("dropbear"));
        });
    }
    let error = refusal(&to_dropbear(&yard, server).password("wrong")).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
}
