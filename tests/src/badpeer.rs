//! Servers nobody wants to meet, on loopback ports of their own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a bad peer does to everybody who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes the connection, reads, and never says a word.
    Mute,
    /// Says this and closes.
    SaysThenCloses(&'static [u8]),
    /// Says this, waits for the first bytes of an answer, and closes.
    ClosesOnAnswer(&'static [u8]),
    /// Says this and then nothing more, whatever it is told.
    SaysThenMute(&'static [u8]),
    /// Repeats this for as long as somebody reads.
    Floods(&'static [u8]),
}

/// A bad peer, which serves until it is dropped.
pub struct BadPeer {
    address: SocketAddr,
    callers: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl BadPeer {
    /// Starts one; needs a Tokio runtime.
    pub async fn start(behaviour: Behaviour) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let callers = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(listener, behaviour, Arc::clone(&callers)));
        Ok(Self { address, callers, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many have called so far.
    pub fn callers(&self) -> usize {
        self.callers.load(Ordering::Relaxed)
    }
}

impl Drop for BadPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A loopback port that refuses: nobody listens there, and nobody else can while this is held.
pub struct RefusedPort(tokio::net::TcpSocket, SocketAddr);

impl RefusedPort {
    /// Takes one.
    pub fn new() -> std::io::Result<Self> {
        // Bound, but not listening: the kernel refuses connections and gives the port to no one else.
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        Ok(Self(socket, address))
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        debug_assert!(self.0.local_addr().is_ok());
        self.1
    }
}

async fn serve(listener: TcpListener, behaviour: Behaviour, callers: Arc<AtomicUsize>) {
    let mut conversations = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        callers.fetch_add(1, Ordering::Relaxed);
        conversations.spawn(answer(stream, behaviour.clone()));
    }
}

/// One conversation; how it ends is the caller's business.
async fn answer(mut stream: TcpStream, behaviour: Behaviour) {
    let _ = match behaviour {
        Behaviour::Mute => swallow(&mut stream).await,
        Behaviour::SaysThenCloses(text) => stream.write_all(text).await,
        Behaviour::SaysThenMute(text) => match stream.write_all(text).await {
            Ok(()) => swallow(&mut stream).await,
            failed => failed,
        },
        Behaviour::ClosesOnAnswer(text) => match stream.write_all(text).await {
            Ok(()) => stream.read(&mut [0; 256]).await.map(drop),
            failed => failed,
        },
        Behaviour::Floods(text) => flood(&mut stream, text).await,
    };
}

async fn swallow(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn flood(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    loop {
        stream.write_all(text).await?;
    }
}
