//! The values of the label `name`: so many living names by themselves, the rest under `other`.
//!
//! - L1. A name lives as long as something holds its [`Place`]: what is watched, an observer, what
//!   measures or counts. At most so many living names as are asked for have a label of their own.
//! - L2. A name that has come too late counts under `other`. When others have ended, the next
//!   collection gives it a label of its own, in the order in which the names came, and it counts
//!   there from then on.
//! - L3. The label of a name that has ended is kept for a while, for its counters must not go back
//!   if the name comes again; and for recorders that have not been told of the end yet.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::shown::Shown;

const OTHER: &str = "other";

/// So many times as many labels are kept of names that have ended as there may be of living ones.
const ENDED_FOR_EACH: usize = 10;

/// The names that are pruned first while nobody collects.
const FEW_NAMES: usize = 64;

/// What is counted under one name.
pub(super) trait Numbers: Default {
    /// Makes room for what is asked for, in bits of its own choice.
    fn fit(&self, needs: u8) {
        let _ = needs;
    }
}

/// A value of the label `name`, what is counted under it, and what recorders were shown of it.
pub(super) struct Label<N> {
    pub(super) name: Arc<str>,
    pub(super) numbers: N,
    pub(super) shown: Shown,
}

impl<N: Numbers> Label<N> {
    fn new(name: Arc<str>) -> Arc<Self> {
        Arc::new(Self { name, numbers: N::default(), shown: Shown::default() })
    }
}

/// A living name, and where it counts.
pub(super) struct Place<N> {
    name: Arc<str>,
    arrival: u64,
    needs: AtomicU8,
    /// Where it counts until it has a label of its own.
    first: Arc<Label<N>>,
    own: OnceLock<Arc<Label<N>>>,
}

impl<N: Numbers> Place<N> {
    /// Where the name counts now. Neither locks nor allocates.
    #[inline]
    pub(super) fn label(&self) -> &Arc<Label<N>> {
        self.own.get().unwrap_or(&self.first)
    }

    pub(super) fn numbers(&self) -> &N {
        &self.label().numbers
    }

    /// Under the lock of the table.
    fn fit(&self, needs: u8) {
        self.needs.fetch_or(needs, Relaxed);
        self.numbers().fit(needs);
    }
}

impl<N> fmt::Debug for Place<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// The labels that there are.
pub(super) struct Labels<N> {
    most: usize,
    table: Mutex<Table<N>>,
}

struct Table<N> {
    /// The living names, and some that have ended.
    names: BTreeMap<Arc<str>, Weak<Place<N>>>,
    /// How many there are when those that have ended are taken out.
    names_at_most: usize,
    /// The labels of living names and of those that have ended, but for `other`.
    labels: BTreeMap<Arc<str>, Seat<N>>,
    /// How many of them are taken.
    taken: usize,
    other: Option<Arc<Label<N>>>,
    /// How many names came, and how many have ended.
    arrivals: u64,
    ends: u64,
}

struct Seat<N> {
    label: Arc<Label<N>>,
    place: Weak<Place<N>>,
    /// By a name that a collection has not found to have ended.
    taken: bool,
    /// The number of its end.
    ended: u64,
}

impl<N: Numbers> Labels<N> {
    pub(super) const fn new(most: usize) -> Self {
        let table = Table {
            names: BTreeMap::new(),
            names_at_most: FEW_NAMES,
            labels: BTreeMap::new(),
            taken: 0,
            other: None,
            arrivals: 0,
            ends: 0,
        };
        Self { most, table: Mutex::new(table) }
    }

    /// Where `name` counts, with room for what is asked for.
    pub(super) fn place(&self, name: &str, needs: u8) -> Arc<Place<N>> {
        let mut table = self.lock();
        if let Some(place) = table.names.get(name).and_then(Weak::upgrade) {
            place.fit(needs);
            return place;
        }
        let name: Arc<str> = name.into();
        let has_seat = table.labels.get(&name).is_some_and(|seat| seat.taken);
        let has_own = has_seat || (&*name != OTHER && table.taken < self.most);
        let first = if has_own { table.seat(&name, self.most) } else { table.other() };
        table.arrivals += 1;
        let place = Arc::new(Place {
            name: Arc::clone(&name),
            arrival: table.arrivals,
            needs: AtomicU8::new(0),
            own: if has_own { Arc::clone(&first).into() } else { OnceLock::new() },
            first,
        });
        place.fit(needs);
        if let Some(seat) = table.labels.get_mut(&name).filter(|_| has_own) {
            seat.place = Arc::downgrade(&place);
        }
        table.names.insert(name, Arc::downgrade(&place));
        if table.names.len() > table.names_at_most {
            table.prune();
        }
        place
    }

    /// Gives the labels of names that have ended to those that wait for one.
    pub(super) fn turn_over(&self) {
        let mut guard = self.lock();
        let table = &mut *guard;
        for seat in table.labels.values_mut() {
            if seat.taken && seat.place.strong_count() == 0 {
                table.ends += 1;
                table.taken -= 1;
                (seat.taken, seat.ended) = (false, table.ends);
            }
        }
        table.prune();
        let room = self.most.saturating_sub(table.taken);
        if room == 0 {
            return;
        }
        let waits = |place: &Arc<Place<N>>| place.own.get().is_none() && &*place.name != OTHER;
        let mut waiting: Vec<_> =
            table.names.values().filter_map(Weak::upgrade).filter(waits).collect();
        waiting.sort_by_key(|place| place.arrival);
        for place in waiting.into_iter().take(room) {
            let label = table.seat(&place.name, self.most);
            label.numbers.fit(place.needs.load(Relaxed));
            if let Some(seat) = table.labels.get_mut(&place.name) {
                seat.place = Arc::downgrade(&place);
            }
            let _ = place.own.set(label);
        }
    }

    /// Shows each label to `visit`, and whether its name lives.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Arc<Label<N>>, bool)) {
        let all: Vec<_> = {
            let table = self.lock();
            let seats = table.labels.values();
            let own = seats.map(|seat| (Arc::clone(&seat.label), seat.place.strong_count() > 0));
            own.chain(table.other.iter().map(|other| (Arc::clone(other), true))).collect()
        };
        for (label, lives) in &all {
            visit(label, *lives);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table<N>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N: Numbers> Table<N> {
    /// The label of `name`, from now on taken.
    fn seat(&mut self, name: &Arc<str>, most: usize) -> Arc<Label<N>> {
        let most_kept = most.saturating_mul(1 + ENDED_FOR_EACH);
        if self.labels.len() > most_kept && !self.labels.contains_key(name) {
            let ended = self.labels.iter().filter(|(_, seat)| !seat.taken);
            let first = ended.min_by_key(|(_, seat)| seat.ended);
            if let Some(first) = first.map(|(name, _)| Arc::clone(name)) {
                self.labels.remove(&first);
            }
        }
        let seat = self.labels.entry(Arc::clone(name)).or_insert_with(|| Seat {
            label: Label::new(Arc::clone(name)),
            place: Weak::new(),
            taken: false,
            ended: 0,
        });
        if !seat.taken {
            seat.taken = true;
            self.taken += 1;
        }
        Arc::clone(&seat.label)
    }

    fn other(&mut self) -> Arc<Label<N>> {
        Arc::clone(self.other.get_or_insert_with(|| Label::new(OTHER.into())))
    }

    fn prune(&mut self) {
        self.names.retain(|_, place| place.strong_count() > 0);
        self.names_at_most = FEW_NAMES.max(2 * self.names.len());
    }
}

impl<N: Numbers> fmt::Debug for Labels<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().labels.keys()).finish()
    }
}
