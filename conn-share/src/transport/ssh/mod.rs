//! SSH shells. The only place besides `sim` that names russh; none of its types leave this folder.

mod agent;
mod algorithms;
mod carrier;
mod events;
pub(crate) mod exec;
mod identity;
mod known_hosts;
mod login;
mod members;
mod pipe;
mod settings;
mod shared;
mod shell;
mod ssh_config;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use russh::client::{self, Config, Handle, Msg};
use russh::{ChannelId, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, Preferred};
use tokio::io::{AsyncRead, AsyncWrite};

use self::carrier::{Carrier, Seat};
use self::events::{Events, Fault};
use self::identity::KeyRing;
use self::known_hosts::HostRecord;
use self::members::Members;
use self::pipe::{End, Pipe};
use self::settings::Settings;
pub(crate) use self::shared::SharedTransports;
use self::shell::{Lifeline, Shell};
use self::wire::Wire;
use crate::deadline::Deadline;
use crate::transport::{COLUMNS, ROWS, Transport, printable, tcp};
use crate::{Error, ErrorKind, Result, Target};

const DEFAULT_PORT: u16 = 22;

/// A silent peer is asked this often whether it is still there: often enough to be found dead before a person gives
/// up, seldom enough that a thousand idle sessions cost a hundred small packets a second.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// So many questions may go without an answer.
const KEEPALIVES_UNANSWERED: u32 = 2;

/// A peer that gives no sign of life for this long is gone.
pub(crate) const PEER_PATIENCE: Duration = KEEPALIVE_EVERY.saturating_mul(KEEPALIVES_UNANSWERED + 1);

/// The terminal we say we are. Everybody knows it, it has no colours, and unlike `dumb` it brings neither the
/// warnings of pagers nor sideways scrolling.
const TERMINAL: &str = "vt100";

/// Opens a shell with a terminal on the target, through its jump hosts where it has any.
///
/// All phases take from `deadline`, and an error names the one it came in, and the jump host where it was not the target's.
///
/// # Errors
///
/// `Config` for an unusable key, known hosts file, SSH configuration or argument, `Unreachable`, `HostKey`,
/// `Authentication` for a refused login, `Busy` or `Refused` when there is no shell to be had, `Disconnected` when the
/// peer goes away on the way there, `Protocol` when it does not speak SSH, and `Timeout`.
///
/// # Cancel safety
///
/// The attempt is given up: the socket is closed and no task stays behind.
pub(crate) async fn open(target: &Target, deadline: Deadline) -> Result<Box<dyn Transport>> {
    let attempt = Attempt::new(target, deadline);
    attempt.run(target).await.map_err(|error| error.with_device(&target.name))
}

const READING_CONFIGURATION: &str = "reading the SSH configuration";
const OPENING_SHELL: &str = "opening the shell";
const TUNNELLING: &str = "connecting through a jump host";

struct Attempt {
    /// What people call the target.
    name: String,
    /// The sessions that others have open, where they may be used.
    shared: Option<SharedTransports>,
    deadline: Deadline,
    /// What was left of the deadline at the start, for the message.
    limit: Duration,
}

/// A host to log in to, with what its files say.
struct Prepared<'a> {
    settings: &'a Settings,
    keys: KeyRing,
    host: Arc<HostRecord>,
}

/// A host that took our login.
struct Session {
    life: Lifeline,
    handle: Handle<Events>,
    /// Its channels, when it is to have several.
    members: Option<Arc<Members>>,
}

/// How many channels a session is to have.
#[derive(Clone, Copy)]
enum Channels {
    /// One, and the two end together.
    One,
    Many,
}

impl Attempt {
    fn new(target: &Target, deadline: Deadline) -> Self {
        let limit = deadline.remaining().unwrap_or_default();
        Self { name: target.name.clone(), shared: target.shared.clone(), deadline, limit }
    }

    async fn run(&self, target: &Target) -> Result<Box<dyn Transport>> {
        let settings = self.phase(READING_CONFIGURATION, Settings::of(target)).await?;
        if let Some(shared) = &self.shared {
            return Ok(Box::new(shared.shell(self, &settings).await?));
        }
        let session = self.session(&settings, &settings.jumps, Channels::One).await?;
        Ok(Box::new(self.phase(OPENING_SHELL, session.shell()).await?))
    }

    /// Logs in through the hosts on the way, the nearest first.
    async fn session(&self, to: &Settings, way: &[Settings], channels: Channels) -> Result<Session> {
        // What is wrong with our own files is said before anybody is bothered.
        let prepared = self.prepare(to).await?;
        match way.split_last() {
            Some((hop, before)) => {
                let tunnel = self.tunnel(hop, before, (&to.host, to.port)).await;
                let at_hop = || format!("{}, at its jump host {}", self.name, hop.name);
                self.over(tunnel.map_err(|error| error.with_device(at_hop()))?, prepared, channels).await
            }
            None => {
                let dialled = tcp::dial(&to.host, to.port, self.deadline);
                let stream = self.phase("connecting", dialled).await?;
                self.over(tcp::QuickStart::new(stream), prepared, channels).await
            }
        }
    }

    /// A connection through a jump host, which itself is reached through those before it.
    fn tunnel<'a>(
        &'a self,
        hop: &'a Settings,
        before: &'a [Settings],
        to: (&'a str, u16),
    ) -> BoxFuture<'a, Result<Shell>> {
        Box::pin(async move {
            if let Some(shared) = &self.shared {
                return shared.tunnel(self, hop, before, to).await;
            }
            let session = self.session(hop, before, Channels::One).await?;
            self.phase(TUNNELLING, session.tunnel(to.0, to.1)).await
        })
    }

    /// A session for several channels.
    async fn carrier(&self, to: &Settings, way: &[Settings]) -> Result<Arc<Carrier>> {
        let session = self.session(to, way, Channels::Many).await?;
        Carrier::new(session).ok_or_else(|| Error::new(ErrorKind::Disconnected, "the session is gone"))
    }

    async fn prepare<'a>(&self, settings: &'a Settings) -> Result<Prepared<'a>> {
        let keys = self.phase("reading the key file", identity::load(settings)).await?;
        let host = self.phase("reading known hosts", host_record(settings)).await?;
        Ok(Prepared { settings, keys, host })
    }

    /// The session over an open byte stream.
    async fn over<S>(&self, stream: S, to: Prepared<'_>, channels: Channels) -> Result<Session>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Prepared { settings, keys, host } = to;
        let pipe = Arc::new(Pipe::new());
        // From here on a task of russh's owns the stream; dropping this ends it.
        let life = Lifeline::new(Arc::clone(&pipe));
        let members = match channels {
            Channels::One => None,
            Channels::Many => Some(Members::of(&pipe)),
        };
        let offered = algorithms::offered(&settings.algorithms, &host)?;
        let events = Events::new(Arc::clone(&pipe), Arc::clone(&host), members.clone());
        let mut handle = self.phase("exchanging keys", handshake(stream, &pipe, events, offered)).await?;
        if host.has_news() {
            self.phase("writing down the host key", write_down(host)).await?;
        }
        self.phase("logging in", login::log_in(&mut handle, &pipe, settings, keys)).await?;
        pipe.logged_in();
        Ok(Session { life, handle, members })
    }

    async fn phase<T>(&self, name: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.deadline.bound(work).await {
            Ok(done) => done.map_err(|error| error.with_phase(name)),
            Err(_) => Err(Error::timeout(name, self.limit)),
        }
    }
}

async fn host_record(settings: &Settings) -> Result<Arc<HostRecord>> {
    let (name, port) = settings.key_name();
    let (trust, name) = (settings.host_keys.clone(), name.to_owned());
    let record = tokio::task::spawn_blocking(move || HostRecord::read(&trust, &name, port)).await;
    record.map_err(|_| interrupted())?.map(Arc::new)
}

async fn handshake<S>(stream: S, pipe: &Arc<Pipe>, events: Events, offered: Preferred) -> Result<Handle<Events>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let wire = Wire::new(stream, Arc::clone(pipe));
    let connected = client::connect_stream(Arc::new(config(offered)), wire, events).await;
    connected.map_err(|fault| match (fault, pipe.ended()) {
        (Fault::Protocol(_), Some(end @ End::Lost { farewell: true, .. })) => end.into(),
        (fault, _) => fault.into(),
    })
}

fn config(preferred: Preferred) -> Config {
    Config {
        preferred,
        keepalive_interval: Some(KEEPALIVE_EVERY),
        keepalive_max: KEEPALIVES_UNANSWERED as usize,
        ..Config::default()
    }
}

async fn write_down(host: Arc<HostRecord>) -> Result<()> {
    tokio::task::spawn_blocking(move || host.write_down()).await.map_err(|_| interrupted())?
}

/// The runtime is shutting down, so its threads take no more work.
fn interrupted() -> Error {
    Error::new(ErrorKind::NotConnected, "the runtime is shutting down")
}

impl Session {
    /// Its one channel as a shell.
    async fn shell(self) -> Result<Shell> {
        let channel = open_shell(&self.handle, self.life.pipe()).await?;
        Ok(Shell::new(self.life, self.handle, channel))
    }

    /// Its one channel as a connection to somebody whom that host can reach.
    async fn tunnel(self, host: &str, port: u16) -> Result<Shell> {
        let opened = self.handle.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0).await;
        let channel = opened.map_err(|error| no_tunnel(error, self.life.pipe(), host, port))?;
        Ok(Shell::new(self.life, self.handle, channel.id()))
    }
}

fn no_tunnel(error: russh::Error, pipe: &Pipe, host: &str, port: u16) -> Error {
    let host = printable(host);
    match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed) => {
            Error::new(ErrorKind::Unreachable, format!("it cannot connect to {host}:{port}"))
        }
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
            Error::new(ErrorKind::Refused, format!("it does not let this user connect to {host}:{port}"))
        }
        error => lost(error, pipe),
    }
}

/// Why there is no channel.
fn lost(error: russh::Error, pipe: &Pipe) -> Error {
    match (&error, pipe.ended()) {
        (russh::Error::ChannelOpenFailure(_), _) | (_, None) => Fault::from(error).into(),
        (_, Some(end)) => end.into(),
    }
}

/// Opens the session's one channel, with a shell.
async fn open_shell(handle: &Handle<Events>, pipe: &Pipe) -> Result<ChannelId> {
    let channel = handle.channel_open_session().await.map_err(|error| lost(error, pipe))?;
    let id = channel.id();
    let (mut answers, requests) = channel.split();
    request_shell(&requests, &mut answers, pipe).await?;
    Ok(id)
}

/// Has a channel among others run a shell.
async fn start_shell(mut seat: Seat) -> Result<Shell> {
    let carrier = Arc::clone(seat.carrier());
    let gone = || lost(russh::Error::Disconnect, carrier.pipe());
    let mut answers = seat.answers().ok_or_else(gone)?;
    request_shell(seat.requests().ok_or_else(gone)?, &mut answers, carrier.pipe()).await?;
    Ok(Shell::seated(seat))
}

/// Asks for a terminal and a shell in one go and waits for both answers.
async fn request_shell(requests: &ChannelWriteHalf<Msg>, answers: &mut ChannelReadHalf, pipe: &Pipe) -> Result<()> {
    let lost = |error: russh::Error| lost(error, pipe);
    requests.request_pty(true, TERMINAL, COLUMNS.into(), ROWS.into(), 0, 0, &[]).await.map_err(lost)?;
    requests.request_shell(true).await.map_err(lost)?;
    for what in ["a terminal", "a shell"] {
        loop {
            match answers.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::Failure) => {
                    return Err(Error::new(ErrorKind::Refused, format!("the device refused {what}")));
                }
                Some(ChannelMsg::Close) | None => return Err(lost(russh::Error::Disconnect)),
                // Output that is already coming goes through the handler.
                Some(_) => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
