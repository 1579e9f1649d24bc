//! SSH servers without a router behind them, each set up as its test likes.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::lab::{login, require, start_on_free_port};
use crate::{Cage, Failure, Login, wait_for};

/// OpenSSH's server, dropbear and agents, with the accounts of a [`Lab`](crate::Lab); [`Login::Linux`] is the one to use.
pub struct Yard(Cage);

impl Yard {
    /// An empty one: accounts and keys, and nobody listens.
    ///
    /// # Errors
    ///
    /// When a program is missing, or without root.
    pub fn new() -> Result<Self, Failure> {
        require(&["sshd", "ssh-keygen", "ssh-agent", "ssh-add", "dropbear"])?;
        let cage = Cage::new()?;
        cage.run(&login::prepare(cage.dir())?)?;
        Ok(Self(cage))
    }

    /// The folder for everybody's files.
    pub fn dir(&self) -> &Path {
        self.0.dir()
    }

    /// Runs a script among the servers.
    ///
    /// # Errors
    ///
    /// When the script fails.
    pub fn run(&self, script: &str) -> Result<String, Failure> {
        self.0.run(script)
    }

    /// Who logs in.
    pub fn user(&self) -> &'static str {
        Login::Linux.user()
    }

    /// The password of every account.
    pub fn password(&self) -> &'static str {
        login::PASSWORD
    }

    /// Starts OpenSSH's server; `config` stands before the usual configuration, and there the first value counts.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn sshd(&self, name: &str, config: &str) -> Result<SocketAddr, Failure> {
        let dir = self.dir().to_owned();
        start_on_free_port(&self.0, name, |port| {
            let file = dir.join(format!("{name}{port}.conf"));
            // Host keys add up, so that one of its own takes the place of the usual one.
            let usual = login::sshd_config(&dir, port);
            let own_key = config.contains("HostKey ");
            let usual = usual.lines().filter(|line| !(own_key && line.starts_with("HostKey ")));
            let _ = fs::write(&file, format!("{config}\n{}\n", usual.collect::<Vec<_>>().join("\n")));
            format!("$(command -v sshd) -D -e -f {}", file.display())
        })
    }

    /// Starts dropbear with an ed25519 host key of its own.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn dropbear(&self, name: &str, options: &str) -> Result<SocketAddr, Failure> {
        let key = self.dir().join(format!("{name}_key"));
        self.run(&format!("dropbearkey -t ed25519 -f {0} >{0}.out 2>&1", key.display()))?;
        start_on_free_port(&self.0, name, |port| {
            format!("dropbear -F -E -r {} -p 127.0.0.1:{port} -P {}.pid {options}", key.display(), key.display())
        })
    }

    /// What a server wrote.
    pub fn record(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(format!("{name}.out"))).unwrap_or_default()
    }

    /// Makes a key pair of the servers' or the user's, with `ssh-keygen` and these options.
    ///
    /// # Errors
    ///
    /// When `ssh-keygen` refuses.
    pub fn key(&self, name: &str, options: &[&str]) -> Result<PathBuf, Failure> {
        let file = self.dir().join(name);
        let mut options = options.to_vec();
        if !options.contains(&"-N") {
            options.extend(["-N", ""]);
        }
        let done = Command::new("ssh-keygen").args(["-q", "-C", name]).args(options).arg("-f").arg(&file).output()?;
        match done.status.success() {
            true => Ok(file),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
        }
    }

    /// Lets these keys in, and no others: each line an option and a public key file, or the file alone.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    pub fn authorize(&self, keys: &[(&str, &Path)]) -> Result<(), Failure> {
        let mut lines = String::new();
        for (options, key) in keys {
            let public = fs::read_to_string(format!("{}.pub", key.display()))?;
            lines += format!("{options} {}\n", public.trim()).trim_start();
        }
        // sshd's, and dropbear's, which is particular about whose it is.
        fs::write(self.dir().join("authorized_keys"), &lines)?;
        let folder = self.dir().join(self.user()).join(".ssh");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("authorized_keys"), &lines)?;
        self.run(&format!("chown -R {0}:{0} {1} && chmod 700 {1}", self.user(), folder.display()))?;
        Ok(())
    }

    /// Starts an agent that keeps these keys, and gives its socket.
    ///
    /// # Errors
    ///
    /// When it does not start or does not take a key.
    pub fn agent(&self, name: &str, keys: &[&Path]) -> Result<PathBuf, Failure> {
        let socket = self.dir().join(format!("{name}.sock"));
        self.run(&format!("ssh-agent -D -a {0} >{0}.out 2>&1 </dev/null &", socket.display()))?;
        wait_for(Duration::from_secs(10), || socket.exists()).ok_or("the agent does not start")?;
        for key in keys {
            fs::set_permissions(key, fs::Permissions::from_mode(0o600))?;
            let done = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).output()?;
            if !done.status.success() {
                return Err(String::from_utf8_lossy(&done.stderr).into_owned().into());
            }
        }
        Ok(socket)
    }

    /// A `known_hosts` file with the public key `key` for `at`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    pub fn known_hosts(&self, name: &str, at: &[(SocketAddr, &Path)]) -> Result<PathBuf, Failure> {
        let mut lines = String::new();
        for (at, key) in at {
            let public = fs::read_to_string(format!("{}.pub", key.display()))?;
            lines += &format!("[{}]:{} {}\n", at.ip(), at.port(), public.trim());
        }
        let file = self.dir().join(name);
        fs::write(&file, lines)?;
        Ok(file)
    }

    /// The user's connections to `server` that are open now.
    ///
    /// # Errors
    ///
    /// When `ss` cannot be run.
    pub fn connections(&self, server: SocketAddr) -> Result<usize, Failure> {
        Ok(self.run(&format!("ss -t -n -H state established '( dport = :{} )'", server.port()))?.lines().count())
    }

    /// The host key of every [`Yard::sshd`] that is not told another.
    pub fn host_key(&self) -> PathBuf {
        self.dir().join("host_key")
    }
}
