//! Two real routers, and the ways in.

mod frr;
pub(crate) mod login;
mod others;
mod record;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::{Cage, Failure, Process, wait_for};

use others::Others;

pub use login::Login;
pub use record::Asked;

/// How long the routers may take to find each other; they need three seconds on an idle machine.
const CONVERGENCE: Duration = Duration::from_secs(90);

/// How a lab differs from the usual one.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// How many networks router 2 announces by BGP: each is a line of some 70 bytes in `show ip bgp`.
    pub routes: usize,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self { routes: 200 }
    }
}

/// A daemon of router 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// Routes and interfaces; its Telnet line is the lab's.
    Zebra,
    /// OSPF.
    Ospfd,
    /// BGP.
    Bgpd,
}

impl Daemon {
    fn name(self) -> &'static str {
        match self {
            Self::Zebra => "zebra",
            Self::Ospfd => "ospfd",
            Self::Bgpd => "bgpd",
        }
    }
}

/// Two FRRouting routers joined by a virtual cable, OSPF and BGP up and tables filled, and the ways into the first:
/// SSH with the router's shell, and its own Telnet line.
pub struct Lab {
    cage: Cage,
    routes: usize,
    ssh: SocketAddr,
    telnet: SocketAddr,
    others: Others,
}

impl Lab {
    /// The lab that tests of one process share: for those that only look, and open few sessions.
    ///
    /// # Panics
    ///
    /// When it cannot be started; the message says what is missing.
    pub fn shared() -> &'static Self {
        static LAB: OnceLock<Lab> = OnceLock::new();
        LAB.get_or_init(|| match Self::start(&LabOptions::default()) {
            Ok(lab) => lab,
            Err(error) => panic!("{error}"),
        })
    }

    /// Starts one, and waits until both routers know all routes. For tests that freeze, kill or fill it.
    ///
    /// # Errors
    ///
    /// When a program is missing or fails, or the routers do not find each other within 90 seconds.
    pub fn start(options: &LabOptions) -> Result<Self, Failure> {
        require(&["ip", "vtysh", "sshd", "ssh-keygen", "socat", "ss", "/usr/lib/frr/bgpd"])?;
        let cage = Cage::new()?;
        let dir = cage.dir().to_owned();
        for (number, router) in [(1, "r1"), (2, "r2")] {
            frr::write_config(&dir.join(router), number, options.routes)?;
        }
        cage.run(&login::prepare(&dir)?)?;
        cage.run(&frr::start_script(&dir))?;

        // The line's port lies in the router's namespace; a socket in the file system leads out of it.
        let line = dir.join("telnet.sock");
        cage.run(&format!(
            "ip netns exec r1 socat UNIX-LISTEN:{},fork TCP:127.0.0.1:2601,nodelay >{}/line.out 2>&1 </dev/null &",
            line.display(),
            dir.display()
        ))?;
        let telnet = start_on_free_port(&cage, "line", |port| {
            format!("socat TCP-LISTEN:{port},bind=127.0.0.1,fork,nodelay UNIX-CONNECT:{}", line.display())
        })?;
        let ssh = start_on_free_port(&cage, "sshd", |port| {
            let config = dir.join(format!("sshd{port}.conf"));
            let _ = fs::write(&config, login::sshd_config(&dir, port));
            format!("$(command -v sshd) -D -e -f {}", config.display())
        })?;
        let lab = Self { cage, routes: options.routes, ssh, telnet, others: Others::default() };
        lab.write_known_hosts()?;
        lab.wait_for_routes()?;
        Ok(lab)
    }

    /// Where `sshd` listens.
    pub fn ssh(&self) -> SocketAddr {
        self.ssh
    }

    /// Where router 1's own Telnet line listens: `Password:`, then `r1> `.
    pub fn telnet(&self) -> SocketAddr {
        self.telnet
    }

    /// The password of every [`Login`].
    pub fn password(&self) -> &'static str {
        login::PASSWORD
    }

    /// What the Telnet line asks for at login.
    pub fn line_password(&self) -> &'static str {
        frr::LINE_PASSWORD
    }

    /// What the Telnet line asks for at `enable`.
    pub fn enable_secret(&self) -> &'static str {
        frr::ENABLE_SECRET
    }

    /// A program that is the router's shell, for a terminal.
    pub fn shell(&self) -> PathBuf {
        self.dir().join("r1-shell")
    }

    /// The private key that every [`Login`] takes.
    pub fn key(&self) -> PathBuf {
        self.dir().join("user_key")
    }

    /// A private key that no account takes.
    pub fn wrong_key(&self) -> PathBuf {
        self.dir().join("other_key")
    }

    /// A `known_hosts` file with the host key of `sshd`.
    pub fn known_hosts(&self) -> PathBuf {
        self.dir().join("known_hosts")
    }

    /// A `known_hosts` file in which `sshd` has another key.
    pub fn changed_known_hosts(&self) -> PathBuf {
        self.dir().join("changed_known_hosts")
    }

    /// A `known_hosts` file that does not know `sshd`.
    pub fn empty_known_hosts(&self) -> PathBuf {
        self.dir().join("empty_known_hosts")
    }

    /// How many networks router 2 announces.
    pub fn routes(&self) -> usize {
        self.routes
    }

    /// The address of the network that router 2 announces under this number, modulo their count.
    pub fn address(&self, network: usize) -> String {
        frr::prefix(network % self.routes)
    }

    /// What router 1 answers to `command`, by `vtysh -c`: the truth to compare with.
    pub fn vtysh(&self, command: &str) -> Result<String, Failure> {
        let r1 = self.dir().join("r1");
        let done = Command::new("vtysh")
            .arg("--vty_socket")
            .arg(&r1)
            .arg("--config_dir")
            .arg(&r1)
            .args(["-c", command])
            .output()
            .map_err(|error| format!("cannot run vtysh (package frr): {error}"))?;
        match done.status.success() {
            true => Ok(String::from_utf8(done.stdout)?),
            false => Err(format!("vtysh -c {command:?}: {}", String::from_utf8_lossy(&done.stderr).trim()).into()),
        }
    }

    /// The commands that a daemon of router 1 has answered, in the order in which it took them up: its own record. It
    /// works on one at a time.
    pub fn record(&self, daemon: Daemon) -> Vec<Asked> {
        let log = fs::read_to_string(self.dir().join(format!("r1/{}.log", daemon.name()))).unwrap_or_default();
        record::parse(&log)
    }

    /// How many sessions wait for this daemon to take up what they asked, by the queues of its socket. Of use while
    /// it is held.
    pub fn unanswered(&self, daemon: Daemon) -> Result<usize, Failure> {
        let sockets = self.cage.run(record::LIST_SOCKETS)?;
        Ok(record::queues(&sockets, &self.dir().join(format!("r1/{}.vty", daemon.name()))))
    }

    /// How many bytes from Telnet sessions zebra has not read yet. Of use while it is held.
    pub fn line_queue(&self) -> Result<usize, Failure> {
        let sockets = self.cage.run("ip netns exec r1 ss -t -n -H state established '( sport = :2601 )'")?;
        // `RECV-Q SEND-Q OURS THEIRS`: the state is left out, as all have the same.
        let queues = sockets.lines().filter_map(|socket| socket.split_whitespace().next()?.parse::<usize>().ok());
        Ok(queues.sum())
    }

    /// What `sshd` wrote: who came, by which way, and who left.
    pub fn sshd_record(&self) -> String {
        fs::read_to_string(self.dir().join("sshd.out")).unwrap_or_default()
    }

    /// The router shells of the sessions that are open now.
    pub fn shells(&self) -> Vec<Process> {
        let dir = self.dir().display().to_string();
        Process::all(|process| match process.command()[..] {
            ["vtysh", "--vty_socket", socket, "--config_dir", _] => socket.starts_with(&dir),
            _ => false,
        })
    }

    /// Stops a daemon of router 1 where it is, so that every command it has to answer stays unanswered.
    ///
    /// OSPF gives up its neighbour after four seconds without ospfd; BGP bears three minutes without bgpd.
    pub fn hold(&self, daemon: Daemon) -> Result<Held, Failure> {
        let config = self.dir().join(format!("r1/{}.conf", daemon.name())).display().to_string();
        let program = format!("/usr/lib/frr/{}", daemon.name());
        let found = Process::all(|process| {
            let command = process.command();
            command.first() == Some(&program.as_str()) && command.contains(&config.as_str())
        });
        let Some(process) = found.into_iter().next() else { return Err("the daemon does not run".into()) };
        process.freeze()?;
        wait_for(Duration::from_secs(10), || process.is_frozen()).ok_or("the daemon does not stop")?;
        Ok(Held(process))
    }

    fn dir(&self) -> &Path {
        self.cage.dir()
    }

    fn write_known_hosts(&self) -> Result<(), Failure> {
        for (name, key) in [("known_hosts", "host_key.pub"), ("changed_known_hosts", "other_key.pub")] {
            let key = fs::read_to_string(self.dir().join(key))?;
            fs::write(self.dir().join(name), format!("[127.0.0.1]:{} {}\n", self.ssh.port(), key.trim()))?;
        }
        fs::write(self.empty_known_hosts(), "")?;
        Ok(())
    }

    /// Waits until the tables have come to rest: all BGP routes and the other router's OSPF route in zebra, and
    /// both routers' link states with the cable's two ends in them.
    fn wait_for_routes(&self) -> Result<(), Failure> {
        let mut state = String::new();
        let settled = wait_for(CONVERGENCE, || {
            let routes = self.vtysh("show ip route").unwrap_or_default();
            let links = self.vtysh("show ip ospf database").unwrap_or_default();
            let best = routes.lines().filter(|line| line.starts_with("B>* ")).count();
            let whole = links.lines().filter(|line| line.starts_with("10.0.0.") && line.trim().ends_with(" 3")).count();
            state = format!("{best} of {} BGP routes, {whole} of 2 OSPF routers", self.routes);
            best == self.routes && whole == 2 && routes.contains("\nO>* 10.0.0.2/32")
        });
        if settled.is_some() {
            return Ok(());
        }
        let said = ["zebra", "ospfd", "bgpd"]
            .map(|daemon| fs::read_to_string(self.dir().join(format!("r1/{daemon}.out"))).unwrap_or_default());
        Err(format!("the routers did not find each other within {CONVERGENCE:?}: {state}; {said:?}").into())
    }
}

/// A daemon that has been stopped: goes on when this is dropped.
#[must_use = "the daemon goes on when this is dropped"]
pub struct Held(Process);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.thaw();
    }
}

/// Starts a server in the cage on a loopback port that is free, and waits until it listens. Its output goes to
/// `NAME.out` in the cage's folder.
pub(crate) fn start_on_free_port(
    cage: &Cage,
    name: &str,
    command: impl Fn(u16) -> String,
) -> Result<SocketAddr, Failure> {
    let mut said = String::new();
    // Between the choice of a port and the server's bind somebody else may take it: then another port is tried.
    for _ in 0..5 {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let output = cage.dir().join(format!("{name}.out"));
        cage.run(&format!("{{ {}; echo ended; }} >{} 2>&1 </dev/null &", command(address.port()), output.display()))?;
        let mut ended = false;
        let up = wait_for(Duration::from_secs(20), || {
            said = fs::read_to_string(&output).unwrap_or_default();
            ended = said.ends_with("ended\n");
            ended || TcpStream::connect(address).is_ok()
        });
        if up.is_some() && !ended {
            return Ok(address);
        }
    }
    Err(format!("{name} does not start: {}", said.trim()).into())
}

/// Says at once which programs are missing, and how to get them.
pub(crate) fn require(programs: &[&str]) -> Result<(), Failure> {
    let found = |program: &&&str| {
        let done = Command::new("sh").args(["-c", "command -v \"$0\"", program]).output();
        done.is_ok_and(|done| done.status.success())
    };
    let missing: Vec<_> = programs.iter().filter(|program| !found(program)).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("the real-server tests need {missing:?}: run ./tests/run, or install the packages it lists")
                .into())
        }
    }
}
