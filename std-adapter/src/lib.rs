//! A circuit breaker for calls to what can fail.
//!
//! It stands in front of every call to a dependency: an RPC, a database, an HTTP host. While the
//! dependency is down it refuses the calls, after a break it lets a few through to see whether it
//! is back, and while all is well a call costs a few loads, one swap and a look at the clock.
//!
//! ```text
//!            the trip condition holds
//!   Closed ----------------------------> Open <---+
//!     ^                                   |       |
//!     |                  the break is over|       | a trial fails,
//!     |                                   v       | or its timeout ends
//!     +-------------------------------- HalfOpen -+
//!            enough trials succeed
//! ```
//!
//! # Example
//!
//! ```
//! use cutout::{CircuitBreaker, Config, Error, State};
//!
//! static PAYMENTS: CircuitBreaker = CircuitBreaker::new(Config::new().consecutive_failures(5));
//!
//! fn charge() -> Result<&'static str, Error<&'static str>> {
//!     PAYMENTS.call(|| Err("the bank does not answer"))
//! }
//!
//! for _ in 0..5 {
//!     assert!(matches!(charge(), Err(Error::Inner(_)))); // ran, and failed
//! }
//! assert_eq!(PAYMENTS.state(), State::Open);
//! match charge() {
//!     Err(Error::Rejected(refusal)) => assert!(refusal.retry_after().is_some()),
//!     other => panic!("{other:?}"),
//! }
//! ```
//!
//! Asynchronous calls need no runtime of ours:
//! [`call_async`](cutout_core::CircuitBreaker::call_async). A timeout goes inside, so that a call
//! that is given up counts as a failure, not as a cancellation.
//!
// It shows what features add, hence needs them.
#![cfg_attr(
    all(
        feature = "events",
        feature = "metrics",
        feature = "policy",
        feature = "reqwest",
        feature = "serde",
        feature = "testing",
        feature = "tokio",
        feature = "tracing"
    ),
    doc = include_str!("tour.md")
)]
//! # Threads
//!
//! Threads that call through one breaker at the same time count in lanes of their own: once two are
//! seen to contend, the breaker grows as many as threads can run at once, by the call that saw it.
//! That call allocates, and so does the one that first trips, or else the first that is ignored,
//! cancelled or slow, once each in a breaker's life, unless
//! [`preallocate`](cutout_core::CircuitBreaker::preallocate) has done so before. Else a call
//! neither allocates nor locks, but for the very first reading of `QuantaClock`, and outside Linux
//! of any clock, in the process.
//!
//! # Features
//!
//! None is on by default. Each only adds.
//!
//! | feature | adds | and brings |
//! | --- | --- | --- |
//! | `registry` | `Registry`: a breaker for each key, bounded in number, found without a lock | `papaya` |
//! | `policy` | `Policy`: retries, a breaker, a bulkhead, a timeout and a fallback, without a box or a task | `fastrand` |
//! | `rate-limit` | `RateLimit`, a policy's part that keeps to a rate | `governor` |
//! | `tokio` | `TokioTimer`, tokio's timer and clock | |
//! | `timer` | `FuturesTimer`, a timer that needs no runtime | `futures-timer`, which is one thread |
//! | `tower` | `tower::CircuitBreakerLayer`, `tower::BulkheadLayer` | |
//! | `http` | the layer judges HTTP and gRPC responses, and answers in their place | |
//! | `reqwest` | `reqwest::CircuitBreakerMiddleware`: a breaker for each host of a client | `reqwest-middleware` |
//! | `metrics` | `metrics::Metrics` publishes breakers and bulkheads when somebody scrapes | |
//! | `tracing` | `TracingObserver` logs what a breaker announces | |
//! | `events` | `events::Broadcast` sends it to readers that may be slow | tokio's channel, no runtime |
//! | `serde` | `settings`: configurations in files and the environment, with profiles that inherit | |
//! | `testing` | for your own tests: a scripted dependency, a record of transitions, ways to each state | |
//! | `quanta` | `QuantaClock` reads the time-stamp counter, for less than a fine reading of the system's clock costs | `quanta` |
//!
//! The engine is [`cutout_core`], whose documentation states the guarantees; this crate adds the
//! system's clock ([`StdClock`]), permits that own their breaker ([`OwnedPermit`]), and keeps
//! observers that panic away from callers ([`CatchUnwind`]).

#![forbid(unsafe_code)]

mod adapters;
mod breaker;
// They show all stacks, so they need all of these; they are nothing but documentation.
#[cfg(all(
    doc,
    feature = "metrics",
    feature = "policy",
    feature = "reqwest",
    feature = "serde",
    feature = "tokio"
))]
pub mod guides;
#[cfg(feature = "registry")]
mod registry;
mod resilience;
#[cfg(feature = "serde")]
pub mod settings;
mod support;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;

#[cfg(feature = "reqwest")]
pub use adapters::reqwest;
#[cfg(feature = "tower")]
pub use adapters::tower;
#[cfg(feature = "quanta")]
pub use breaker::QuantaClock;
pub use breaker::{Breaker, CatchUnwind, CircuitBreaker, OwnedPermit, StdClock, ThreadLanes};
pub use cutout_core::{
    AdaptiveTimeout, Backoff, CallEvent, Cause, Clock, Config, ConfigError, Error, HalfOpenRule,
    Instant, LastTransitions, Latency, LatencySnapshot, ManualClock, Mode, Observer, Outcome,
    Permit, Rate, RejectReason, Rejected, Report, SavedState, SavedStateError, SlowStart, Snapshot,
    StaleResult, State, Tally, Ticket, TimedCall, TimeoutConfig, Totals, Transition, TripReason,
    Window,
};
#[cfg(feature = "registry")]
pub use registry::{
    CheckedConfig, CycleError, Handle, Reconfigured, Registry, RegistryBuilder, RegistryCounters,
    RegistryError, RegistryEvent,
};
pub use resilience::bulkhead::{
    Bulkhead, BulkheadAcquire, BulkheadConfig, BulkheadConfigError, BulkheadPermit, BulkheadReason,
    BulkheadRejected, OwnedBulkheadAcquire, OwnedBulkheadPermit,
};
#[cfg(feature = "policy")]
pub use resilience::fallback::Fallback;
#[cfg(feature = "policy")]
pub use resilience::policy::{
    AttemptError, Policy, PolicyError, RateLimited, Refused, StopReason, TimedOut, parts,
};
#[cfg(feature = "rate-limit")]
pub use resilience::rate_limit::{RateLimit, RateLimitConfig, RateLimitConfigError};
#[cfg(feature = "policy")]
pub use resilience::retry::{Retried, Retry, RetryBudget, Retrying};
#[cfg(feature = "policy")]
pub use resilience::timeout::{Limit, Timeout};
#[cfg(feature = "events")]
pub use telemetry::events;
#[cfg(feature = "metrics")]
pub use telemetry::metrics;
#[cfg(feature = "tracing")]
pub use telemetry::tracing_observer::TracingObserver;
#[cfg(feature = "timer")]
pub use timer::FuturesTimer;
#[cfg(feature = "tokio")]
pub use timer::TokioTimer;
pub use timer::{AsyncTimer, BlockingTimer, ManualTimer, ManualTimerSleep, ThreadTimer};

/// The snippets of the repository's front page.
#[cfg(all(doctest, feature = "policy", feature = "registry", feature = "tokio"))]
#[doc = include_str!("../../README.md")]
struct RepositoryReadme;

/// The snippets of the page on how to use a breaker.
#[cfg(all(doctest, feature = "policy", feature = "registry", feature = "tokio"))]
#[doc = include_str!("../../docs/using.md")]
struct ReadmeUsing;

/// The snippets of the package's front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct PackageReadme;
