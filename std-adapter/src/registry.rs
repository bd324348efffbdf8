//! `Registry`: one breaker for each key, found without a lock and bounded in number.
//!
//! # How it is built
//!
//! A look-up reads a `papaya` map and enters a [door](hold::Door): no lock, and no word is written
//! that another thread's look-up writes too, once threads have been seen to contend for the key.
//! Everything else (a first look-up, eviction, removal, counting) is done under one mutex, which is
//! the only writer of the map. No code of the user's runs under it, but for `Hash` and `Eq` of
//! keys, which the map cannot do without.
//!
//! - **G1** Under the lock, a key is in the map if and only if its root is in the [ring].
//! - **G2** A key whose breaker is being made is in `making`; who else looks for it waits, unless
//!   that [wait](waits) would be for ever. So the factories run once for a breaker, and outside the
//!   lock.
//! - **G3** A breaker is handed out only after it has the mode that is [standing] and the
//!   [settings] that are in force, and it enters the map under the lock under which both were seen
//!   to stand still.
//! - **G4** A root ends before its key leaves the map, both under one lock: who finds a door that
//!   leads nowhere takes the lock, and then finds no key.
//! - **G5** An entry that has left is kept until the map has let go of it, for its key is dropped
//!   with it: where no lock is held, and not by the map's own clearing up, which may be under the
//!   lock.
//!
//! # Why papaya, and a ring of our own
//!
//! - `quick_cache` 0.7 takes the read lock of a shard at each look-up, which is a write to a word
//!   that all threads of a hot key share, and an addition to the entry's own counter. Its
//!   `Lifecycle::is_pinned` would keep open breakers, but not say what happens if all are pinned:
//!   it then grows over its capacity. It has no idle time.
//! - `dashmap` 6 takes the read lock of a shard too, and evicts nothing. `moka` logs each read into
//!   a queue that all threads share. `scc` reads without a lock as well, but is under Apache-2.0
//!   alone.
//! - `papaya` 0.2.5 (MIT, Rust 1.72; `seize`, `equivalent` and, on Unix, `libc` come with it) reads
//!   with no shared write: a look-up pins the thread's own record. What it no longer needs it frees
//!   in batches of 32, or as many as there are cores, a batch for each thread that evicts: so the
//!   memory of some entries that have left stays taken. The breakers in them do not stay: they
//!   belong to the ring, and are dropped by who evicts them. The one invalid access on record was
//!   in `retain`, which is not used here; nor is `HashSet`, which asks too little of its keys to be
//!   `Sync`.
//!
//! A handle owns its breaker, because it is used across an await, for which a map must not be
//! pinned. On one thread that makes a look-up dearer than papaya's with an `Arc` by the mark, the
//! weak count and one more pointer; with two it is what keeps them apart, for their clones of one
//! `Arc` contend.
//!
//! Recency is a second chance: a look-up sets a mark if it is not set. Its hasher is std's, because
//! keys may come from outside.

mod builder;
mod create;
mod default_mode;
mod entry;
mod event;
mod eviction;
mod handle;
mod observing;
mod remove;
mod set_mode;
mod settings;
mod sharded_arc;
mod sync;
#[cfg(all(test, not(shuttle)))]
mod tests;
mod waits;

pub use builder::{CheckedConfig, CycleError, RegistryBuilder, RegistryError};
pub use event::{RegistryCounters, RegistryEvent};
pub use handle::Handle;
#[cfg(feature = "metrics")]
pub(crate) use observing::Listed;
pub use settings::Reconfigured;

use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;
use std::sync::{Arc, PoisonError};

use cutout_core::{Clock, Config, Observer};
use papaya::HashMap;

use builder::{Listener, Observers};
use create::{Making, Orders};
use default_mode::Standing;
use entry::{Entry, Filed, Sought};
use eviction::Ring;
use remove::FEW_DEPARTED;
use settings::Settings;
use sharded_arc::Entered;
use sync::{Condvar, Mutex, MutexGuard, between_steps};

use crate::breaker::{CircuitBreaker, StdClock, ThreadLanes};

type Breaker<C, O> = CircuitBreaker<C, O>;
type Map<K, B> = HashMap<Filed<K, B>, ()>;

/// A breaker for each key: a host, a route, a tenant, or anything that is `Hash + Eq`.
///
/// The first look-up of a key makes its breaker; later ones find it by any borrowed form of the
/// key.
///
/// # What is bounded
///
/// A registry never holds more breakers than its [capacity](RegistryBuilder::capacity). When it is
/// full, a new key takes the place of one whose breaker is *closed*, *decides for itself* and is
/// *held by nobody*; one that was looked up lately gets a second chance before one that was not.
/// Only if there is none such, one goes that has merely a past to lose: half-open, open with its
/// break over, or still in its slow start. An open breaker whose break is running, a forced one,
/// and one that somebody holds (a [`Handle`], an [`Arc`](Handle::as_arc) or a permit that owns it)
/// are never evicted.
///
/// If all have to stay, the new key's breaker is handed out all the same, and the registry does not
/// hold it: it works as long as the caller keeps the handle, and the next look-up makes another. So
/// a flood of keys that never come back cannot push out what is in use or open; it passes by. Such
/// breakers are [counted](RegistryCounters::unstored).
///
/// A key whose breaker was evicted or removed starts anew, with a closed breaker that remembers
/// nothing. An eviction leaves no handle behind; [`remove`](Self::remove) may, and then two
/// breakers for one key exist, the old one known to its holders alone.
///
/// # Progress
///
/// A look-up of a key that has a breaker takes no lock, allocates nothing and, once threads have
/// been seen to contend for that key, writes no word that others write: it then grows a share for
/// each lane of [`Clock::lanes`], once, under the lock. A look-up that makes a breaker takes the
/// registry's lock, looks at 130 entries at most, and waits for another thread that is making the
/// breaker of the same key. All other methods take the lock too; none holds it while code of yours
/// runs, but for `Hash` and `Eq` of keys, which must not use the registry. `Borrow`, `ToOwned` and
/// `Drop` of keys, clocks, observers and the functions that the registry was built with may.
///
/// # Examples
///
/// ```
/// use cutout::{Config, Registry, State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn get(_: &str) -> std::io::Result<&'static str> { Ok("page") }
/// let hosts: Registry<String> = Registry::new(Config::new());
/// let page = hosts.get("10.0.0.7").call_async(get("/")).await?;
/// assert_eq!(page, "page");
///
/// hosts.for_each(|host, breaker| {
///     if host.starts_with("10.") {
///         breaker.force_open();
///     }
/// });
/// assert_eq!(hosts.get("10.0.0.7").state(), State::Open);
/// # Ok(())
/// # }
/// ```
pub struct Registry<K, C: Clock = StdClock, O: Observer = ()> {
    map: Map<K, Breaker<C, O>>,
    office: Mutex<Office<K, Breaker<C, O>>>,
    made: Condvar,
    clock: ThreadLanes<C>,
    capacity: usize,
    idle: Option<Idle>,
    observers: Observers<K, O>,
    listener: Option<Listener<K>>,
}

/// Idle time in nanoseconds, and how exactly it is measured.
#[derive(Clone, Copy)]
struct Idle {
    time: u64,
    grain: u64,
}

impl Idle {
    fn new(time: Duration) -> Self {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self { time, grain: time / 256 }
    }
}

/// What the lock guards.
struct Office<K, B> {
    ring: Ring<K, B>,
    making: Vec<Making<K>>,
    standing: Standing,
    settings: Settings<K>,
    counters: RegistryCounters,
    /// Entries that have left, and that the map may not have let go of (R5).
    departed: Vec<Arc<Entry<K, B>>>,
    /// How many of them there are when it is looked again whether it has.
    departed_at_most: usize,
    /// How often all entries were listed.
    #[cfg(feature = "metrics")]
    listings: u64,
}

impl<K, B> Office<K, B> {
    fn orders(&self) -> Orders<K> {
        Orders { standing: self.standing, settings: self.settings.clone() }
    }
}

/// # Constructing
impl<K: Hash + Eq> Registry<K> {
    /// An empty registry for 10,000 breakers that share `config` and the default clock.
    ///
    /// # Panics
    ///
    /// If a setting is out of its range. The message names the setting.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::try_new(config).unwrap_or_else(|error| panic!("{error}"))
    }

    /// An empty registry for 10,000 breakers, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Config, Registry};
    ///
    /// let error = Registry::<String>::try_new(Config::new().trials(0)).unwrap_err();
    /// assert_eq!(error.to_string(), "trials: must be 1 to 16");
    /// ```
    pub fn try_new(config: Config) -> Result<Self, RegistryError> {
        Self::builder(config).build()
    }
}

/// # Constructing with more settings
impl<K> Registry<K> {
    /// A registry to be, whose breakers share `config` unless told otherwise.
    pub fn builder(config: Config) -> RegistryBuilder<K> {
        RegistryBuilder::new(config)
    }
}

impl<K: Hash + Eq, C: Clock + Clone, O: Observer> Registry<K, C, O> {
    fn from_builder(builder: RegistryBuilder<K, C, O>) -> Self {
        Self {
            map: HashMap::new(),
            office: Mutex::new(Office {
                ring: Ring::new(),
                making: Vec::new(),
                standing: Standing::new(),
                settings: Settings::new(builder.config, builder.configs),
                counters: RegistryCounters::default(),
                departed: Vec::new(),
                departed_at_most: FEW_DEPARTED,
                #[cfg(feature = "metrics")]
                listings: 0,
            }),
            made: Condvar::new(),
            clock: ThreadLanes::new(builder.clock),
            capacity: builder.capacity,
            idle: builder.idle_time.map(Idle::new),
            observers: builder.observers,
            listener: builder.listener,
        }
    }
}

/// # Looking up
impl<K: Hash + Eq, C: Clock, O: Observer> Registry<K, C, O> {
    /// The breaker of `key`, if there is one. It makes none, and does not count as a look-up for
    /// eviction: for those who look from outside.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Config, Registry};
    ///
    /// let hosts: Registry<String> = Registry::new(Config::new());
    /// assert!(hosts.peek("10.0.0.7").is_none());
    /// let host = hosts.get("10.0.0.7");
    /// assert!(std::sync::Arc::ptr_eq(hosts.peek("10.0.0.7").unwrap().as_arc(), host.as_arc()));
    /// ```
    pub fn peek<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Handle<C, O>>
    where
        K: Borrow<Q>,
    {
        let guard = self.map.guard();
        let (filed, ()) = self.map.get_key_value(&Sought(key), &guard)?;
        self.enter(&filed.0).map(|entered| Handle::new(entered.hold))
    }

    /// The breaker of `key`, and a note that it was looked up.
    #[inline]
    fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Handle<C, O>>
    where
        K: Borrow<Q>,
    {
        let guard = self.map.guard();
        let (filed, ()) = self.map.get_key_value(&Sought(key), &guard)?;
        let entry = &filed.0;
        entry.mark();
        if let Some(idle) = self.idle {
            entry.touch(self.clock.now_coarse(), idle.grain);
        }
        between_steps();
        let entered = self.enter(entry)?;
        if entered.crowded {
            let entry = Arc::clone(entry);
            drop(guard);
            self.grow(&entry);
        }
        Some(Handle::new(entered.hold))
    }

    #[inline]
    fn enter(&self, entry: &Entry<K, Breaker<C, O>>) -> Option<Entered<Breaker<C, O>>> {
        entry.door.enter(|| self.clock.lane())
    }

    /// Threads were seen to contend for `entry`.
    #[cold]
    fn grow(&self, entry: &Arc<Entry<K, Breaker<C, O>>>) {
        let lanes = self.clock.lanes();
        if let Some(root) = self.office().ring.root_of(entry) {
            root.grow(&entry.door, lanes);
        }
    }

    fn office(&self) -> MutexGuard<'_, Office<K, Breaker<C, O>>> {
        // Only a `Hash` or an `Eq` can have panicked. At worst that leaves an entry in the ring
        // that no look-up finds, and that goes like any other.
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, C: Clock, O: Observer> fmt::Debug for Registry<K, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.office.lock().unwrap_or_else(PoisonError::into_inner).settings.shared();
        f.debug_struct("Registry")
            .field("config", &config)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
