//! The macros of conn-share; use them through that crate, which re-exports them.

use proc_macro::TokenStream;

mod item;
mod lockable;
mod locked;
mod output;
mod pooled;
#[cfg(test)]
mod twin_tests;

/// Makes async methods run one at a time per instance.
///
/// On an impl or a trait it locks every async method that has a receiver, on a method that one. A locked call waits for
/// its turn, first come, first served, and holds the instance's `ConnLock` until its future has finished or was dropped.
/// The type has to be `Lockable`; derive it.
///
/// ```
/// use std::io;
///
/// use conn_share::{ConnLock, Lockable, locked};
///
/// #[derive(Lockable)]
/// #[lockable(recover = Self::reset)]
/// pub struct Console {
///     lock: ConnLock<Vec<String>>,
/// }
///
/// #[locked]
/// impl Console {
///     pub async fn send(&self, text: &str) -> io::Result<()> {
///         self.lock.state().push(text.to_owned());
///         Ok(())
///     }
///
///     pub async fn receive(&self) -> io::Result<String> {
///         self.lock.state().pop().ok_or_else(|| io::ErrorKind::NotConnected.into())
///     }
///
///     // Nobody else sends between the two: the calls go into the lock that this method holds already.
///     pub async fn execute(&self, command: &str) -> io::Result<String> {
///         self.send(command).await?;
///         self.receive().await
///     }
///
///     // Does not wait behind a command that takes a minute.
///     #[unlocked]
///     pub async fn is_busy(&self) -> bool {
///         self.lock.holder().is_some()
///     }
/// }
///
/// impl Console {
///     async fn reset(&self) {
///         self.lock.state().clear();
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> io::Result<()> {
/// let console = Console { lock: ConnLock::new(Vec::new()) };
/// let (version, route) = tokio::join!(console.execute("show version"), console.execute("show ip route"));
/// assert_eq!(version?, "show version");
/// assert_eq!(route?, "show ip route");
/// assert!(!console.is_busy().await);
/// # Ok(())
/// # }
/// ```
///
/// # What is locked
///
/// - `async fn`s, in inherent impls, trait impls and as default methods of traits, with `#[async_trait]` above or below;
/// - methods that return `impl Future`, `Pin<Box<dyn Future>>` or `BoxFuture` from one async block at the end of the
///   body, after nothing but `let`s. The `let`s run when the method is called, before the lock is taken.
///
/// Receivers are `&self`, `self: &Arc<Self>` and `self: Arc<Self>`. `&mut self`, `Pin<&mut Self>` and `self` are refused:
/// they have the instance to themselves already. Functions without receiver and methods that are not async are left
/// alone. Methods that a macro inside the impl makes are not seen.
///
/// A method can say `#[unlocked]`, or `#[locked(..)]` with options of its own, which take the place of those of the impl.
/// The signature stays as it is written, and the future is `Send` if that of the body is.
///
/// # Options
///
/// - `timeout = "5s"`: how long a call waits for the lock before it fails with `LockError::Timeout`, which names the
///   holder. Units are `h`, `m`, `s` and `ms`, as in `"1m30s"`. Without it the timeout of the `ConnLock` applies, which by
///   default is none: waiting for ever is what users of locks expect, and a long wait is logged. The method must return
///   a `Result`.
/// - `span`: the method's body runs in a `tracing` span called `locked` at the target `conn_share::lock`, at the level
///   `INFO`, with the method's name in its field `method`. It begins when the method has the lock.
/// - `crate = path`: where conn-share is, if not at `::conn_share`.
///
/// # Errors
///
/// A method that returns a `Result<T, E>` returns lock errors through `E: From<LockError>`, and does not compile without;
/// `io::Error`, `Box<dyn Error + Send + Sync>`, `anyhow::Error` and conn-share's `Error` have it.
///
/// # Panics
///
/// A method that does not return a `Result` has no way to tell: it waits without timeout, and panics if the lock is
/// closed, if the instance is interrupted and cannot recover, or if the wait would be a deadlock.
///
/// # Cancel safety
///
/// Dropped while it waits, a call gives up its place in the queue, and nothing else. Dropped later, the instance counts
/// as interrupted: the next call first runs the `recover` of `#[derive(Lockable)]`.
///
/// # What people trip over
///
/// - A spawned task is another chain of calls. `tokio::spawn(self.clone().send(..)).await` inside a locked method waits for
///   a lock that the method itself holds. Call it without `spawn`.
/// - A call that was polled once and is then kept without being polled, as by a `select!` on `&mut future`, keeps its place
///   in the queue, and everybody behind it waits.
///
/// # What it expands to
///
/// ```
/// # use std::io;
/// # use conn_share::{ConnLock, Lockable};
/// # #[derive(Lockable)]
/// # struct Console { lock: ConnLock<Vec<String>> }
/// # impl Console {
/// // #[locked]
/// // async fn receive(&self) -> io::Result<String> {
/// //     self.lock.state().pop().ok_or_else(|| io::ErrorKind::NotConnected.into())
/// // }
/// async fn receive(&self) -> io::Result<String> {
///     use conn_share::__private::{Returns, Site, locked};
///
///     static SITE: Site = Site::new("Console::receive", file!(), line!());
///     locked(
///         self,
///         &SITE,
///         |error| Returns::<io::Result<String>>::new().lock_failed(error),
///         async move { self.lock.state().pop().ok_or_else(|| io::ErrorKind::NotConnected.into()) },
///     )
///     .await
/// }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> io::Result<()> {
/// # assert_eq!(Console { lock: ConnLock::new(vec!["x".to_owned()]) }.receive().await?, "x");
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn locked(options: TokenStream, item: TokenStream) -> TokenStream {
    locked::expand(options.into(), item.into()).into()
}

/// Leaves one method of a `#[locked]` impl or trait unlocked.
///
/// For what must not wait: a look at something that the lock does not protect, or the call that makes the others end. Such
/// a method runs beside locked ones, and `ConnLock::state()` panics in it. It need not be imported.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use conn_share::{ConnLock, Lockable, locked};
///
/// #[derive(Default, Lockable)]
/// struct Line {
///     lock: ConnLock,
///     connected: AtomicBool,
/// }
///
/// #[locked]
/// impl Line {
///     async fn connect(&self) {
///         self.connected.store(true, Ordering::Relaxed);
///     }
///
///     #[unlocked]
///     async fn is_connected(&self) -> bool {
///         self.connected.load(Ordering::Relaxed)
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let line = Line::default();
/// # line.connect().await;
/// # assert!(line.is_connected().await);
/// # }
/// ```
#[proc_macro_attribute]
pub fn unlocked(options: TokenStream, item: TokenStream) -> TokenStream {
    locked::expand_unlocked(&options.into(), item.into()).into()
}

/// Implements `Lockable` for a struct with a `ConnLock`.
///
/// The lock is the field whose type is written `ConnLock` or `ConnLock<State>`, or the one that is marked
/// `#[lockable(lock)]`: mark it where there are several, or where the type has another name or is an `Arc<ConnLock<..>>`.
///
/// On the struct, `#[lockable(..)]` says what happens to an instance whose last section was cut off half-way, by a dropped
/// future or a panic:
///
/// - `recover = Self::reconnect` names an async function that takes `&self` and returns nothing or a `Result<(), E>`. It
///   runs under the lock, before the next section. If it fails, that section fails with `LockError::Recovery`, and the one
///   after it tries again.
/// - `accept_interrupted` says that nothing is to be done: the state cannot be half-done.
/// - Without either the lock fails closed: every call returns `LockError::Interrupted`.
///
/// `crate = path` says where conn-share is, if not at `::conn_share`.
///
/// ```
/// use std::io;
/// use std::sync::Arc;
///
/// use conn_share::{ConnLock, Lockable};
///
/// #[derive(Lockable)]
/// #[lockable(recover = Self::reconnect)]
/// struct Session {
///     lock: ConnLock<Option<u32>>,
/// }
///
/// impl Session {
///     async fn reconnect(&self) -> io::Result<()> {
///         *self.lock.state() = None;
///         Ok(())
///     }
/// }
///
/// /// Two views of one line: they exclude each other.
/// #[derive(Clone, Lockable)]
/// #[lockable(accept_interrupted)]
/// struct View {
///     #[lockable(lock)]
///     line: Arc<ConnLock>,
/// }
/// # let line = Arc::new(ConnLock::default());
/// # let (one, other) = (View { line: line.clone() }, View { line });
/// # assert!(std::ptr::eq(one.conn_lock(), other.conn_lock()));
/// # assert!(!Session { lock: ConnLock::new(None) }.conn_lock().is_interrupted());
/// ```
///
/// The state becomes visible as `Lockable::State`, so its type must be as public as the struct. It may well be `pub` in a
/// module that is private.
#[proc_macro_derive(Lockable, attributes(lockable))]
pub fn derive_lockable(item: TokenStream) -> TokenStream {
    lockable::expand(item.into()).into()
}

/// Implements a trait for `AsyncPool<C>`, where `C` implements it: a pool of connections looks like a connection.
///
/// Each async method takes a worker, forwards the call to it and gives it back. So two calls may meet two workers: what
/// belongs together is one method, or is called on a worker from `get()`. A default method is forwarded as well, and thus
/// runs on one worker.
///
/// - An async method returns a `Result<T, E>` where `E: From<PoolError>`: there may be no worker.
/// - What is not async and has a default keeps it. Associated types and constants, and functions without receiver, are
///   those of the workers.
/// - What cannot be forwarded is an error where it is written: a method that is not async and has no default, a result
///   that borrows from the worker, `Self` among the arguments. `#[pooled(refuse)]` on such a method makes a call of it
///   return an error, `PoolError::Refused`, or panic where it returns none.
/// - `#[async_trait]` may stand above or below. `crate = path` says where conn-share is, if not at `::conn_share`.
/// - Whoever waits for the worker is told the file and line of the call, or, where the future is boxed (`#[async_trait]`),
///   those of the method in the trait.
///
/// ```
/// use std::io;
///
/// use conn_share::{AsyncPool, pooled};
///
/// #[pooled]
/// trait Executes {
///     async fn execute(&self, command: &str) -> io::Result<String>;
///
///     // Two calls would meet two workers.
///     #[pooled(refuse)]
///     async fn send(&self, text: &str) -> io::Result<()>;
/// }
///
/// struct Session;
///
/// impl Executes for Session {
///     async fn execute(&self, command: &str) -> io::Result<String> {
///         Ok(command.to_uppercase())
///     }
///
///     async fn send(&self, _: &str) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = AsyncPool::builder(|| async { Ok::<_, io::Error>(Session) }).size(2).start().await?;
/// assert_eq!(pool.execute("show version").await?, "SHOW VERSION");
/// assert_eq!(pool.send("x").await.unwrap_err().kind(), io::ErrorKind::Unsupported);
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// As of `AsyncPool::get` while it waits for a worker, and then as of the worker's own method.
#[proc_macro_attribute]
pub fn pooled(options: TokenStream, item: TokenStream) -> TokenStream {
    pooled::expand(options.into(), item.into()).into()
}

/// The item as it was written, and the message: nothing else turns red.
fn beside(item: proc_macro2::TokenStream, error: &syn::Error) -> proc_macro2::TokenStream {
    let error = error.to_compile_error();
    quote::quote!(#item #error)
}
