//! Which alias is at which point of its life.
//!
//! An attempt to open or to close an alias is one future, shared by all who wait for it and polled by whichever of
//! them runs: when one is dropped, another carries on; when all are, the attempt is dropped with them. The book
//! holds it weakly, so an attempt that nobody drives any more is found dead, and its place is free.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use tokio::sync::oneshot;

use crate::deadline::Deadline;
use crate::{Error, ErrorKind, Result};

use super::entry::{Entry, Recipe};

type Attempt<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// What a caller has to wait for.
pub(super) enum Step {
    Opening(Shared<Attempt<Arc<Entry>>>),
    Open(Arc<Entry>),
    Closing(Shared<Attempt<()>>),
}

/// The aliases of one device.
pub(super) struct Book {
    device: String,
    disconnect_timeout: Duration,
    pages: Mutex<Pages>,
}

struct Pages {
    slots: BTreeMap<String, Slot>,
    default_alias: Option<String>,
    next_number: u64,
}

enum Slot {
    /// Being opened. Dropping `_stop` ends the attempt.
    Opening {
        number: u64,
        recipe: Recipe,
        attempt: WeakShared<Attempt<Arc<Entry>>>,
        _stop: oneshot::Sender<()>,
    },
    Open(Arc<Entry>),
    Closing {
        entry: Arc<Entry>,
        closing: WeakShared<Attempt<()>>,
    },
}

impl Book {
    pub(super) fn new(device: String, default_alias: Option<String>, disconnect_timeout: Duration) -> Self {
        let pages = Pages { slots: BTreeMap::new(), default_alias, next_number: 0 };
        Self { device, disconnect_timeout, pages: Mutex::new(pages) }
    }

    pub(super) fn device(&self) -> &str {
        &self.device
    }

    pub(super) fn disconnect_timeout(&self) -> Duration {
        self.disconnect_timeout
    }

    /// Begins to open `recipe`, or finds what is under way or open under its alias.
    pub(super) fn open(self: &Arc<Self>, recipe: &Recipe) -> Result<Step> {
        let alias = recipe.alias();
        // Outlives the guard: dropping the last handle of an attempt runs a connection's own `Drop`.
        let state;
        let mut pages = self.pages();
        state = pages.state(alias);
        match &state {
            State::Opening(attempt, other) => {
                self.must_be_same(recipe, other, "being connected")?;
                return Ok(Step::Opening(attempt.clone()));
            }
            State::Open(entry) => {
                self.must_be_same(recipe, &entry.recipe, "connected")?;
                return Ok(Step::Open(entry.clone()));
            }
            State::Closing(closing) => return Ok(Step::Closing(closing.clone())),
            State::Vacant => {}
        }
        let number = pages.next_number;
        pages.next_number += 1;
        let (stop, stopped) = oneshot::channel();
        let attempt: Attempt<Arc<Entry>> = Box::pin(attempt_to_open(self.clone(), recipe.clone(), number, stopped));
        let attempt = attempt.shared();
        let Some(weak) = attempt.downgrade() else { unreachable!("it has not been polled") };
        let slot = Slot::Opening { number, recipe: recipe.clone(), attempt: weak, _stop: stop };
        pages.slots.insert(alias.to_owned(), slot);
        Ok(Step::Opening(attempt))
    }

    /// Begins to close `alias`, or finds that under way. An attempt to open it is ended.
    pub(super) fn close(self: &Arc<Self>, alias: &str) -> Result<Step> {
        let state;
        // Outlives the guard, too: to stop an attempt wakes whoever drives it.
        let _stopped;
        let mut pages = self.pages();
        state = pages.state(alias);
        match &state {
            State::Opening(attempt, _) => {
                _stopped = pages.slots.remove(alias);
                Ok(Step::Opening(attempt.clone()))
            }
            State::Open(entry) => {
                let closing: Attempt<()> = Box::pin(attempt_to_close(self.clone(), entry.clone()));
                let closing = closing.shared();
                let Some(weak) = closing.downgrade() else { unreachable!("it has not been polled") };
                pages.slots.insert(alias.to_owned(), Slot::Closing { entry: entry.clone(), closing: weak });
                Ok(Step::Closing(closing))
            }
            State::Closing(closing) => Ok(Step::Closing(closing.clone())),
            State::Vacant => Err(self.not_connected(alias)),
        }
    }

    /// What is open under `alias`.
    pub(super) fn entry(&self, alias: &str) -> Result<Arc<Entry>> {
        let state = self.pages().state(alias);
        match state {
            State::Open(entry) => Ok(entry),
            _ => Err(self.not_connected(alias)),
        }
    }

    pub(super) fn default_entry(&self) -> Result<Arc<Entry>> {
        match self.default_alias() {
            Some(alias) => self.entry(&alias),
            None => Err(Error::new(ErrorKind::NotConnected, "nothing is connected: call connect first")
                .with_device(&self.device)),
        }
    }

    pub(super) fn default_alias(&self) -> Option<String> {
        let set = self.pages().default_alias.clone();
        set.or_else(|| self.aliases().into_iter().next())
    }

    pub(super) fn set_default_alias(&self, alias: Option<&str>) {
        self.pages().default_alias = alias.map(str::to_owned);
    }

    /// Aliases with something open, the first connected first.
    pub(super) fn aliases(&self) -> Vec<String> {
        let pages = self.pages();
        let mut open: Vec<(u64, &String)> = pages
            .slots
            .iter()
            .filter_map(|(alias, slot)| match slot {
                Slot::Open(entry) | Slot::Closing { entry, .. } => Some((entry.number, alias)),
                Slot::Opening { .. } => None,
            })
            .collect();
        open.sort_unstable();
        open.into_iter().map(|(_, alias)| alias.clone()).collect()
    }

    /// All aliases, also those that are being opened.
    pub(super) fn all_aliases(&self) -> Vec<String> {
        self.pages().slots.keys().cloned().collect()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_be_same(&self, asked: &Recipe, there: &Recipe, state: &str) -> Result<()> {
        if asked.is_same(there) {
            return Ok(());
        }
        let alias = asked.alias();
        let message = format!(
            "alias {alias:?} is {state} with other options ({there}; asked for {asked}): choose another alias, or disconnect it first"
        );
        Err(Error::new(ErrorKind::Usage, message).with_device(&self.device))
    }

    fn not_connected(&self, alias: &str) -> Error {
        Error::new(ErrorKind::NotConnected, format!("nothing is connected under alias {alias:?}"))
            .with_device(&self.device)
    }

    /// Opening has ended well: `false` if it was stopped meanwhile.
    fn opened(&self, alias: &str, entry: &Arc<Entry>) -> bool {
        let mut pages = self.pages();
        match pages.slots.get_mut(alias) {
            Some(slot @ Slot::Opening { .. }) if slot.number() == entry.number => {
                *slot = Slot::Open(entry.clone());
                true
            }
            _ => false,
        }
    }

    /// Opening or closing has ended, and there is nothing under the alias any more.
    fn clear(&self, alias: &str, number: u64) {
        let mut pages = self.pages();
        let ended = match pages.slots.get(alias) {
            Some(slot) if slot.number() == number => pages.slots.remove(alias),
            _ => None,
        };
        drop(pages);
        drop(ended);
    }
}

/// What a slot is found to be, with a hold on it.
enum State {
    Vacant,
    Opening(Shared<Attempt<Arc<Entry>>>, Recipe),
    Open(Arc<Entry>),
    Closing(Shared<Attempt<()>>),
}

impl Pages {
    /// Finds out about `alias`. An attempt that all its callers have dropped is as if it had never begun.
    fn state(&mut self, alias: &str) -> State {
        match self.slots.get(alias) {
            None => State::Vacant,
            Some(Slot::Open(entry)) => State::Open(entry.clone()),
            Some(Slot::Opening { attempt, recipe, .. }) => match attempt.upgrade() {
                Some(attempt) => State::Opening(attempt, recipe.clone()),
                None => {
                    self.slots.remove(alias);
                    State::Vacant
                }
            },
            Some(Slot::Closing { entry, closing }) => match closing.upgrade() {
                Some(closing) => State::Closing(closing),
                None => {
                    let entry = entry.clone();
                    self.slots.insert(alias.to_owned(), Slot::Open(entry.clone()));
                    State::Open(entry)
                }
            },
        }
    }
}

impl Slot {
    fn number(&self) -> u64 {
        match self {
            Self::Opening { number, .. } => *number,
            Self::Open(entry) | Self::Closing { entry, .. } => entry.number,
        }
    }
}

async fn attempt_to_open(
    book: Arc<Book>,
    recipe: Recipe,
    number: u64,
    stopped: oneshot::Receiver<()>,
) -> Result<Arc<Entry>> {
    let alias = recipe.alias();
    let opened = tokio::select! {
        biased;
        _ = stopped => None,
        opened = AssertUnwindSafe(recipe.open()).catch_unwind() => Some(opened),
    };
    let link = match opened {
        Some(Ok(Ok(link))) => link,
        Some(Ok(Err(error))) => {
            book.clear(alias, number);
            return Err(error);
        }
        Some(Err(_)) => {
            book.clear(alias, number);
            let message = "the connection class panicked while connecting";
            return Err(Error::new(ErrorKind::Usage, message).with_device(&recipe.plan.name));
        }
        None => return Err(given_up(&recipe)),
    };
    let entry = Arc::new(Entry { recipe: recipe.clone(), link, number });
    if book.opened(alias, &entry) {
        return Ok(entry);
    }
    // Stopped between the end of opening and here.
    disconnect(&entry, book.disconnect_timeout).await.ok();
    Err(given_up(&recipe))
}

fn given_up(recipe: &Recipe) -> Error {
    Error::new(ErrorKind::NotConnected, "disconnected while it was being connected").with_device(&recipe.plan.name)
}

async fn attempt_to_close(book: Arc<Book>, entry: Arc<Entry>) -> Result<()> {
    let done = disconnect(&entry, book.disconnect_timeout).await;
    book.clear(entry.recipe.alias(), entry.number);
    done.map_err(|error| error.with_device(&entry.recipe.plan.name))
}

const PANICKED: &str = "the connection class panicked while disconnecting";

async fn disconnect(entry: &Entry, limit: Duration) -> Result<()> {
    let disconnecting = AssertUnwindSafe(entry.link.connection.disconnect()).catch_unwind();
    let deadline = Deadline::after(limit);
    let done = match deadline.bound(disconnecting).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(Error::new(ErrorKind::Usage, PANICKED)),
        Err(_) => Err(Error::timeout("disconnecting", limit)),
    };
    if let (Err(_), Some(pool)) = (&done, &entry.link.pool) {
        // Workers that did not come back in time: their callers learn it from them, and not at a limit of their own.
        if let Ok(Err(_)) = deadline.bound(AssertUnwindSafe(pool.cut()).catch_unwind()).await {
            return Err(Error::new(ErrorKind::Usage, PANICKED));
        }
    }
    done
}
