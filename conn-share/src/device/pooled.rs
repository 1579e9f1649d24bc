//! A pool of connections is a connection.

use std::panic::Location;
use std::sync::Arc;

use async_trait::async_trait;

use crate::connection::OnLine;
use crate::secret::shown;
use crate::{AsyncPool, Connection, Error, ErrorKind, PoolError, Reply, Result, WorkerGuard};

/// Each call takes a worker of its own, so calls run side by side, as many as there are workers.
///
/// - [`Connection::execute`], [`Connection::execute_lines`] and [`Connection::configure`] take a worker, use it and give it back.
/// - [`Connection::send`] and [`Connection::receive`] are refused: two calls would meet two workers. Take one with
///   [`AsyncPool::get`].
/// - [`Connection::connect`] makes sure that a worker can be had.
/// - [`Connection::disconnect`] is [`AsyncPool::close`]: a pool that was closed stays closed.
/// - [`Connection::is_connected`] is true while a worker lives, as far as the pool knows.
///
/// What a lost worker looks like, and how one says goodbye, the pool is told where it is built; a
/// [`Device`](crate::Device) does so for its own.
///
/// ```
/// # #[cfg(feature = "sim")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use conn_share::{AsyncPool, Connection, Target, TelnetConnection};
///
/// # let router = conn_share::sim::Router::builder().user("admin", "pw").start().await?;
/// # let target = Target::new("127.0.0.1").port(router.telnet_addr().port()).password("pw").platform("frr");
/// let connect = move || {
///     let session = TelnetConnection::new(&target);
///     async move {
///         let session = session?;
///         session.connect().await?;
///         Ok::<_, conn_share::Error>(session)
///     }
/// };
/// let pool = AsyncPool::builder(connect)
///     .size(2)
///     .is_broken(|session| !session.is_connected())
///     .reset(|session| Box::pin(session.reset()))
///     .disconnect(|session| async move { drop(session.disconnect().await) })
///     .start()
///     .await?;
/// assert!(pool.execute("show version").await?.starts_with("FRRouting"));
/// pool.disconnect().await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sim"))]
/// # fn main() {}
/// ```
///
/// # Cancel safety
///
/// A call that is dropped while it waits loses its turn. One that is dropped later leaves its worker as the worker's
/// own `execute` does; the pool looks at it before the next request.
#[async_trait]
impl<C: Connection> Connection for AsyncPool<C> {
    async fn connect(&self) -> Result<()> {
        drop(take(self, "connect".into()).await?);
        Ok(())
    }

    async fn disconnect(&self) -> Result<()> {
        let drained = self.close().await;
        if let Some(holder) = drained.cut.first() {
            let text = format!("{} workers were still on loan: {holder}", drained.cut.len());
            return Err(Error::new(ErrorKind::Timeout, text).with_phase("disconnecting"));
        }
        Ok(())
    }

    fn is_connected(&self) -> bool {
        let status = self.status();
        !status.closed && status.idle + status.on_loan + status.tending > 0
    }

    async fn send(&self, _: &str) -> Result<()> {
        Err(needs_a_worker("send"))
    }

    async fn receive(&self) -> Result<String> {
        Err(needs_a_worker("receive"))
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        take(self, ["execute(\"", &shown(command), "\")"].concat().into()).await?.execute(command).await
    }

    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        let purpose = format!("execute_lines(\"{}\")", shown(command));
        take(self, purpose.into()).await?.execute_lines(command, on_line).await
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        take(self, format!("configure of {} lines", config.lines().count()).into()).await?.configure(config).await
    }
}

/// A worker for one call, which says to those who wait for it what it does: its place is always here.
async fn take<C: Connection>(pool: &AsyncPool<C>, purpose: Arc<str>) -> Result<WorkerGuard<C>, PoolError> {
    pool.get_for(Location::caller(), Some(purpose)).await
}

fn needs_a_worker(call: &str) -> Error {
    let text = format!("`{call}` on a pool would meet another worker each time: take a worker with get()");
    Error::new(ErrorKind::Usage, text)
}
