//! The device that an example talks to: a real one, or a simulated router.

use std::io;
use std::time::Duration;

use conn_share::sim::Router;
use conn_share::{ConnectOptions, Credential, Device, HostKeys, Path, Platform};

use crate::{Address, KnownHosts, Options, secret};

/// What an example may end in.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A device with the paths `mgmt` (SSH) and `console` (Telnet), or the one of them that there is.
#[derive(Debug)]
pub struct Lab {
    device: Device,
    simulated: Option<Simulated>,
}

/// A simulated router, and the file with its host key, which goes with it.
#[derive(Debug)]
struct Simulated {
    router: Router,
    known_hosts: KnownHosts,
}

impl Lab {
    /// The device that the options point at, unconnected; a simulated router where they point at none.
    ///
    /// # Errors
    ///
    /// A secret is missing, an option is not valid, or the simulated router cannot be started.
    pub async fn open(options: &Options) -> Outcome<Self> {
        if options.ssh.is_some() || options.telnet.is_some() {
            return Ok(Self { device: real_device(options)?, simulated: None });
        }
        let simulated = Simulated::start().await?;
        Ok(Self { device: simulated.device()?, simulated: Some(simulated) })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The simulated router, if it is one.
    pub fn router(&self) -> Option<&Router> {
        self.simulated.as_ref().map(|simulated| &simulated.router)
    }

    /// Disconnects everything, and ends the simulated router.
    ///
    /// # Errors
    ///
    /// A connection did not close cleanly.
    pub async fn close(self) -> Outcome {
        // The router ends when it is dropped.
        Ok(self.device.disconnect_all().await?)
    }
}

impl Simulated {
    async fn start() -> io::Result<Self> {
        // Slow enough to see who waits for whom.
        let latency = Duration::from_millis(40);
        let router = Router::builder().user("admin", "pw").enable("secret").latency(latency).start().await?;
        let known_hosts = KnownHosts::of([&router])?;
        Ok(Self { router, known_hosts })
    }

    fn device(&self) -> conn_share::Result<Device> {
        let (ssh, telnet) = (self.router.ssh_addr(), self.router.telnet_addr());
        let trusted = self.known_hosts.trusted();
        let mgmt = Path::ssh(ssh.ip().to_string()).port(ssh.port()).options(ConnectOptions::new().host_keys(trusted));
        let console = Path::telnet(telnet.ip().to_string()).port(telnet.port());
        let device = Device::builder(self.router.hostname()).os("frr").login("admin", "pw").enable("secret");
        device.path("mgmt", mgmt).path("console", console).build()
    }
}

fn real_device(options: &Options) -> Outcome<Device> {
    let password = match secret("CONN_SHARE_PASSWORD", "Password")? {
        None if options.key.is_none() => {
            return Err("no password: set CONN_SHARE_PASSWORD, or run on a terminal to be asked".into());
        }
        password => password,
    };
    let login = |address: &Address| {
        let mut login = Credential::default();
        login.username = address.user.clone().unwrap_or_default();
        login.password = password.clone();
        login.key = options.key.clone();
        login
    };
    let name = options.ssh.as_ref().or(options.telnet.as_ref()).map_or("device", |address| address.host.as_str());
    let mut device = Device::builder(name).os(&options.os);
    if options.os.ends_with(".yaml") {
        device = device.custom_platform(Platform::load(&options.os)?);
    }
    if let Some(address) = &options.ssh {
        let mut trusted = HostKeys::known();
        if let Some(file) = &options.known_hosts {
            trusted = trusted.file(file);
        }
        let connect = ConnectOptions::new().host_keys(trusted);
        let path = at(Path::ssh(&address.host), address).credential("default", login(address)).options(connect);
        device = device.path("mgmt", path);
    }
    if let Some(address) = &options.telnet {
        device = device.path("console", at(Path::telnet(&address.host), address).credential("default", login(address)));
        if let Some(enable) = secret("CONN_SHARE_ENABLE", "Enable secret (empty for none)")? {
            device = device.enable(enable);
        }
    }
    Ok(device.build()?)
}

fn at(path: Path, address: &Address) -> Path {
    match address.port {
        Some(port) => path.port(port),
        None => path,
    }
}
