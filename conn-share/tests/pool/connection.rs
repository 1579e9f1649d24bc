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
