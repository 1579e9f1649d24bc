//! The pools side by side, each with a timeout and a manager that does nothing.

use std::time::Duration;

/// So far away that it never fires.
const TIMEOUT: Duration = Duration::from_secs(60);

pub trait Pool: Send + Sync + 'static {
    type Guard: Send;
    fn new(size: usize) -> impl Future<Output = Self> + Send;
    fn take(&self) -> impl Future<Output = Self::Guard> + Send;
}

pub struct ConnShare(conn_share::AsyncPool<u64>);

impl ConnShare {
    pub async fn with_timeout(size: usize, timeout: Duration) -> Self {
        let builder = conn_share::AsyncPool::builder(|| async { Ok::<_, std::io::Error>(0) });
        Self(builder.size(size).timeout(timeout).start().await.expect("a pool"))
    }

    /// A worker, unless the time runs out.
    pub async fn try_take(&self) -> Option<conn_share::WorkerGuard<u64>> {
        self.0.get().await.ok()
    }
}

impl Pool for ConnShare {
    type Guard = conn_share::WorkerGuard<u64>;

    async fn new(size: usize) -> Self {
        Self::with_timeout(size, TIMEOUT).await
    }

    async fn take(&self) -> Self::Guard {
        self.0.get().await.expect("a worker")
    }
}

/// No pool at all: what a loan costs on this runtime that consists of its turn alone, without a worker or a timeout.
pub struct Semaphore(std::sync::Arc<tokio::sync::Semaphore>);

impl Pool for Semaphore {
    type Guard = tokio::sync::OwnedSemaphorePermit;

    async fn new(size: usize) -> Self {
        Self(std::sync::Arc::new(tokio::sync::Semaphore::new(size)))
    }

    async fn take(&self) -> Self::Guard {
        self.0.clone().acquire_owned().await.expect("never closed")
    }
}

pub struct Nothing;

pub struct Deadpool(deadpool::managed::Pool<Nothing>);

impl deadpool::managed::Manager for Nothing {
    type Type = u64;
    type Error = std::io::Error;

    async fn create(&self) -> Result<u64, std::io::Error> {
        Ok(0)
    }

    async fn recycle(
        &self,
        _: &mut u64,
        _: &deadpool::managed::Metrics,
    ) -> deadpool::managed::RecycleResult<std::io::Error> {
        Ok(())
    }
}

impl Pool for Deadpool {
    type Guard = deadpool::managed::Object<Nothing>;

    async fn new(size: usize) -> Self {
        let builder = deadpool::managed::Pool::builder(Nothing).max_size(size).runtime(deadpool::Runtime::Tokio1);
        let pool = Self(builder.wait_timeout(Some(TIMEOUT)).build().expect("a pool"));
        fill(&pool, size).await;
        pool
    }

    async fn take(&self) -> Self::Guard {
        self.0.get().await.expect("a worker")
    }
}

pub struct Bb8(bb8::Pool<Nothing>);

impl bb8::ManageConnection for Nothing {
    type Connection = u64;
    type Error = std::io::Error;

    async fn connect(&self) -> Result<u64, std::io::Error> {
        Ok(0)
    }

    async fn is_valid(&self, _: &mut u64) -> Result<(), std::io::Error> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u64) -> bool {
        false
    }
}

impl Pool for Bb8 {
    type Guard = bb8::PooledConnection<'static, Nothing>;

    async fn new(size: usize) -> Self {
        let builder = bb8::Pool::builder().max_size(size as u32).min_idle(size as u32).connection_timeout(TIMEOUT);
        Self(builder.build(Nothing).await.expect("a pool"))
    }

    async fn take(&self) -> Self::Guard {
        self.0.get_owned().await.expect("a worker")
    }
}

pub struct Mobc(mobc::Pool<Nothing>);

#[async_trait::async_trait]
impl mobc::Manager for Nothing {
    type Connection = u64;
    type Error = std::io::Error;

    async fn connect(&self) -> Result<u64, std::io::Error> {
        Ok(0)
    }

    async fn check(&self, connection: u64) -> Result<u64, std::io::Error> {
        Ok(connection)
    }
}

impl Pool for Mobc {
    type Guard = mobc::Connection<Nothing>;

    async fn new(size: usize) -> Self {
        let builder = mobc::Pool::builder().max_open(size as u64).max_idle(size as u64).get_timeout(Some(TIMEOUT));
        let pool = Self(builder.build(Nothing));
        fill(&pool, size).await;
        pool
    }

    async fn take(&self) -> Self::Guard {
        self.0.get().await.expect("a worker")
    }
}

pub struct FastPool(fast_pool::Pool<Nothing>);

impl fast_pool::Manager for Nothing {
    type Connection = u64;
    type Error = String;

    async fn connect(&self) -> Result<u64, String> {
        Ok(0)
    }

    async fn check(&self, _: &mut u64) -> Result<(), String> {
        Ok(())
    }
}

impl Pool for FastPool {
    type Guard = fast_pool::ConnectionGuard<Nothing>;

    async fn new(size: usize) -> Self {
        let pool = fast_pool::Pool::new(Nothing);
        pool.set_max_open(size as u64);
        pool.set_timeout_check(Some(TIMEOUT));
        let pool = Self(pool);
        fill(&pool, size).await;
        pool
    }

    async fn take(&self) -> Self::Guard {
        self.0.get_timeout(Some(TIMEOUT)).await.expect("a worker")
    }
}

/// Connects every worker of a pool that connects on demand.
async fn fill<P: Pool>(pool: &P, size: usize) {
    let mut all = Vec::new();
    for _ in 0..size {
        all.push(pool.take().await);
    }
}
