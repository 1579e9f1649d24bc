//! An SSH configuration that OpenSSH's own client takes, too.

use std::fs;
use std::process::Command;

use conn_share::{ErrorKind, Target};
use conn_share_tests::Yard;

use crate::ssh_login::{refusal, talk};

#[tokio::test]
async fn what_leads_ssh_there_leads_us_there() {
    let yard = Yard::new().expect("a yard");
    let key = yard.key("id_for_inside", &["-t", "ed25519"]).expect("a key");
    let others = yard.key("id_for_others", &["-t", "ed25519"]).expect("a key");
    yard.authorize(&[("", &key)]).expect("authorized");
    let own = yard.key("bastion_host", &["-t", "ed25519"]).expect("a key");
    let outer = yard.sshd("outer", &format!("HostKey {}\nPasswordAuthentication no", own.display())).expect("sshd");
    let inner = yard.sshd("inner", "PasswordAuthentication no\nMaxAuthTries 2").expect("sshd");
    let outer_known = yard.known_hosts("known_outer", &[(outer, &own)]).expect("known hosts");
    let inner_key = fs::read_to_string(format!("{}.pub", yard.host_key().display())).expect("a key");
    let inner_known = yard.dir().join("known inner");
    fs::write(&inner_known, format!("the-inside {inner_key}")).expect("known hosts");
    let included = yard.dir().join("more.conf");
    fs::write(
        &included,
        format!(
            "Host bastion\n  HostName 127.0.0.1\n  Port {}\n  UserKnownHostsFile {}\n",
            outer.port(),
            outer_known.display()
        ),
    )
    .expect("a file");
    let config = yard.dir().join("ssh_config");
    let dir = yard.dir().display();
    fs::write(
        &config,
        format!(
            "Include {dir}/mor*.conf\n\
             Host inside insides-* !insides-not # comment\n  HostName=127.0.0.1\n  Port = {}\n  ProxyJump bastion\n\
             \x20 UserKnownHostsFile \"{}\"\n  HostKeyAlias the-inside\n  Ciphers ^aes256-ctr\n\
             Host nowhere\n  ProxyCommand nc %h %p\n\
             Host *\n  User {}\n  IdentityFile {dir}/id_for_%n\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n\
             \x20 StrictHostKeyChecking yes\n  SendEnv LANG\n",
            inner.port(),
            inner_known.display(),
            yard.user(),
            key.display(),
        ),
    )
    .expect("a file");

    let ssh =
        Command::new("ssh").args(["-o", "BatchMode=yes", "-F"]).arg(&config).args(["inside", "echo", "there"]).output();
    let ssh = ssh.expect("ssh");
    assert_eq!(String::from_utf8_lossy(&ssh.stdout), "there\n", "{}", String::from_utf8_lossy(&ssh.stderr));

    let target = Target::new("inside").platform("linux").ssh_config(&config);
    talk(&target).await.expect("as ssh does");
    talk(&Target::new("insides-7").platform("linux").argument("ssh_config", config.display().to_string()))
        .await
        .expect("by argument");

    // What is set goes before the file.
    let error = refusal(&target.clone().key(&others)).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    let error = refusal(&target.clone().jump(Target::new("127.0.0.1").port(1))).await;
    assert_eq!(
        (error.kind(), error.device()),
        (ErrorKind::Unreachable, Some("inside, at its jump host 127.0.0.1")),
        "{error}"
    );
    let error = refusal(&Target::new("nowhere").ssh_config(&config)).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("ProxyCommand"), "{error}");
    let error = refusal(&Target::new("inside").ssh_config("/nowhere/at/all")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

/// The half of a key that lies on the disk when a security key has the other, and its public half.
const OF_A_SECURITY_KEY: (&str, &str) = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n\
     b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAASgAAABpzay1zc2\n\
     gtZWQyNTUxOUBvcGVuc3NoLmNvbQAAACAHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
     BwcHBwAAAARzc2g6AAAAqAAAAAAAAAAAAAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY2\n\
     9tAAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHAAAABHNzaDoBAAAAQAkJ\n\
     CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ\n\
     kJCQkJCQkJCQkAAAAAAAAACHNlY3VyaXR5AQ==\n\
     -----END OPENSSH PRIVATE KEY-----\n",
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHAAAABHNzaDo= security\n",
);

#[tokio::test]
async fn keys_that_are_of_no_use_are_passed_over_as_by_ssh() {
    let yard = Yard::new().expect("a yard");
    let good = yard.key("good", &["-t", "ed25519"]).expect("a key");
    let locked = yard.key("locked", &["-t", "ed25519", "-N", "of another key"]).expect("a key");
    let locked_pem = yard.key("locked_pem", &["-t", "ecdsa", "-m", "PEM", "-N", "of another key"]).expect("a key");
    let write = |name: &str, text: &str| {
        let file = yard.dir().join(name);
        fs::write(&file, text).expect("a file");
        yard.run(&format!("chmod 600 {}", file.display())).expect("for the owner alone");
        file
    };
    let security = write("security", OF_A_SECURITY_KEY.0);
    write("security.pub", OF_A_SECURITY_KEY.1);
    let text = write("text", "no key\n");
    let no_certificate = write("no-cert.pub", "no certificate\n");
    let nowhere = yard.dir().join("nowhere");
    // Where the server would take them, too: what counts is that nobody can sign.
    yard.authorize(&[("", &locked), ("", &security), ("", &good)]).expect("authorized");
    let server = yard.sshd("sshd", "PasswordAuthentication no\nMaxAuthTries 9").expect("sshd");
    let known = yard.known_hosts("known", &[(server, &yard.host_key())]).expect("known hosts");
    let mut lines = format!(
        "Host *\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityAgent none\n UserKnownHostsFile {}\n",
        server.port(),
        yard.user(),
        known.display()
    );
    for certificate in [&nowhere, &no_certificate] {
        lines += &format!(" CertificateFile {}\n", certificate.display());
    }
    for key in [&nowhere, &text, &locked, &locked_pem, &security, &good] {
        lines += &format!(" IdentityFile {}\n", key.display());
    }
    let config = write("ssh_config", &lines);
    let ssh =
        Command::new("ssh").args(["-o", "BatchMode=yes", "-F"]).arg(&config).args(["host", "echo", "there"]).output();
    let ssh = ssh.expect("ssh");
    assert_eq!(String::from_utf8_lossy(&ssh.stdout), "there\n", "{}", String::from_utf8_lossy(&ssh.stderr));

    let target = Target::new("host").platform("linux").ssh_config(&config);
    talk(&target).await.expect("as ssh does");
    talk(&target.clone().passphrase("open sesame")).await.expect("whatever the passphrase is of");
    // What the caller names has to be right.
    let error = refusal(&target.key(&locked).passphrase("open sesame")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}
