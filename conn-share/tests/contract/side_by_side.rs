//! Calls side by side on a pool that serves as a connection, in one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conn_share::{AsyncPool, Connection, Reply, Result, pcall};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Takes three seconds for each command.
struct Slow;

#[async_trait]
impl Connection for Slow {
    async fn connect(&self) -> Result<()> {
        Ok(())
    }

    async fn disconnect(&self) -> Result<()> {
        Ok(())
    }

    fn is_connected(&self) -> bool {
        true
    }

    async fn send(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn receive(&self) -> Result<String> {
        Ok(String::new())
    }

    async fn execute(&self, command: &str) -> Result<Reply> {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(Reply::new(command))
    }

    async fn configure(&self, config: &str) -> Result<Reply> {
        Ok(Reply::new(config))
    }
}

/// Counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_calls_keep_all_workers_for_long_is_not_told_that_it_waits_for_itself() {
    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let pool = AsyncPool::builder(|| async { Ok::<_, std::io::Error>(Slow) }).size(2).start().await.expect("connects");
    let replies = pcall(0..6, |number| {
        let pool = pool.clone();
        async move { pool.execute(&number.to_string()).await }
    });
    assert!(replies.await.iter().all(|reply| reply.is_ok()));
    assert_eq!(warnings.0.load(Ordering::Relaxed), 0);
    // Who takes the workers itself is.
    let _both = (pool.get().await.expect("a worker"), pool.get().await.expect("another"));
    pool.get_timeout(Duration::from_secs(2)).await.expect_err("has none left");
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
}
