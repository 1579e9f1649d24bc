use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::transport::ssh::algorithms::choose;
use crate::transport::ssh::tests::folder::Folder;

fn read(path: &Path, host: &str) -> Result<HostConfig> {
    HostConfig::read(&Source::File(path.to_owned()), Asked { host, port: None, user: None })
}

/// What OpenSSH makes of it, by keyword; several values in their order.
fn ssh(path: &Path, host: &str) -> BTreeMap<String, Vec<String>> {
    let done =
        Command::new("ssh").arg("-G").arg("-F").arg(path).arg(host).output().expect("ssh (package openssh-client)");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for line in String::from_utf8(done.stdout).unwrap().lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        found.entry(keyword.to_owned()).or_default().push(value.to_owned());
    }
    found
}

const CONFIG: &str = r#"
# The first value counts.
Port 2200
Host r1 r1.lab "r 9"
    HostName 192.0.2.1
    Port 22
	User = admin
    IdentityFile /keys/r1
    IdentityFile /keys/all
Host *.lab !r2.lab
    hostname %h.Example.net
    ProxyJump ops@bastion:2222,[2001:db8::1]:22
    UserKnownHostsFile /known/one "/known/t w o"
    HostKeyAlias=Lab-key
    IdentitiesOnly true
    IdentityAgent /agents/%h-%n-%r-%p-%k.sock
    Ciphers aes128-ctr,aes256-ctr
Host r2.lab
    User "o p s"
    IdentityFile none
    StrictHostKeyChecking accept-new
    ProxyJump none
    IdentityAgent none
    KexAlgorithms +diffie-hellman-group1-sha1,diffie-hellman-group14-sha1
Match host 192.0.2.* user admin
    IdentityFile /keys/by-address
    MACs -hmac-sha1*,umac-*
Match originalhost R3,r4 !user root
    HostName r3.example.net
    StrictHostKeyChecking off
    HostKeyAlgorithms ^ssh-ed25519,rsa-sha2-256
Match host=R3.Example.*
    UserKnownHostsFile /known/%h-%k
Match localuser nobody-at-all
    User never
Host ?5
    HostName 192.0.2.5
    Include INCLUDED
    User late
Host sixth
    Include FOLDER/[a-c]*/conf.?
    Include FOLDER/[^a]*/**.last FOLDER/[!a]?/conf.*t
Match final host *.example.net !originalhost r1.lab
    CertificateFile /keys/final-cert.pub
    PubkeyAcceptedAlgorithms -rsa*
Match canonical originalhost r4
    Port 4444
Match !final originalhost r3
    Port 3333
Host r3.example.net
    IdentityFile /keys/by-final-name
Match originalhost elsewhere.example exec true localuser nobody-at-all
    User nobody
Host *
    IdentityFile /keys/all
    CertificateFile /keys/all-cert.pub # not the key
    User everybody
    Compression yes
    LocalForward 8080 localhost:80
Match all
    GlobalKnownHostsFile /known/global
"#;

/// The lists of algorithms, as `ssh` calls them: what is set, and what both make of it.
fn lists(config: &HostConfig) -> [(&'static str, &Option<String>); 5] {
    [
        ("kexalgorithms", &config.kex),
        ("ciphers", &config.ciphers),
        ("macs", &config.macs),
        ("hostkeyalgorithms", &config.host_key_algorithms),
        ("pubkeyacceptedalgorithms", &config.pubkey_algorithms),
    ]
}

/// All algorithms that OpenSSH knows for a keyword.
fn known_to_ssh(keyword: &str) -> Vec<String> {
    let done = Command::new("ssh").args(["-Q", keyword]).output().expect("ssh (package openssh-client)");
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn reads_what_ssh_reads() {
    let folder = Folder::new("config-judge");
    let included = folder.file(
        "included",
        "User early\nHost nobody\n  User wrong\nHost r5\n  IdentityFile /keys/r5\nMatch final\n  IdentityFile /keys/final\n",
    );
    for (number, name) in ["ab", "bc", "dd", ".hidden"].into_iter().enumerate() {
        std::fs::create_dir_all(folder.0.join(name)).unwrap();
        folder.file(&format!("{name}/conf.{number}"), &format!("IdentityFile /keys/{name}\n"));
        folder.file(&format!("{name}/conf.last"), &format!("IdentityFile /keys/last-{name}\n"));
    }
    let text = CONFIG.replace("INCLUDED", &included.display().to_string());
    let config = folder.file("config", &text.replace("FOLDER", &folder.0.display().to_string()));
    let nothing = ssh(&folder.file("nothing", ""), "elsewhere.example");
    for host in ["r1", "r1.lab", "r2.lab", "x.lab", "r3", "r4", "r5", "sixth", "elsewhere.example", "R1", "2001:DB8::5"]
    {
        let (ours, theirs) = (read(&config, host).unwrap(), ssh(&config, host));
        let one = |keyword: &str| theirs.get(keyword).and_then(|values| values.first().cloned());
        let all = |keyword: &str| theirs.get(keyword).cloned().unwrap_or_default();
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            ours.host_name.clone().unwrap_or(host.to_lowercase()).to_lowercase(),
            one("hostname").unwrap().to_lowercase(),
            "{host}"
        );
        assert_eq!(ours.port.unwrap().to_string(), one("port").unwrap(), "{host}");
        assert_eq!(ours.user, one("user"), "{host}");
        let mut identities = all("identityfile");
        identities.retain(|path| path != "none");
        assert_eq!(paths(&ours.identity_files), identities, "{host}");
        assert_eq!(paths(&ours.certificate_files), all("certificatefile"), "{host}");
        let jump = ours.proxy_jump.clone().filter(|jump| jump != "none");
        assert_eq!(jump, one("proxyjump"), "{host}");
        assert_eq!(ours.host_key_alias, one("hostkeyalias"), "{host}");
        assert_eq!(ours.identities_only.unwrap_or(false), one("identitiesonly").unwrap() == "yes", "{host}");
        assert_eq!(ours.identity_agent, one("identityagent"), "{host}");
        let strict = match ours.strict_host_key_checking.as_deref() {
            None => "ask",
            Some("yes") => "true",
            Some("no" | "off") => "false",
            Some(other) => other,
        };
        assert_eq!(Some(strict), one("stricthostkeychecking").as_deref(), "{host}");
        if let Some(files) = &ours.user_known_hosts_files {
            assert_eq!(paths(files).join(" "), one("userknownhostsfile").unwrap(), "{host}");
        }
        let global = ours.global_known_hosts_files.clone().unwrap_or_default();
        assert_eq!(paths(&global).join(" "), one("globalknownhostsfile").unwrap(), "{host}");
        for (keyword, list) in lists(&ours) {
            let defaults: Vec<String> = nothing[keyword][0].split(',').map(str::to_owned).collect();
            let chosen = match list {
                Some(list) => choose(keyword, list, &defaults, known_to_ssh(keyword), String::clone).unwrap(),
                None => defaults,
            };
            assert_eq!(chosen.join(","), one(keyword).unwrap(), "{host}: {keyword}");
        }
    }
}

/// In files of their own: one `Match final` asks for the second pass of a whole file.
#[test]
fn a_match_that_is_not_final_asks_for_a_second_pass_too() {
    let folder = Folder::new("config-not-final");
    let named = "Host r1\n  HostName r1.example.net\n";
    let found = "Host r1.example.net\n  IdentityFile /keys/by-final-name\n  Port 2222\n";
    for asks in
        ["Match !final\n  User first\n", "Match !final host elsewhere\n  User first\n", "Match final\n  User last\n"]
    {
        let config = folder.file("config", &format!("{named}{asks}{found}"));
        let (ours, theirs) = (read(&config, "r1").unwrap(), ssh(&config, "r1"));
        assert_eq!(ours.user.as_ref(), theirs["user"].first(), "{asks}");
        assert_eq!(ours.port.map(|port| port.to_string()).as_ref(), theirs["port"].first(), "{asks}");
        let keys: Vec<String> = ours.identity_files.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(keys, theirs["identityfile"], "{asks}");
    }
}

#[test]
fn an_include_of_others_may_name_what_it_likes() {
    let folder = Folder::new("config-others");
    for what in ["~somebody/config", "/nowhere/[a-/b"] {
        let config = folder.file("config", &format!("Host b\n  Include {what}\nHost a\n  Port 2222\n"));
        assert_eq!(read(&config, "a").expect(what).port, Some(2222), "{what}");
        assert!(read(&config, "b").is_err(), "{what}");
    }
}

#[test]
fn what_cannot_be_followed_is_told_with_its_line() {
    let folder = Folder::new("config-wrong");
    for (text, told) in [
        ("Host a\n  Port 0\n", "line 2"),
        ("Host a\nHostName \"open\n", "line 2"),
        ("Match exec true\n", "Match exec"),
        ("Match host\n", "without a pattern"),
        ("\n\nIdentitiesOnly perhaps\n", "line 3"),
        ("User\n", "without a value"),
        ("IdentityFile /keys/%z\n", "%z"),
        ("CertificateFile /keys/%\n", "`%` at the end"),
        ("UserKnownHostsFile ${CONN_SHARE_IS_NOT_SET}/known\n", "no CONN_SHARE_IS_NOT_SET"),
        ("IdentityAgent ${CONN_SHARE_IS_NOT_SET}\n", "no CONN_SHARE_IS_NOT_SET"),
        ("HostName %p.lab\n", "%p"),
        ("IdentityFile ~somebody/key\n", "~somebody"),
        ("Include /nowhere/[a-/b\n", "Include /nowhere/[a-/b"),
        ("RevokedHostKeys /lab/revoked\n", "RevokedHostKeys"),
        ("Match originalhost a exec true\n", "line 1"),
    ] {
        let config = folder.file("config", text);
        let error = read(&config, "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(told), "{text:?}: {error}");
    }
    // A section that is not about the host may say what it likes, as long as it can be read.
    assert_eq!(read(&folder.file("config", "Host b\n  Port 0\n"), "a").unwrap().port, None);
    // What cannot be judged does no harm where the rest of the line is about others.
    let elsewhere = "Match originalhost b exec true\n  Port 2\nMatch all\n  Port 1\n  RevokedHostKeys none\n";
    assert_eq!(read(&folder.file("config", elsewhere), "a").unwrap().port, Some(1));
    let ring = folder.0.join("ring");
    std::fs::write(&ring, format!("Include {}\n", ring.display())).unwrap();
    assert!(read(&ring, "a").unwrap_err().to_string().contains("include each other"));
}

#[test]
fn tokens_and_the_home_folder_are_put_in() {
    let folder = Folder::new("config-tokens");
    let text = "Host r1\n  HostName %h.LAB\n  Port 2200\n  User ops\n  HostKeyAlias Key\n  IdentityFile ~/keys/%r@%h:%p-%n-%%-%k\n\
                  IdentityAgent ${CARGO_MANIFEST_DIR}/agent$\n\
                  UserKnownHostsFile %d/known ${CARGO_MANIFEST_DIR}/other\n  GlobalKnownHostsFile ~/all-%h\n";
    let config = folder.file("config", text);
    let found = read(&config, "r1").unwrap();
    let home = std::env::home_dir().unwrap();
    let of_variable = |name: &str| PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join(name);
    assert_eq!(found.identity_files, [home.join("keys/ops@r1.lab:2200-r1-%-key")]);
    assert_eq!(found.identity_agent.map(PathBuf::from), Some(of_variable("agent$")));
    assert_eq!(found.user_known_hosts_files.unwrap(), [home.join("known"), of_variable("other")]);
    assert_eq!(found.global_known_hosts_files.unwrap(), [home.join("all-%h")]);
    // What the caller has set goes before the file here, too.
    let asked = Asked { host: "r1", port: Some(22), user: Some("me") };
    let found = HostConfig::read(&Source::File(config), asked).unwrap();
    assert_eq!(found.identity_files, [home.join("keys/me@r1.lab:22-r1-%-key")]);
}

#[test]
fn none_of_the_files_are_no_files() {
    let folder = Folder::new("config-none");
    let config = folder.file("config", "UserKnownHostsFile none\nGlobalKnownHostsFile NONE\nIdentityFile None\n");
    let found = read(&config, "r1").unwrap();
    assert_eq!((found.user_known_hosts_files, found.global_known_hosts_files), (Some(vec![]), Some(vec![])));
    assert!(found.identity_files.is_empty());
}
