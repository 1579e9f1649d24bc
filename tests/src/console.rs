//! A console server: ser2net in front of a serial line, one port raw and one with Telnet and RFC 2217.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use crate::lab::require;
use crate::{Cage, Failure, wait_for};

/// A pseudo-terminal that a program runs on stands for the serial line; whoever is connected there talks to that
/// program, and what the last user left is still there.
pub struct ConsoleServer {
    cage: Cage,
    raw: SocketAddr,
    telnet: SocketAddr,
}

impl ConsoleServer {
    /// Starts one whose line is the terminal of `program`, a shell command, which is started again whenever it ends.
    ///
    /// # Errors
    ///
    /// When a program is missing or does not start.
    pub fn start(program: &str) -> Result<Self, Failure> {
        require(&["ser2net", "socat", "ss"])?;
        let cage = Cage::new()?;
        let dir = cage.dir().display().to_string();
        fs::write(cage.dir().join("device"), format!("while true; do {program}\ndone\n"))?;
        // The line stays open whoever comes and goes, as a cable would.
        cage.run(&format!(
            "socat PTY,link={dir}/line,rawer EXEC:'bash {dir}/device',pty,setsid,ctty,stderr,sane >{dir}/device.out 2>&1 </dev/null &
             for _ in $(seq 100); do [ -e {dir}/line ] && break; sleep 0.05; done
             sleep infinity <{dir}/line >/dev/null 2>&1 &"
        ))?;
        // Between the choice of a port and the server's bind somebody else may take it: then others are tried.
        for _ in 0..5 {
            let [raw, telnet] = [free_port()?, free_port()?];
            let port = |accepter: &str, number: u16| {
                format!(
                    "connection: &port{number}\n  accepter: {accepter},127.0.0.1,{number}\n  connector: \
                     serialdev,{dir}/line,9600n81,local\n"
                )
            };
            let config = format!("%YAML 1.1\n---\n{}{}", port("tcp", raw), port("telnet(rfc2217),tcp", telnet));
            fs::write(cage.dir().join("ser2net.yaml"), config)?;
            cage.run(&format!(
                "ser2net -n -c {dir}/ser2net.yaml >{dir}/ser2net.out 2>&1 </dev/null & echo $! >{dir}/ser2net.pid"
            ))?;
            let listening = || {
                let open = cage.run("ss -ltnH").unwrap_or_default();
                [raw, telnet].iter().all(|port| open.contains(&format!("127.0.0.1:{port} ")))
            };
            if wait_for(Duration::from_secs(10), listening).is_some() {
                let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                return Ok(Self { cage, raw: at(raw), telnet: at(telnet) });
            }
            cage.run(&format!("kill $(cat {dir}/ser2net.pid) || true"))?;
        }
        let said = fs::read_to_string(cage.dir().join("ser2net.out")).unwrap_or_default();
        Err(format!("ser2net does not start: {}", said.trim()).into())
    }

    /// Its raw TCP port.
    pub fn raw(&self) -> SocketAddr {
        self.raw
    }

    /// Its Telnet port, for the same line.
    pub fn telnet(&self) -> SocketAddr {
        self.telnet
    }

    /// What the device's program and ser2net complained about.
    pub fn complaints(&self) -> String {
        let read = |name| fs::read_to_string(self.cage.dir().join(name)).unwrap_or_default();
        read("device.out") + &read("ser2net.out")
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
