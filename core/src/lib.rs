//! A circuit breaker whose state is one atomic word.
//!
//! It stands in front of every call to something that can fail: a radio, a sensor on a bus, a
//! database. While the thing is down it refuses the calls, after a break it lets a few through to
//! see whether it is back, and while all is well a call costs a few loads and one swap.
//!
//! This crate is the engine: `no_std`, no `unsafe`, no clock of its own, and no allocation without
//! the feature `alloc`. On a host with std, use the crate `cutout`, which adds clocks and owned
//! permits.
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
//! use core::time::Duration;
//! use cutout_core::{CircuitBreaker, Config, Error, ManualClock, Rate, State};
//!
//! let config = Config::new().failure_rate(Rate::percent(20)).minimum_throughput(5);
//! let radio = CircuitBreaker::with_clock(config, ManualClock::new());
//!
//! for _ in 0..5 {
//!     let _ = radio.call(|| Err::<(), _>("no answer"));
//! }
//! assert_eq!(radio.state(), State::Open);
//! assert!(matches!(radio.call(|| Ok::<_, &str>("sent")), Err(Error::Rejected(_))));
//!
//! radio.clock().advance(Duration::from_secs(30));
//! for _ in 0..3 {
//!     assert_eq!(radio.call(|| Ok::<_, &str>("sent")), Ok("sent"));
//! }
//! assert_eq!(radio.state(), State::Closed);
//! ```
//!
//! # Guarantees
//!
//! - **Trials** in flight never exceed [`Config::trials`], however many threads come at once.
//! - **HalfOpen ends** with the calls that come: a trial that panics, is dropped, or never comes
//!   back does not hold it.
//! - **Late results** of an earlier generation decide nothing.
//! - **Every admitted call** is settled at most once; [`Totals`] say what became of it. A ticket or
//!   permit that is leaked is never settled.
//! - **Each change** is announced once, after it was made, holding nothing.
//! - **Progress**: lock-free where the target has 64-bit atomics. **Panics**: only in the
//!   constructors that say so.
//!
//! # Targets and features
//!
//! Targets with 64-bit atomics need nothing. On others (Cortex-M, 32-bit RISC-V) enable
//! `critical-section`: each access then masks interrupts for a few instructions, and the binary
//! provides the implementation of that crate. Without it the build stops and says so.
//!
//! With the feature `std`, an observer or a condition that panics while a call that panicked is
//! settled does not end the process: the second panic stops there. `cutout` enables it.
//!
//! With the feature `alloc`, a breaker grows more lanes when threads are seen to contend for it,
//! once, if its [`Clock`] says how many ([`Clock::lanes`]). `cutout` enables it.
//!
//! The feature `heapless` adds `Table`: breakers by key, of fixed size, for a `static`. It rests on
//! a vector of the crate `heapless`, and needs Rust 1.88, as that crate does; without the feature
//! the minimum is Rust 1.85. [`LastTransitions`], an observer that keeps what it heard, needs no
//! feature. The feature `defmt` lets that crate log states, outcomes, errors, transitions and
//! snapshots; the binary provides its logger.
//!
//! A counter of ticks that has 32 bits and wraps becomes a clock by [`Ticks64`]. Calls that end in
//! another language take their [`Ticket`] through it as two words.
//!
//! # When not to use it
//!
//! A breaker protects callers from a dependency that is down. It does not limit how many calls run
//! at once, retry, or time out; a call that never returns needs a timeout of its own.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod break_length;
mod breaker;
mod circuit;
mod config;
mod config_error;
mod divisor;
mod error;
mod field;
mod labels;
mod last_transitions;
mod latency;
mod observe;
mod outcome;
mod rate;
mod saved;
mod settings;
mod slow_start;
mod state;
mod streak;
mod sync;
#[cfg(feature = "heapless")]
mod table;
mod ticket;
mod ticks;
mod time;
mod timeout;
mod totals;
mod unwind;
mod verdict;
mod window;

pub use breaker::{CircuitBreaker, Permit, Snapshot};
pub use config::{Backoff, Config, HalfOpenRule, SlowStart, Window};
pub use config_error::ConfigError;
pub use error::{Error, RejectReason, Rejected};
pub use last_transitions::LastTransitions;
pub use latency::{Latency, LatencySnapshot};
pub use observe::{CallEvent, Cause, Observer, StaleResult, Transition, TripReason};
pub use outcome::{Outcome, Report};
pub use rate::Rate;
pub use saved::{SavedState, SavedStateError};
pub use state::{Mode, State};
#[cfg(feature = "heapless")]
pub use table::{InsertError, Table};
pub use ticket::Ticket;
pub use ticks::Ticks64;
pub use time::{Clock, Instant, ManualClock};
pub use timeout::{AdaptiveTimeout, TimedCall, TimeoutConfig};
pub use totals::Totals;
pub use window::Tally;

/// The questions that were answered with "no", and why.
#[doc = include_str!("../DESIGN.md")]
#[cfg(doc)]
pub mod design {}

/// The snippets of the package's front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The recipes for those who come from another breaker.
#[cfg(doctest)]
#[doc = include_str!("../RECIPES.md")]
struct Recipes;
