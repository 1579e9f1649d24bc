//! The router: what listens, and what a test holds in its hand.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::server::Config;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::gate::Barrier;
use super::hub::Hub;
use super::telnet::TelnetStyle;
use super::wire::Wire;
use super::{Event, Fault, Gate, Protocol, RouterBuilder, Scope, SessionId, SessionInfo, ssh, telnet};

/// A simulated router, served over SSH and Telnet on the loopback interface.
///
/// It lives in the Tokio runtime that started it, until it is stopped or dropped; its sessions end with it.
pub struct Router {
    hub: Arc<Hub>,
    front: Arc<Front>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

/// Where and how clients are received.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) ssh: SocketAddr,
    pub(super) telnet: SocketAddr,
    pub(super) ssh_config: Arc<Config>,
    pub(super) telnet_style: TelnetStyle,
}

impl Router {
    /// Describes a router; [`RouterBuilder::start`] starts it.
    pub fn builder() -> RouterBuilder {
        RouterBuilder::default()
    }

    pub(super) async fn start(hub: Hub, ssh_config: Arc<Config>, telnet_style: TelnetStyle) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (ssh, telnet) = (TcpListener::bind(any).await?, TcpListener::bind(any).await?);
        let front = Front { ssh: ssh.local_addr()?, telnet: telnet.local_addr()?, ssh_config, telnet_style };
        let router = Self { hub: Arc::new(hub), front: Arc::new(front), acceptor: Mutex::new(None) };
        router.accept_on(ssh, telnet);
        Ok(router)
    }

    /// Where it listens for SSH.
    pub fn ssh_addr(&self) -> SocketAddr {
        self.front.ssh
    }

    /// Where it listens for Telnet.
    pub fn telnet_addr(&self) -> SocketAddr {
        self.front.telnet
    }

    /// Its host name now: `configure terminal` may have changed it.
    pub fn hostname(&self) -> String {
        self.hub.model.hostname()
    }

    /// Its running configuration now, as `show running-config` prints it.
    pub fn running_config(&self) -> String {
        self.hub.model.config().text()
    }

    /// Its SSH host key as a line for a `known_hosts` file.
    pub fn host_key_line(&self) -> String {
        let keys = &self.front.ssh_config.keys;
        keys.first().map(|key| ssh::known_hosts_line(self.front.ssh, key.public_key())).unwrap_or_default()
    }

    /// Writes a `known_hosts` file that holds this router's key and nothing else.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    ///
    /// # Blocking
    ///
    /// Writes a small file with the standard library's blocking calls.
    pub fn write_known_hosts(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.host_key_line() + "\n")
    }

    /// The record: what happened so far, in order. The oldest of more than 100,000 events are forgotten.
    pub fn log(&self) -> Vec<Event> {
        self.hub.record.events()
    }

    /// Forgets the record. Numbers go on counting, and commands that run now still count as running.
    pub fn clear_log(&self) {
        self.hub.record.clear();
    }

    /// Waits for the first event in the record, past or to come, that satisfies `wanted`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when dropped.
    pub async fn logged(&self, wanted: impl FnMut(&Event) -> bool) -> Event {
        self.hub.record.find(wanted).await
    }

    /// The greatest number of commands that ran at the same time, since the start or [`Router::clear_log`].
    ///
    /// ```
    /// # #[cfg(not(feature = "telnet"))]
    /// # fn main() {}
    /// # #[cfg(feature = "telnet")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// use conn_share::sim::Router;
    /// use conn_share::{ConnectOptions, Device, Path, TelnetConnection, pcall};
    ///
    /// let router = Router::builder().user("admin", "pw").start().await.expect("loopback");
    /// let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// let device = Device::builder("r1").os("frr").login("admin", "pw").path("console", path).build()?;
    /// device.connect::<TelnetConnection>(ConnectOptions::via("console").pool_size(2)).await?;
    ///
    /// let gate = router.hold("show");
    /// let both = pcall(["show version", "show ip route"], |command| device.execute(command));
    /// let (results, ()) = tokio::join!(both, async {
    ///     gate.waiting_for(2).await; // both have started, on a worker each
    ///     gate.release();
    /// });
    /// assert!(results.iter().all(|result| result.is_ok()));
    /// assert_eq!(router.max_concurrent_commands(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_concurrent_commands(&self) -> usize {
        self.hub.record.most_running()
    }

    /// The sessions there are now, the oldest first.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.hub.sessions().iter().map(|session| session.info.clone()).collect()
    }

    /// Closes a session's connection, as if the network had lost it; whether there was such a session.
    ///
    /// ```
    /// # #[cfg(not(feature = "telnet"))]
    /// # fn main() {}
    /// # #[cfg(feature = "telnet")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// use conn_share::sim::Router;
    /// use conn_share::{ConnectOptions, Device, ErrorKind, Path, TelnetConnection};
    ///
    /// let router = Router::builder().user("admin", "pw").start().await.expect("loopback");
    /// let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// let device = Device::builder("r1").os("frr").login("admin", "pw").path("console", path).build()?;
    /// device.connect::<TelnetConnection>(ConnectOptions::via("console")).await?;
    ///
    /// let gate = router.hold("show version");
    /// let (answer, ()) = tokio::join!(device.execute("show version"), async {
    ///     gate.waiting().await;
    ///     router.kill_session(router.sessions()[0].id); // in the middle of the command
    /// });
    /// assert_eq!(answer.unwrap_err().kind(), ErrorKind::Disconnected);
    /// gate.release();
    /// device.execute("show version").await?; // on a new session
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill_session(&self, id: SessionId) -> bool {
        let session = self.hub.session(id);
        session.inspect(|session| session.life.cut()).is_some()
    }

    /// Holds from now on every command that begins with the words of `command`, until the gate is released.
    ///
    /// A held command is recorded as started. Its client may interrupt it with Ctrl-C, or leave.
    pub fn hold(&self, command: &str) -> Gate {
        let (gate, barrier) = Barrier::new(command);
        self.hub.add_barrier(barrier);
        gate
    }

    /// Prints a log line on every session's terminal, in the middle of whatever is there, as after `terminal
    /// monitor`. A terminal that is at its prompt gets a fresh one, with what was typed. One that does not keep up
    /// loses lines.
    pub fn announce(&self, line: &str) {
        for session in self.hub.sessions() {
            // Full: lost, as told above.
            let _ = session.monitor.try_send(line.to_owned());
        }
    }

    /// Makes something go wrong from now on.
    ///
    /// ```
    /// # #[cfg(not(feature = "telnet"))]
    /// # fn main() {}
    /// # #[cfg(feature = "telnet")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> conn_share::Result<()> {
    /// use std::time::Duration;
    ///
    /// use conn_share::sim::{Fault, Router, Scope};
    /// use conn_share::{ConnectOptions, Device, Path, TelnetConnection};
    ///
    /// let router = Router::builder().user("admin", "pw").start().await.expect("loopback");
    /// let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// let device = Device::builder("r1").os("frr").login("admin", "pw").path("console", path).build()?;
    /// let options = ConnectOptions::via("console").command_timeout(Duration::from_secs(1));
    /// device.connect::<TelnetConnection>(options).await?;
    ///
    /// router.inject(Scope::All, Fault::Mute);
    /// assert!(device.execute("show version").await.unwrap_err().is_timeout());
    /// router.clear_faults();
    /// device.execute("show version").await?; // back in step first, then its own answer
    /// # Ok(())
    /// # }
    /// ```
    pub fn inject(&self, scope: Scope, fault: Fault) {
        self.hub.inject(scope, &fault);
    }

    /// Takes all faults away: sessions that were frozen or mute go on.
    pub fn clear_faults(&self) {
        self.hub.clear_faults();
    }

    /// Stops listening and drops all sessions, as when the power fails. [`Router::power_on`] brings it back.
    ///
    /// # Cancel safety
    ///
    /// The router is off in any case; dropped early, some sessions may still be about to end.
    pub async fn power_off(&self) {
        if let Some(acceptor) = self.take_acceptor() {
            acceptor.abort();
            let _ = acceptor.await;
        }
        self.hub.switch_off();
        self.hub.emptied().await;
    }

    /// Listens again, on the same ports, with the configuration as it was. Does nothing to a router that is on.
    ///
    /// ```
    /// # #[cfg(not(feature = "telnet"))]
    /// # fn main() {}
    /// # #[cfg(feature = "telnet")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use conn_share::sim::Router;
    /// use conn_share::{ConnectOptions, Device, Path, TelnetConnection};
    ///
    /// let router = Router::builder().user("admin", "pw").start().await?;
    /// let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
    /// let device = Device::builder("r1").os("frr").login("admin", "pw").path("console", path).build()?;
    /// device.connect::<TelnetConnection>(ConnectOptions::via("console")).await?;
    ///
    /// router.power_off().await;
    /// assert!(device.execute("show version").await.is_err());
    /// router.power_on().await?;
    /// device.execute("show version").await?; // connects by itself
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Somebody else has taken a port in the meantime.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the router stays off.
    pub async fn power_on(&self) -> io::Result<()> {
        if self.acceptor.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let (ssh, telnet) = (TcpListener::bind(self.front.ssh).await?, TcpListener::bind(self.front.telnet).await?);
        self.hub.switch_on();
        self.accept_on(ssh, telnet);
        Ok(())
    }

    /// Ends all sessions and waits until nothing is left.
    ///
    /// # Cancel safety
    ///
    /// As with a dropped router, everything ends all the same.
    pub async fn stop(self) {
        self.power_off().await;
    }

    fn accept_on(&self, ssh: TcpListener, telnet: TcpListener) {
        let acceptor = tokio::spawn(accept(Arc::clone(&self.hub), Arc::clone(&self.front), ssh, telnet));
        let before = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner).replace(acceptor);
        debug_assert!(before.is_none(), "a router has one acceptor");
    }

    fn take_acceptor(&self) -> Option<JoinHandle<()>> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(acceptor) = self.take_acceptor() {
            acceptor.abort();
        }
        self.hub.switch_off();
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("hostname", &self.hostname())
            .field("ssh", &self.front.ssh)
            .field("telnet", &self.front.telnet)
            .finish_non_exhaustive()
    }
}

async fn accept(hub: Arc<Hub>, front: Arc<Front>, ssh: TcpListener, telnet: TcpListener) {
    loop {
        let (protocol, accepted) = tokio::select! {
            accepted = ssh.accept() => (Protocol::Ssh, accepted),
            accepted = telnet.accept() => (Protocol::Telnet, accepted),
        };
        match accepted {
            Ok((tcp, peer)) => receive(&hub, &front, protocol, tcp, peer),
            // No file descriptors left, most likely: wait for some to be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn receive(hub: &Arc<Hub>, front: &Front, protocol: Protocol, tcp: TcpStream, peer: SocketAddr) {
    let Some(admission) = hub.admit(protocol, peer) else { return };
    let _ = tcp.set_nodelay(true);
    let wire = Wire::new(tcp, Arc::clone(&admission.session.life));
    match protocol {
        Protocol::Ssh => tokio::spawn(ssh::serve(wire, Arc::clone(&front.ssh_config), admission)),
        Protocol::Telnet => tokio::spawn(telnet::serve(wire, front.telnet_style, admission)),
    };
}
