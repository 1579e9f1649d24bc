//! Sessions against a device that is played in memory, on paused time.

mod candidate;
mod cut;
mod far;
mod first;
mod flood;
mod lines;
mod peer;
mod pipe;
mod refusals;
mod talk;
mod wraps;

use std::sync::Arc;

use self::peer::{Manner, Record, device};
use crate::connection::link::Opening;
use crate::connection::session::SessionOptions;
use crate::{Connection, Target, TelnetConnection};

/// An unconnected connection to a device with these manners.
fn unconnected(
    platform: &str,
    line_end: &str,
    manner: Manner,
    adjust: impl FnOnce(Target) -> Target,
) -> (TelnetConnection, Arc<Record>) {
    let record = Arc::new(Record::default());
    let target = adjust(Target::new("r1.example").name("r1").platform(platform));
    let seen = record.clone();
    let opener = Arc::new(move |_| -> Opening {
        let (manner, seen) = (manner.clone(), seen.clone());
        Box::pin(async move { Ok(device(manner, seen)) })
    });
    let connection = TelnetConnection::over(&target, SessionOptions::new(), line_end, opener).expect("valid options");
    (connection, record)
}

async fn connected(platform: &str, line_end: &str, manner: Manner) -> (TelnetConnection, Arc<Record>) {
    let (connection, record) = unconnected(platform, line_end, manner, |target| target);
    connection.connect().await.expect("the device lets us in");
    (connection, record)
}

/// The whole answer to `long`.
fn long(tag: &str) -> String {
    let lines: Vec<String> = (0..200).map(|line| format!("*> 10.0.{line}.0/24 {tag}")).collect();
    lines.join("\n")
}
