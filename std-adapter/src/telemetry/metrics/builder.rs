//! The settings of [`Metrics`].

use super::labels::Labels;
use super::source::{FEW_SOURCES, Sources};
use super::{Inner, Metrics};
use std::sync::{Arc, Mutex};

/// The settings of [`Metrics`]; made by [`Metrics::builder`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing until built"]
pub struct MetricsBuilder {
    pub(super) max_names: usize,
    pub(super) resilience4j: bool,
}

impl MetricsBuilder {
    /// How many names of breakers, of bulkheads and of retries get a label of their own at the same
    /// time; the first to come. The default is 100. All others are added up under the name `other`,
    /// with 0 every one. A name that is no longer in use [makes
    /// room](crate::metrics#a-limit-on-names).
    pub const fn max_names(mut self, names: usize) -> Self {
        self.max_names = names;
        self
    }

    /// Whether everything is also published under resilience4j's names, as Micrometer writes them
    /// for Prometheus. The default is no.
    ///
    /// | metric | labels | |
    /// | --- | --- | --- |
    /// | `resilience4j_circuitbreaker_state` | `name`, `state` | forced closed reads as `closed`, shadow as `metrics_only` |
    /// | `resilience4j_circuitbreaker_buffered_calls` | `name`, `kind` | what the window holds |
    /// | `resilience4j_circuitbreaker_max_buffered_calls` | `name` | the length of a window over a count |
    /// | `resilience4j_circuitbreaker_failure_rate`, `.._slow_call_rate` | `name` | in percent, -1 below the minimum |
    /// | `resilience4j_circuitbreaker_not_permitted_calls_total` | `name`, `kind` | |
    /// | `resilience4j_circuitbreaker_calls_total` | `name`, `kind` | the same, where older dashboards ask for it |
    /// | `resilience4j_circuitbreaker_calls_seconds_count` | `name`, `kind` | by the breaker, or by [durations](Metrics::durations) |
    /// | `resilience4j_circuitbreaker_calls_seconds_sum`, `.._bucket` | `name`, `kind`, `le` | by durations only |
    /// | `resilience4j_bulkhead_available_concurrent_calls`, `.._max_allowed_concurrent_calls` | `name` | |
    /// | `resilience4j_retry_calls_total` | `name`, `kind` | by [retries](Metrics::retries) |
    ///
    /// `resilience4j_circuitbreaker_slow_calls` is missing: slow calls are not told apart by
    /// outcome.
    pub const fn resilience4j(mut self, as_well: bool) -> Self {
        self.resilience4j = as_well;
        self
    }

    /// Nothing is registered yet.
    #[must_use]
    pub fn build(self) -> Metrics {
        Metrics {
            inner: Arc::new(Inner {
                resilience4j: self.resilience4j,
                breakers: Labels::new(self.max_names),
                bulkheads: Labels::new(self.max_names),
                retries: Labels::new(self.max_names),
                sources: Mutex::new(Sources { all: Vec::new(), at_most: FEW_SOURCES }),
            }),
        }
    }
}
