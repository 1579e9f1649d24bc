mod exec;
pub(super) mod folder;
mod host_key;
mod keys;
mod life;
mod login;
mod server;
mod shared;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use self::server::{PASSWORD, USER};
use super::settings::Settings;
use super::shell::Shell;
use super::{Attempt, Channels, Prepared, host_record, identity};
use crate::deadline::Deadline;
use crate::{HostKeys, Result, Target};

const LIMIT: Duration = Duration::from_secs(15);

fn target() -> Target {
    Target::new("r1").username(USER).password(PASSWORD).host_keys(HostKeys::danger_accept_any())
}

/// All that `open` does once there is a connection.
async fn open_over<S>(stream: S, target: &Target) -> Result<Shell>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let attempt = Attempt::new(target, Deadline::after(LIMIT));
    let settings = Settings::of(target).await?;
    let keys = identity::load(&settings).await?;
    let host = host_record(&settings).await?;
    let session = attempt.over(stream, Prepared { settings: &settings, keys, host }, Channels::One).await?;
    attempt.phase("opening the shell", session.shell()).await
}

/// Reads until `end` is there.
async fn read_to(shell: &mut Shell, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut piece = [0; 1000];
        let read = shell.read(&mut piece).await.unwrap();
        assert!(read > 0, "ended after {:?}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(text).unwrap()
}

/// Lets every task run until nothing happens any more, and counts those that are left beside this one.
async fn tasks_left() -> usize {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// The kind, the phase and the text of a failure.
fn failure<T>(result: Result<T>) -> (crate::ErrorKind, Option<&'static str>, String) {
    match result {
        Ok(_) => panic!("it worked"),
        Err(error) => (error.kind(), error.phase(), error.to_string()),
    }
}
