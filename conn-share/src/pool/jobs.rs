//! Work in progress: connects, checks, resets. Each job is a future that lives in the pool and is polled by whoever
//! waits, or by the keeper; when the one who carries it on is cancelled, another does.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::abroad::Abroad;
use super::shared::Shared;
use super::sync::{AtomicUsize, Home, Instant, Mutex, MutexGuard, RuntimeId, current_runtime};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All jobs of a pool.
pub(super) struct Jobs<C: Send + 'static> {
    bench: Mutex<Bench<C>>,
    /// How many there are: most of the time none, which is worth knowing without the mutex.
    count: AtomicUsize,
}

struct Bench<C: Send + 'static> {
    runnable: VecDeque<Arc<Job<C>>>,
    all: Vec<Arc<Job<C>>>,
    abroad: Abroad,
}

/// One job, and its waker.
struct Job<C: Send + 'static> {
    stage: Mutex<Stage>,
    /// The runtime that turns the job's timers and sockets: the one that polled it first.
    home: OnceLock<Option<Home>>,
    connects: bool,
    shared: Weak<Shared<C>>,
}

enum Stage {
    Parked { work: Work, queued: bool },
    Polled { woken: bool, aborted: bool },
    Done,
}

impl<C: Send + 'static> Jobs<C> {
    pub(super) fn new() -> Self {
        Self { bench: Mutex::new(Bench::default()), count: AtomicUsize::new(0) }
    }

    /// Adds a job, to be polled by the caller's next [`Jobs::poll_some`].
    /// `connects`: it opens a connection.
    pub(super) fn add(&self, work: Work, connects: bool, shared: Weak<Shared<C>>) {
        let stage = Mutex::new(Stage::Parked { work, queued: true });
        let job = Arc::new(Job { stage, home: OnceLock::new(), connects, shared });
        let mut bench = self.bench();
        bench.all.push(job.clone());
        bench.runnable.push_back(job);
        self.count.store(bench.all.len(), Ordering::SeqCst);
    }

    /// Polls the jobs that can go on, each once. `true`: some can go on already, or are left over.
    pub(super) fn poll_some(&self) -> bool {
        if self.is_empty() {
            return false;
        }
        /// So many polls, then others have their turn on this thread.
        const BUDGET: usize = 64;
        let round = self.bench().runnable.len().min(BUDGET);
        for _ in 0..round {
            let Some(job) = self.bench().runnable.pop_front() else { return false };
            job.poll(self);
        }
        self.has_runnable()
    }

    fn forget(&self, job: &Arc<Job<C>>) {
        let mut bench = self.bench();
        bench.all.retain(|other| !Arc::ptr_eq(other, job));
        self.count.store(bench.all.len(), Ordering::SeqCst);
    }

    /// Whether a runtime has ended, other than the one that this code runs in: what fails there says nothing else.
    pub(super) fn has_ended(&self, home: &Home) -> bool {
        current_runtime() != Some(home.id()) && self.bench().abroad.has_ended(home)
    }

    /// Asks the runtimes of all jobs but those of this one whether they are turned; whether there was one to ask.
    pub(super) fn ask_abroad(&self) -> bool {
        if self.is_empty() {
            return false;
        }
        let here = current_runtime();
        let mut bench = self.bench();
        let Bench { all, abroad, .. } = &mut *bench;
        let mut asked = false;
        for home in all.iter().filter_map(|job| job.home()).filter(|home| Some(home.id()) != here) {
            abroad.ask(home);
            asked = true;
        }
        asked
    }

    /// Drops the jobs of those that have not answered: nobody turns their timers and sockets.
    pub(super) fn abort_mute(&self) {
        let now = Instant::now();
        let bench = self.bench();
        let mut mute: Vec<_> = bench.all.iter().filter_map(|job| job.home()).map(Home::id).collect();
        mute.retain(|id| bench.abroad.is_mute(*id, now));
        drop(bench);
        if !mute.is_empty() {
            tracing::debug!("work is begun anew that was begun in a runtime which nobody turns");
            self.abort_if(|job| job.home().is_some_and(|home| mute.contains(&home.id())));
        }
    }

    /// Whether no job is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Whether a job can go on.
    pub(super) fn has_runnable(&self) -> bool {
        !self.bench().runnable.is_empty()
    }

    /// Drops the jobs of one runtime, or all.
    pub(super) fn abort(&self, home: Option<RuntimeId>) {
        self.abort_if(|job| home.is_none() || job.home().map(Home::id) == home);
    }

    /// Drops the attempts to connect.
    pub(super) fn abort_connects(&self) {
        self.abort_if(|job| job.connects);
    }

    fn abort_if(&self, is_to_end: impl Fn(&Job<C>) -> bool) {
        let mut aborted = Vec::new();
        let mut bench = self.bench();
        bench.all.retain(|job| {
            let stays = !is_to_end(job);
            if !stays {
                aborted.push(job.clone());
            }
            stays
        });
        self.count.store(bench.all.len(), Ordering::SeqCst);
        drop(bench);
        for job in aborted {
            let mut stage = job.stage();
            match &mut *stage {
                Stage::Parked { .. } => {
                    let parked = std::mem::replace(&mut *stage, Stage::Done);
                    drop(stage);
                    drop(parked);
                }
                // Whoever polls it at this moment drops it then, unless it is over.
                Stage::Polled { aborted, .. } => *aborted = true,
                Stage::Done => {}
            }
        }
    }

    fn bench(&self) -> MutexGuard<'_, Bench<C>> {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Send + 'static> Default for Bench<C> {
    fn default() -> Self {
        Self { runnable: VecDeque::new(), all: Vec::new(), abroad: Abroad::default() }
    }
}

impl<C: Send + 'static> Job<C> {
    fn home(&self) -> Option<&Home> {
        self.home.get()?.as_ref()
    }

    /// Polls the job once.
    fn poll(self: &Arc<Self>, jobs: &Jobs<C>) {
        let mut stage = self.stage();
        if matches!(*stage, Stage::Polled { .. } | Stage::Done) {
            return;
        }
        let Stage::Parked { work, .. } = std::mem::replace(&mut *stage, Stage::Polled { woken: false, aborted: false })
        else {
            unreachable!("looked at above")
        };
        drop(stage);
        // When it is over, or its poll panics, the work is dropped with the turn, and gives its slot back.
        let mut turn = PollTurn { job: self, jobs, work: Some(work) };
        // Of a runtime that has ended the timers would panic and the sockets fail: it is begun anew.
        if !self.home.get_or_init(Home::here).as_ref().is_some_and(|home| jobs.has_ended(home)) {
            turn.run();
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(self: &Arc<Self>, shared: &Arc<Shared<C>>) {
        shared.jobs.bench().runnable.push_back(self.clone());
        shared.call_drivers();
    }
}

impl<C: Send + 'static> Wake for Job<C> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Outlives `stage`: the pool could end with this handle, and the job with it.
        let Some(shared) = self.shared.upgrade() else { return };
        let mut stage = self.stage();
        match &mut *stage {
            Stage::Parked { queued: queued @ false, .. } => *queued = true,
            Stage::Polled { woken, .. } => {
                *woken = true;
                return;
            }
            Stage::Parked { .. } | Stage::Done => return,
        }
        drop(stage);
        self.enqueue(&shared);
    }
}

/// A job while it is polled.
struct PollTurn<'a, C: Send + 'static> {
    job: &'a Arc<Job<C>>,
    jobs: &'a Jobs<C>,
    work: Option<Work>,
}

impl<C: Send + 'static> PollTurn<'_, C> {
    fn run(&mut self) {
        let waker = Waker::from(self.job.clone());
        let Some(work) = &mut self.work else { return };
        if let Poll::Ready(()) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
            return;
        }
        let mut stage = self.job.stage();
        let Stage::Polled { woken, aborted: false } = *stage else { return };
        if let Some(work) = self.work.take() {
            *stage = Stage::Parked { work, queued: woken };
        }
        drop(stage);
        if woken && let Some(shared) = self.job.shared.upgrade() {
            self.job.enqueue(&shared);
        }
    }
}

impl<C: Send + 'static> Drop for PollTurn<'_, C> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            *self.job.stage() = Stage::Done;
            self.jobs.forget(self.job);
            drop(work);
        }
    }
}
