//! Nothing that rustc or clippy could say about an expansion: what they find here, they find in our tokens.
//!
//! rustc speaks when the tests are built, clippy when it runs on them.
#![deny(
    warnings,
    unused,
    let_underscore,
    nonstandard_style,
    rust_2018_idioms,
    unused_qualifications,
    unused_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use conn_share::{AsyncPool, ConnLock, Lockable, locked, pooled, unlocked};

#[derive(Debug, Default, Lockable)]
#[lockable(recover = Self::reconnect)]
struct Session {
    lock: ConnLock,
    name: String,
}

#[derive(Debug, Default, Lockable)]
#[lockable(accept_interrupted)]
struct Shared {
    #[lockable(lock)]
    line: Arc<ConnLock>,
}

type Outcome<T> = io::Result<T>;

#[locked]
impl Session {
    #[unlocked]
    async fn reconnect(&self) -> io::Result<()> {
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn nothing(&self) {}

    async fn one_expression(&self) -> usize {
        self.name.len()
    }

    async fn one_await(&self) {
        tokio::task::yield_now().await;
    }

    async fn awaits_last(&self) -> io::Result<()> {
        self.reconnect().await
    }

    async fn alias(&self, text: &str) -> Outcome<String> {
        if text.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.reconnect().await?;
        Ok(text.to_owned())
    }

    #[locked(timeout = "5s")]
    async fn timed(&self) -> Outcome<()> {
        self.reconnect().await
    }

    async fn items_first(&self) -> usize {
        const TWICE: usize = 2;
        use std::cmp::max;
        max(TWICE, self.name.len())
    }

    async fn loops(&self) -> usize {
        let mut count = 0;
        'outer: loop {
            for _ in 0..3 {
                tokio::task::yield_now().await;
                count += 1;
                if count == 5 {
                    break 'outer count;
                }
            }
        }
    }

    async fn changeable(&self, mut text: String) -> String {
        text.push('!');
        tokio::task::yield_now().await;
        text
    }

    async fn diverges(&self) -> ! {
        std::future::pending().await
    }

    async fn panics_and_diverges(&self) -> ! {
        unreachable!("nobody calls {}", self.name)
    }

    async fn panics(&self) -> usize {
        unreachable!("nobody calls {}", self.name)
    }

    async fn opaque(&self) -> impl Display + use<> {
        self.name.len()
    }

    async fn arc(self: Arc<Self>) -> Arc<Self> {
        self
    }

    async fn arc_reference(self: &Arc<Self>) -> usize {
        Arc::strong_count(self)
    }

    fn boxed(&self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async move { self.name.len() })
    }

    fn returned(self: Arc<Self>, text: &str) -> impl Future<Output = usize> + Send + use<> {
        let length = text.len();
        async move { self.name.len() + length }
    }
}

#[async_trait]
trait Executes {
    async fn execute(&self, command: &str) -> io::Result<String>;

    async fn finish(&self);
}

#[async_trait]
#[locked]
impl Executes for Session {
    async fn execute(&self, command: &str) -> io::Result<String> {
        self.reconnect().await?;
        Ok(command.to_owned())
    }

    async fn finish(&self) {}
}

#[locked]
#[async_trait]
impl Executes for Shared {
    async fn execute(&self, command: &str) -> io::Result<String> {
        Ok(command.to_owned())
    }

    async fn finish(&self) {}
}

#[pooled]
trait Pools {
    async fn run(&self, command: &str) -> io::Result<String>;

    async fn count(&mut self, (_one, _other): (u8, u8)) -> Outcome<usize> {
        Ok(0)
    }

    fn returned(&self) -> impl Future<Output = io::Result<usize>> + Send;

    fn platform() -> &'static str;

    #[pooled(refuse)]
    async fn send(&self, text: &str) -> io::Result<()>;

    #[pooled(refuse)]
    fn name(&self) -> &str;
}

impl Pools for Session {
    async fn run(&self, command: &str) -> io::Result<String> {
        Ok(command.to_owned())
    }

    async fn returned(&self) -> io::Result<usize> {
        Ok(1)
    }

    fn platform() -> &'static str {
        "ios"
    }

    async fn send(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[pooled]
#[async_trait]
trait PoolsBoxed: Send + Sync {
    async fn end(&self, mut text: String) -> io::Result<String> {
        text.push('!');
        Ok(text)
    }
}

#[async_trait]
impl PoolsBoxed for Session {}

#[tokio::test]
#[allow(clippy::significant_drop_tightening, reason = "the pool is for the whole test")]
async fn everything_pooled_is_used() {
    let pool = AsyncPool::builder(|| async { Ok::<_, io::Error>(Session::default()) }).size(1).start().await;
    let mut pool = pool.unwrap();
    assert_eq!(Pools::run(&pool, "x").await.unwrap(), "x");
    assert_eq!(pool.count((1, 2)).await.unwrap(), 0);
    assert_eq!(Pools::returned(&pool).await.unwrap(), 1);
    assert_eq!(<AsyncPool<Session> as Pools>::platform(), "ios");
    assert!(pool.send("x").await.is_err());
    assert_eq!(PoolsBoxed::end(&pool, "x".to_owned()).await.unwrap(), "x!");
    assert_eq!(Pools::name(&Session::default()), "");
}

#[tokio::test]
#[allow(clippy::significant_drop_tightening, reason = "the session is for the whole test")]
async fn everything_here_is_used() {
    let session = Arc::new(Session::default());
    session.nothing().await;
    session.one_await().await;
    session.awaits_last().await.unwrap();
    session.timed().await.unwrap();
    assert_eq!(session.alias("x").await.unwrap(), "x");
    assert_eq!(session.one_expression().await + session.boxed().await, 0);
    assert_eq!(session.items_first().await, 2);
    assert_eq!(session.loops().await, 5);
    assert_eq!(session.changeable("x".to_owned()).await, "x!");
    assert_eq!(session.opaque().await.to_string(), "0");
    assert_eq!(session.clone().returned("xy").await, 2);
    assert_eq!(session.arc_reference().await, 1);
    assert_eq!(session.execute("x").await.unwrap(), "x");
    assert_eq!(Shared::default().execute("x").await.unwrap(), "x");
    session.finish().await;
    Shared::default().finish().await;
    drop((session.diverges(), session.panics_and_diverges(), session.panics()));
    drop(session.arc().await);
}
