//! Hello, lock: a Telnet class of one's own, shared by two tasks.

use std::{io, net::SocketAddr, sync::Arc};

use conn_share::{ConnLock, Lockable, locked, sim::Router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Lockable)]
#[lockable(recover = Self::connect)] // what to do after a call was cut off half-way
struct Telnet {
    lock: ConnLock<Option<TcpStream>>, // one per instance; owns what the lock protects
    address: SocketAddr,
    password: String,
}

#[locked] // each of these waits for its turn
impl Telnet {
    async fn connect(&self) -> io::Result<()> {
        let stream = TcpStream::connect(self.address).await?;
        *self.lock.state() = Some(stream);
        self.receive("Password: ").await?;
        self.send(&self.password).await?;
        self.receive("> ").await?;
        self.execute("terminal length 0").await.map(drop)
    }

    async fn send(&self, text: &str) -> io::Result<()> {
        let mut state = self.lock.state();
        let stream = state.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(format!("{text}\r\n").as_bytes()).await
    }

    async fn receive(&self, end: &str) -> io::Result<String> {
        let mut state = self.lock.state();
        let mut stream = state.as_mut().ok_or(io::ErrorKind::NotConnected)?.take(1 << 20);
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            if stream.read_buf(&mut text).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    async fn execute(&self, command: &str) -> io::Result<String> {
        self.send(command).await?; // goes in: the same instance, the same call chain
        self.receive("> ").await
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let router = Router::builder().user("admin", "pw").telnet_without_options().start().await?;
    let (address, password) = (router.telnet_addr(), "pw".to_owned());
    let telnet = Arc::new(Telnet { lock: ConnLock::default(), address, password });
    telnet.connect().await?;
    let other = Arc::clone(&telnet);
    let task = tokio::spawn(async move { other.execute("show ip route").await });
    let version = telnet.execute("show version").await?;
    let routes = task.await??;
    println!("show version: {} lines, show ip route: {} lines", version.lines().count(), routes.lines().count());
    Ok(())
}
