//! Wakers are foreign code: one that panics costs nobody else the wake, and the pool none of its workers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use conn_share::{AsyncPool, PoolError, WorkerGuard};

use crate::lab::{Device, Mood, numbers, settle};

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

type Get<C> = Pin<Box<dyn Future<Output = Result<WorkerGuard<C>, PoolError>> + Send>>;

fn get<C: Send + 'static>(pool: &AsyncPool<C>, limit: u64) -> Get<C> {
    let pool = pool.clone();
    Box::pin(async move { pool.get_timeout(Duration::from_secs(limit)).await })
}

fn poll<C: Send>(get: &mut Get<C>, waker: &Waker) -> Poll<Result<WorkerGuard<C>, PoolError>> {
    get.as_mut().poll(&mut Context::from_waker(waker))
}

/// Two who wait, the first of whom panics when woken; then `change`. The second is woken.
async fn the_second_is_woken<C: Send + 'static>(
    pool: &AsyncPool<C>,
    change: impl AsyncFnOnce(),
) -> Poll<Result<WorkerGuard<C>, PoolError>> {
    let (bad, counts) = (Waker::from(Arc::new(Panics)), Arc::new(Counts::default()));
    let (mut first, mut second) = (get(pool, 60), get(pool, 60));
    assert!(poll(&mut first, &bad).is_pending());
    assert!(poll(&mut second, &Waker::from(counts.clone())).is_pending());
    change().await;
    settle().await;
    assert!(counts.0.load(SeqCst) > 0, "it was not woken");
    poll(&mut second, Waker::noop())
}

#[tokio::test(start_paused = true)]
async fn when_the_pool_grows() {
    let pool = numbers(1).start().await.unwrap();
    let _held = pool.get().await.unwrap();
    let second = the_second_is_woken(&pool, async || pool.resize(3)).await;
    assert!(matches!(second, Poll::Ready(Ok(_))), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn when_it_closes() {
    let pool = numbers(1).start().await.unwrap();
    let held = pool.get().await.unwrap();
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move {
            settle().await;
            pool.close().await
        }
    });
    let second = the_second_is_woken(&pool, async || settle().await).await;
    assert!(matches!(second, Poll::Ready(Err(PoolError::Closed))), "{second:?}");
    drop(held);
    assert!(closing.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn when_time_runs_out() {
    let pool = numbers(1).start().await.unwrap();
    let _held = pool.get().await.unwrap();
    let second = the_second_is_woken(&pool, async || tokio::time::sleep(Duration::from_secs(61)).await).await;
    assert!(matches!(second, Poll::Ready(Err(PoolError::Timeout(_)))), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn when_a_worker_comes_back() {
    let pool = numbers(2).start().await.unwrap();
    let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let second = the_second_is_woken(&pool, async || drop((one, two))).await;
    assert!(matches!(second, Poll::Ready(Ok(_))), "{second:?}");
    drop(second);
    // The first was dropped with what had been handed to it.
    assert_eq!((pool.status().idle, pool.status().on_loan), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn when_a_worker_has_been_connected() {
    let device = Device::new();
    let pool = device.pool().size(2).lazy().start().await.unwrap();
    device.set(|moods| moods.connect = Mood::Waits);
    let second = the_second_is_woken(&pool, async || device.gate.add_permits(2)).await;
    assert!(matches!(second, Poll::Ready(Ok(_))), "{second:?}");
    drop(second);
    let all = (pool.get().await.unwrap(), pool.get().await.unwrap());
    assert_eq!(device.most_open(), 2);
    drop(all);
}

/// Looks at the pool when woken.
struct Looks(AsyncPool<()>, AtomicUsize);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1 + self.0.status().waiting, SeqCst);
    }
}

#[test]
fn a_waker_may_ask_the_pool_in_the_middle_of_a_poll() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let looked = AtomicUsize::new(0);
    // Every other look says that it is broken: each worker that is handed over is unfit.
    let pool = AsyncPool::builder(|| async { Ok::<_, String>(()) })
        .size(1)
        .lazy()
        .is_broken(move |()| looked.fetch_add(1, SeqCst) % 2 == 1);
    let pool = runtime.block_on(pool.start()).unwrap();
    let looks = Arc::new(Looks(pool.clone(), AtomicUsize::new(0)));
    // In a thread of its own, as it would lock up for good.
    let (told, hears) = std::sync::mpsc::channel();
    let waker = Waker::from(looks.clone());
    std::thread::spawn(move || {
        let _inside = runtime.enter();
        let mut get = Box::pin(pool.get());
        let _ = get.as_mut().poll(&mut Context::from_waker(&waker));
        told.send(()).unwrap();
    });
    hears.recv_timeout(Duration::from_secs(10)).expect("the poll ends");
    assert!(looks.1.load(SeqCst) > 0);
}
