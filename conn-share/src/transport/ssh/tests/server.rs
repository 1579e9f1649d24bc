//! An SSH server to play against: in memory, scripted, and over a stream that can break anywhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, run_stream};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Disconnect, MethodKind, MethodSet, Preferred, Pty, Sig, cipher, kex, mac,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::task::AbortHandle;

pub(super) const USER: &str = "admin";
pub(super) const PASSWORD: &str = "correct horse";

/// Where the server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Login,
    Channel,
    Terminal,
    Shell,
}

/// What a server says about a command.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    Success,
    Failure,
    Output(&'static str),
    Complaint(&'static str),
    Status(u32),
    Killed,
    Eof,
    Close,
    /// Nothing more: the session ends.
    HangUp,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) host_keys: Vec<PrivateKey>,
    pub(super) methods: Vec<MethodKind>,
    /// Knows nothing but algorithms of long ago.
    pub(super) old: bool,
    /// What keyboard-interactive asks.
    pub(super) questions: &'static [&'static str],
    pub(super) authorized: Option<russh::keys::PublicKey>,
    pub(super) refuses: Option<At>,
    /// Ends its side of the session here, without a word.
    pub(super) hangs_up: Option<At>,
    /// Sends a farewell here.
    pub(super) sends_away: Option<(At, fn() -> Disconnect)>,
    /// Sent as soon as there is a shell; then everything is echoed.
    pub(super) greeting: Vec<u8>,
    /// Sends this again and again instead of echoing.
    pub(super) flood: bool,
    /// Logins as they were tried.
    pub(super) logins: Arc<Mutex<Vec<String>>>,
    /// Channels that are open now.
    pub(super) channels: Arc<AtomicUsize>,
    /// How many there may be at a time, in all sessions together.
    pub(super) room: Arc<AtomicUsize>,
    /// Channels that were refused since there was no room.
    pub(super) refused: Arc<AtomicUsize>,
    /// What is said to a command, in this order.
    pub(super) exec: &'static [Said],
    /// Takes so many bytes on a channel, or a few more, and is deaf from then on.
    pub(super) window: Option<u32>,
    /// Has one terminal for each session.
    pub(super) one_terminal: bool,
    /// Greets and closes each channel as soon as it is open.
    pub(super) closes: bool,
}

impl Script {
    pub(super) fn new() -> Self {
        Self {
            host_keys: vec![ed25519(1)],
            methods: vec![MethodKind::Password, MethodKind::PublicKey],
            old: false,
            questions: &["Password: "],
            authorized: None,
            refuses: None,
            hangs_up: None,
            sends_away: None,
            greeting: b"r1# ".to_vec(),
            flood: false,
            logins: Arc::default(),
            channels: Arc::default(),
            room: Arc::new(AtomicUsize::new(usize::MAX)),
            refused: Arc::default(),
            exec: &[],
            window: None,
            one_terminal: false,
            closes: false,
        }
    }

    /// The client's end of a stream to a server that plays this.
    pub(super) fn serve(&self) -> DuplexStream {
        let (client, server) = duplex(64 * 1024);
        self.serve_on(server);
        client
    }

    /// Like [`Script::serve`], but the first `bytes` from the server are all that arrive; then comes `then`.
    pub(super) fn serve_until(&self, bytes: usize, then: Break) -> Breaking {
        Breaking { stream: self.serve(), left: Arc::new(AtomicUsize::new(bytes)), then }
    }

    /// Like [`Script::serve`], but it breaks when told so.
    pub(super) fn serve_until_told(&self, then: Break) -> (Breaking, Switch) {
        let stream = self.serve_until(usize::MAX, then);
        let switch = Switch(Arc::clone(&stream.left));
        (stream, switch)
    }

    pub(super) fn serve_on(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let preferred = if self.old {
            Preferred {
                kex: vec![kex::DH_G1_SHA1].into(),
                cipher: vec![cipher::AES_128_CBC].into(),
                mac: vec![mac::HMAC_SHA1].into(),
                ..Preferred::DEFAULT
            }
        } else {
            Preferred::DEFAULT
        };
        let config = Config {
            preferred,
            methods: MethodSet::from(self.methods.as_slice()),
            keys: self.host_keys.clone(),
            auth_rejection_time: std::time::Duration::ZERO,
            auth_rejection_time_initial: Some(std::time::Duration::ZERO),
            inactivity_timeout: None,
            window_size: self.window.unwrap_or(Config::default().window_size),
            ..Config::default()
        };
        let actor = Actor { script: self.clone(), floods: HashMap::new(), terminals: 0 };
        tokio::spawn(async move {
            if let Ok(session) = run_stream(Arc::new(config), stream, actor).await {
                let _ = session.await;
            }
        });
    }
}

/// How a stream breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    Close,
    /// Nothing more arrives and nothing more is taken, and nobody says so.
    Freeze,
    /// Nothing more arrives, and what is sent goes nowhere.
    Vanish,
}

/// A stream that breaks after so many bytes from the server.
pub(super) struct Breaking {
    stream: DuplexStream,
    left: Arc<AtomicUsize>,
    then: Break,
}

pub(super) struct Switch(Arc<AtomicUsize>);

impl Switch {
    pub(super) fn break_it(&self) {
        self.0.store(0, Relaxed);
    }
}

impl AsyncRead for Breaking {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.left.load(Relaxed);
        if left == 0 {
            return if self.then == Break::Close { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let mut piece = vec![0; left.min(buf.remaining())];
        let mut piece = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        buf.put_slice(piece.filled());
        self.left.fetch_sub(piece.filled().len(), Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match (self.left.load(Relaxed), self.then) {
            (0, Break::Freeze) => Poll::Pending,
            (0, Break::Vanish) => Poll::Ready(Ok(data.len())),
            (0, Break::Close) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            _ => Pin::new(&mut self.stream).poll_write(cx, data),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

pub(super) fn ed25519(seed: u8) -> PrivateKey {
    russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]).into()
}

pub(super) fn ecdsa() -> PrivateKey {
    let algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
    PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).unwrap()
}

struct Actor {
    script: Script,
    floods: HashMap<ChannelId, AbortHandle>,
    terminals: usize,
}

impl Actor {
    /// Plays what the script says for this place; true when the request is to be granted.
    fn play(&self, at: At, session: Option<&mut Session>) -> Result<bool, russh::Error> {
        if self.script.hangs_up == Some(at) {
            return Err(russh::Error::Disconnect);
        }
        if let (Some((place, reason)), Some(session)) = (self.script.sends_away, session)
            && place == at
        {
            session.disconnect(reason(), "go\x1b[31m away", "")?;
        }
        Ok(self.script.refuses != Some(at))
    }

    /// Sends this again and again, until the channel is closed or the session ends.
    fn flood(&mut self, channel: ChannelId, session: &Session, piece: Vec<u8>) {
        let handle = session.handle();
        let flood = tokio::spawn(async move { while handle.data(channel, piece.clone()).await.is_ok() {} });
        self.floods.insert(channel, flood.abort_handle());
    }

    fn note(&self, what: String) {
        self.script.logins.lock().unwrap().push(what);
    }
}

impl Handler for Actor {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, russh::Error> {
        self.note("none".to_owned());
        self.play(At::Login, None)?;
        let open = user == USER && self.script.methods.contains(&MethodKind::None);
        Ok(if open { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.note(format!("password {password}"));
        self.play(At::Login, None)?;
        let right = user == USER && password == PASSWORD && self.script.methods.contains(&MethodKind::Password);
        // OpenSSH goes on offering what it has just refused.
        let refusal = Auth::Reject {
            proceed_with_methods: Some(MethodSet::from(self.script.methods.as_slice())),
            partial_success: false,
        };
        Ok(if right { Auth::Accept } else { refusal })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        self.note("publickey".to_owned());
        self.play(At::Login, None)?;
        let right = self.script.authorized.as_ref().is_some_and(|right| right.key_data() == key.public_key.key_data());
        Ok(if right && user == USER { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        self.play(At::Login, None)?;
        let Some(response) = response else {
            let prompts = self.script.questions.iter().map(|text| (Cow::Borrowed(*text), false)).collect::<Vec<_>>();
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts: prompts.into() });
        };
        let answers: Vec<_> = response.map(|answer| String::from_utf8_lossy(&answer).into_owned()).collect();
        self.note(format!("answers {answers:?}"));
        let right = user == USER && answers == [PASSWORD];
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        self.play(At::Login, Some(session)).map(drop)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let is_full = self.script.channels.load(Relaxed) >= self.script.room.load(Relaxed);
        self.script.refused.fetch_add(usize::from(is_full), Relaxed);
        if self.play(At::Channel, Some(session))? && !is_full {
            self.script.channels.fetch_add(1, Relaxed);
            reply.accept().await;
            if self.script.closes {
                let (handle, greeting) = (session.handle(), self.script.greeting.clone());
                tokio::spawn(async move {
                    let _ = handle.data(channel.id(), greeting).await;
                    let _ = handle.close(channel.id()).await;
                });
            }
        } else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        }
        Ok(())
    }

    /// Leads nowhere, and says a lot of little things at once.
    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _host: &str,
        _port: u32,
        _from_host: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        let handle = session.handle();
        tokio::spawn(async move {
            for _ in 0..1000 {
                let _ = handle.data(channel.id(), &b"x"[..]).await;
            }
        });
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.terminals += 1;
        if self.play(At::Terminal, Some(session))? && !(self.script.one_terminal && self.terminals > 1) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        if !self.play(At::Shell, Some(session))? {
            return session.channel_failure(channel);
        }
        session.channel_success(channel)?;
        session.data(channel, self.script.greeting.clone())?;
        if self.script.flood {
            self.flood(channel, session, self.script.greeting.clone());
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), russh::Error> {
        if let Some(flood) = self.floods.remove(&channel) {
            flood.abort();
        }
        self.script.channels.fetch_sub(1, Relaxed);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        for said in self.script.exec {
            match said {
                Said::Success => session.channel_success(channel)?,
                Said::Failure => session.channel_failure(channel)?,
                Said::Output(text) => session.data(channel, text.as_bytes())?,
                Said::Complaint(text) => session.extended_data(channel, 1, text.as_bytes())?,
                Said::Status(status) => session.exit_status_request(channel, *status)?,
                Said::Killed => session.exit_signal_request(channel, Sig::KILL, false, "", "")?,
                Said::Eof => session.eof(channel)?,
                Said::Close => {
                    // russh does not tell of the answer to it.
                    self.script.channels.fetch_sub(1, Relaxed);
                    session.close(channel)?;
                }
                Said::HangUp => return Err(russh::Error::Disconnect),
            }
        }
        Ok(())
    }

    fn adjust_window(&mut self, _channel: ChannelId, current: u32) -> u32 {
        // A window of one byte is never wound up again.
        if self.script.window.is_some() { 1 } else { current }
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        match data {
            b"exit\r" => {
                session.data(channel, &b"bye"[..])?;
                session.eof(channel)?;
                session.close(channel)
            }
            b"flood\r" => {
                self.flood(channel, session, vec![b'#'; 30_000]);
                Ok(())
            }
            _ if self.script.flood => Ok(()),
            _ => session.data(channel, data.to_vec()),
        }
    }
}
