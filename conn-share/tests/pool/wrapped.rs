//! Connectors that wrap others keep their own hooks, whatever the inner ones leave to the trait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use conn_share::{AsyncPool, Connector};

/// Dirty or dead, as its user left it.
#[derive(Default)]
struct Line(AtomicBool);

struct Plain;

impl Connector for Plain {
    type Connection = Line;
    type Error = String;

    async fn connect(&self) -> Result<Line, String> {
        Ok(Line::default())
    }
}

/// Looks itself, before or after it asks the inner one.
struct Watched<K>(K, bool);

impl<K: Connector<Connection = Line>> Connector for Watched<K> {
    type Connection = Line;
    type Error = K::Error;

    async fn connect(&self) -> Result<Line, K::Error> {
        self.0.connect().await
    }

    fn is_broken(&self, line: &Line) -> bool {
        (self.1 && self.0.is_broken(line)) || line.0.load(SeqCst) || self.0.is_broken(line)
    }
}

#[tokio::test]
async fn a_wrapper_that_looks_is_asked() {
    for inner_first in [false, true] {
        let pool = AsyncPool::builder(Watched(Watched(Plain, inner_first), inner_first)).size(1).start().await.unwrap();
        for _ in 0..3 {
            pool.get().await.unwrap().0.store(true, SeqCst);
            assert!(!pool.get().await.unwrap().0.load(SeqCst), "inner first: {inner_first}");
        }
    }
}

/// Cleans itself, in plain functions, and counts goodbyes; its inner one is of the same type or of another.
struct Cleaned<K>(K, Arc<AtomicUsize>, Arc<AtomicUsize>);

impl<K: Connector<Connection = Line>> Connector for Cleaned<K> {
    type Connection = Line;
    type Error = K::Error;

    async fn connect(&self) -> Result<Line, K::Error> {
        self.0.connect().await
    }

    fn reset(&self, line: &mut Line) -> impl Future<Output = Result<(), K::Error>> + Send {
        *line.0.get_mut() = false;
        // A hook of its own that is left to the trait says nothing about this one.
        let _ = self.is_broken(line);
        self.0.reset(line)
    }

    fn check(&self, line: &mut Line) -> impl Future<Output = Result<(), K::Error>> + Send {
        self.1.fetch_add(1, SeqCst);
        self.0.check(line)
    }

    fn disconnect(&self, line: Line) -> impl Future<Output = ()> + Send {
        self.2.fetch_add(1, SeqCst);
        self.0.disconnect(line)
    }
}

#[tokio::test]
async fn a_wrapper_that_resets_checks_and_says_goodbye_is_asked() {
    let (checks, goodbyes) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let connector = Cleaned(Plain, checks.clone(), goodbyes.clone());
    let pool = AsyncPool::builder(connector).size(1).check_after(Duration::ZERO).start().await.unwrap();
    let before = checks.load(SeqCst);
    for _ in 0..3 {
        pool.get().await.unwrap().0.store(true, SeqCst);
        assert!(!pool.get().await.unwrap().0.load(SeqCst));
    }
    assert!(checks.load(SeqCst) > before);
    pool.close().await;
    assert_eq!(goodbyes.load(SeqCst), 1);
}
