//! `#[pooled]`: a pool wears the trait of its workers.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use std::task::{Context, Waker};

use async_trait::async_trait;
use conn_share::{AsyncPool, PoolError, pooled};

/// Workers are numbered in the order in which they were connected.
struct Worker {
    number: usize,
    calls: usize,
}

async fn pool(size: usize) -> AsyncPool<Worker> {
    let connected = Arc::new(AtomicUsize::new(0));
    let connect = move || {
        let number = connected.fetch_add(1, SeqCst);
        async move { Ok::<_, io::Error>(Worker { number, calls: 0 }) }
    };
    AsyncPool::builder(connect).size(size).start().await.unwrap()
}

#[derive(Debug)]
struct Failed(String);

impl From<PoolError> for Failed {
    fn from(error: PoolError) -> Self {
        Self(error.to_string())
    }
}

#[pooled]
trait Native {
    const KIND: &'static str;

    type Reply: Debug;

    async fn show(&self, command: &str) -> io::Result<Self::Reply>;

    async fn count(&mut self) -> Result<usize, Failed>;

    async fn patterns(&self, (a, b): (u8, u8), _: u8, mut c: u8) -> io::Result<u8> {
        c += a;
        Ok(c + b)
    }

    fn returned(&self, left: usize) -> impl Future<Output = io::Result<usize>> + Send;

    fn boxed<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = io::Result<usize>> + Send + 'a>>;

    async fn longest<'t>(&self, one: &'t str, other: &'t str) -> io::Result<&'t str>;

    async fn generic<T, const N: usize>(&self) -> io::Result<[T; N]>
    where
        T: Copy + Debug + Default;

    async fn opaque_argument(&self, text: impl AsRef<str>) -> io::Result<usize>;

    fn platform() -> &'static str;

    fn describe(&self) -> String {
        format!("a {}", Self::KIND)
    }

    #[cfg(any())]
    async fn gone(&self) -> NoSuchType;

    #[pooled(refuse)]
    async fn send(&self, text: &str) -> io::Result<()>;

    #[pooled(refuse)]
    fn name(&self) -> &str;

    #[pooled(refuse)]
    fn identity(&self) -> Result<&str, Failed>;
}

impl Native for Worker {
    const KIND: &'static str = "worker";

    type Reply = String;

    async fn show(&self, command: &str) -> io::Result<String> {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        Ok(format!("{command} on {}", self.number))
    }

    async fn count(&mut self) -> Result<usize, Failed> {
        self.calls += 1;
        Ok(self.calls)
    }

    async fn returned(&self, left: usize) -> io::Result<usize> {
        Ok(self.number + left)
    }

    fn boxed<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = io::Result<usize>> + Send + 'a>> {
        Box::pin(async move { Ok(text.len() + self.number) })
    }

    async fn longest<'t>(&self, one: &'t str, other: &'t str) -> io::Result<&'t str> {
        Ok(if one.len() < other.len() { other } else { one })
    }

    async fn generic<T, const N: usize>(&self) -> io::Result<[T; N]>
    where
        T: Copy + Debug + Default,
    {
        Ok([T::default(); N])
    }

    async fn opaque_argument(&self, text: impl AsRef<str>) -> io::Result<usize> {
        Ok(text.as_ref().len())
    }

    fn platform() -> &'static str {
        "ios"
    }

    async fn send(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> &str {
        "name"
    }

    fn identity(&self) -> Result<&str, Failed> {
        Ok("identity")
    }
}

#[tokio::test]
async fn native_methods_reach_a_worker() {
    let mut pool = pool(1).await;
    assert_eq!(pool.show("show").await.unwrap(), "show on 0");
    assert_eq!((pool.count().await.unwrap(), pool.count().await.unwrap()), (1, 2));
    assert_eq!(pool.patterns((1, 2), 9, 3).await.unwrap(), 6);
    assert_eq!(pool.returned(5).await.unwrap(), 5);
    assert_eq!(Native::boxed(&pool, "text").await.unwrap(), 4);
    assert_eq!(pool.longest("a", "bb").await.unwrap(), "bb");
    assert_eq!(pool.generic::<u8, 3>().await.unwrap(), [0, 0, 0]);
    assert_eq!(pool.opaque_argument("text").await.unwrap(), 4);
    assert_eq!(<AsyncPool<Worker> as Native>::platform(), "ios");
    assert_eq!(<AsyncPool<Worker> as Native>::KIND, "worker");
    assert_eq!(pool.describe(), "a worker");
}

#[tokio::test]
async fn calls_side_by_side_have_a_worker_each() {
    let pool = pool(2).await;
    let first = pool.get().await.unwrap();
    let number = first.number;
    assert_eq!(pool.show("x").await.unwrap(), format!("x on {}", 1 - number));
    drop(first);
}

#[tokio::test]
async fn cut_off_at_every_poll_it_gives_the_worker_back() {
    let mut finished = 0;
    for polls in 0..8 {
        let pool = pool(1).await;
        {
            let mut call = std::pin::pin!(pool.show("x"));
            let mut context = Context::from_waker(Waker::noop());
            finished += usize::from((0..polls).any(|_| call.as_mut().poll(&mut context).is_ready()));
            if (1..4).contains(&polls) {
                assert_eq!(pool.status().on_loan, 1, "after {polls} polls");
            }
        }
        assert_eq!(pool.status().on_loan, 0, "after {polls} polls");
        assert_eq!(pool.show("next").await.unwrap(), "next on 0", "after {polls} polls");
    }
    assert!((1..8).contains(&finished), "{finished} of 8 ran to the end");
}

#[tokio::test]
async fn what_a_pool_cannot_do_is_refused() {
    let pool = pool(1).await;
    let error = pool.send("x").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("`Native::send`"), "{error}");
    assert!(error.to_string().contains("get()"), "{error}");
    assert!(pool.identity().unwrap_err().0.contains("`Native::identity`"));
}

#[tokio::test]
#[should_panic(expected = "`Native::name` cannot be called on a pool")]
async fn without_a_result_a_refusal_panics() {
    pool(1).await.name();
}

#[tokio::test]
async fn errors_of_the_pool_are_the_methods_own() {
    let mut pool = pool(1).await;
    pool.close().await;
    let error = pool.show("x").await.unwrap_err();
    assert!(matches!(error.get_ref().and_then(|error| error.downcast_ref()), Some(PoolError::Closed)), "{error:?}");
    assert!(pool.count().await.unwrap_err().0.contains("closed"));
    let error = pool.returned(1).await.unwrap_err();
    assert!(matches!(error.get_ref().and_then(|error| error.downcast_ref()), Some(PoolError::Closed)), "{error:?}");
}

#[pooled]
#[async_trait]
trait Above: Send + Sync {
    async fn execute(&self, command: &str) -> io::Result<String>;

    async fn twice(&self, command: &str) -> io::Result<String> {
        Ok(self.execute(command).await? + &self.execute(command).await?)
    }
}

#[async_trait]
#[pooled]
trait Below: Send + Sync {
    async fn execute(&self, command: &str) -> io::Result<String>;

    async fn twice(&self, command: &str) -> io::Result<String> {
        Ok(self.execute(command).await? + &self.execute(command).await?)
    }
}

macro_rules! executes {
    ($($name:ident)*) => {$(
        #[async_trait]
        impl $name for Worker {
            async fn execute(&self, command: &str) -> io::Result<String> {
                Ok(format!("{command}{}", self.number))
            }
        }
    )*};
}

executes!(Above Below);

/// A default is one call on one worker, too, and not two on perhaps two.
#[tokio::test]
async fn async_trait_in_both_orders() {
    let pool = pool(2).await;
    let one: Box<dyn Above> = Box::new(pool);
    let text = one.twice("x").await.unwrap();
    assert!(text == "x0x0" || text == "x1x1", "{text}");
    let pool = self::pool(2).await;
    let other: Arc<dyn Below> = Arc::new(pool);
    assert_eq!(other.twice("x").await.unwrap().len(), 4);
    tokio::spawn(async move { other.execute("x").await }).await.unwrap().unwrap();
}

#[pooled]
trait Generic<'n, Q: Clone = String, const N: usize = 2>: Sync
where
    Q: Send,
{
    type Row<'a>: Debug
    where
        Self: 'a;

    async fn ask(&self, question: &Q) -> Result<[Q; N], Box<dyn std::error::Error + Send + Sync>>;

    async fn label(&self, name: &'n str) -> io::Result<&'n str>;
}

impl<'n, Q: Clone + Send, const N: usize> Generic<'n, Q, N> for Worker {
    type Row<'a> = &'a usize;

    async fn ask(&self, question: &Q) -> Result<[Q; N], Box<dyn std::error::Error + Send + Sync>> {
        Ok(std::array::from_fn(|_| question.clone()))
    }

    async fn label(&self, name: &'n str) -> io::Result<&'n str> {
        Ok(name)
    }
}

#[tokio::test]
async fn generic_traits() {
    let pool = pool(1).await;
    let answer = Generic::<'_, u8, 3>::ask(&pool, &7).await.unwrap();
    assert_eq!(answer, [7, 7, 7]);
    assert_eq!(Generic::<'_, u8, 3>::label(&pool, "n").await.unwrap(), "n");
}

#[pooled]
trait Places: Sync {
    async fn native(&self) -> io::Result<(u32, u32)>;

    fn returned(&self) -> impl Future<Output = io::Result<(u32, u32)>> + Send;
}

#[pooled]
#[async_trait]
trait PlacesBelow: Sync {
    async fn one(&self) -> io::Result<(u32, u32)>;
    async fn other(&self) -> io::Result<(u32, u32)>;
}

const BELOW: u32 = line!() - 4;

#[async_trait]
#[pooled]
trait PlacesAbove: Sync {
    async fn one(&self) -> io::Result<(u32, u32)>;
}

const ABOVE: u32 = line!() - 3;

/// It sees what the pool says of its own loan.
struct Seer(AsyncPool<Arc<std::sync::OnceLock<Seer>>>);

type Seeing = Arc<std::sync::OnceLock<Seer>>;

impl Seer {
    fn loan(&self) -> io::Result<(u32, u32)> {
        let place = self.0.status().oldest_loan.expect("one is on loan").place;
        assert!(place.file().ends_with("pooled.rs"), "{place}");
        Ok((place.line(), place.column()))
    }
}

impl Places for Seeing {
    async fn native(&self) -> io::Result<(u32, u32)> {
        self.get().expect("it is set").loan()
    }

    async fn returned(&self) -> io::Result<(u32, u32)> {
        self.get().expect("it is set").loan()
    }
}

#[async_trait]
impl PlacesBelow for Seeing {
    async fn one(&self) -> io::Result<(u32, u32)> {
        self.get().expect("it is set").loan()
    }

    async fn other(&self) -> io::Result<(u32, u32)> {
        self.get().expect("it is set").loan()
    }
}

#[async_trait]
impl PlacesAbove for Seeing {
    async fn one(&self) -> io::Result<(u32, u32)> {
        self.get().expect("it is set").loan()
    }
}

#[tokio::test]
async fn the_place_of_a_loan_is_the_users_call_or_the_method_in_the_trait() {
    let connect = || std::future::ready(Ok::<_, io::Error>(Seeing::default()));
    let pool: AsyncPool<Seeing> = AsyncPool::builder(connect).size(1).start().await.unwrap();
    assert!(pool.get().await.unwrap().set(Seer(pool.clone())).is_ok());
    assert_eq!(pool.native().await.unwrap().0, line!());
    assert_eq!(pool.returned().await.unwrap().0, line!());
    assert_eq!(PlacesAbove::one(&pool).await.unwrap().0, ABOVE);
    assert_eq!(PlacesBelow::one(&pool).await.unwrap().0, BELOW);
    assert_eq!(pool.other().await.unwrap().0, BELOW + 1);
    let through_dyn: &dyn PlacesAbove = &pool;
    assert_eq!(through_dyn.one().await.unwrap().0, ABOVE);
    // The worker holds the pool that holds it.
    pool.close().await;
}
