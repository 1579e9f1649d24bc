//! What a lock error becomes, by the method's return type.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use conn_share::{ConnLock, LockError, Lockable, LockableExt, locked};

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
}

#[derive(Debug)]
enum SessionError {
    Lock(LockError),
}

impl From<LockError> for SessionError {
    fn from(error: LockError) -> Self {
        Self::Lock(error)
    }
}

type Outcome<T> = Result<T, SessionError>;
type Bytes = Vec<u8>;

const LINE_OF_LONG: u32 = 67;

#[locked]
impl Session {
    async fn io(&self) -> io::Result<()> {
        Ok(())
    }

    async fn boxed(&self) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(())
    }

    async fn own(&self) -> Outcome<u8> {
        Ok(1)
    }

    async fn lock_error(&self) -> Result<(), LockError> {
        Ok(())
    }

    async fn opaque(&self) -> Outcome<impl Copy + use<>> {
        Ok(1)
    }

    async fn no_result(&self) -> Bytes {
        Vec::new()
    }

    async fn nothing(&self) {}

    async fn never(&self) -> ! {
        unreachable!("the lock is closed")
    }

    #[locked(timeout = "1m30s")]
    async fn timed(&self) -> Result<(), LockError> {
        Ok(())
    }

    async fn long(&self) -> io::Result<()> {
        tokio::time::sleep(Duration::from_secs(600)).await;
        Ok(())
    }

    async fn opaque_no_result(&self) -> impl Copy + use<> {
        1
    }
}

/// A session that nobody can lock any more.
fn closed() -> Session {
    let session = Session::default();
    session.lock.close();
    session
}

#[tokio::test]
async fn a_result_carries_it() {
    let s = closed();
    let error = s.io().await.unwrap_err();
    assert!(matches!(error.get_ref().and_then(|cause| cause.downcast_ref()), Some(LockError::Closed)), "{error:?}");
    let error = s.boxed().await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(LockError::Closed)), "{error:?}");
    assert!(matches!(s.own().await, Err(SessionError::Lock(LockError::Closed))));
    assert!(matches!(s.lock_error().await, Err(LockError::Closed)));
    assert!(matches!(s.opaque().await.map(|_| ()), Err(SessionError::Lock(LockError::Closed))));
}

#[tokio::test]
#[should_panic(expected = "closed")]
async fn an_alias_of_no_result_panics() {
    closed().no_result().await;
}

#[tokio::test]
#[should_panic(expected = "closed")]
async fn nothing_panics() {
    closed().nothing().await;
}

#[tokio::test]
#[should_panic(expected = "closed")]
async fn an_opaque_type_panics() {
    closed().opaque_no_result().await;
}

#[tokio::test]
#[should_panic(expected = "closed")]
async fn what_never_comes_back_panics() {
    closed().never().await
}

/// The timeout of a lock is for methods that can say that it ran out.
#[tokio::test(start_paused = true)]
async fn a_timeout_reaches_those_that_return_a_result() {
    let s = Session { lock: ConnLock::new(()).with_timeout(Duration::from_secs(5)) };
    let long = s.exclusive(tokio::time::sleep(Duration::from_secs(60)));
    let calls = async {
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        assert!(matches!(s.lock_error().await, Err(LockError::Timeout(_))));
        assert!(matches!(s.own().await, Err(SessionError::Lock(LockError::Timeout(_)))));
        assert!(matches!(s.opaque().await.map(|_| ()), Err(SessionError::Lock(LockError::Timeout(_)))));
        assert_eq!(began.elapsed(), Duration::from_secs(15));
        s.no_result().await;
        assert_eq!(began.elapsed(), Duration::from_secs(60));
    };
    let (long, ()) = tokio::join!(long, calls);
    long.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_the_method_names_it_and_the_holder() {
    let s = Session::default();
    let calls = async {
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        let error = s.timed().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(90));
        error
    };
    let (held, error) = tokio::join!(s.long(), calls);
    held.unwrap();
    let LockError::Timeout(timeout) = &error else { panic!("{error:?}") };
    let holder = timeout.holder().unwrap();
    assert_eq!(holder.method(), "Session::long");
    assert_eq!((holder.file(), holder.line()), (file!(), LINE_OF_LONG));
    assert!(error.to_string().contains("Session::timed"), "{error}");
}

#[tokio::test]
async fn a_single_method_is_named_by_its_module() {
    let s = Single(ConnLock::new(()));
    assert_eq!(s.method().await, concat!(module_path!(), "::method"));
}

struct Single(ConnLock);

impl Lockable for Single {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.0
    }
}

impl Single {
    #[locked]
    async fn method(&self) -> &'static str {
        self.0.holder().unwrap().method()
    }
}
