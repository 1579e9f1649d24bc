//! `#[locked(span)]`: a `tracing` span around each body.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use conn_share::{ConnLock, Lockable, locked};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
}

#[locked(span)]
impl Session {
    async fn send(&self, text: &str) -> io::Result<usize> {
        tracing::info!("sending");
        tokio::task::yield_now().await;
        let sent = text.parse::<usize>().map_err(io::Error::other)?;
        Ok(sent)
    }

    async fn twice(&self, text: &str) -> io::Result<usize> {
        Ok(self.send(text).await? + self.send(text).await?)
    }

    #[locked]
    async fn bare(&self) {
        tracing::info!("bare");
    }

    async fn infallible(&self) {}

    fn boxed(&self, text: String) -> Pin<Box<dyn Future<Output = io::Result<usize>> + Send + '_>> {
        Box::pin(async move { self.send(&text).await })
    }

    #[allow(clippy::manual_async_fn, reason = "it is what is tested")]
    fn opaque(&self) -> impl Future<Output = io::Result<()>> + Send {
        async { Ok(()) }
    }
}

/// What a subscriber at the target of the lock saw, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

/// The field `method`.
struct Method(String);

impl Visit for Method {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "method" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "conn_share::lock" || metadata.is_event()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut method = Method(String::new());
        span.record(&mut method);
        self.note(format!("{} {}", span.metadata().name(), method.0));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(format!("event {}", event.metadata().level()));
    }

    fn enter(&self, _: &Id) {
        self.note("enter".to_owned());
    }

    fn exit(&self, _: &Id) {
        self.note("exit".to_owned());
    }

    fn try_close(&self, _: Id) -> bool {
        self.note("close".to_owned());
        true
    }
}

fn seen_of<F: Future>(call: F) -> (F::Output, Vec<String>) {
    let seen = Seen::default();
    let output = tracing::subscriber::with_default(seen.clone(), || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(call)
    });
    let seen = seen.0.lock().unwrap().drain(..).filter(|what| what != "enter" && what != "exit").collect();
    (output, seen)
}

#[test]
fn each_call_has_its_own() {
    let session = Session::default();
    let (sent, seen) = seen_of(session.twice("21"));
    assert_eq!(sent.unwrap(), 42);
    let one = ["locked Session::send", "event INFO", "close"];
    assert_eq!(seen, [&["locked Session::twice"][..], &one, &one, &["close"]].concat());
}

#[test]
fn an_error_leaves_it_like_any_return() {
    let session = Session::default();
    let (sent, seen) = seen_of(session.send("many"));
    assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::Other);
    assert_eq!(seen, ["locked Session::send", "event INFO", "close"]);
    assert_eq!(seen_of(session.infallible()).1, ["locked Session::infallible", "close"]);
}

#[test]
fn methods_that_return_a_future_have_one_too() {
    let session = Session::default();
    let (sent, seen) = seen_of(session.boxed("1".to_owned()));
    assert_eq!(sent.unwrap(), 1);
    assert_eq!(seen, ["locked Session::boxed", "locked Session::send", "event INFO", "close", "close"]);
    assert_eq!(seen_of(session.opaque()).1, ["locked Session::opaque", "close"]);
}

#[test]
fn a_method_s_own_options_take_the_place_of_the_impl_s() {
    assert_eq!(seen_of(Session::default().bare()).1, ["event INFO"]);
}

#[test]
fn it_begins_with_the_lock() {
    let session = Session::default();
    let seen = Seen::default();
    tracing::subscriber::with_default(seen.clone(), || {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut holder = std::pin::pin!(session.send("1"));
        let mut waiter = std::pin::pin!(session.infallible());
        assert!(holder.as_mut().poll(&mut cx).is_pending());
        assert!(waiter.as_mut().poll(&mut cx).is_pending());
    });
    assert!(!seen.0.lock().unwrap().iter().any(|what| what.contains("infallible")));
}

#[test]
fn it_is_as_send_as_the_body() {
    fn is_send<T: Send>(_: T) {}
    let session = Session::default();
    is_send(session.twice("1"));
}
