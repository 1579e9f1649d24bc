//! What stands under an alias, and how to make it.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{Connection, ConnectionClass, Error, ErrorKind, Result, Target};

use super::ConnectOptions;
use super::limits::Limits;
use super::session::Session;
use super::workers::{Lend, open_pool};

/// Room for a slow login behind a busy gate: AAA servers alone may take half a minute to fail over.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// The argument that names the hosts a path goes through.
pub(super) const PROXY: &str = "proxy";

/// A call to connect, with every option settled.
pub(super) struct Plan {
    pub(super) alias: String,
    /// Why the hosts on the way cannot be gone through.
    pub(super) no_jump: Option<Error>,
    /// The device and the path, for errors: `r1 via mgmt`.
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) options: ConnectOptions,
    pub(super) disconnect_timeout: Duration,
    pub(super) limits: Arc<Limits>,
}

impl Plan {
    pub(super) fn session<C: ConnectionClass>(&self) -> Result<Session<C>> {
        self.check_way::<C>().map_err(|error| error.with_device(&self.name))?;
        let connection = C::from_target(&self.target).map_err(|error| error.with_device(&self.name))?;
        let timeout = self.options.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        Ok(Session::new(connection, self.name.clone(), timeout, self.limits.clone()))
    }

    /// To connect past a host that is to be gone through would be wrong. Other people's classes know what they do.
    fn check_way<C: 'static>(&self) -> Result<()> {
        // The crate's own classes, and whether they go through others.
        let own: &[(TypeId, bool)] = &[
            #[cfg(feature = "ssh")]
            (TypeId::of::<crate::SshConnection>(), true),
            #[cfg(feature = "telnet")]
            (TypeId::of::<crate::TelnetConnection>(), false),
        ];
        let Some((_, jumps)) = own.iter().find(|(class, _)| *class == TypeId::of::<C>()) else { return Ok(()) };
        let proxy = self.target.arguments.get(PROXY);
        let what = match (proxy, &self.target.jump) {
            (None, None) => return Ok(()),
            (_, Some(_)) if *jumps => return Ok(()),
            (_, Some(jump)) => format!("the path goes through {:?}, which Telnet cannot do", jump.name),
            (Some(proxy), None) => match &self.no_jump {
                Some(error) => return Err(error.clone()),
                None => format!("the path goes through {proxy:?}, and nothing says how to log in there (`Path::jump`)"),
            },
        };
        Err(Error::new(ErrorKind::Config, what))
    }
}

/// A plan and the class to make: whatever is needed to open it, once or again.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) plan: Arc<Plan>,
    class: TypeId,
    class_name: &'static str,
    open: fn(Arc<Plan>) -> Opening,
}

pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Link>> + Send>>;

impl Recipe {
    pub(super) fn of<C: ConnectionClass>(plan: Plan) -> Self {
        Self {
            plan: Arc::new(plan),
            class: TypeId::of::<C>(),
            class_name: std::any::type_name::<C>(),
            open: |plan| Box::pin(open::<C>(plan)),
        }
    }

    pub(super) fn alias(&self) -> &str {
        &self.plan.alias
    }

    /// Whether both ask for the same thing.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.class == other.class && self.plan.options == other.plan.options
    }

    pub(super) fn open(&self) -> Opening {
        (self.open)(self.plan.clone())
    }
}

/// For errors: the class and the way, `SshConnection via mgmt, a pool of 5`.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class_name.rsplit("::").next().unwrap_or(self.class_name);
        write!(f, "{class} via {}", self.plan.options.via.as_deref().unwrap_or("?"))?;
        match self.plan.options.pool_size {
            Some(size) => write!(f, ", a pool of {size}"),
            None => Ok(()),
        }
    }
}

async fn open<C: ConnectionClass>(plan: Arc<Plan>) -> Result<Link> {
    if let Some(size) = plan.options.pool_size {
        return open_pool::<C>(plan, size).await;
    }
    let session = Arc::new(plan.session::<C>()?);
    session.connect().await?;
    Ok(Link { connection: session, pool: None })
}

/// An open connection: a session, or a pool of them.
pub(super) struct Link {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) pool: Option<Arc<dyn Lend>>,
}

/// An open connection under its alias.
pub(super) struct Entry {
    pub(super) recipe: Recipe,
    pub(super) link: Link,
    /// Counts up with every entry of a manager: the smallest was connected first.
    pub(super) number: u64,
}
