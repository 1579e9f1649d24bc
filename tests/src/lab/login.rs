//! Accounts that exist inside the cage only, and the `sshd` that lets them in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::Failure;

/// An account of the lab's `sshd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Lands in the router's shell, prompt `r1# `.
    Router,
    /// Lands in an ordinary `bash`.
    Linux,
    /// Lands in BIRD's `birdc`, prompt `bird> `, once [`Lab::start_bird`](crate::Lab::start_bird) was called.
    Bird,
}

/// The password of every account, and what `crypt` makes of it.
pub(crate) const PASSWORD: &str = "conn-share words";
const PASSWORD_HASH: &str =
    "$6$connshare$PJzog0ggfmdqoCSvXEfCX0y1ICui0fs0Z8wkPwuQGtWN79DI7nk9vhA2uLVXiUn/hHOnNN897jCJe4CQ1I8Mj1";

impl Login {
    const ALL: [Self; 3] = [Self::Router, Self::Linux, Self::Bird];

    /// The user name.
    pub fn user(self) -> &'static str {
        match self {
            Self::Router => "conn-share-r1",
            Self::Linux => "conn-share-sh",
            Self::Bird => "conn-share-bird",
        }
    }

    fn id(self) -> u32 {
        match self {
            Self::Router => 64_211,
            Self::Linux => 64_212,
            Self::Bird => 64_213,
        }
    }
}

/// Writes accounts, keys and login shell into `dir`, and gives the script that puts the accounts in place of the
/// machine's, as far as the cage can see.
pub(crate) fn prepare(dir: &Path) -> Result<String, Failure> {
    let router = format!("exec vtysh --vty_socket {0}/r1 --config_dir {0}/r1", dir.display());
    let bird = format!("exec /usr/sbin/birdc -s {}/bird.ctl", dir.display());
    for (name, command) in [("r1-shell", router), ("bird-shell", bird)] {
        let shell = dir.join(name);
        fs::write(&shell, format!("#!/bin/sh\n{command}\n"))?;
        fs::set_permissions(&shell, fs::Permissions::from_mode(0o755))?;
    }

    let mut passwd = fs::read_to_string("/etc/passwd")?;
    let mut shadow = fs::read_to_string("/etc/shadow")?;
    let mut group = String::new();
    for line in fs::read_to_string("/etc/group")?.lines() {
        // Only this group may talk to the daemons' sockets.
        let member = match line.split(':').collect::<Vec<_>>()[..] {
            ["frrvty", _, _, members] => {
                format!("{}{}", if members.is_empty() { "" } else { "," }, Login::Router.user())
            }
            _ => String::new(),
        };
        group += &format!("{line}{member}\n");
    }
    for login in Login::ALL {
        let (user, id) = (login.user(), login.id());
        let home = dir.join(user);
        let shell = match login {
            Login::Router => dir.join("r1-shell").display().to_string(),
            Login::Bird => dir.join("bird-shell").display().to_string(),
            Login::Linux => "/bin/bash".to_owned(),
        };
        fs::create_dir(&home)?;
        std::os::unix::fs::chown(&home, Some(id), Some(id))?;
        passwd += &format!("{user}:x:{id}:{id}::{}:{shell}\n", home.display());
        shadow += &format!("{user}:{PASSWORD_HASH}:20000:0:99999:7:::\n");
        group += &format!("{user}:x:{id}:\n");
    }
    let mut script = String::new();
    for (name, text, mode) in [("passwd", passwd, 0o644), ("group", group, 0o644), ("shadow", shadow, 0o600)] {
        let file = dir.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        script += &format!("mount --bind {} /etc/{name}\n", file.display());
    }
    // The folder that a Debian sshd insists on; on a tmpfs of the cage, since the machine may have none.
    script += "mkdir -p /run/sshd\n";

    for name in ["host_key", "user_key", "other_key"] {
        make_key(&dir.join(name))?;
    }
    fs::copy(dir.join("user_key.pub"), dir.join("authorized_keys"))?;
    fs::set_permissions(dir.join("authorized_keys"), fs::Permissions::from_mode(0o644))?;
    Ok(script)
}

fn make_key(file: &Path) -> Result<(), Failure> {
    let done = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(file).output();
    let done = done.map_err(|error| format!("cannot run ssh-keygen (package openssh-client): {error}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
    }
}

/// The configuration of `sshd` on `port`. What is not named keeps its default: `MaxStartups` above all, which turns
/// away some of twenty logins at once.
pub(crate) fn sshd_config(dir: &Path, port: u16) -> String {
    format!(
        "ListenAddress 127.0.0.1:{port}
HostKey {0}/host_key
PidFile {0}/sshd.pid
AuthorizedKeysFile {0}/authorized_keys
# The folder's parent is open to all, as temporary folders are.
StrictModes no
# The accounts are not those that PAM of this machine knows.
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin no
LogLevel VERBOSE
PrintMotd no
PrintLastLog no
UseDNS no
",
        dir.display()
    )
}
