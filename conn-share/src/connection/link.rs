//! What all connection classes share: a session that is opened, kept in step, and opened again when it is lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::OnLine;
use super::gate::LoginGate;
use super::hidden::Hidden;
use super::log::Logging;
use super::session::{ExecuteOptions, Login, Session, SessionOptions};
use crate::cli::Platform;
use crate::deadline::Deadline;
use crate::transport::{Line, Transport};
use crate::{Error, ErrorKind, Reply, Result, Target};

/// Bounds opening and logging in: name resolution, a slow key exchange and a slow AAA server, each a few seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Bounds one command: `show tech` takes longer and says so by `execute_with`; a dead device is noticed within a minute.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// See [`SessionOptions::disconnect_timeout`].
pub(crate) const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// See [`SessionOptions::max_output`].
const MAX_OUTPUT: usize = 64 << 20;

/// With less than this left behind a recovery a command is not sent: it could hardly be answered, and would run all the
/// same.
const LEAST: Duration = Duration::from_millis(20);

/// Opens the transport of one class.
pub(crate) type Opener = Arc<dyn Fn(Deadline) -> Opening + Send + Sync>;
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>>> + Send>>;

/// The state behind a connection's lock; named nowhere else.
pub struct Link {
    opener: Opener,
    login: Login,
    name: String,
    gate: Option<LoginGate>,
    logging: Option<Logging>,
    connect_timeout: Duration,
    command_timeout: Duration,
    session: Option<Session>,
    /// So long it took to bring the session back before the last call.
    recovery: Option<Duration>,
    life: Arc<Life>,
}

/// What can be told, and done, without waiting for the lock.
#[derive(Default)]
pub(crate) struct Life {
    /// From `connect` to `disconnect`: a session that is lost in between is opened again.
    wanted: AtomicBool,
    line: Mutex<Option<Arc<dyn Line>>>,
    /// Counts the cuts, so that an attempt to connect that was under way at one does not come alive afterwards.
    cuts: AtomicU64,
    was_cut: Notify,
    resynchronised: AtomicU64,
    reconnected: AtomicU64,
    /// The last call was over, and had left the session as opening did.
    untouched: AtomicBool,
    pub(crate) disconnect_timeout: Duration,
}

/// How often a session had to be brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStatus {
    /// Recoveries in place: the old answer was read to its proven end, the session kept.
    pub resynchronised: u64,
    /// Sessions that were lost or did not come back, and were opened anew.
    pub reconnected: u64,
}

impl Life {
    pub(crate) fn is_open(&self) -> bool {
        self.line().as_ref().is_some_and(|line| line.is_open())
    }

    /// Whether a reset may have something to do.
    pub(crate) fn needs_reset(&self) -> bool {
        !self.untouched.load(Ordering::Relaxed)
    }

    /// Ends the session under whoever is using it, and for those who wait.
    pub(crate) fn cut(&self) {
        let line = self.line();
        self.wanted.store(false, Ordering::Relaxed);
        self.cuts.fetch_add(1, Ordering::Relaxed);
        if let Some(line) = line.as_ref() {
            line.cut();
        }
        drop(line);
        self.was_cut.notify_waiters();
    }

    fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Notes that a session is wanted from now on; false when it was cut since it was counted `cuts`.
    fn want(&self, cuts: u64) -> bool {
        // Under the lock of the line, as the cut is: one comes before the other.
        let _line = self.line();
        let uncut = self.cuts() == cuts;
        if uncut {
            self.wanted.store(true, Ordering::Relaxed);
        }
        uncut
    }

    pub(crate) fn status(&self) -> SessionStatus {
        SessionStatus {
            resynchronised: self.resynchronised.load(Ordering::Relaxed),
            reconnected: self.reconnected.load(Ordering::Relaxed),
        }
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Option<Arc<dyn Line>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// A link to `target`, unconnected.
    pub(crate) fn new(target: &Target, options: SessionOptions, line_end: &str, opener: Opener) -> Result<Self> {
        let options = options.with_arguments(target)?;
        let console = options.is_console();
        let platform = match options.platform {
            Some(platform) => Arc::new(platform),
            None => platform_of(target)?,
        };
        let secrets = [&target.credential.password, &target.credential.passphrase, &target.enable];
        let hidden = Hidden::keeping(secrets.into_iter().flatten());
        let login = Login {
            platform,
            username: target.credential.username.clone(),
            password: target.credential.password.clone(),
            enable: target.enable.clone(),
            line_end: options.line_end.unwrap_or_else(|| line_end.to_owned()),
            console,
            max_output: options.max_output.unwrap_or(MAX_OUTPUT),
            hidden,
        };
        let logging = options.log.or_else(|| target.log.clone());
        let logging = logging.map(|log| Logging::new(log, &target.name, login.hidden.clone()));
        let disconnect_timeout = options.disconnect_timeout.unwrap_or(DISCONNECT_TIMEOUT);
        Ok(Self {
            opener,
            login,
            name: target.name.clone(),
            gate: target.gate.clone(),
            logging,
            connect_timeout: target.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            command_timeout: target.command_timeout.unwrap_or(COMMAND_TIMEOUT),
            session: None,
            recovery: None,
            life: Arc::new(Life { disconnect_timeout, ..Life::default() }),
        })
    }

    pub(crate) fn life(&self) -> Arc<Life> {
        self.life.clone()
    }

    pub(crate) async fn connect(&mut self) -> Result<()> {
        if self.session.as_ref().is_some_and(|session| !session.is_lost()) {
            return Ok(());
        }
        let cuts = self.life.cuts();
        self.open(Deadline::after(self.connect_timeout)).await.map_err(|error| error.with_device(&self.name))?;
        self.note_standing();
        if self.life.want(cuts) { Ok(()) } else { Err(closed().with_device(&self.name)) }
    }

    pub(crate) async fn disconnect(&mut self, deadline: Deadline) {
        self.life.wanted.store(false, Ordering::Relaxed);
        let session = self.session.take();
        if let Some(session) = session {
            session.close(deadline).await;
        }
        *self.life.line() = None;
    }

    pub(crate) async fn execute(&mut self, command: &str, options: &ExecuteOptions) -> Result<Reply> {
        let deadline = self.deadline(options.timeout);
        self.hide(options);
        let result = match self.ready(deadline).await {
            Ok(session) => session.execute(command, options, deadline).await,
            Err(error) => Err(error),
        };
        self.note_standing();
        result.map_err(|error| self.explained(error))
    }

    pub(crate) async fn execute_lines(
        &mut self,
        command: &str,
        options: &ExecuteOptions,
        on_line: OnLine<'_>,
    ) -> Result<Reply> {
        let deadline = self.deadline(options.timeout);
        self.hide(options);
        let result = match self.ready(deadline).await {
            Ok(session) => session.execute_lines(command, options, on_line, deadline).await,
            Err(error) => Err(error),
        };
        self.note_standing();
        result.map_err(|error| self.explained(error))
    }

    pub(crate) async fn configure(&mut self, config: &str) -> Result<Reply> {
        // Each line is a command and takes its time; at least one step in and one out.
        let lines = u32::try_from(config.lines().count()).unwrap_or(u32::MAX).saturating_add(2);
        let deadline = Deadline::after(self.command_timeout.saturating_mul(lines));
        let result = match self.ready(deadline).await {
            Ok(session) => session.configure(config, deadline).await,
            Err(error) => Err(error),
        };
        self.note_standing();
        result.map_err(|error| self.explained(error))
    }

    pub(crate) async fn send(&mut self, text: &str, chain: u64) -> Result<()> {
        let deadline = self.deadline(None);
        let name = self.name.clone();
        // What this chain sent already is no stray: its answers are read together.
        let goes_on = self.session.as_ref().is_some_and(|session| session.takes_more_from(chain));
        let session = match (goes_on, self.session.as_mut()) {
            (true, Some(session)) => Ok(session),
            _ => self.ready(deadline).await,
        };
        let result = match session {
            Ok(session) => session.send(text, chain, deadline).await,
            Err(error) => Err(error),
        };
        result.map_err(|error| error.with_device(name))
    }

    pub(crate) async fn receive(&mut self, chain: u64) -> Result<String> {
        let deadline = self.deadline(None);
        let result = match self.session.as_mut() {
            Some(session) => session.receive(chain, deadline).await,
            None => Err(self.not_connected()),
        };
        result.map_err(|error| error.with_device(&self.name))
    }

    pub(crate) async fn reset(&mut self) -> Result<()> {
        let deadline = self.deadline(None);
        let (name, login) = (self.name.clone(), self.login.clone());
        let result = match self.ready(deadline).await {
            Ok(session) => session.reset(&login, deadline).await,
            Err(error) => Err(error),
        };
        self.note_standing();
        result.map_err(|error| error.with_device(name))
    }

    /// A session in step: the one there is, brought back if need be, or a new one. Nothing of the caller's has been
    /// sent yet.
    async fn ready(&mut self, deadline: Deadline) -> Result<&mut Session> {
        // Until the call is over: one that is dropped leaves who knows what behind.
        self.life.untouched.store(false, Ordering::Relaxed);
        if !self.life.wanted.load(Ordering::Relaxed) {
            return Err(self.not_connected());
        }
        let began = Instant::now();
        self.recovery = None;
        let kept = match self.session.as_mut() {
            Some(session) if session.is_lost() => false,
            Some(session) if session.is_ready() => {
                let strays = session.has_strays().await;
                if strays {
                    tracing::warn!(
                        device = %self.name,
                        "something came between two calls, and the device proves nothing: its session is opened anew, with what was set in it gone"
                    );
                }
                !strays && !session.is_lost()
            }
            Some(session) => {
                // Half of what is left, so that a new session can still be opened in the other half.
                let share = deadline.remaining().map_or(Deadline::NEVER, |left| Deadline::after(left / 2));
                match session.resync(share).await {
                    Ok(()) => {
                        self.life.resynchronised.fetch_add(1, Ordering::Relaxed);
                        self.recovery = Some(began.elapsed());
                        true
                    }
                    Err(error) => {
                        tracing::debug!(device = %self.name, %error, "the session does not come back and is opened anew");
                        false
                    }
                }
            }
            None => false,
        };
        if !kept {
            // Gone first, so that nobody waits in the gate with a session that is of no use.
            self.session = None;
            *self.life.line() = None;
            let _turn = match self.gate.clone() {
                Some(gate) => Some(gate.turn(deadline).await.map_err(|error| error.with_sent(false))?),
                None => None,
            };
            if !self.life.wanted.load(Ordering::Relaxed) {
                return Err(self.not_connected());
            }
            self.open(deadline).await.map_err(|error| error.with_sent(false))?;
            self.life.reconnected.fetch_add(1, Ordering::Relaxed);
            self.recovery = Some(began.elapsed());
        }
        if self.recovery.is_some() && deadline.remaining().is_some_and(|left| left < LEAST) {
            return Err(Error::new(ErrorKind::Timeout, "too little time is left for the command"));
        }
        self.session.as_mut().ok_or_else(|| Error::new(ErrorKind::NotConnected, "no session"))
    }

    /// An error of a call: of which device, and where the time went that is missing.
    fn explained(&self, error: Error) -> Error {
        let error = match self.recovery {
            Some(took) if error.kind() == ErrorKind::Timeout => {
                error.noting(format_args!("; bringing the session back had taken {took:.1?} before"))
            }
            _ => error,
        };
        error.with_device(&self.name)
    }

    /// Opens a session in place of the one there is.
    async fn open(&mut self, deadline: Deadline) -> Result<()> {
        self.session = None;
        *self.life.line() = None;
        let limit = self.connect_timeout;
        let deadline = deadline.min(Deadline::after(limit));
        // In this order: a cut in between is heard of.
        let was_cut = self.life.was_cut.notified();
        let cuts = self.life.cuts();
        let transport = tokio::select! {
            transport = deadline.bound((self.opener)(deadline)) => transport
                .map_err(|_| Error::timeout("connecting", limit))?
                .map_err(|error| error.with_phase("connecting"))?,
            () = was_cut => return Err(closed().with_phase("connecting")),
        };
        let transport = match &self.logging {
            Some(logging) => logging.listen(transport),
            None => transport,
        };
        // From here on `disconnect` can cut us off, also while we log in.
        let line = transport.line();
        *self.life.line() = Some(line.clone());
        if self.life.cuts() != cuts {
            line.cut();
        }
        match Session::open(transport, &self.login, deadline).await {
            Ok(session) => {
                *self.life.line() = Some(session.line());
                self.session = Some(session);
                Ok(())
            }
            Err(error) => {
                *self.life.line() = None;
                line.cut();
                Err(error)
            }
        }
    }

    /// A call is over.
    fn note_standing(&self) {
        let untouched = self.session.as_ref().is_some_and(Session::is_untouched);
        self.life.untouched.store(untouched, Ordering::Relaxed);
    }

    /// What answers a question may be a secret.
    fn hide(&self, options: &ExecuteOptions) {
        self.login.hidden.hide(&options.interactions);
    }

    fn deadline(&self, limit: Option<Duration>) -> Deadline {
        Deadline::after(limit.unwrap_or(self.command_timeout))
    }

    fn not_connected(&self) -> Error {
        Error::new(ErrorKind::NotConnected, "not connected; call `connect` first")
    }
}

/// The target's own platform, the one that it names, or `generic`.
pub(super) fn platform_of(target: &Target) -> Result<Arc<Platform>> {
    if let Some(platform) = &target.custom_platform {
        return Ok(platform.clone());
    }
    let name = target.platform.as_deref().unwrap_or("generic");
    Platform::named(name).map(Arc::new).ok_or_else(|| {
        let known = Platform::BUILT_IN.join("`, `");
        Error::new(ErrorKind::Config, format!("no platform `{name}`; there are `{known}`")).with_device(&target.name)
    })
}

/// What a call is told whose session `disconnect` took away.
fn closed() -> Error {
    Error::new(ErrorKind::NotConnected, "the session was closed by this program")
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("open", &self.is_open()).field("status", &self.status()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("name", &self.name).field("session", &self.session).finish_non_exhaustive()
    }
}
