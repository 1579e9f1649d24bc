use super::folder::Folder;
use super::server::{Script, ecdsa, ed25519};
use super::{failure, open_over, target};
use crate::{ErrorKind, HostKeys};

fn line(host: &str, key: &russh::keys::PrivateKey) -> String {
    format!("{host} {}", key.public_key().to_openssh().unwrap())
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_the_line_to_write() {
    let folder = Folder::new("unknown");
    let file = folder.file("hosts", &[line("r2", &ed25519(1))].join("\n"));
    let trust = HostKeys::known().file(&file).without_default_files();
    let script = Script::new();
    let (kind, phase, text) = failure(open_over(script.serve(), &target().host_keys(trust.clone())).await);
    assert_eq!((kind, phase), (ErrorKind::HostKey, Some("exchanging keys")));
    assert!(script.logins.lock().unwrap().is_empty(), "a password went to a stranger");
    let fingerprint = ed25519(1).public_key().fingerprint(russh::keys::HashAlg::Sha256).to_string();
    assert!(text.contains(&fingerprint), "{text}");

    // What the message says to write is what helps.
    let (_, advice) = text.split_once(": r1 ").unwrap();
    folder.file("hosts", &[format!("r1 {advice}")].join("\n"));
    open_over(script.serve(), &target().host_keys(trust)).await.unwrap();
}

#[tokio::test]
async fn a_changed_key_is_refused_and_the_line_named() {
    let folder = Folder::new("changed");
    let file = folder.file("hosts", &["# ours".to_owned(), String::new(), line("r1", &ed25519(2))].join("\n"));
    for trust in [HostKeys::known(), HostKeys::accept_new()] {
        let trust = trust.file(&file).without_default_files();
        let (kind, _, text) = failure(open_over(Script::new().serve(), &target().host_keys(trust)).await);
        assert_eq!(kind, ErrorKind::HostKey);
        assert!(text.contains(&format!("line 3 of {}", file.display())), "{text}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_even_where_another_line_trusts_it() {
    let folder = Folder::new("revoked");
    let file =
        folder.file("hosts", &[line("r1", &ed25519(1)), format!("@revoked {}", line("*", &ed25519(1)))].join("\n"));
    let trust = HostKeys::accept_new().file(&file).without_default_files();
    let (kind, _, text) = failure(open_over(Script::new().serve(), &target().host_keys(trust)).await);
    assert_eq!(kind, ErrorKind::HostKey);
    assert!(text.contains("revoked") && text.contains("line 2"), "{text}");
}

#[tokio::test]
async fn a_server_with_several_keys_is_asked_for_the_known_one() {
    let folder = Folder::new("several");
    let (first, second) = (ed25519(1), ecdsa());
    for known in [&first, &second] {
        let file = folder.file("hosts", &[line("r1", known)].join("\n"));
        let trust = HostKeys::known().file(&file).without_default_files();
        let script = Script { host_keys: vec![first.clone(), second.clone()], ..Script::new() };
        open_over(script.serve(), &target().host_keys(trust)).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_host_is_written_down_once_and_known_from_then_on() {
    let folder = Folder::new("new");
    let file = folder.0.join("ssh").join("hosts");
    let new = HostKeys::accept_new().file(&file).without_default_files();
    let (first, second) = (target().host_keys(new.clone()), target().host_keys(new));
    let script = Script::new();
    let both = tokio::join!(open_over(script.serve(), &first), open_over(script.serve(), &second));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
    let known = HostKeys::known().file(&file).without_default_files();
    open_over(script.serve(), &target().host_keys(known)).await.unwrap();
}

#[tokio::test]
async fn a_new_host_that_cannot_be_written_down_is_not_trusted() {
    let new = HostKeys::accept_new().file("/proc/conn-share/hosts").without_default_files();
    let script = Script::new();
    let (kind, _, text) = failure(open_over(script.serve(), &target().host_keys(new)).await);
    assert_eq!(kind, ErrorKind::Config, "{text}");
    assert!(script.logins.lock().unwrap().is_empty(), "a password went to a stranger");
}

#[tokio::test]
async fn a_file_that_is_missing_is_said_before_anything_else() {
    let trust = HostKeys::known().file("/nowhere/hosts").without_default_files();
    let (kind, ..) = failure(open_over(Script::new().serve(), &target().host_keys(trust)).await);
    assert_eq!(kind, ErrorKind::Config);
}

#[tokio::test]
async fn a_configuration_that_keeps_no_file_trusts_a_new_host_and_writes_nothing() {
    let folder = Folder::new("no-file");
    let machines = folder.file("machines", &[line("r2", &ed25519(1))].join("\n"));
    let lines = format!("UserKnownHostsFile none\nGlobalKnownHostsFile {}\n", machines.display());
    let configured = |name: &str, strict: &str| {
        let config = folder.0.join(name);
        std::fs::write(&config, format!("{lines}StrictHostKeyChecking {strict}\nIdentityAgent none\n")).unwrap();
        target().host_keys(HostKeys::default()).ssh_config(config)
    };
    open_over(Script::new().serve(), &configured("config", "no")).await.unwrap();
    let (kind, ..) = failure(open_over(Script::new().serve(), &configured("config", "yes")).await);
    assert_eq!(kind, ErrorKind::HostKey);
    assert!(!std::path::Path::new("none").exists(), "a file of that name was made");
    // A key that has changed is refused all the same.
    folder.file("machines", &[line("r1", &ed25519(2))].join("\n"));
    let (kind, _, text) = failure(open_over(Script::new().serve(), &configured("config", "no")).await);
    assert_eq!(kind, ErrorKind::HostKey);
    assert!(text.contains("another key than before"), "{text}");
    assert_eq!(std::fs::read_to_string(&machines).unwrap().lines().count(), 1);
}
