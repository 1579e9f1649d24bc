//! The thread that writes, and the bounded line before it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::clock::Moment;

/// So much may wait for a slow writer: some seconds of a busy session, and little beside the sessions' own buffers.
pub(super) const WAITING: usize = 1 << 20;

/// Where sessions put their lines. The thread ends when this is dropped and everything is written.
pub(super) struct Feed {
    line: Arc<Line>,
    sessions: AtomicU64,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// The length of the texts that wait.
    bytes: usize,
    /// Bytes that were left out since the last text that was not.
    left_out: usize,
    closed: bool,
    /// The writer's error, after which nothing is written.
    failed: Option<(io::ErrorKind, String)>,
}

enum Item {
    Text(String),
    Flush(oneshot::Sender<io::Result<()>>),
}

impl Feed {
    pub(super) fn start(writer: Box<dyn Write + Send>) -> Self {
        let line = Arc::new(Line::default());
        let theirs = line.clone();
        let started = thread::Builder::new().name("session-log".into()).spawn(move || {
            // A writer that panics is one that failed: those who wait for a flush have to hear of it.
            if catch_unwind(AssertUnwindSafe(|| theirs.serve(writer))).is_err() {
                theirs.fail(&io::Error::other("the writer of the session log panicked"));
            }
        });
        if let Err(error) = started {
            line.fail(&error);
        }
        Self { line, sessions: AtomicU64::new(0) }
    }

    /// The number of the next session.
    pub(super) fn number(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts one line, or several, at the end; leaves them out when too much waits. Never waits itself.
    pub(super) fn put(&self, text: String) {
        let mut state = self.line.state();
        if state.failed.is_some() {
            return;
        }
        if state.bytes + text.len() > WAITING {
            state.left_out += text.len();
            return;
        }
        if state.left_out > 0 {
            let left_out = std::mem::take(&mut state.left_out);
            let note =
                format!("{} # {left_out} bytes of this log were left out: its writer is too slow\n", Moment::now());
            state.bytes += note.len();
            state.items.push_back(Item::Text(note));
        }
        state.bytes += text.len();
        state.items.push_back(Item::Text(text));
        self.line.changed.notify_one();
    }

    pub(super) async fn flush(&self) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        {
            let mut state = self.line.state();
            if let Some(error) = state.error() {
                return Err(error);
            }
            state.items.push_back(Item::Flush(done));
        }
        self.line.changed.notify_one();
        // The thread answers all it was asked, but for what it was at when the writer panicked.
        written.await.unwrap_or_else(|_| Err(io::Error::other("the writer of the session log panicked")))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.line.state().closed = true;
        self.line.changed.notify_one();
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: &io::Error) {
        tracing::warn!(%error, "the session log cannot be written; it ends here");
        let mut state = self.state();
        state.failed = Some((error.kind(), error.to_string()));
        state.bytes = 0;
        // Those who wait for a flush see their sender gone with the rest.
        for item in std::mem::take(&mut state.items) {
            if let (Item::Flush(done), Some(error)) = (item, state.error()) {
                let _ = done.send(Err(error));
            }
        }
    }

    fn serve(&self, mut writer: Box<dyn Write + Send>) {
        while let Some(item) = self.next() {
            let done = match item {
                Item::Text(text) => {
                    let written = writer.write_all(text.as_bytes());
                    // Nothing follows for now: whoever watches the log sees all of it.
                    written.and_then(|()| if self.state().items.is_empty() { writer.flush() } else { Ok(()) })
                }
                Item::Flush(done) => match writer.flush() {
                    Ok(()) => {
                        // One who no longer waits does not mind.
                        let _ = done.send(Ok(()));
                        Ok(())
                    }
                    Err(error) => {
                        let _ = done.send(Err(io::Error::new(error.kind(), error.to_string())));
                        Err(error)
                    }
                },
            };
            if let Err(error) = done {
                return self.fail(&error);
            }
        }
    }

    /// The next item; nothing when the log is closed and empty.
    fn next(&self) -> Option<Item> {
        let mut state = self.state();
        loop {
            if let Some(item) = state.items.pop_front() {
                if let Item::Text(text) = &item {
                    state.bytes -= text.len();
                }
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn error(&self) -> Option<io::Error> {
        self.failed.as_ref().map(|(kind, text)| io::Error::new(*kind, text.clone()))
    }
}
