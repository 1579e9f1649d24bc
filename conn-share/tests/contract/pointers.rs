//! A pointer to a connection is one: pools of `Arc<C>` and of trait objects serve as pools of `C` do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use conn_share::{AsyncPool, ConnLock, Connection, Lockable, LockableExt, OnLine, Reply, Result, locked};

/// Answers a command with the command, and with how many it has answered.
#[derive(Default, Lockable)]
#[lockable(recover = Self::start_over)]
struct Parrot {
    lock: ConnLock<usize>,
    connected: AtomicUsize,
}

impl Parrot {
    async fn start_over(&self) {
        *self.lock.state() = 0;
    }
}

#[locked]
#[async_trait]
impl Connection for Parrot {
    async fn connect(&self) -> Result<()> {
        self.connected.store(1, Ordering::Relaxed);
        Ok(())
    }

    async fn disconnect(&self) -> Result<()> {
        self.connected.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed) == 1
    }

    async fn send(&self, _: &str) -> Result<()> {
        std::future::pending().await
    }

    async fn receive(&self) -> Result<String> {
        Ok("received".to_owned())
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        *self.lock.state() += 1;
        Ok(Reply::new(format!("{command} {}", *self.lock.state())))
    }

    async fn execute_lines(&self, command: &str, on_line: OnLine<'_>) -> Result<Reply> {
        on_line(command);
        Ok(Reply::new("lines of its own"))
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        Ok(Reply::new(format!("configured {config}")))
    }

    async fn exclusively<'a>(&'a self, section: conn_share::BoxedSection<'a>) -> Result<()> {
        section.await;
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        *self.lock.state() = 100;
        Ok(())
    }

    fn needs_reset(&self) -> bool {
        false
    }
}

/// Every method of the trait reaches what is pointed at, the provided ones too.
async fn forwards(connection: impl Connection) {
    connection.connect().await.expect("connects");
    assert!(connection.is_connected());
    assert_eq!(connection.execute("a").await.expect("answers"), "a 1");
    let mut line = String::new();
    let reply = connection.execute_lines("a line", &mut |one| line.push_str(one)).await.expect("answers");
    assert_eq!((reply.text(), line.as_str()), ("lines of its own", "a line"));
    assert_eq!(connection.configure("b").await.expect("answers"), "configured b");
    assert_eq!(connection.receive().await.expect("answers"), "received");
    connection.reset().await.expect("resets");
    assert!(!connection.needs_reset());
    assert_eq!(connection.execute("c").await.expect("answers"), "c 101");
    let mut ran = false;
    connection.exclusively(Box::pin(async { ran = true })).await.expect("has sections");
    assert!(ran);
    connection.disconnect().await.expect("disconnects");
    assert!(!connection.is_connected());
}

#[tokio::test]
async fn a_pointer_to_a_connection_is_a_connection() {
    forwards(Box::new(Parrot::default())).await;
    forwards(Arc::new(Parrot::default())).await;
    forwards(Arc::new(Parrot::default()) as Arc<dyn Connection>).await;
    forwards(Box::new(Arc::new(Parrot::default())) as Box<dyn Connection>).await;
}

#[tokio::test]
async fn a_pool_of_trait_objects_is_a_connection() {
    let pool = AsyncPool::builder(|| async {
        let connection: Box<dyn Connection> = Box::new(Parrot::default());
        connection.connect().await.map(|()| connection)
    })
    .size(1)
    .start()
    .await
    .expect("connects");
    assert!(pool.is_connected());
    assert_eq!(pool.execute("show version").await.expect("answers"), "show version 1");
}

#[tokio::test]
async fn a_pool_of_shared_workers_asks_their_locks() {
    let pool = AsyncPool::builder(|| async { Ok::<_, conn_share::Error>(Arc::new(Parrot::default())) })
        .size(1)
        .lockable()
        .start()
        .await
        .expect("connects");
    assert_eq!(pool.execute("a").await.expect("answers"), "a 1");
    let worker = pool.get().await.expect("free");
    let half = worker.send("never ends");
    let mut half = Box::pin(half);
    assert!(futures::poll!(half.as_mut()).is_pending());
    drop(half);
    assert!(worker.lock.is_interrupted());
    drop(worker);
    let worker = pool.get().await.expect("recovered");
    assert!(!worker.lock.is_interrupted());
    worker.exclusive(async { assert_eq!(*worker.lock.state(), 0) }).await.expect("free");
}
