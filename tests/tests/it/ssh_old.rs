//! Devices from before today's algorithms, as far as today's servers can still play them.

use conn_share::{ErrorKind, HostKeys};
use conn_share_tests::Yard;

use crate::ssh_login::{refusal, talk, to};
use crate::ways::at;

#[tokio::test]
async fn an_old_device_is_reached_when_told_so() {
    let yard = Yard::new().expect("a yard");
    let rsa = yard.key("old_host", &["-t", "rsa", "-b", "2048"]).expect("a key");
    let user = yard.key("old_user", &["-t", "rsa", "-b", "2048"]).expect("a key");
    yard.authorize(&[("", &user)]).expect("authorized");
    let all = [
        ("kex1", "KexAlgorithms diffie-hellman-group1-sha1", "key exchange", "diffie-hellman-group1-sha1"),
        ("kex14", "KexAlgorithms diffie-hellman-group14-sha1", "key exchange", "diffie-hellman-group14-sha1"),
        ("cbc", "Ciphers aes256-cbc,aes128-cbc", "cipher", "aes256-cbc,aes128-cbc"),
        ("sha1", "Ciphers aes128-ctr\nMACs hmac-sha1", "MAC", "hmac-sha1"),
        ("rsa", "HostKeyAlgorithms ssh-rsa", "host key", "ssh-rsa"),
        (
            "old",
            "KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group14-sha1\nCiphers aes128-cbc\nMACs hmac-sha1\n\
             HostKeyAlgorithms ssh-rsa\nPubkeyAcceptedAlgorithms ssh-rsa",
            "key exchange",
            "diffie-hellman-group1-sha1",
        ),
    ];
    for (name, config, what, theirs) in all {
        let server = yard.sshd(name, &format!("HostKey {}\n{config}", rsa.display())).expect("sshd");
        let known = yard.known_hosts(&format!("known_{name}"), &[(server, &rsa)]).expect("known hosts");
        let target = to(&yard, server).host_keys(crate::ways::only(known)).key(&user);
        let error = refusal(&target).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error}");
        let said = error.to_string();
        assert!(said.contains(what) && said.contains(theirs), "{name}: {said}");
        assert!(said.contains("legacy_algorithms"), "{name}: {said}");
        talk(&target.legacy_algorithms())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}\n{}", yard.record(name)));
    }

    // A server that takes ssh-rsa signatures alone, and says otherwise.
    let server = yard.sshd("signed", "PubkeyAcceptedAlgorithms ssh-rsa\nPasswordAuthentication no").expect("sshd");
    let target = to(&yard, server).key(&user);
    let error = refusal(&target).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    talk(&target.legacy_algorithms()).await.expect("with SHA-1");
}

#[tokio::test]
async fn dropbear_speaks_old_and_new() {
    let yard = Yard::new().expect("a yard");
    let server = yard.dropbear("dropbear", "").expect("dropbear");
    let trust = HostKeys::danger_accept_any();
    let target = at(server).username(yard.user()).password(yard.password()).host_keys(trust).platform("linux");
    talk(&target).await.expect("today's");
    talk(&target.clone().legacy_algorithms()).await.expect("with the old ones behind");
    // What somebody names goes before what is usual.
    let named =
        target.clone().argument("kex_algorithms", "diffie-hellman-group14-sha256").argument("ciphers", "aes256-ctr");
    talk(&named.argument("macs", "hmac-sha2-256")).await.expect("by name");
    let error = refusal(&target.argument("ciphers", "3des-cbc")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}
