//! Servers that are no routers of FRR's: BIRD behind `sshd`, and the Telnet daemon in front of a login shell.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::login::Login;
use super::{Lab, frr, require, start_on_free_port};
use crate::{Failure, wait_for};

/// How many routes BIRD has: with two lines each, more than the terminal's height, beyond which `birdc` pages.
const BIRD_ROUTES: usize = 600;

/// What is started when it is first asked for.
#[derive(Default)]
pub(super) struct Others {
    telnetd: OnceLock<SocketAddr>,
    bird: OnceLock<()>,
}

impl Lab {
    /// Where the Telnet daemon listens: negotiates, then `login: ` and `Password: `, and the shell of a [`Login`].
    ///
    /// # Errors
    ///
    /// When it is missing or does not start.
    pub fn telnetd(&self) -> Result<SocketAddr, Failure> {
        require(&["/usr/sbin/telnetd", "socat"])?;
        if let Some(address) = self.others.telnetd.get() {
            return Ok(*address);
        }
        // It is made for inetd: the connection is its standard input and output.
        let address = start_on_free_port(&self.cage, "telnetd", |port| {
            format!("socat TCP-LISTEN:{port},bind=127.0.0.1,fork,nodelay EXEC:/usr/sbin/telnetd,nofork")
        })?;
        Ok(*self.others.telnetd.get_or_init(|| address))
    }

    /// Starts BIRD, to be talked to by [`Login::Bird`] and [`Lab::birdc`].
    ///
    /// # Errors
    ///
    /// When it is missing or does not start.
    pub fn start_bird(&self) -> Result<(), Failure> {
        require(&["/usr/sbin/bird", "/usr/sbin/birdc"])?;
        if self.others.bird.get().is_some() {
            return Ok(());
        }
        let dir = self.dir().display();
        let mut config = "router id 10.0.0.3;\nprotocol device {}\nprotocol static fixed {\n  ipv4;\n".to_owned();
        for network in 0..BIRD_ROUTES {
            writeln!(config, "  route {}/24 blackhole;", frr::prefix(network))?;
        }
        config.push_str("}\n");
        fs::write(self.dir().join("bird.conf"), config)?;
        self.cage.run(&format!(
            "ip netns add bird && ip netns exec bird /usr/sbin/bird -c {dir}/bird.conf -s {dir}/bird.ctl -P {dir}/bird.pid
chown {}: {dir}/bird.ctl",
            Login::Bird.user()
        ))?;
        let up = wait_for(Duration::from_secs(20), || {
            self.birdc("show route count").is_ok_and(|said| said.contains(&BIRD_ROUTES.to_string()))
        });
        up.ok_or("bird has not taken up its routes")?;
        self.others.bird.get_or_init(|| ());
        Ok(())
    }

    /// What BIRD answers to `command`, by `birdc`: the truth to compare with.
    ///
    /// # Errors
    ///
    /// When `birdc` is missing or fails.
    pub fn birdc(&self, command: &str) -> Result<String, Failure> {
        let mut birdc = Command::new("/usr/sbin/birdc");
        birdc.arg("-s").arg(self.dir().join("bird.ctl")).args(command.split_whitespace());
        let done = birdc.output().map_err(|error| format!("cannot run birdc (package bird2): {error}"))?;
        let said = String::from_utf8(done.stdout)?;
        match done.status.success() {
            // It greets, and then answers.
            true => Ok(said.split_once('\n').map(|(_, answer)| answer.to_owned()).unwrap_or_default()),
            false => Err(format!("birdc {command:?}: {said}").into()),
        }
    }
}
