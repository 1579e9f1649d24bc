//! A session that carries several channels, and outlives none of them.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelReadHalf, ChannelWriteHalf, Disconnect};
use tokio::sync::{mpsc, oneshot};

use super::Session;
use super::events::Events;
use super::members::{Member, Members};
use super::pipe::{End, Pipe};
use super::shell::Lifeline;
use crate::Result;

/// How long a session that nobody needs any more may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A shared session. The last one who drops it, or a seat in it, ends it.
pub(super) struct Carrier {
    pipe: Arc<Pipe>,
    handle: Arc<Handle<Events>>,
    members: Arc<Members>,
    errands: mpsc::UnboundedSender<Errand>,
    /// Channels in use, and those about to be opened.
    taken: AtomicUsize,
}

/// What the session's keeper is asked to do. It, and not whoever asks, waits for the server's answer: a caller that is
/// dropped meanwhile would leave a channel behind that counts at the server and that nobody closes.
enum Errand {
    Shell(Reply),
    Tunnel { host: String, port: u16, reply: Reply },
    Close(Arc<ChannelWriteHalf<Msg>>),
}

type Reply = oneshot::Sender<Result<Opened, russh::Error>>;

/// A channel on its way to whoever asked for it.
struct Opened {
    half: Arc<ChannelWriteHalf<Msg>>,
    /// Not where nothing is requested: it fills up, and the session with it, as long as nobody comes for it.
    reading: Option<ChannelReadHalf>,
}

impl Opened {
    fn of(channel: Channel<Msg>, has_requests: bool) -> Self {
        let (reading, half) = channel.split();
        Self { half: Arc::new(half), reading: has_requests.then_some(reading) }
    }
}

impl Carrier {
    /// Shares a session, if it was made for several channels. Starts its keeper, which ends with the last user.
    pub(super) fn new(session: Session) -> Option<Arc<Self>> {
        let Session { life, handle, members } = session;
        let members = members?;
        let (pipe, handle) = (life.shared_pipe(), Arc::new(handle));
        let (errands, waiting) = mpsc::unbounded_channel();
        tokio::spawn(keep(Arc::clone(&handle), Arc::clone(&members), life, waiting));
        Some(Arc::new(Self { pipe, handle, members, errands, taken: AtomicUsize::new(0) }))
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_open()
    }

    pub(super) fn pipe(&self) -> &Pipe {
        &self.pipe
    }

    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    /// How many channels are in use.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// A place for one more channel, if fewer than `most` are taken.
    pub(super) fn reserve(self: &Arc<Self>, most: usize) -> Option<Place> {
        let one_more = |taken: usize| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Place(Arc::clone(self)))
    }
}

impl Carrier {
    /// The first place, which nobody can have taken.
    pub(super) fn first(self: Arc<Self>) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Place(self)
    }
}

/// The right to one channel.
pub(super) struct Place(Arc<Carrier>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Place {
    pub(super) fn carrier(&self) -> &Arc<Carrier> {
        &self.0
    }

    /// Opens a channel for a shell or a command.
    pub(super) async fn session_channel(self) -> Result<Seat, russh::Error> {
        self.open(Errand::Shell).await
    }

    /// Opens a channel to another host.
    pub(super) async fn tunnel(self, host: &str, port: u16) -> Result<Seat, russh::Error> {
        let host = host.to_owned();
        self.open(|reply| Errand::Tunnel { host, port, reply }).await
    }

    async fn open(self, errand: impl FnOnce(Reply) -> Errand) -> Result<Seat, russh::Error> {
        let (reply, receiver) = oneshot::channel();
        let asked = self.0.errands.send(errand(reply));
        asked.map_err(|_| russh::Error::Disconnect)?;
        let mut answer = Answer { receiver, carrier: &self.0 };
        let Opened { half, reading } = (&mut answer.receiver).await.map_err(|_| russh::Error::Disconnect)??;
        drop(answer);
        Ok(Seat { id: half.id(), half: Some(half), reading, place: self })
    }
}

/// The keeper's answer on its way. A channel that has come when this is dropped, and that nobody takes any more, is closed.
struct Answer<'a> {
    receiver: oneshot::Receiver<Result<Opened, russh::Error>>,
    carrier: &'a Carrier,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(Ok(opened)) = self.receiver.try_recv() {
            self.carrier.members.forget(opened.half.id());
            let _ = self.carrier.errands.send(Errand::Close(opened.half));
        }
    }
}

/// An open channel. It is closed when this is dropped, and nobody else is affected.
pub(super) struct Seat {
    /// Until it is on its way to be closed.
    half: Option<Arc<ChannelWriteHalf<Msg>>>,
    /// What the server answers to requests. While it is kept it has to be read, or the session comes to a stop.
    reading: Option<ChannelReadHalf>,
    id: ChannelId,
    place: Place,
}

impl Seat {
    pub(super) fn carrier(&self) -> &Arc<Carrier> {
        &self.place.0
    }

    pub(super) fn handle(&self) -> Arc<Handle<Events>> {
        Arc::clone(&self.place.0.handle)
    }

    /// The channel, for requests and to write to; `None` once it is being closed.
    pub(super) fn requests(&self) -> Option<&Arc<ChannelWriteHalf<Msg>>> {
        self.half.as_ref()
    }

    /// The answers to requests, once.
    pub(super) fn answers(&mut self) -> Option<ChannelReadHalf> {
        self.reading.take()
    }

    pub(super) fn id(&self) -> ChannelId {
        self.id
    }

    /// Has the channel closed. Never waits.
    pub(super) fn close(&mut self) {
        if let Some(half) = self.half.take() {
            let _ = self.place.0.errands.send(Errand::Close(half));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(Member::Stream(pipe)) = self.place.0.members.forget(self.id) {
            pipe.end(End::Cut);
        }
        self.close();
    }
}

/// Runs errands until nobody is left to send any, then ends the session.
async fn keep(
    handle: Arc<Handle<Events>>,
    members: Arc<Members>,
    life: Lifeline,
    mut errands: mpsc::UnboundedReceiver<Errand>,
) {
    let mut under_way = FuturesUnordered::<BoxFuture<'static, ()>>::new();
    loop {
        tokio::select! {
            errand = errands.recv() => match errand {
                Some(errand) => under_way.push(Box::pin(run(Arc::clone(&handle), Arc::clone(&members), errand))),
                None => break,
            },
            Some(()) = under_way.next() => {}
        }
    }
    // Dropping what is under way is right: nobody waits for it, and the session ends.
    let goodbye = async {
        let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
        poll_fn(|cx| life.pipe().poll_finished(cx)).await;
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

async fn run(handle: Arc<Handle<Events>>, members: Arc<Members>, errand: Errand) {
    let (opened, reply) = match errand {
        Errand::Shell(reply) => {
            let opened = handle.channel_open_session().await;
            (opened.map(|channel| Opened::of(channel, true)), reply)
        }
        Errand::Tunnel { host, port, reply } => {
            let opened = handle.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0).await;
            (opened.map(|channel| Opened::of(channel, false)), reply)
        }
        Errand::Close(half) => {
            let _ = half.close().await;
            return;
        }
    };
    if let Err(Ok(unwanted)) = reply.send(opened) {
        members.forget(unwanted.half.id());
        let _ = unwanted.half.close().await;
    }
}
