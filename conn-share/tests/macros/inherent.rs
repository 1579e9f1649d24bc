//! On an inherent impl.
use conn_share::{ConnLock, Lockable, locked};
use std::io;

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock<Option<u8>>,
}

#[locked]
impl Session {
    async fn send(&self, text: &str) -> io::Result<()> {
        let _ = text;
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn count(&self) -> usize {
        1
    }

    fn plain(&self) -> usize {
        2
    }
}

#[async_trait::async_trait]
trait Conn {
    async fn execute(&self, command: &str) -> io::Result<String>;
}

#[async_trait::async_trait]
#[locked]
impl Conn for Session {
    async fn execute(&self, command: &str) -> io::Result<String> {
        Ok(command.to_owned())
    }
}

#[derive(Lockable, Default)]
struct Above {
    lock: ConnLock,
}

#[locked]
#[async_trait::async_trait]
impl Conn for Above {
    async fn execute(&self, command: &str) -> io::Result<String> {
        Ok(command.to_owned())
    }
}

#[tokio::test]
async fn first() {
    let session = Session::default();
    session.send("x").await.unwrap();
    assert_eq!(session.count().await, 1);
    assert_eq!(session.plain(), 2);
    assert_eq!(session.execute("x").await.unwrap(), "x");
    assert_eq!(Above::default().execute("x").await.unwrap(), "x");
}
