//! Sessions that several connections share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::carrier::{Carrier, Place};
use super::settings::Settings;
use super::shell::Shell;
use super::{Attempt, OPENING_SHELL as PHASE, lost, no_tunnel, start_shell};
use crate::Result;
use crate::transport::printable;

/// So long it is believed that a session has no room for more shells than it had when one was refused. The server may
/// still have been busy with one that had just been closed, or with somebody else's; and one refused request in a while
/// costs little.
pub(super) const ROOM_REMEMBERED: Duration = Duration::from_secs(60);

/// The sessions that a target and its clones share.
#[derive(Clone)]
pub(crate) struct SharedTransports {
    /// Shells over one session.
    most: usize,
    ways: Arc<Mutex<Vec<Arc<Way>>>>,
}

/// The sessions of those who log in to the same host as the same user by the same way: nobody else may share them.
struct Way {
    settings: Settings,
    jumps: Vec<Settings>,
    /// Locked while one is opened, so that those who want the same wait for it.
    open: AsyncMutex<Vec<Open>>,
}

struct Open {
    carrier: Weak<Carrier>,
    /// The server had no room for more than so many shells, and when that was.
    room: Option<(usize, Instant)>,
}

impl SharedTransports {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), ways: Arc::default() }
    }

    /// A shell over a session that has room, or a new session.
    pub(super) async fn shell(&self, attempt: &Attempt, settings: &Settings) -> Result<Shell> {
        loop {
            let (place, is_new) = self.place(attempt, settings, &settings.jumps, Some(self.most)).await?;
            let carrier = Arc::clone(place.carrier());
            let opening = async { Ok(place.session_channel().await) };
            match attempt.phase(PHASE, opening).await? {
                Ok(seat) => {
                    let shell = async { Ok(start_shell(seat).await) };
                    match attempt.phase(PHASE, shell).await? {
                        // Some devices give a session any number of channels, and one of them a terminal.
                        Err(why) if !is_new => {
                            self.look_elsewhere(attempt, settings, &carrier, why.to_string()).await?
                        }
                        done => return done.map_err(|error| error.with_phase(PHASE)),
                    }
                }
                Err(why @ russh::Error::ChannelOpenFailure(_)) if !is_new => {
                    self.look_elsewhere(attempt, settings, &carrier, why.to_string()).await?;
                }
                // Lost between the look and the request: like one that was never found.
                Err(_) if !is_new && !carrier.is_open() => {}
                Err(error) => return Err(lost(error, carrier.pipe()).with_phase(PHASE)),
            }
        }
    }

    /// A connection through a jump host's session.
    pub(super) async fn tunnel(
        &self,
        attempt: &Attempt,
        hop: &Settings,
        before: &[Settings],
        to: (&str, u16),
    ) -> Result<Shell> {
        loop {
            let (place, is_new) = self.place(attempt, hop, before, None).await?;
            let carrier = Arc::clone(place.carrier());
            let opening = async { Ok(place.tunnel(to.0, to.1).await) };
            match attempt.phase(super::TUNNELLING, opening).await? {
                Ok(seat) => return Ok(Shell::seated(seat)),
                Err(_) if !is_new && !carrier.is_open() => {}
                Err(error) => return Err(no_tunnel(error, carrier.pipe(), to.0, to.1).with_phase(super::TUNNELLING)),
            }
        }
    }

    /// A place in a session to that host, and whether it is the first of a new one.
    async fn place(
        &self,
        attempt: &Attempt,
        settings: &Settings,
        jumps: &[Settings],
        most: Option<usize>,
    ) -> Result<(Place, bool)> {
        let way = self.way(settings, jumps);
        let mut open = attempt.phase("waiting for another login", async { Ok(way.open.lock().await) }).await?;
        open.retain(|open| open.carrier.upgrade().is_some_and(|carrier| carrier.is_open()));
        for open in open.iter() {
            let believed = open.room.filter(|(_, at)| at.elapsed() < ROOM_REMEMBERED);
            let room = believed.map_or(usize::MAX, |(room, _)| room);
            let most = most.map_or(usize::MAX, |most| most.min(room));
            if let Some(place) = open.carrier.upgrade().and_then(|carrier| carrier.reserve(most)) {
                return Ok((place, false));
            }
        }
        let place = attempt.carrier(settings, jumps).await?.first();
        open.push(Open { carrier: Arc::downgrade(place.carrier()), room: None });
        Ok((place, true))
    }

    /// The way, and those that nobody uses any more forgotten.
    fn way(&self, settings: &Settings, jumps: &[Settings]) -> Arc<Way> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used = |way: &Arc<Way>| {
            Arc::strong_count(way) > 1
                || way.open.try_lock().map_or(true, |open| open.iter().any(|open| open.carrier.strong_count() > 0))
        };
        ways.retain(is_used);
        if let Some(way) = ways.iter().find(|way| way.is_for(settings, jumps)) {
            return Arc::clone(way);
        }
        let (settings, jumps) = (settings.clone(), jumps.to_vec());
        let way = Arc::new(Way { settings, jumps, open: AsyncMutex::default() });
        ways.push(Arc::clone(&way));
        way
    }

    /// Notes that the server gives this session no more shells than it has.
    async fn look_elsewhere(
        &self,
        attempt: &Attempt,
        settings: &Settings,
        carrier: &Arc<Carrier>,
        why: String,
    ) -> Result<()> {
        let (why, host) = (printable(&why), &settings.name);
        tracing::debug!(%why, %host, "the server refuses a further shell over one transport; another is opened");
        let way = self.way(settings, &settings.jumps);
        let mut open = attempt.phase(PHASE, async { Ok(way.open.lock().await) }).await?;
        for open in open.iter_mut().filter(|open| std::ptr::eq(open.carrier.as_ptr(), Arc::as_ptr(carrier))) {
            open.room = Some((carrier.taken(), Instant::now()));
        }
        Ok(())
    }
}

impl Way {
    fn is_for(&self, settings: &Settings, jumps: &[Settings]) -> bool {
        self.settings.is_same_login(settings)
            && self.jumps.len() == jumps.len()
            && self.jumps.iter().zip(jumps).all(|(ours, theirs)| ours.is_same_login(theirs))
    }
}

impl fmt::Debug for SharedTransports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTransports").field("most", &self.most).finish_non_exhaustive()
    }
}
