//! Calls side by side in the caller's own task.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, Sleep, sleep_until};

use super::unfinished::Unfinished;

/// So many results are taken in before others on the thread get to run, and the clock is looked at: calls that are never
/// pending would keep both out.
const AT_A_TIME: usize = 64;

/// Runs `call` for every argument, side by side, and gives the results in the order of the arguments.
///
/// Awaited directly it yields a `Vec` with what each call returned, a `Result` most often: each with its own, original
/// error; one failure stops nobody else unless [`Pcall::stop_on_error`] asks for it. The calls run in the task that awaits,
/// none is spawned, so they may borrow whatever the caller has. What limits them is what they call: five calls on a
/// pool of two workers run two at a time, calls on one locked connection one at a time. [`Pcall::limit`] adds a
/// limit of its own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use conn_share::pcall;
///
/// let results = pcall([3u64, 1, 2], |n| async move {
///     for _ in 0..n {
///         tokio::task::yield_now().await; // the first takes longest
///     }
///     Ok::<_, std::convert::Infallible>(n * 10)
/// })
/// .await;
/// assert_eq!(results, [Ok(30), Ok(10), Ok(20)]);
/// # }
/// ```
///
/// Many commands on many devices are one call, too: pairs are arguments like any other, and each device keeps its
/// own limits (its pool's size, its lock).
///
/// ```no_run
/// # async fn example(devices: &[conn_share::Device]) {
/// use conn_share::pcall;
///
/// let commands = ["show version", "show ip route"];
/// let pairs = devices.iter().flat_map(|device| commands.map(|command| (device, command)));
/// let results = pcall(pairs, |(device, command)| device.execute(command)).limit(100).await;
/// # }
/// ```
///
/// # Errors
///
/// A call's error is the one it returned. [`Pcall::timeout`], [`Pcall::deadline`] and [`Pcall::stop_on_error`] end
/// calls that have not finished; they need an error type that can say so, `E: From<`[`Unfinished`]`>`: conn-share's
/// [`Error`](crate::Error), `io::Error`, `Box<dyn Error + Send + Sync>` and `anyhow::Error` can.
///
/// # Panics
///
/// A panic in a call passes through to the caller, and drops the other calls.
///
/// # Cancel safety
///
/// Dropping it drops every call that has not finished, wherever it is, and never starts the rest; the results so
/// far are lost. What a dropped call leaves behind is that call's own matter: workers go back to their pool.
pub fn pcall<A, F, Fut>(args: A, call: F) -> Pcall<A, F, Fut>
where
    A: IntoIterator,
    F: FnMut(A::Item) -> Fut,
    Fut: Future,
{
    Pcall {
        args,
        call,
        limit: usize::MAX,
        timeout: None,
        deadline: None,
        stop_on_error: false,
        unfinished: None,
        has_failed: |_| false,
        progress: None,
        calls: PhantomData,
    }
}

/// Calls side by side, not yet begun: set limits, then await it. Made by [`pcall`].
#[must_use = "calls do nothing until awaited"]
pub struct Pcall<A, F, Fut: Future, P = fn(Progress)> {
    args: A,
    call: F,
    limit: usize,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    stop_on_error: bool,
    /// How a call that did not finish looks as a result; set together with what can end one.
    unfinished: Option<fn(Unfinished) -> Fut::Output>,
    /// Whether a result is an error; set together with what asks for it, on calls that return a `Result`.
    has_failed: fn(&Fut::Output) -> bool,
    progress: Option<P>,
    calls: PhantomData<fn() -> Fut>,
}

impl<A, F, Fut: Future, P> Pcall<A, F, Fut, P> {
    /// At most `limit` calls run at a time; the next argument starts when one of them ends. No limit by default; 0
    /// counts as 1.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::cell::Cell;
    ///
    /// use conn_share::pcall;
    ///
    /// let running = Cell::new(0);
    /// let results = pcall(0..10, |n| {
    ///     let running = &running;
    ///     async move {
    ///         running.set(running.get() + 1);
    ///         assert!(running.get() <= 3);
    ///         tokio::task::yield_now().await;
    ///         running.set(running.get() - 1);
    ///         Ok::<_, std::convert::Infallible>(n)
    ///     }
    /// })
    /// .limit(3)
    /// .await;
    /// assert_eq!(results.len(), 10);
    /// # }
    /// ```
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }
}

impl<A, F, Fut, P, T, E> Pcall<A, F, Fut, P>
where
    Fut: Future<Output = Result<T, E>>,
{
    /// Calls `report` once for every result, as it comes in. It runs between polls of the calls: keep it short.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use conn_share::pcall;
    ///
    /// let mut shown = Vec::new();
    /// pcall(["a", "b"], |name| async move { if name == "a" { Ok(name) } else { Err(name) } })
    ///     .on_progress(|progress| shown.push(format!("{} of {}, {} failed", progress.done, progress.total, progress.failed)))
    ///     .await;
    /// assert_eq!(shown, ["1 of 2, 0 failed", "2 of 2, 1 failed"]);
    /// # }
    /// ```
    pub fn on_progress<R: FnMut(Progress)>(self, report: R) -> Pcall<A, F, Fut, R> {
        let Self { args, call, limit, timeout, deadline, stop_on_error, unfinished, calls, .. } = self;
        let (has_failed, progress) = (Result::is_err as fn(&Result<T, E>) -> bool, Some(report));
        Pcall { args, call, limit, timeout, deadline, stop_on_error, unfinished, calls, has_failed, progress }
    }
}

impl<A, F, Fut, P, T, E> Pcall<A, F, Fut, P>
where
    Fut: Future<Output = Result<T, E>>,
    E: From<Unfinished>,
{
    /// Ends each call that takes longer than `limit`, counted from its own start: its result is
    /// [`Unfinished::Timeout`]. No limit by default. Needs a runtime with time enabled.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io;
    /// use std::time::Duration;
    ///
    /// use conn_share::pcall;
    ///
    /// let results = pcall([false, true], |hangs| async move {
    ///     if hangs {
    ///         std::future::pending::<()>().await;
    ///     }
    ///     Ok::<_, io::Error>("done")
    /// })
    /// .timeout(Duration::from_millis(20))
    /// .await;
    /// assert_eq!(results[0].as_ref().unwrap(), &"done");
    /// assert_eq!(results[1].as_ref().unwrap_err().kind(), io::ErrorKind::TimedOut);
    /// # }
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self.ends_calls()
    }

    /// Ends the whole when `limit` has passed since it was first polled: calls that have finished keep their
    /// results, the others get [`Unfinished::Deadline`]. No deadline by default. Needs a runtime with time enabled.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self.ends_calls()
    }

    /// Ends the whole at the first error (a timeout is one): running calls are dropped, the rest is not started,
    /// and they get [`Unfinished::Stopped`]. Off by default: every call runs to its end.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io;
    ///
    /// use conn_share::pcall;
    ///
    /// let results = pcall([true, false], |works| async move {
    ///     if works {
    ///         std::future::pending::<()>().await;
    ///     }
    ///     Err::<(), _>(io::Error::other("the second one fails"))
    /// })
    /// .stop_on_error()
    /// .await;
    /// assert_eq!(results[0].as_ref().unwrap_err().to_string(), "the call was under way when another call failed");
    /// # }
    /// ```
    pub fn stop_on_error(mut self) -> Self {
        self.stop_on_error = true;
        self.has_failed = Result::is_err;
        self.ends_calls()
    }

    fn ends_calls(mut self) -> Self {
        self.unfinished = Some(|why| Err(why.into()));
        self
    }
}

impl<A, F, Fut, P> IntoFuture for Pcall<A, F, Fut, P>
where
    A: IntoIterator,
    F: FnMut(A::Item) -> Fut,
    Fut: Future,
    P: FnMut(Progress),
{
    type Output = Vec<Fut::Output>;
    type IntoFuture = PcallFuture<A::Item, F, Fut, P>;

    fn into_future(self) -> Self::IntoFuture {
        let waiting: Vec<A::Item> = self.args.into_iter().collect();
        PcallFuture {
            results: waiting.iter().map(|_| None).collect(),
            waiting: waiting.into_iter(),
            call: self.call,
            running: FuturesUnordered::new(),
            started: 0,
            done: 0,
            failed: 0,
            limit: self.limit,
            timeout: self.timeout,
            deadline: self.deadline,
            alarm: None,
            stop_on_error: self.stop_on_error,
            unfinished: self.unfinished,
            has_failed: self.has_failed,
            progress: self.progress,
        }
    }
}

impl<A, F, Fut: Future, P> fmt::Debug for Pcall<A, F, Fut, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pcall")
            .field("limit", &self.limit)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("stop_on_error", &self.stop_on_error)
            .finish_non_exhaustive()
    }
}

/// How far a [`pcall`] has come, told when a result comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Whose result it is: the position among the arguments, from 0.
    pub index: usize,
    /// Whether that result is an `Ok`.
    pub ok: bool,
    /// How many results there are now.
    pub done: usize,
    /// How many of them are errors.
    pub failed: usize,
    /// How many arguments there are.
    pub total: usize,
}

/// A running [`pcall`].
#[must_use = "futures do nothing unless polled"]
pub struct PcallFuture<Arg, F, Fut: Future, P> {
    waiting: std::vec::IntoIter<Arg>,
    call: F,
    running: FuturesUnordered<Call<Fut>>,
    results: Vec<Option<Fut::Output>>,
    started: usize,
    done: usize,
    failed: usize,
    limit: usize,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    alarm: Option<Pin<Box<Sleep>>>,
    stop_on_error: bool,
    unfinished: Option<fn(Unfinished) -> Fut::Output>,
    has_failed: fn(&Fut::Output) -> bool,
    progress: Option<P>,
}

/// Nothing in it is pinned in place: calls and timers have boxes of their own.
impl<Arg, F, Fut: Future, P> Unpin for PcallFuture<Arg, F, Fut, P> {}

impl<Arg, F, Fut, P> Future for PcallFuture<Arg, F, Fut, P>
where
    F: FnMut(Arg) -> Fut,
    Fut: Future,
    P: FnMut(Progress),
{
    type Output = Vec<Fut::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let (None, Some(limit)) = (&this.alarm, this.deadline) {
            this.alarm = Some(alarm(limit));
        }
        let mut left = AT_A_TIME;
        loop {
            this.start_calls();
            match Pin::new(&mut this.running).poll_next(cx) {
                Poll::Ready(Some((index, end))) => {
                    this.settle(index, end);
                    if this.stop_on_error && this.failed > 0 {
                        this.end_all(Reason::Stopped);
                    }
                    left -= 1;
                    if left > 0 {
                        continue;
                    }
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(None) => {
                    let results = std::mem::take(&mut this.results);
                    return Poll::Ready(results.into_iter().flatten().collect());
                }
                Poll::Pending => {}
            }
            let Some(alarm) = &mut this.alarm else { return Poll::Pending };
            ready!(alarm.as_mut().poll(cx));
            this.end_all(Reason::Deadline);
            left = AT_A_TIME;
        }
    }
}

impl<Arg, F, Fut, P> PcallFuture<Arg, F, Fut, P>
where
    F: FnMut(Arg) -> Fut,
    Fut: Future,
    P: FnMut(Progress),
{
    fn start_calls(&mut self) {
        while self.running.len() < self.limit {
            let Some(arg) = self.waiting.next() else { return };
            let future = Box::pin((self.call)(arg));
            self.running.push(Call { index: self.started, future, alarm: self.timeout.map(alarm) });
            self.started += 1;
        }
    }

    /// Takes down the result of one call.
    fn settle(&mut self, index: usize, end: End<Fut::Output>) {
        let result = match end {
            End::Finished(result) => result,
            End::TimedOut => {
                let limit = self.timeout.unwrap_or_default();
                self.as_result(Unfinished::Timeout { limit })
            }
        };
        self.done += 1;
        let ok = !(self.has_failed)(&result);
        self.failed += usize::from(!ok);
        let (done, failed, total) = (self.done, self.failed, self.results.len());
        self.results[index] = Some(result);
        if let Some(report) = &mut self.progress {
            report(Progress { index, ok, done, failed, total });
        }
    }

    /// Drops the calls that run and forgets those that wait; they get a result that says why.
    fn end_all(&mut self, reason: Reason) {
        self.running = FuturesUnordered::new();
        self.waiting = Vec::new().into_iter();
        for index in 0..self.results.len() {
            if self.results[index].is_some() {
                continue;
            }
            let started = index < self.started;
            let why = match reason {
                Reason::Deadline => Unfinished::Deadline { limit: self.deadline.unwrap_or_default(), started },
                Reason::Stopped => Unfinished::Stopped { started },
            };
            let result = self.as_result(why);
            self.settle(index, End::Finished(result));
        }
    }

    fn as_result(&self, why: Unfinished) -> Fut::Output {
        let Some(convert) = self.unfinished else {
            unreachable!("what can end a call sets how that looks as a result")
        };
        convert(why)
    }
}

impl<Arg, F, Fut: Future, P> fmt::Debug for PcallFuture<Arg, F, Fut, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcallFuture")
            .field("total", &self.results.len())
            .field("running", &self.running.len())
            .field("done", &self.done)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Reason {
    Deadline,
    Stopped,
}

/// One call under way.
struct Call<Fut> {
    index: usize,
    future: Pin<Box<Fut>>,
    alarm: Option<Pin<Box<Sleep>>>,
}

enum End<R> {
    Finished(R),
    TimedOut,
}

impl<Fut: Future> Future for Call<Fut> {
    type Output = (usize, End<Fut::Output>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(result) = self.future.as_mut().poll(cx) {
            return Poll::Ready((self.index, End::Finished(result)));
        }
        let Some(alarm) = &mut self.alarm else { return Poll::Pending };
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready((self.index, End::TimedOut))
    }
}

fn alarm(after: Duration) -> Pin<Box<Sleep>> {
    // A limit too far away to be expressed is as good as none: thirty years, as tokio's own `far_future`.
    let at = Instant::now();
    Box::pin(sleep_until(at.checked_add(after).unwrap_or(at + Duration::from_secs(86_400 * 365 * 30))))
}
