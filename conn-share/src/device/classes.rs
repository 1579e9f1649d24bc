//! Connection classes by name, for paths that name theirs.

use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "ssh")]
use crate::SshConnection;
#[cfg(feature = "telnet")]
use crate::TelnetConnection;
use crate::{ConnectionClass, Error, ErrorKind, ReplayConnection, Result};

use super::Path;
use super::entry::{Plan, Recipe};

/// What pyATS testbed files write for "whatever the protocol needs".
const BY_PROTOCOL: [&str; 2] = ["unicon", "unicon.Unicon"];

/// Connection classes by name: the names of protocols, and those that a path's or a testbed's `class:` gives.
///
/// The crate's own are there from the start, each under its protocol and its own name.
///
/// ```
/// use conn_share::{Classes, Device, Path, TelnetConnection};
///
/// let classes = Classes::new().with::<TelnetConnection>("console");
/// let path = Path::telnet("192.0.2.1").class("console"); // what `Device::open` makes by this path
/// let device = Device::builder("r1").path("con0", path).classes(classes).build()?;
/// # Ok::<(), conn_share::Error>(())
/// ```
#[derive(Clone)]
pub struct Classes {
    recipes: BTreeMap<String, fn(Plan) -> Recipe>,
}

impl Classes {
    /// The crate's own classes.
    pub fn new() -> Self {
        Self { recipes: BTreeMap::new() }.with_own()
    }

    /// Registers `C` under `name`; it replaces what was there, the crate's own included.
    #[must_use]
    pub fn with<C: ConnectionClass>(mut self, name: impl Into<String>) -> Self {
        self.recipes.insert(name.into(), Recipe::of::<C>);
        self
    }

    fn with_own(self) -> Self {
        #[cfg(feature = "ssh")]
        let own = self.with::<SshConnection>("ssh").with::<SshConnection>("SshConnection");
        #[cfg(not(feature = "ssh"))]
        let own = self;
        #[cfg(feature = "telnet")]
        let own = own.with::<TelnetConnection>("telnet").with::<TelnetConnection>("TelnetConnection");
        own.with::<ReplayConnection>("replay").with::<ReplayConnection>("ReplayConnection")
    }

    /// How to make what `path` asks for.
    pub(super) fn recipe_for(&self, path: &Path) -> Result<fn(Plan) -> Recipe> {
        let named = path.class.as_deref().filter(|class| !BY_PROTOCOL.contains(class));
        let (what, name) = match named {
            Some(class) => ("class", class),
            None => ("class for protocol", path.protocol.as_str()),
        };
        self.recipes.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = self.recipes.keys().map(String::as_str).collect();
            Error::new(
                ErrorKind::Config,
                format!("no connection {what} {name:?} is registered; there are: {}", known.join(", ")),
            )
        })
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.recipes.keys()).finish()
    }
}
