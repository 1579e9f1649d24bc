//! A way that takes its time, in both directions.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The far end of a way to `stream` on which everything is under way for `lag`.
pub(super) fn away(stream: DuplexStream, lag: Duration) -> DuplexStream {
    let (near, far) = tokio::io::duplex(4096);
    let (from_us, to_us) = tokio::io::split(far);
    let (from_it, to_it) = tokio::io::split(stream);
    carry(from_us, to_it, lag);
    carry(from_it, to_us, lag);
    near
}

fn carry(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>, lag: Duration) {
    let (under_way, mut arrivals) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let bytes = buffer.get(..read).unwrap_or_default().to_vec();
            if under_way.send((Instant::now() + lag, bytes)).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((at, bytes)) = arrivals.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
}
