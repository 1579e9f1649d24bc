//! A pool of connections is a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use async_trait::async_trait;
use conn_share::{AsyncPool, Connection, ErrorKind, Reply, Result};

#[derive(Default)]
struct Echo {
    connected: AtomicBool,
}

#[async_trait]
impl Connection for Echo {
    async fn connect(&self) -> Result<()> {
        self.connected.store(true, SeqCst);
        Ok(())
    }
    async fn disconnect(&self) -> Result<()> {
        self.connected.store(false, SeqCst);
        Ok(())
    }
    fn is_connected(&self) -> bool {
        self.connected.load(SeqCst)
    }
    async fn send(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn receive(&self) -> Result<String> {
        Ok(String::new())
    }
    async fn execute(&self, command: &str) -> Result<Reply> {
        tokio::task::yield_now().await;
        Ok(Reply::new(command))
    }
    async fn configure(&self, config: &str) -> Result<Reply> {
        Ok(Reply::new(config))
    }
}

#[tokio::test]
async fn execute_and_configure_take_a_worker() {
    let pool = AsyncPool::builder(|| async { Ok::<_, conn_share::Error>(Echo::default()) }).size(2).start().await;
    let pool: Arc<dyn Connection> = Arc::new(pool.unwrap());
    pool.connect().await.unwrap();
    assert!(pool.is_connected());
    let (one, two, three) = tokio::join!(pool.execute("one"), pool.execute("two"), pool.configure("three"));
    assert_eq!((one.unwrap().text(), two.unwrap().text(), three.unwrap().text()), ("one", "two", "three"));
}

#[tokio::test]
async fn send_and_receive_are_refused() {
    let pool =
        AsyncPool::builder(|| async { Ok::<_, conn_share::Error>(Echo::default()) }).size(2).start().await.unwrap();
    let sent = pool.send("one").await.unwrap_err();
    assert_eq!(sent.kind(), ErrorKind::Usage);
    assert!(sent.to_string().contains("take a worker with get()"), "{sent}");
    assert_eq!(pool.receive().await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_disconnected_pool_is_not_connected_and_says_why_it_does_not_work() {
    let pool =
        AsyncPool::builder(|| async { Ok::<_, conn_share::Error>(Echo::default()) }).size(2).start().await.unwrap();
    pool.disconnect().await.unwrap();
    assert!(!pool.is_connected());
    assert_eq!(pool.execute("one").await.unwrap_err().kind(), ErrorKind::Pool);
}

#[tokio::test(start_paused = true)]
async fn the_kind_is_that_of_what_stopped_a_worker_from_connecting() {
    for kind in [ErrorKind::Timeout, ErrorKind::Authentication, ErrorKind::Unreachable] {
        let pool: AsyncPool<Echo> = AsyncPool::builder(move || async move { Err(conn_share::Error::new(kind, "no")) })
            .connect_attempts(1)
            .lazy()
            .start()
            .await
            .unwrap();
        let error = pool.execute("one").await.unwrap_err();
        assert_eq!((error.kind(), error.is_timeout()), (kind, kind == ErrorKind::Timeout), "{error:?}");
    }
    let pool: AsyncPool<Echo> = AsyncPool::builder(|| async { Err(std::io::Error::other("no")) })
        .connect_attempts(1)
        .lazy()
        .start()
        .await
        .unwrap();
    assert_eq!(pool.execute("one").await.unwrap_err().kind(), ErrorKind::Pool);
}

/// The place would be the same for all, inside the crate.
#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_what_the_workers_do() {
    #[derive(Default)]
    struct Silent(Echo);

    #[async_trait]
    impl Connection for Silent {
        async fn connect(&self) -> Result<()> {
            self.0.connect().await
        }
        async fn disconnect(&self) -> Result<()> {
            self.0.disconnect().await
        }
        fn is_connected(&self) -> bool {
            self.0.is_connected()
        }
        async fn send(&self, _: &str) -> Result<()> {
            std::future::pending().await
        }
        async fn receive(&self) -> Result<String> {
            std::future::pending().await
        }
        async fn execute(&self, _: &str) -> Result<Reply> {
            std::future::pending().await
        }
        async fn configure(&self, _: &str) -> Result<Reply> {
            std::future::pending().await
        }
    }

    let pool = AsyncPool::builder(|| async { Ok::<_, conn_share::Error>(Silent::default()) })
        .size(2)
        .timeout(std::time::Duration::from_secs(5))
        .start()
        .await
        .unwrap();
    let busy = |command: &'static str| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.execute(command).await })
    };
    let (one, two) = (busy("show\u{1b} version"), busy("username admin secret hunter2"));
    while pool.status().on_loan < 2 {
        tokio::task::yield_now().await;
    }
    let error = pool.configure("interface lo").await.unwrap_err();
    assert!(error.is_timeout());
    let said = std::error::Error::source(&error).unwrap().to_string();
    for holder in [r#"execute("show\u{1b} version") (task "#, r#"execute("username admin secret …") (task "#] {
        assert!(said.contains(holder), "{said}");
    }
    assert!(!said.contains("pooled.rs") && !said.contains("hunter2"), "{said}");
    one.abort();
    two.abort();
}

#[tokio::test]
async fn what_happened_is_counted() {
    let pool =
        AsyncPool::builder(|| async { Ok::<_, conn_share::Error>(Echo::default()) }).size(2).start().await.unwrap();
    for _ in 0..3 {
        pool.execute("one").await.unwrap();
    }
    drop(pool.try_get().unwrap());
    let counters = pool.status().counters;
    assert_eq!((counters.lent, counters.connected, counters.timeouts), (4, 2, 0));
    pool.close().await;
    assert_eq!(pool.status().counters.closed, 2);
}
