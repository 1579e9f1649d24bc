use std::collections::BTreeMap;
use std::process::Command;

use super::*;

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("conn-share-{}-config-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read(path: &Path, host: &str) -> Result<HostConfig> {
    HostConfig::read(&Source::File(path.to_owned()), host, None)
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
Host *.lab !r2.lab
    hostname %h.example.net
    ProxyJump ops@bastion:2222,[2001:db8::1]:22
    UserKnownHostsFile /known/one "/known/t w o"
    HostKeyAlias=lab-key
    IdentitiesOnly true
Host r2.lab
    User "o p s"
    IdentityFile none
    StrictHostKeyChecking accept-new
    ProxyJump none
Match host 192.0.2.* user admin
    IdentityFile /keys/by-address
Match originalhost r3,r4 !user root
    HostName r3.example.net
Match localuser nobody-at-all
    User never
Host ?5
    HostName 192.0.2.5
    Include INCLUDED
    User late
Host *
    IdentityFile /keys/all
    CertificateFile /keys/all-cert.pub # not the key
    User everybody
    Compression yes
    LocalForward 8080 localhost:80
Match all
    GlobalKnownHostsFile /known/global
"#;

#[test]
fn reads_what_ssh_reads() {
    let folder = Folder::new("judge");
    let included = folder.file("included", "User early\nHost nobody\n  User wrong\nHost r5\n  IdentityFile /keys/r5\n");
    let config = folder.file("config", &CONFIG.replace("INCLUDED", &included.display().to_string()));
    for host in ["r1", "r1.lab", "r2.lab", "x.lab", "r3", "r4", "r5", "elsewhere.example", "R1"] {
        let (ours, theirs) = (read(&config, host).unwrap(), ssh(&config, host));
        let one = |keyword: &str| theirs.get(keyword).and_then(|values| values.first().cloned());
        let all = |keyword: &str| theirs.get(keyword).cloned().unwrap_or_default();
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            ours.host_name.clone().unwrap_or(host.to_lowercase()).to_lowercase(),
            one("hostname").unwrap(),
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
        if let Some(files) = &ours.user_known_hosts_files {
            assert_eq!(paths(files).join(" "), one("userknownhostsfile").unwrap(), "{host}");
        }
        let global = ours.global_known_hosts_files.clone().unwrap_or_default();
        assert_eq!(paths(&global).join(" "), one("globalknownhostsfile").unwrap(), "{host}");
    }
}

#[test]
fn what_cannot_be_followed_is_told_with_its_line() {
    let folder = Folder::new("wrong");
    for (text, told) in [
        ("Host a\n  Port 0\n", "line 2"),
        ("Host a\nHostName \"open\n", "line 2"),
        ("Match exec true\n", "Match exec"),
        ("Match host\n", "without a pattern"),
        ("\n\nIdentitiesOnly perhaps\n", "line 3"),
        ("User\n", "without a value"),
    ] {
        let config = folder.file("config", text);
        let error = read(&config, "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(told), "{text:?}: {error}");
    }
    // A section that is not about the host may say what it likes, as long as it can be read.
    assert_eq!(read(&folder.file("config", "Host b\n  Port 0\n"), "a").unwrap().port, None);
    let ring = folder.0.join("ring");
    std::fs::write(&ring, format!("Include {}\n", ring.display())).unwrap();
    assert!(read(&ring, "a").unwrap_err().to_string().contains("include each other"));
}

#[test]
fn tokens_and_the_home_folder_are_put_in() {
    let folder = Folder::new("tokens");
    let text = "Host r1\n  HostName %h.lab\n  Port 2200\n  User ops\n  IdentityFile ~/keys/%r@%h:%p-%n-%%\n  UserKnownHostsFile %d/known ${HOME}/other\n";
    let found = read(&folder.file("config", text), "r1").unwrap();
    let home = std::env::home_dir().unwrap();
    assert_eq!(found.identity_files, [home.join("keys/ops@r1.lab:2200-r1-%")]);
    let variable =
        std::env::var("HOME").map_or_else(|_| "${HOME}/other".into(), |home| PathBuf::from(home).join("other"));
    assert_eq!(found.user_known_hosts_files.unwrap(), [home.join("known"), variable]);
}
