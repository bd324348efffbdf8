//! What breakers do, told to others: metrics, logs, a stream of events.

#[cfg(feature = "events")]
pub mod events;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "tracing")]
pub(crate) mod tracing_observer;
