//! Users who call, pause and call again, and what became of their calls.

use core::future::Future;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutout::{
    AttemptError, Cause, CircuitBreaker, Clock, Config, Instant, Observer, Policy, PolicyError,
    State, StdClock, TokioTimer, Transition, TripReason,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What the dependency goes through, one phase after the other.
#[derive(Debug)]
pub struct Phases {
    names: Vec<&'static str>,
    now: AtomicUsize,
    begun: Mutex<Vec<Instant>>,
}

impl Phases {
    /// Phases by their names.
    #[must_use]
    pub fn new(names: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { names: names.to_vec(), now: AtomicUsize::new(0), begun: Mutex::default() })
    }

    /// The next phase begins: the first, if none has.
    pub fn next(&self) {
        let mut begun = lock(&self.begun);
        begun.push(StdClock.now());
        self.now.store(begun.len() - 1, Ordering::Relaxed);
    }

    /// All are over.
    pub fn end(&self) {
        lock(&self.begun).push(StdClock.now());
        self.now.store(usize::MAX, Ordering::Relaxed);
    }

    /// The number of the present phase; `None` when all are over.
    fn now(&self) -> Option<usize> {
        Some(self.now.load(Ordering::Relaxed)).filter(|phase| *phase != usize::MAX)
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// When a phase began; that of one too many is the end of the last.
    ///
    /// # Panics
    ///
    /// If it has not begun.
    #[must_use]
    pub fn start(&self, phase: usize) -> Instant {
        lock(&self.begun)[phase]
    }

    /// How long a phase was.
    #[must_use]
    pub fn length(&self, phase: usize) -> Duration {
        self.start(phase + 1).saturating_since(self.start(phase))
    }
}

/// How a call ended for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer of the dependency.
    Good,
    /// With what the fallback had.
    StaleResult,
    /// With an error of the dependency, or with no answer in time.
    Failed,
    /// Refused at once.
    Refused,
}

/// Something that is called.
pub trait Client: Send + Sync + 'static {
    /// Makes one call, with everything that stands around it.
    fn call(&self) -> impl Future<Output = Ending> + Send;
}

/// Something real that can fail.
pub trait Dependency: Send + Sync + 'static {
    /// Asks it for something.
    fn ask(&self) -> impl Future<Output = io::Result<()>> + Send;
}

/// A dependency behind a breaker and a timeout.
#[derive(Debug)]
pub(crate) struct Guarded<D> {
    dependency: D,
    limit: Duration,
    pub(crate) breaker: CircuitBreaker<StdClock, Recorder>,
}

impl<D> Guarded<D> {
    pub(crate) fn new(dependency: D, limit: Duration, config: Config) -> Arc<Self> {
        let breaker = CircuitBreaker::with_observer(config, StdClock, Recorder::default());
        Arc::new(Self { dependency, limit, breaker })
    }
}

impl<D: Dependency> Client for Guarded<D> {
    async fn call(&self) -> Ending {
        let policy = Policy::new().timer(TokioTimer).breaker(&self.breaker).timeout(self.limit);
        Ending::of(&policy.call_async(|| self.dependency.ask()).await)
    }
}

impl Ending {
    fn of(result: &Result<(), PolicyError<io::Error>>) -> Self {
        match result {
            Ok(()) => Self::Good,
            Err(error) if matches!(error.failure, AttemptError::Rejected(_)) => Self::Refused,
            Err(_) => Self::Failed,
        }
    }
}

/// A change of state.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// When.
    pub at: Instant,
    /// To what.
    pub to: State,
    /// Which condition opened a closed circuit.
    pub reason: Option<TripReason>,
}

/// Writes down each change of state.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Vec<Change>>);

impl Recorder {
    /// The changes, by time.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = lock(&self.0).clone();
        // Of two changes close to each other, the later may be announced first.
        changes.sort_by_key(|change| change.at);
        changes
    }
}

impl Observer for Recorder {
    fn on_transition(&self, transition: &Transition) {
        let reason = match transition.cause {
            Cause::Tripped(reason) => Some(reason),
            _ => None,
        };
        lock(&self.0).push(Change { at: transition.at, to: transition.to, reason });
    }
}

/// How many calls ended how, phase by phase.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<[u64; 4]>);

impl Counts {
    /// Calls that ended so in this phase.
    #[must_use]
    pub fn of(&self, phase: usize, ending: Ending) -> u64 {
        self.0.get(phase).map_or(0, |counts| counts[ending as usize])
    }

    /// Calls that ended so in these phases.
    #[must_use]
    pub fn sum(&self, phases: core::ops::Range<usize>, ending: Ending) -> u64 {
        phases.map(|phase| self.of(phase, ending)).sum()
    }

    fn add(&mut self, more: &Self) {
        for (phase, counts) in more.0.iter().enumerate() {
            for (ending, count) in counts.iter().enumerate() {
                self.at(phase)[ending] += count;
            }
        }
    }

    fn at(&mut self, phase: usize) -> &mut [u64; 4] {
        if self.0.len() <= phase {
            self.0.resize(phase + 1, [0; 4]);
        }
        &mut self.0[phase]
    }
}

/// Users of one client, each of whom makes one call at a time.
#[derive(Debug)]
pub struct Users(JoinSet<Counts>);

impl Users {
    /// Starts `count` users. Each user pauses between two calls. The users end with the last phase.
    pub fn start<C: Client>(
        count: u32,
        pause: Duration,
        client: &Arc<C>,
        phases: &Arc<Phases>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for user in 0..count {
            let (client, phases) = (Arc::clone(client), Arc::clone(phases));
            tasks.spawn(async move {
                // They do not all call at the same moment.
                sleep(pause * user / count).await;
                let mut counts = Counts::default();
                loop {
                    let ending = client.call().await;
                    let Some(phase) = phases.now() else { return counts };
                    counts.at(phase)[ending as usize] += 1;
                    sleep(pause).await;
                }
            });
        }
        Self(tasks)
    }

    /// What became of their calls; a call belongs to the phase in which it ended.
    pub async fn counts(self) -> Counts {
        let mut sum = Counts::default();
        for counts in self.0.join_all().await {
            sum.add(&counts);
        }
        sum
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
