//! Generic types, methods and traits; lifetimes; constants.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::io;

use conn_share::{ConnLock, LockError, Lockable, locked};

#[derive(Lockable)]
struct Session<'n, T: ?Sized, S = (), const N: usize = 4>
where
    S: Send,
{
    lock: ConnLock<S>,
    name: &'n str,
    tail: Box<T>,
}

#[locked]
impl<'n, T, S, const N: usize> Session<'n, T, S, N>
where
    T: Display + ?Sized + Send + Sync,
    S: Send,
{
    async fn name<'a>(&'a self) -> &'n str
    where
        'n: 'a,
    {
        self.name
    }

    async fn generic<K, V: Clone>(&self, map: &HashMap<K, V>, key: &K) -> Option<V>
    where
        K: Hash + Eq,
    {
        map.get(key).cloned()
    }

    async fn generic_error<E: From<LockError> + Debug>(&self, result: Result<u8, E>) -> Result<u8, E> {
        result
    }

    async fn generic_return<R>(&self, value: R) -> R {
        value
    }

    async fn constant(&self) -> [u8; N] {
        [self.tail.to_string().len() as u8; N]
    }

    async fn constant_argument<const M: usize>(&self, rows: [u8; M]) -> io::Result<[u8; M]> {
        Ok(rows)
    }
}

impl<T: ?Sized> Describe<String> for Session<'_, T> {
    type Reply = usize;

    #[locked]
    async fn describe(&self, what: String) -> Self::Reply {
        what.len()
    }
}

trait Describe<W> {
    type Reply;

    async fn describe(&self, what: W) -> Self::Reply;
}

macro_rules! session {
    ($name:ident, $ty:ty, $body:block, $argument:ident) => {
        #[derive(Lockable, Default)]
        struct $name {
            lock: ConnLock,
        }

        #[locked]
        impl $name {
            async fn run(&self, $argument: $ty) -> $ty $body

            async fn again(&self, value: u8) -> io::Result<u8> {
                self.check(value)?;
                Ok(value)
            }

            fn check(&self, value: u8) -> io::Result<()> {
                if value == 0 { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(()) }
            }
        }
    };
}

session!(FromMacro, Vec<u8>, { value.iter().rev().copied().collect() }, value);

#[tokio::test]
async fn generics() {
    let s = Session::<'_, str, u8, 2> { lock: ConnLock::new(1), name: "n", tail: Box::from("tail") };
    assert_eq!(s.name().await, "n");
    assert_eq!(s.generic(&HashMap::from([("a", 1)]), &"a").await, Some(1));
    assert_eq!(s.generic_error::<io::Error>(Ok(1)).await.unwrap(), 1);
    assert_eq!(s.generic_return("value").await, "value");
    assert_eq!(s.generic_return(Ok::<u8, String>(1)).await, Ok(1));
    assert_eq!(s.constant().await, [4, 4]);
    assert_eq!(s.constant_argument([1, 2, 3]).await.unwrap(), [1, 2, 3]);
    let s = Session::<'_, str> { lock: ConnLock::new(()), name: "n", tail: Box::from("tail") };
    assert_eq!(s.describe("what".to_owned()).await, 4);
}

#[tokio::test]
async fn from_a_macro_by_example() {
    let s = FromMacro::default();
    assert_eq!(s.run(vec![1, 2]).await, [2, 1]);
    assert_eq!(s.again(1).await.unwrap(), 1);
    assert!(s.again(0).await.is_err());
}
