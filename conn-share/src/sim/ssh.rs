//! The SSH server: lets clients in by password or key, and gives them one shell or one command each.

use std::sync::Arc;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};
use tokio::sync::oneshot;

use super::cli::{Cli, Entry};
use super::converse::converse;
use super::hub::Admission;
use super::wire::Wire;

/// The router's key from its seed.
pub(super) fn host_key(seed: &[u8; 32]) -> PrivateKey {
    Ed25519Keypair::from_seed(seed).into()
}

pub(super) fn config(host_key: PrivateKey) -> Arc<Config> {
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::Password);
    methods.push(MethodKind::PublicKey);
    Arc::new(Config {
        keys: vec![host_key],
        methods,
        // Who attacks a simulated router may as well learn how long it thinks about a password.
        auth_rejection_time: std::time::Duration::ZERO,
        inactivity_timeout: None,
        ..Config::default()
    })
}

/// Serves one client to its end.
pub(super) async fn serve(wire: Wire, config: Arc<Config>, admission: Admission) {
    let admission = Arc::new(admission);
    let (start, started) = oneshot::channel();
    let client = Client { admission: Arc::clone(&admission), start: Some(start), channel: None, echo: false };
    let life = Arc::clone(&admission.session.life);
    let serving = async {
        let Ok(mut running) = russh::server::run_stream(config, wire, client).await else { return };
        tokio::select! {
            shell = started => {
                if let Ok(shell) = shell {
                    shell.run(&admission).await;
                }
            }
            _ = &mut running => return,
        }
        // The shell is over, the connection is the client's to close.
        let _ = running.await;
    };
    tokio::select! {
        () = serving => {}
        () = life.ended() => {}
    }
}

/// A shell that a client asked for.
struct Shell {
    channel: Channel<Msg>,
    handle: Handle,
    entry: Entry,
}

impl Shell {
    async fn run(self, admission: &Admission) {
        let id = self.channel.id();
        let mut stream = self.channel.into_stream();
        let cli = Cli::new(admission.hub.model.clone(), admission.session.info.id, self.entry);
        converse(&mut stream, cli, None, admission).await;
        let _ = self.handle.exit_status_request(id, 0).await;
        let _ = self.handle.eof(id).await;
        let _ = self.handle.close(id).await;
    }
}

/// One client, as the protocol's machinery sees it.
struct Client {
    admission: Arc<Admission>,
    start: Option<oneshot::Sender<Shell>>,
    channel: Option<Channel<Msg>>,
    echo: bool,
}

impl Client {
    fn outcome(&self, user: &str, accepted: bool) -> Auth {
        self.admission.login(user, accepted);
        if accepted { Auth::Accept } else { Auth::reject() }
    }

    fn begin(&mut self, id: ChannelId, entry: Entry, session: &mut Session) -> Result<(), russh::Error> {
        match (self.channel.take(), self.start.take()) {
            (Some(channel), Some(start)) => {
                session.channel_success(id)?;
                let _ = start.send(Shell { channel, handle: session.handle(), entry });
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        if self.admission.hub.model.is_open() {
            return Ok(self.outcome(user, true));
        }
        // Clients ask this to learn the methods: not a failed login.
        Ok(Auth::reject())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let accepted = self.admission.hub.model.accepts_password(Some(user), password);
        Ok(self.outcome(user, accepted))
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let known = self.admission.hub.model.accepts_key(user, offer.public_key);
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let accepted = self.admission.hub.model.accepts_key(user, key.public_key);
        Ok(self.outcome(user, accepted))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        // One shell for each connection, so that a session of the record is one conversation.
        if self.start.is_none() || self.channel.is_some() {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        } else {
            self.channel = Some(channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.echo = true;
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.begin(channel, Entry::Shell { echo: self.echo }, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let line = String::from_utf8_lossy(line).into_owned();
        self.begin(channel, Entry::Once(line), session)
    }

    async fn channel_close(&mut self, _: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.admission.session.life.cut();
        Ok(())
    }
}

/// The key's line for a `known_hosts` file.
pub(super) fn known_hosts_line(address: std::net::SocketAddr, key: &PublicKey) -> String {
    let text = key.to_openssh().unwrap_or_default();
    // The text ends with the key's comment, which the file does not want.
    let key: Vec<&str> = text.split(' ').take(2).collect();
    format!("[{}]:{} {}", address.ip(), address.port(), key.join(" "))
}
