//! SelectBreaker and bulkheads as metrics: what is published, under which names, and when not.
#![cfg(feature = "metrics")]

mod page;

mod bulkheads;
mod calls;
mod durations;
mod names;
#[cfg(feature = "registry")]
mod registries;
mod resilience4j;
mod retries;
mod transitions;
