//! SSH shells. The only place besides `sim` that names russh; none of its types leave this folder.

mod algorithms;
mod events;
mod known_hosts;
mod login;
mod pipe;
mod shell;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Config, Handle, Msg};
use russh::keys::PrivateKey;
use russh::{Channel, ChannelMsg, Preferred};
use tokio::io::{AsyncRead, AsyncWrite};

use self::events::{Events, Fault};
use self::known_hosts::HostRecord;
use self::pipe::{End, Pipe};
use self::shell::{Lifeline, Shell};
use self::wire::Wire;
use crate::deadline::Deadline;
use crate::transport::{COLUMNS, ROWS, Transport, tcp};
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

/// Opens a shell with a terminal on the target.
///
/// All phases take from `deadline`, and an error names the one it came in.
///
/// The target's argument `ssh_algorithms` = `legacy` adds the old algorithms that old devices need.
///
/// # Errors
///
/// `Config` for an unusable key, known hosts file or argument, `Unreachable`, `HostKey`, `Authentication` for a refused login,
/// `Busy` or `Refused` when there is no shell to be had, `Disconnected` when the peer goes away on the way there,
/// `Protocol` when it does not speak SSH, and `Timeout`.
///
/// # Cancel safety
///
/// The attempt is given up: the socket is closed and no task stays behind.
pub(crate) async fn open(target: &Target, deadline: Deadline) -> Result<Box<dyn Transport>> {
    let limit = deadline.remaining().unwrap_or_default();
    let attempt = Attempt { target, deadline, limit };
    attempt.run().await.map_err(|error| error.with_device(&target.name))
}

struct Attempt<'a> {
    target: &'a Target,
    deadline: Deadline,
    /// What was left of the deadline at the start, for the message.
    limit: Duration,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Box<dyn Transport>> {
        let port = self.target.port.unwrap_or(DEFAULT_PORT);
        let key = self.phase("reading the key file", login::load_key(&self.target.credential)).await?;
        let host = self.phase("reading known hosts", self.host_record(port)).await?;
        let stream = self.phase("connecting", tcp::dial(&self.target.host, port, self.deadline)).await?;
        Ok(Box::new(self.over(stream, key, host).await?))
    }

    /// The shell over an open byte stream.
    async fn over<S>(&self, stream: S, key: Option<Arc<PrivateKey>>, host: Arc<HostRecord>) -> Result<Shell>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let pipe = Arc::new(Pipe::new());
        // From here on a task of russh's owns the stream; dropping this ends it.
        let life = Lifeline::new(Arc::clone(&pipe));
        let mut handle = self.phase("exchanging keys", self.handshake(stream, &pipe, &host)).await?;
        if host.has_news() {
            self.phase("writing down the host key", write_down(host)).await?;
        }
        let credential = &self.target.credential;
        self.phase("logging in", login::log_in(&mut handle, &pipe, credential, key)).await?;
        pipe.logged_in();
        let channel = self.phase("opening the shell", open_shell(&handle, &pipe)).await?;
        Ok(Shell::new(life, handle, channel.id()))
    }

    async fn phase<T>(&self, name: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.deadline.bound(work).await {
            Ok(done) => done.map_err(|error| error.with_phase(name)),
            Err(_) => Err(Error::timeout(name, self.limit)),
        }
    }

    async fn host_record(&self, port: u16) -> Result<Arc<HostRecord>> {
        let (trust, host) = (self.target.host_keys.clone(), self.target.host.clone());
        let record = tokio::task::spawn_blocking(move || HostRecord::read(&trust, &host, port)).await;
        record.map_err(|_| interrupted())?.map(Arc::new)
    }

    async fn handshake<S>(&self, stream: S, pipe: &Arc<Pipe>, host: &Arc<HostRecord>) -> Result<Handle<Events>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let wire = Wire::new(stream, Arc::clone(pipe));
        let events = Events::new(Arc::clone(pipe), Arc::clone(host));
        let config = config(algorithms::offered(self.target, host)?);
        let connected = client::connect_stream(Arc::new(config), wire, events).await;
        connected.map_err(|fault| match (fault, pipe.ended()) {
            (Fault::Protocol(_), Some(end @ End::Lost { farewell: true, .. })) => end.into(),
            (fault, _) => fault.into(),
        })
    }
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

/// Asks for a terminal and a shell in one go and waits for both answers.
async fn open_shell(handle: &Handle<Events>, pipe: &Pipe) -> Result<Channel<Msg>> {
    let lost = |error: russh::Error| match (&error, pipe.ended()) {
        (russh::Error::ChannelOpenFailure(_), _) | (_, None) => Error::from(Fault::from(error)),
        (_, Some(end)) => end.into(),
    };
    let mut channel = handle.channel_open_session().await.map_err(lost)?;
    channel.request_pty(true, TERMINAL, COLUMNS.into(), ROWS.into(), 0, 0, &[]).await.map_err(lost)?;
    channel.request_shell(true).await.map_err(lost)?;
    for what in ["a terminal", "a shell"] {
        loop {
            match channel.wait().await {
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
    Ok(channel)
}

#[cfg(test)]
mod tests;
