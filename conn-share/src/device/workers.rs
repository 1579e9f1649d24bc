//! Pools of sessions.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::connection::{BoxedSection, OnLine};
use crate::{AsyncPool, Connection, ConnectionClass, Connector, Error, ErrorKind, Reply, Result, Status, WorkerGuard};

use super::entry::{CONNECT_TIMEOUT, Link, Plan};
use super::pcall::pcall;
use super::session::{GRACE, Session};

/// How long a pool takes a refused login as the answer for all its workers: a wrong password tried by each of them, and
/// again, would lock the account out.
const REFUSAL_STANDS: Duration = Duration::from_secs(30);

/// Opens the pool that `plan` asks for.
pub(super) async fn open_pool<C: ConnectionClass>(plan: Arc<Plan>, size: usize) -> Result<Link> {
    // A mistake in the target is told before anything is opened, and as itself.
    plan.session::<C>()?;
    let options = &plan.options;
    let opened = Opened::default();
    let mut builder = AsyncPool::builder(Workers::<C>::new(plan.clone(), opened.clone()))
        .size(size)
        .connect_timeout(options.connect_timeout.unwrap_or(CONNECT_TIMEOUT).saturating_add(2 * GRACE))
        // The other half is for cutting those that did not come back.
        .close_timeout(plan.disconnect_timeout / 2);
    if let Some(limit) = options.pool_timeout {
        builder = builder.timeout(limit);
    }
    if options.pool_reset.unwrap_or(true) {
        builder = builder
            .reset(|worker: &mut Session<C>| Box::pin(async move { worker.reset().await }))
            .reset_only_if(Session::needs_reset);
    }
    let pool = builder.start().await.map_err(|error| {
        Error::of_pool(error, format!("a pool of {size} could not be connected")).with_device(&plan.name)
    })?;
    let pooled = Arc::new(Pooled { pool, opened, name: plan.name.clone() });
    Ok(Link { connection: pooled.clone(), pool: Some(pooled) })
}

/// The connections that a pool has opened. Those on loan are out of the pool's reach, and have to be cut all the same
/// when it is disconnected.
struct Opened<C>(Arc<Mutex<Vec<Weak<C>>>>);

impl<C> Opened<C> {
    fn add(&self, connection: &Arc<C>) {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|connection| connection.strong_count() > 0);
        opened.push(Arc::downgrade(connection));
    }

    fn alive(&self) -> Vec<Arc<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}

impl<C> Clone for Opened<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Default for Opened<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Opens sessions for a pool, each within the device's limits.
struct Workers<C> {
    plan: Arc<Plan>,
    opened: Opened<C>,
    /// The first login goes alone: the others hear of its refusal before they try the same. Whether it is over.
    first: tokio::sync::Mutex<bool>,
    /// The last login that was refused, and when.
    refused: Mutex<Option<(Instant, Error)>>,
    class: PhantomData<fn() -> C>,
}

impl<C> Workers<C> {
    fn new(plan: Arc<Plan>, opened: Opened<C>) -> Self {
        Self { plan, opened, first: tokio::sync::Mutex::new(false), refused: Mutex::new(None), class: PhantomData }
    }

    /// The refusal that still stands.
    fn refusal(&self) -> Option<Error> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().filter(|(when, _)| when.elapsed() < REFUSAL_STANDS).map(|(_, error)| error.clone())
    }
}

impl<C: ConnectionClass> Connector for Workers<C> {
    type Connection = Session<C>;
    type Error = Error;

    async fn connect(&self) -> Result<Session<C>> {
        let mut first = Some(self.first.lock().await).filter(|over| !**over);
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let session = self.plan.session::<C>()?;
        self.opened.add(session.connection());
        let connected = session.connect().await;
        if let Some(over) = &mut first {
            **over = true;
        }
        if let Err(error) = &connected
            && matches!(error.kind(), ErrorKind::Authentication | ErrorKind::HostKey | ErrorKind::Privilege)
        {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), error.clone()));
        }
        connected.map(|()| session)
    }

    async fn disconnect(&self, worker: Session<C>) {
        if let Err(error) = worker.disconnect().await {
            tracing::debug!(%error, "a worker did not close cleanly");
        }
    }

    fn is_broken(&self, worker: &Session<C>) -> bool {
        !worker.is_connected()
    }
}

/// A worker, as soon as it is this caller's turn.
type Lending<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Connection>>> + Send + 'a>>;

/// A pool, whatever its class.
pub(super) trait Lend: Send + Sync {
    fn lend(&self, place: &'static Location<'static>) -> Lending<'_>;
    fn status(&self) -> Status;
    fn is_closed(&self) -> bool;
    fn resize(&self, size: usize);

    /// Disconnects whatever is connected still, side by side: after the pool was closed, what is on loan.
    fn cut(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The pool under an alias, and what it has opened.
pub(super) struct Pooled<C: ConnectionClass> {
    pub(super) pool: AsyncPool<Session<C>>,
    opened: Opened<C>,
    /// The device and the path: a pool alone knows neither.
    name: String,
}

// One that is forgotten would be the provided one, and not the pool's own.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: ConnectionClass> Connection for Pooled<C> {
    async fn connect(&self) -> Result<()> {
        self.pool.connect().await.map_err(|error| error.with_device(&self.name))
    }

    async fn disconnect(&self) -> Result<()> {
        self.pool.disconnect().await.map_err(|error| error.with_device(&self.name))
    }

    /// The pool alone finds out that an idle worker was lost when it is to be lent, and of one on loan when it comes back.
    fn is_connected(&self) -> bool {
        !self.pool.is_closed() && self.opened.alive().iter().any(|connection| connection.is_connected())
    }

    async fn send(&self, text: &str) -> Result<()> {
        self.pool.send(text).await.map_err(|error| error.with_device(&self.name))
    }

    async fn receive(&self) -> Result<String> {
        self.pool.receive().await.map_err(|error| error.with_device(&self.name))
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        self.pool.execute(command).await.map_err(|error| error.with_device(&self.name))
    }

    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        self.pool.execute_lines(command, on_line).await.map_err(|error| error.with_device(&self.name))
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        self.pool.configure(config).await.map_err(|error| error.with_device(&self.name))
    }

    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        self.pool.exclusively(section).await.map_err(|error| error.with_device(&self.name))
    }

    async fn reset(&self) -> Result<()> {
        self.pool.reset().await.map_err(|error| error.with_device(&self.name))
    }

    fn needs_reset(&self) -> bool {
        self.pool.needs_reset()
    }
}

impl<C: ConnectionClass> Pooled<C> {
    async fn worker(&self, place: &'static Location<'static>) -> Result<WorkerGuard<Session<C>>> {
        self.pool.get_for(place, None).await.map_err(|error| Error::from(error).with_device(&self.name))
    }
}

impl<C: ConnectionClass> Lend for Pooled<C> {
    fn lend(&self, place: &'static Location<'static>) -> Lending<'_> {
        Box::pin(async move {
            let worker: Arc<dyn Connection> = Arc::new(Worker(self.worker(place).await?));
            Ok(worker)
        })
    }

    fn status(&self) -> Status {
        self.pool.status()
    }

    fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    fn resize(&self, size: usize) {
        self.pool.resize(size);
    }

    fn cut(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let connected = self.opened.alive().into_iter().filter(|connection| connection.is_connected());
            for result in pcall(connected, |connection| async move { connection.disconnect().await }).await {
                if let Err(error) = result {
                    tracing::debug!(%error, "a worker on loan did not close cleanly");
                }
            }
        })
    }
}

/// The pool under an alias, whatever its class; from [`Device::pool`](crate::Device::pool).
///
/// ```
/// # #[cfg(feature = "sim")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> conn_share::Result<()> {
/// # use conn_share::{Device, Path};
/// # let router = conn_share::sim::Router::builder().hostname("r1").user("admin", "pw").start().await.expect("loopback");
/// # let path = Path::telnet("127.0.0.1").port(router.telnet_addr().port());
/// # let device = Device::builder("r1").os("frr").login("admin", "pw").enable("pw").path("console", path).build()?;
/// # device.connect::<conn_share::TelnetConnection>(conn_share::ConnectOptions::via("console").pool_size(2)).await?;
/// let pool = device.pool("console")?;
/// let (one, other) = (pool.get().await?, pool.get().await?);
/// tokio::try_join!(one.execute("show version"), other.execute("show ip route"))?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sim"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct DevicePool {
    pub(super) pool: Arc<dyn Lend>,
    pub(super) name: String,
    pub(super) max_sessions: Option<usize>,
}

impl DevicePool {
    /// Takes a worker for several calls; it goes back when the last handle is dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Pool`], or the kind that stopped a worker from connecting, with the [`PoolError`](crate::PoolError) as
    /// its source.
    ///
    /// # Cancel safety
    ///
    /// Only the turn in the line is lost.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<Arc<dyn Connection>>> + Send + '_ {
        self.pool.lend(Location::caller())
    }

    /// One consistent snapshot. Never waits.
    pub fn status(&self) -> Status {
        self.pool.status()
    }

    /// Changes how many workers there may be; see [`AsyncPool::resize`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for more than the device's
    /// [`max_sessions`](crate::DeviceBuilder::max_sessions).
    pub fn resize(&self, size: usize) -> Result<()> {
        match self.max_sessions {
            Some(max) if size > max => {
                let message = format!("a pool of {size} workers does not fit into max_sessions, which is {max}");
                Err(Error::new(ErrorKind::Config, message).with_device(&self.name))
            }
            _ => {
                self.pool.resize(size);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for DevicePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicePool").field("name", &self.name).field("status", &self.status()).finish()
    }
}

/// A worker on loan, as a connection.
struct Worker<C: ConnectionClass>(WorkerGuard<Session<C>>);

// One that is forgotten would be the provided one, and not the class's own.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: ConnectionClass> Connection for Worker<C> {
    async fn connect(&self) -> Result<()> {
        self.0.connect().await
    }

    async fn disconnect(&self) -> Result<()> {
        self.0.disconnect().await
    }

    fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    async fn send(&self, text: &str) -> Result<()> {
        self.0.send(text).await
    }

    async fn receive(&self) -> Result<String> {
        self.0.receive().await
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        self.0.execute(command).await
    }

    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        self.0.execute_lines(command, on_line).await
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        self.0.configure(config).await
    }

    async fn exclusively<'a>(&'a self, section: BoxedSection<'a>) -> Result<()> {
        self.0.exclusively(section).await
    }

    async fn reset(&self) -> Result<()> {
        self.0.reset().await
    }

    fn needs_reset(&self) -> bool {
        self.0.needs_reset()
    }
}
