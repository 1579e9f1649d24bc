//! Every place that `#[locked]` can stand on, every receiver, every way to write an async method.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use conn_share::{ConnLock, Lockable, locked};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::probe::Probe;
use crate::probe::Together::{One, Two};

#[derive(Lockable, Default)]
struct Session {
    lock: ConnLock,
    probe: Probe,
}

#[locked]
impl Session {
    async fn reference(&self) {
        self.probe.visit().await;
    }

    async fn named_reference<'a>(&'a self) -> &'a Probe {
        self.probe.visit().await;
        &self.probe
    }

    #[allow(clippy::needless_arbitrary_self_type)]
    async fn typed_reference(self: &Self) {
        self.probe.visit().await;
    }

    async fn arc(self: Arc<Self>) {
        self.probe.visit().await;
        drop(self);
    }

    async fn changeable_arc(mut self: Arc<Self>) {
        self.probe.visit().await;
        self = Arc::new(Self::default());
        drop(self);
    }

    async fn concrete_arc(self: std::sync::Arc<Session>) {
        self.probe.visit().await;
    }

    async fn arc_reference(self: &Arc<Self>) -> Arc<Self> {
        self.probe.visit().await;
        Arc::clone(self)
    }

    async fn nothing_to_see(_this: &Self) {
        _this.probe.visit().await;
    }

    #[allow(clippy::manual_async_fn)]
    fn opaque(&self) -> impl Future<Output = io::Result<()>> + Send {
        async move {
            self.probe.visit().await;
            Ok(())
        }
    }

    #[allow(clippy::manual_async_fn)]
    fn opaque_without_move(&self) -> impl Future<Output = ()> + Send + '_ {
        async {
            self.probe.visit().await;
        }
    }

    fn opaque_after_let(self: Arc<Self>, text: &str) -> impl Future<Output = String> + Send + 'static {
        let text = text.to_owned();
        async move {
            self.probe.visit().await;
            text
        }
    }

    fn boxed(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>> {
        Box::pin(async move {
            self.probe.visit().await;
            Ok(())
        })
    }

    fn boxed_by_path(self: Arc<Self>) -> ::std::pin::Pin<::std::boxed::Box<dyn Future<Output = ()> + Send>> {
        ::std::boxed::Box::pin(async move { self.probe.visit().await })
    }

    fn boxed_alias(&self) -> BoxFuture<'_, io::Result<()>> {
        async move {
            self.probe.visit().await;
            Ok(())
        }
        .boxed()
    }

    async unsafe fn dangerous(&self) {
        self.probe.visit().await;
    }

    fn not_async(&self) -> usize {
        1
    }

    async fn no_receiver(probe: &Probe) {
        probe.visit().await;
    }
}

#[test]
fn every_form_is_locked() {
    let s = Arc::new(Session::default());
    let check = |calls: (BoxFuture<'_, ()>, BoxFuture<'_, ()>)| s.probe.check(calls, One);
    macro_rules! locked {
        ($call:expr) => {
            check((async { _ = $call.await }.boxed(), async { _ = $call.await }.boxed()))
        };
    }
    locked!(s.reference());
    locked!(s.named_reference());
    locked!(s.typed_reference());
    locked!(s.clone().arc());
    locked!(s.clone().changeable_arc());
    locked!(s.clone().concrete_arc());
    locked!(s.arc_reference());
    locked!(s.opaque());
    locked!(s.opaque_without_move());
    locked!(s.clone().opaque_after_let("text"));
    locked!(s.boxed());
    locked!(s.clone().boxed_by_path());
    locked!(s.boxed_alias());
    // SAFETY: it asks for nothing.
    locked!(unsafe { s.dangerous() });
}

#[test]
fn different_forms_exclude_each_other() {
    let s = Arc::new(Session::default());
    s.probe.check((s.reference(), s.clone().arc()), One);
    s.probe.check((s.boxed(), s.arc_reference()), One);
}

#[test]
fn functions_without_receiver_and_plain_methods_are_left_alone() {
    let s = Session::default();
    s.probe.check((Session::no_receiver(&s.probe), Session::no_receiver(&s.probe)), Two);
    s.probe.check((Session::nothing_to_see(&s), s.reference()), Two);
    assert_eq!(s.not_async(), 1);
}

#[test]
fn instances_do_not_exclude_each_other() {
    let (one, other) = (Session::default(), Session::default());
    let both = Probe::default();
    let call = |s: Session| {
        let both = &both;
        async move {
            s.reference().await;
            both.visit().await;
        }
    };
    both.check((call(one), call(other)), Two);
}

trait Native: Lockable {
    fn probe(&self) -> &Probe;

    fn required(&self) -> impl Future<Output = io::Result<()>> + Send;
}

#[locked]
impl Native for Session {
    fn probe(&self) -> &Probe {
        &self.probe
    }

    async fn required(&self) -> io::Result<()> {
        self.probe.visit().await;
        Ok(())
    }
}

#[locked]
trait WithDefault: Lockable + Sync {
    const NAME: &'static str;

    fn view(&self) -> &Probe;

    async fn required(&self);

    async fn provided(&self) -> usize {
        self.view().visit().await;
        Self::NAME.len()
    }

    fn provided_opaque(&self) -> impl Future<Output = ()> + Send {
        async move { self.view().visit().await }
    }
}

#[locked]
impl WithDefault for Session {
    const NAME: &'static str = "session";

    fn view(&self) -> &Probe {
        &self.probe
    }

    async fn required(&self) {
        self.probe.visit().await;
    }
}

#[test]
fn native_traits() {
    let s = Session::default();
    s.probe.check((Native::required(&s), Native::required(&s)), One);
    s.probe.check((WithDefault::required(&s), WithDefault::provided(&s)), One);
    s.probe.check((s.provided_opaque(), WithDefault::provided(&s)), One);
    assert!(std::ptr::eq(Native::probe(&s), WithDefault::view(&s)));
}

#[async_trait]
trait Dynamic: Send + Sync {
    async fn above(&self, text: &str) -> io::Result<String>;

    async fn no_result(&self) {}

    async fn arc(self: Arc<Self>) -> usize;
}

struct Below(Session);
struct Above(Session);

impl Lockable for Below {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.0.lock
    }
}

impl Lockable for Above {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.0.lock
    }
}

#[async_trait]
#[locked]
impl Dynamic for Below {
    async fn above(&self, text: &str) -> io::Result<String> {
        self.0.probe.visit().await;
        if text.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(text.to_owned())
    }

    async fn no_result(&self) {
        self.0.probe.visit().await;
    }

    async fn arc(self: Arc<Self>) -> usize {
        self.0.probe.visit().await;
        1
    }
}

#[locked]
#[async_trait]
impl Dynamic for Above {
    async fn above(&self, text: &str) -> io::Result<String> {
        self.0.probe.visit().await;
        if text.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(text.to_owned())
    }

    async fn no_result(&self) {
        self.0.probe.visit().await;
    }

    async fn arc(self: Arc<Self>) -> usize {
        self.0.probe.visit().await;
        1
    }
}

#[test]
fn async_trait_in_both_orders() {
    let below = Arc::new(Below(Session::default()));
    let above = Arc::new(Above(Session::default()));
    for (s, probe) in [(below.clone() as Arc<dyn Dynamic>, &below.0.probe), (above.clone(), &above.0.probe)] {
        probe.check((s.above("x"), s.no_result()), One);
        probe.check((s.no_result(), s.no_result()), One);
        probe.check((s.clone().arc(), s.clone().arc()), One);
    }
}

#[async_trait]
#[locked]
trait DefaultBelow: Lockable + Sync {
    fn view(&self) -> &Probe;

    async fn provided(&self) {
        self.view().visit().await;
    }
}

#[locked]
#[async_trait]
trait DefaultAbove: Lockable + Sync {
    fn view(&self) -> &Probe;

    async fn provided(&self) {
        self.view().visit().await;
    }
}

impl DefaultBelow for Session {
    fn view(&self) -> &Probe {
        &self.probe
    }
}

impl DefaultAbove for Session {
    fn view(&self) -> &Probe {
        &self.probe
    }
}

#[test]
fn async_trait_defaults_in_both_orders() {
    let s = Session::default();
    s.probe.check((DefaultBelow::provided(&s), DefaultAbove::provided(&s)), One);
    s.probe.check((DefaultBelow::provided(&s), DefaultBelow::provided(&s)), One);
    s.probe.check((DefaultAbove::provided(&s), DefaultAbove::provided(&s)), One);
    let object: &(dyn DefaultBelow<State = ()> + Send) = &s;
    s.probe.check((object.provided(), object.provided()), One);
}

struct Single {
    session: Session,
}

impl Lockable for Single {
    type State = ();

    fn conn_lock(&self) -> &ConnLock {
        &self.session.lock
    }
}

impl Single {
    #[locked]
    async fn locked(&self) {
        self.session.probe.visit().await;
    }

    #[conn_share::locked]
    fn boxed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move { self.session.probe.visit().await })
    }

    async fn not_locked(&self) {
        self.session.probe.visit().await;
    }
}

#[test]
fn single_methods() {
    let s = Single { session: Session::default() };
    s.session.probe.check((s.locked(), s.boxed()), One);
    s.session.probe.check((s.locked(), s.not_locked()), Two);
}
