//! Several calls as one unit.

use std::panic::Location;
use std::sync::Arc;

use crate::{Connection, Error, ErrorKind, Result};

use super::ConnectionManager;

tokio::task_local! {
    /// The sections that the running call chain is in, the innermost first.
    static SECTIONS: Arc<Inside>;
}

struct Inside {
    manager: ConnectionManager,
    alias: String,
    connection: Arc<dyn Connection>,
    outer: Option<Arc<Inside>>,
}

/// The connection that the running chain has for itself under `alias`.
pub(super) fn held(manager: &ConnectionManager, alias: &str) -> Option<Arc<dyn Connection>> {
    let innermost = SECTIONS.try_with(Arc::clone).ok()?;
    let mut inside = Some(&innermost);
    while let Some(section) = inside {
        if section.alias == alias && section.manager.is_same(manager) {
            return Some(section.connection.clone());
        }
        inside = section.outer.as_ref();
    }
    None
}

/// Runs `section` while nobody else talks on the connection under `alias`; of a pool, on one of its workers.
pub(super) async fn exclusive<F, Fut>(
    manager: &ConnectionManager,
    alias: Option<&str>,
    place: &'static Location<'static>,
    section: F,
) -> Result<Fut::Output>
where
    F: FnOnce(Arc<dyn Connection>) -> Fut + Send,
    Fut: Future + Send,
    Fut::Output: Send,
{
    let entry = manager.entry(alias)?;
    let alias = entry.recipe.alias();
    let (connection, is_ours) = match (held(manager, alias), &entry.link.pool) {
        (Some(connection), pool) => (connection, pool.is_some()),
        (None, Some(pool)) => (pool.lend(place).await?, true),
        (None, None) => (entry.link.connection.clone(), false),
    };
    let inside = Arc::new(Inside {
        manager: manager.clone(),
        alias: alias.to_owned(),
        connection: connection.clone(),
        outer: SECTIONS.try_with(Arc::clone).ok(),
    });
    let mut section = Some(section);
    let mut output = None;
    let entered = connection
        .exclusively(Box::pin(async {
            if let Some(section) = section.take() {
                output = Some(SECTIONS.scope(inside.clone(), section(connection.clone())).await);
            }
        }))
        .await;
    match (entered, section) {
        // A class without sections: nobody else has this worker anyway.
        (Err(error), Some(section)) if is_ours && error.kind() == ErrorKind::Usage => {
            Ok(SECTIONS.scope(inside, section(connection.clone())).await)
        }
        (Err(error), _) => Err(error),
        (Ok(()), _) => output.ok_or_else(|| {
            let message = "the connection class did not run the section that `exclusively` was given";
            Error::new(ErrorKind::Usage, message).with_device(&entry.recipe.plan.name)
        }),
    }
}
