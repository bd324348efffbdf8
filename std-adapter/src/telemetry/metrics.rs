//! Breakers and bulkheads as metrics of the crate [`metrics`](https://docs.rs/metrics) (feature
//! `metrics`).
//!
//! [`Metrics`] knows the breakers, registries and bulkheads that it was told of, weakly: it keeps
//! none alive. When somebody scrapes, [`Metrics::collect`] looks at them and publishes what it
//! finds. No call through a breaker does anything for it: the numbers are those that the breaker
//! counts anyway.
//!
//! # Examples
//!
//! ```
//! use cutout::metrics::Metrics;
//! use cutout::{Bulkhead, CircuitBreaker, Config, StdClock};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//! use std::sync::Arc;
//!
//! static POOL: Bulkhead = Bulkhead::new(8);
//!
//! let recorder = PrometheusBuilder::new().build_recorder();
//! let page = recorder.handle();
//! metrics::set_global_recorder(recorder)?;
//!
//! let metrics = Metrics::new();
//! let observer = metrics.observer("bank");
//! let bank = Arc::new(CircuitBreaker::with_observer(Config::new(), StdClock, observer));
//! metrics.register_breaker("bank", &bank);
//! metrics.register_bulkhead("bank", &POOL);
//!
//! let _ = bank.call(|| Err::<(), _>("down"));
//! bank.force_open();
//!
//! metrics.collect(); // in what answers a scrape, before the page is written
//! let page = page.render();
//! for line in [
//!     r#"circuit_breaker_state{name="bank",state="open"} 1"#,
//!     r#"circuit_breaker_calls_total{name="bank",outcome="failure"} 1"#,
//!     r#"circuit_breaker_transitions_total{name="bank",from="closed",to="open",reason="mode"} 1"#,
//!     r#"bulkhead_limit{name="bank"} 8"#,
//! ] {
//!     assert!(page.lines().any(|found| found == line), "{line}");
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is published
//!
//! | metric | labels | |
//! | --- | --- | --- |
//! | `circuit_breaker_state` | `name`, `state` | 1 for the state as calls meet it, 0 for the others |
//! | `circuit_breaker_due` | `name` | 1 if the circuit is open, its break is over, and nobody has called since ([`is_due`](cutout_core::CircuitBreaker::is_due)); else 0 |
//! | `circuit_breaker_break_remaining_seconds` | `name` | what is left of the break of an open circuit; 0 if it is over, or if there is none |
//! | `circuit_breaker_trials_in_flight` | `name` | trials of a half-open circuit that are out |
//! | `circuit_breaker_mode` | `name`, `mode` | as `circuit_breaker_state`, for the mode |
//! | `circuit_breaker_calls_total` | `name`, `outcome` | calls that were a `success`, a `failure`, `ignored`, `cancelled` or `stale`, and those that were `rejected` |
//! | `circuit_breaker_slow_calls_total` | `name` | how many of the successes and failures were slow, where that is measured |
//! | `circuit_breaker_would_reject_total` | `name` | calls that only the mode shadow let through, once there are any |
//! | `circuit_breaker_transitions_total` | `name`, `from`, `to`, `reason` | changes, as the [observer](Metrics::observer) heard them; those that a circuit makes by itself begin at 0 |
//! | `circuit_breaker_would_trip_total` | `name`, `reason` | how often a circuit that was forced closed would have opened, as the observer heard it; each reason begins at 0 |
//! | `circuit_breaker_failure_ratio` | `name` | the share of failures in the window, 0 to 1; absent below `minimum_throughput` |
//! | `circuit_breaker_slow_ratio` | `name` | the same for slow calls, where they are measured |
//! | `circuit_breaker_failure_threshold` | `name` | the ratio at which it opens, where there is one |
//! | `circuit_breaker_slow_threshold` | `name` | the same for slow calls |
//! | `circuit_breaker_call_duration_seconds` | `name`, `le` | `_bucket`, `_sum` and `_count`, where [durations](Metrics::durations) are measured |
//! | `bulkhead_in_use` | `name` | permits that are out |
//! | `bulkhead_limit` | `name` | permits that there are |
//! | `bulkhead_waiting` | `name` | callers that wait for one |
//! | `bulkhead_rejected_total` | `name` | callers that were refused |
//! | `retry_calls_total` | `name`, `outcome`, `retried` | calls by how they ended, where [retries](Metrics::retries) are counted |
//!
//! Durations are counted here and not by the recorder, so that a call costs two additions whatever
//! the recorder is, and memory does not grow between two scrapes. The crate `metrics` cannot pass
//! on a histogram that somebody else has counted: it gets counters and a gauge, of which Prometheus
//! makes a histogram. An exporter that appends `_total` to counters by itself has to be told not
//! to.
//!
//! With [`MetricsBuilder::resilience4j`] the same numbers are published a second time, under the
//! names that resilience4j's dashboards ask for.
//!
//! # What is absent
//!
//! A recorder cannot be told to forget a series. A ratio that was there and no longer is becomes
//! NaN, and the states and modes of a breaker that is gone become 0. Each recorder is told so once:
//! by its next collection, together with the last counts; after that the series are left alone. A
//! recorder that drops what is no longer touched then drops them, such as that of
//! `metrics-exporter-prometheus` with an `idle_timeout`.
//!
//! Recorders are told apart by where they are in memory: pass a reference to the same one each
//! time.
//!
//! # A limit on names
//!
//! Each name costs some 40 series. So at most [100](MetricsBuilder::max_names) names at a time get
//! a label of their own; all others are added up under the name `other`. There, and where breakers
//! share a name, `circuit_breaker_state` and `circuit_breaker_due` say how many are in each state
//! and how many are due, the break that remains is the longest, and the ratio is that of all those
//! together that have their minimum.
//!
//! A name is in use as long as a breaker, bulkhead, [observer](MetricsObserver), [`Durations`] or
//! [`Retries`] of that name lives. When it no longer is, the next collection publishes it for the
//! last time and gives its place to the name that has waited longest. That name counts on its own
//! from then on; what it has counted before stays under `other`. The counts of the last 1,000 names
//! (ten times as many as have a label) that were in use are kept, so that a name that comes again
//! goes on where it was.
//!
//! A recorder that never forgets keeps the series of all names that ever had a label. Where names
//! come from outside, such as the hosts of a proxy, give it an idle timeout, or a lower limit.
//!
//! # Several collections at a time
//!
//! Nothing is locked while a collection runs code of yours: clocks, the function that names the
//! breakers of a registry, recorders, and what is dropped because the collection came to be its
//! last owner. All of these may register, and may collect. (A name function that collects would be
//! asked for the same name again, without end.) Collections at the same time count nothing twice;
//! of two to the same recorder, the one that publishes last is seen.

mod builder;
mod durations;
mod labels;
mod ledger;
mod publish;
mod resilience4j;
mod retries;
mod shown;
mod source;
mod transitions;

pub use builder::MetricsBuilder;
pub use durations::Durations;
pub use retries::Retries;
pub use source::Watched;
pub use transitions::MetricsObserver;

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutout_core::{Clock, Observer};
use metrics::Recorder;

use labels::Labels;
use ledger::{BreakerNumbers, Breakers, BulkheadNumbers, Bulkheads, COUNTS, DURATIONS};
use publish::Publisher;
use retries::Endings;
use source::{BreakerSource, BulkheadSource, Found, Source, Sources};

use crate::breaker::{CircuitBreaker, StdClock};
use crate::resilience::bulkhead::Bulkhead;

/// The names that get their own label unless told otherwise.
const MOST_NAMES: usize = 100;

/// The breakers and bulkheads that are published. Clones are the same.
///
/// # Progress
///
/// Nothing here is on the path of a call, but for [`Durations`] and [`Retries`] where they are
/// asked for, and the [observer](Self::observer), which counts a change by one addition.
/// [`collect`](Self::collect) and the methods that register take a lock for a moment, and none
/// while other code runs.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    resilience4j: bool,
    breakers: Labels<BreakerNumbers>,
    bulkheads: Labels<BulkheadNumbers>,
    retries: Labels<Endings>,
    sources: Mutex<Sources>,
}

/// # Constructing
impl Metrics {
    /// Nothing is registered yet. There is no need for more than one.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Metrics to be, with other settings.
    pub const fn builder() -> MetricsBuilder {
        MetricsBuilder { max_names: MOST_NAMES, resilience4j: false }
    }
}

/// # Registering
///
/// Each breaker and each bulkhead is to be registered once, or it counts twice.
impl Metrics {
    /// Publishes `breaker` under `name`, as long as it lives: a reference to an [`Arc`], or to a
    /// static.
    pub fn register_breaker<C, O, const BUCKETS: usize>(
        &self,
        name: &str,
        breaker: impl Into<Watched<CircuitBreaker<C, O, BUCKETS>>>,
    ) where
        C: Clock + Send + Sync + 'static,
        O: Observer + Send + Sync + 'static,
    {
        let place = self.inner.breakers.place(name, 0);
        self.add(BreakerSource::new(place, breaker.into()));
    }

    /// Publishes `bulkhead` under `name`, as long as it lives: a reference to an [`Arc`], or to a
    /// static.
    pub fn register_bulkhead(&self, name: &str, bulkhead: impl Into<Watched<Bulkhead>>) {
        let place = self.inner.bulkheads.place(name, 0);
        self.add(BulkheadSource::new(place, bulkhead.into()));
    }

    /// Publishes the breakers of `registry`, as long as both live, each under the name that `name`
    /// makes of its key. It is asked when a collection first finds a breaker.
    ///
    /// A breaker that is evicted takes with it what it has counted since the last collection.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::metrics::Metrics;
    /// use cutout::{Config, Registry};
    /// use std::sync::Arc;
    ///
    /// let metrics = Metrics::new();
    /// let observers = metrics.clone();
    /// let hosts = Registry::builder(Config::new())
    ///     .with_observer(move |host: &String| observers.observer(host))
    ///     .build()?;
    /// let hosts = Arc::new(hosts);
    /// metrics.register_registry(&hosts, |host| host.clone());
    /// # Ok::<_, cutout::RegistryError>(())
    /// ```
    #[cfg(feature = "registry")]
    pub fn register_registry<K, C, O>(
        &self,
        registry: impl Into<Watched<crate::registry::Registry<K, C, O>>>,
        name: impl Fn(&K) -> String + Send + Sync + 'static,
    ) where
        K: core::hash::Hash + Eq + Send + Sync + 'static,
        C: Clock + Send + Sync + 'static,
        O: Observer + Send + Sync + 'static,
    {
        let labels = Arc::clone(&self.inner);
        let place = move |key: &K| labels.breakers.place(&name(key), 0);
        self.add(source::RegistrySource::new(registry.into(), place));
    }

    /// An observer that counts the changes of the breaker of this name. It takes one addition to do
    /// so, and neither locks nor allocates.
    #[must_use]
    pub fn observer(&self, name: &str) -> MetricsObserver {
        MetricsObserver::new(self.inner.breakers.place(name, COUNTS))
    }

    /// Measures how long calls take that go through the breaker of this name, by the system's
    /// clock.
    #[must_use]
    pub fn durations(&self, name: &str) -> Durations {
        self.durations_with_clock(name, StdClock)
    }

    /// As [`durations`](Self::durations), by `clock`.
    #[must_use]
    pub fn durations_with_clock<C: Clock>(&self, name: &str, clock: C) -> Durations<C> {
        Durations::new(self.inner.breakers.place(name, DURATIONS), clock)
    }

    /// Counts how calls ended that may be tried again, under this name.
    #[must_use]
    pub fn retries(&self, name: &str) -> Retries {
        Retries::new(self.inner.retries.place(name, 0))
    }

    fn add(&self, source: impl Source + 'static) {
        let mut sources = self.sources();
        sources.all.push(Arc::new(source));
        let gone = if sources.all.len() > sources.at_most { sources.prune() } else { Vec::new() };
        drop(sources);
        drop(gone); // what names the keys of a registry is the user's code
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Publishing
impl Metrics {
    /// Looks at everything, and publishes to the recorder that is installed.
    ///
    /// It takes as long as the snapshots of all breakers take, and holds up none of them.
    ///
    /// # Panics
    ///
    /// If the recorder does, a clock, the function that names the breakers of a registry, or what
    /// is dropped because the collection came to be its last owner. The next collection publishes
    /// as if there had been none.
    pub fn collect(&self) {
        metrics::with_recorder(|recorder| self.collect_into(recorder));
    }

    /// Looks at everything, and publishes to `recorder`.
    ///
    /// # Panics
    ///
    /// As [`collect`](Self::collect).
    pub fn collect_into(&self, recorder: &dyn Recorder) {
        let inner = &*self.inner;
        let mut found = Found::default();
        let sources = self.sources().all.clone();
        sources.iter().for_each(|source| source.look(&mut found));
        let gone = self.sources().prune();
        drop((sources, gone)); // so that the names of what has gone have ended
        inner.breakers.turn_over();
        inner.bulkheads.turn_over();
        inner.retries.turn_over();

        let mut breakers: HashMap<usize, Breakers> = HashMap::new();
        for (place, last, snapshot, config) in &found.breakers {
            let label = place.label();
            label.numbers.add(&snapshot.totals, last);
            breakers.entry(address(label)).or_default().add(snapshot, config);
        }
        let mut bulkheads: HashMap<usize, Bulkheads> = HashMap::new();
        for (place, last, now) in &found.bulkheads {
            let label = place.label();
            label.numbers.add(now.rejected, last);
            bulkheads.entry(address(label)).or_default().add(now);
        }
        self.publish(recorder, &breakers, &bulkheads);
    }

    fn publish(
        &self,
        recorder: &dyn Recorder,
        breakers: &HashMap<usize, Breakers>,
        bulkheads: &HashMap<usize, Bulkheads>,
    ) {
        let inner = &*self.inner;
        let to = core::ptr::from_ref(recorder).cast::<()>().addr();
        let publisher = Publisher::new(recorder);
        publisher.describe();
        if inner.resilience4j {
            resilience4j::describe(&publisher);
        }
        inner.breakers.for_each(|label, lives| {
            let (none, now) = (Breakers::default(), breakers.get(&address(label)));
            let (now, lives) = (now.unwrap_or(&none), lives || now.is_some());
            let Some(before) = label.shown.before(to, lives) else { return };
            let shown = publisher.breaker(label, now, before.what);
            if inner.resilience4j {
                resilience4j::breaker(&publisher, label, now, before.what);
            }
            label.shown.note(to, before, shown, lives);
        });
        inner.bulkheads.for_each(|label, lives| {
            let (none, now) = (Bulkheads::default(), bulkheads.get(&address(label)));
            let (now, lives) = (now.unwrap_or(&none), lives || now.is_some());
            let Some(before) = label.shown.before(to, lives) else { return };
            let shown = publisher.bulkhead(label, now, before.what);
            if inner.resilience4j {
                resilience4j::bulkhead(&publisher, label, now, before.what);
            }
            label.shown.note(to, before, shown, lives);
        });
        inner.retries.for_each(|label, lives| {
            let Some(before) = label.shown.before(to, lives) else { return };
            publisher.retries(label);
            if inner.resilience4j {
                resilience4j::retries(&publisher, label);
            }
            label.shown.note(to, before, 0, lives);
        });
    }
}

/// Labels are told apart by where they are.
fn address<N>(label: &Arc<labels::Label<N>>) -> usize {
    Arc::as_ptr(label).addr()
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("breakers", &self.inner.breakers)
            .field("bulkheads", &self.inner.bulkheads)
            .field("resilience4j", &self.inner.resilience4j)
            .finish_non_exhaustive()
    }
}
