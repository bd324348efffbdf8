//! The values of the label `name`: so many by themselves, the rest under `other`.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::durations::Histograms;
use super::ledger::{BreakerLedger, BulkheadLedger};
use super::retries::Endings;
use super::transitions::Counts;

const OTHER: &str = "other";

/// What is known under one name.
pub(super) trait Label {
    fn new(name: Arc<str>) -> Self;
}

/// The labels that there are. They stay: a recorder keeps its series too.
pub(super) struct Labels<L> {
    most: usize,
    by_name: Mutex<BTreeMap<Arc<str>, Arc<L>>>,
}

impl<L: Label> Labels<L> {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, by_name: Mutex::new(BTreeMap::new()) }
    }

    /// The label for `name`: its own, or the one that is shared by those that came too late.
    pub(super) fn label(&self, name: &str) -> Arc<L> {
        let mut labels = self.lock();
        if let Some(label) = labels.get(name) {
            return Arc::clone(label);
        }
        let own = labels.len() - usize::from(labels.contains_key(OTHER));
        let name: Arc<str> = if own < self.most { name.into() } else { OTHER.into() };
        let make = || Arc::new(L::new(Arc::clone(&name)));
        Arc::clone(labels.entry(Arc::clone(&name)).or_insert_with(make))
    }

    /// Shows each label to `visit`, in the order of the names.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&L)) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        for label in all {
            visit(&label);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<L>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Label> fmt::Debug for Labels<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

/// What is known of the breakers of one name.
pub(super) struct BreakerLabel {
    pub(super) name: Arc<str>,
    /// Where an observer hears.
    pub(super) transitions: OnceLock<Counts>,
    /// Where they are measured.
    pub(super) durations: OnceLock<Histograms>,
    ledger: Mutex<BreakerLedger>,
}

impl Label for BreakerLabel {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            transitions: OnceLock::new(),
            durations: OnceLock::new(),
            ledger: Mutex::default(),
        }
    }
}

impl BreakerLabel {
    pub(super) fn ledger(&self) -> MutexGuard<'_, BreakerLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of the bulkheads of one name.
pub(super) struct BulkheadLabel {
    pub(super) name: Arc<str>,
    ledger: Mutex<BulkheadLedger>,
}

impl Label for BulkheadLabel {
    fn new(name: Arc<str>) -> Self {
        Self { name, ledger: Mutex::default() }
    }
}

impl BulkheadLabel {
    pub(super) fn ledger(&self) -> MutexGuard<'_, BulkheadLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of the calls of one name that may be tried again.
pub(super) struct RetryLabel {
    pub(super) name: Arc<str>,
    pub(super) calls: Endings,
}

impl Label for RetryLabel {
    fn new(name: Arc<str>) -> Self {
        Self { name, calls: Endings::new() }
    }
}
