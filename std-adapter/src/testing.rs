//! For your own tests: a dependency that follows a script, a record of what the circuit did, and
//! ways to each state (feature `testing`).
//!
//! Enable the feature where tests are built, and nowhere else:
//!
//! ```toml
//! [dev-dependencies]
//! cutout = { version = "0.1", features = ["testing"] }
//! ```
//!
//! Nothing here waits for real time, and nothing depends on luck: a test says when it is later, and
//! gets the same results in every run.
//!
//! | to | use |
//! | --- | --- |
//! | say what time it is | [`ManualClock`](crate::ManualClock), or [`ManualTimer`](crate::ManualTimer) where something waits |
//! | have something that fails, hangs and slows down | [`Dependency`] and its [`Script`] |
//! | get to a state | [`trip`], [`end_break`], [`half_open`], [`recover`] |
//! | see what the circuit did | [`Transitions`] |
//! | run a future to its end | [`drive`] |
//!
//! # The code under test
//!
//! The sections below test such a client. What matters is that it does not choose its clock:
//! production gives it [`StdClock`](crate::StdClock), the default, and tests give it one that they
//! move.
//!
//! ```
//! # use cutout::{CircuitBreaker, Clock, Error, Observer, StdClock};
//! /// Asks the bank, and says "later" while that is down.
//! struct Client<C: Clock = StdClock, O: Observer = ()> {
//!     breaker: CircuitBreaker<C, O>,
//! }
//!
//! impl<C: Clock, O: Observer> Client<C, O> {
//!     fn pay<E>(&self, ask: impl FnOnce() -> Result<u64, E>) -> Result<u64, &'static str> {
//!         self.breaker.call(ask).map_err(|error| match error {
//!             Error::Rejected(_) => "later",
//!             Error::Inner(_) => "failed",
//!         })
//!     }
//! }
//! # let _ = Client::<StdClock> { breaker: CircuitBreaker::new(Default::default()) };
//! ```
//!
//! # The open state
//!
//! Does the caller get its answer at once, is the dependency left alone, and does it end?
//!
//! ```
//! # use cutout::{CircuitBreaker, Clock, Error, Observer, StdClock};
//! # struct Client<C: Clock = StdClock, O: Observer = ()> { breaker: CircuitBreaker<C, O> }
//! # impl<C: Clock, O: Observer> Client<C, O> {
//! #     fn pay<E>(&self, ask: impl FnOnce() -> Result<u64, E>) -> Result<u64, &'static str> {
//! #         self.breaker.call(ask).map_err(|error| match error {
//! #             Error::Rejected(_) => "later",
//! #             Error::Inner(_) => "failed",
//! #         })
//! #     }
//! # }
//! use cutout::testing::{Dependency, Reply, Script, Transitions};
//! use cutout::{Config, ManualTimer, State};
//!
//! let time = ManualTimer::new();
//! let seen = Transitions::new();
//! let config = Config::new().consecutive_failures(3);
//! let client = Client {
//!     breaker: CircuitBreaker::with_observer(config, time.clone(), seen.clone()),
//! };
//! let bank = Dependency::new(time.clone(), Script::new().then(2, Reply::ok()).forever(Reply::err()));
//!
//! let answers: Vec<_> = (0..7).map(|_| client.pay(|| bank.call())).collect();
//! assert_eq!(
//!     answers,
//!     [Ok(1), Ok(2), Err("failed"), Err("failed"), Err("failed"), Err("later"), Err("later")],
//! );
//! assert_eq!(bank.calls(), 5, "an open circuit leaves the bank alone");
//! seen.assert_path([State::Closed, State::Open]);
//! ```
//!
//! # SlowStart
//!
//! ```
//! use core::time::Duration;
//! use cutout::State::{Closed, HalfOpen, Open};
//! use cutout::testing::{self, Dependency, Reply, Script, Transitions};
//! use cutout::{CircuitBreaker, Config, ManualTimer};
//!
//! let time = ManualTimer::new();
//! let seen = Transitions::new();
//! let config = Config::new().break_duration(Duration::from_secs(30)).trials(2);
//! let breaker = CircuitBreaker::with_observer(config, time.clone(), seen.clone());
//! let bank = Dependency::new(time.clone(), Script::new().then(1, Reply::err()));
//!
//! testing::trip(&breaker);
//! time.advance(Duration::from_secs(29));
//! assert!(breaker.call(|| bank.call()).is_err());
//! assert_eq!(bank.calls(), 0, "a second is left");
//!
//! time.advance(Duration::from_secs(1));
//! assert!(breaker.call(|| bank.call()).is_err(), "the first trial fails");
//! testing::end_break(&breaker);
//! assert_eq!(breaker.call(|| bank.call()), Ok(2));
//! assert_eq!(breaker.call(|| bank.call()), Ok(3));
//! seen.assert_path([Closed, Open, HalfOpen, Open, HalfOpen, Closed]);
//! ```
//!
//! # Slow calls
//!
//! A blocking call of a [`Dependency`] moves the time by as long as it takes.
//!
//! ```
//! use core::time::Duration;
//! use cutout::testing::{Dependency, Draw, Reply, Script, Transitions};
//! use cutout::{Cause, CircuitBreaker, Config, ManualTimer, Rate, TripReason};
//!
//! let second = Duration::from_secs(1);
//! let config = Config::new()
//!     .minimum_throughput(10)
//!     .slow_call_duration(second)
//!     .slow_call_rate(Rate::percent(30));
//! let (time, seen) = (ManualTimer::new(), Transitions::new());
//! let breaker = CircuitBreaker::with_observer(config, time.clone(), seen.clone());
//!
//! // Half of all calls are slow. Which they are depends on the seed alone.
//! let draw = Draw::new(42, [(1, Reply::ok()), (1, Reply::ok().after(2 * second))]);
//! let bank = Dependency::new(time, Script::new().forever(draw));
//! while breaker.call(|| bank.call()).is_ok() {}
//! seen.assert_causes([Cause::Tripped(TripReason::SlowCallRate)]);
//! ```
//!
//! # Forced states
//!
//! To test what a caller does while the circuit is open, it need not trip:
//!
//! ```
//! use cutout::testing::Transitions;
//! use cutout::{CircuitBreaker, Config, Error, ManualClock, State};
//!
//! let seen = Transitions::new();
//! let breaker = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
//! breaker.force_open();
//! assert!(matches!(breaker.call(|| Ok::<_, ()>("paid")), Err(Error::Rejected(_))));
//! breaker.release();
//! assert_eq!(breaker.call(|| Ok::<_, ()>("paid")), Ok("paid"));
//! seen.assert_path([State::Closed, State::Open, State::Closed]);
//!
//! // Tests of something else keep the breaker out of their way:
//! breaker.disable();
//! for _ in 0..100 {
//!     assert_eq!(breaker.call(|| Err::<(), _>("down")), Err(Error::Inner("down")));
//! }
//! assert_eq!(breaker.state(), State::Closed);
//! ```
//!
//! # Asynchronous calls
//!
//! [`drive`] runs a future to its end on a [`ManualTimer`](crate::ManualTimer), without an
//! executor. To see what is between two waits, poll by hand:
//!
//! ```
//! use core::pin::pin;
//! use core::task::{Context, Waker};
//! use core::time::Duration;
//! use std::future::Future;
//! use cutout::testing::{self, Dependency, Reply, Script};
//! use cutout::{CircuitBreaker, Config, ManualTimer};
//!
//! let time = ManualTimer::new();
//! let breaker = CircuitBreaker::with_clock(Config::new().trials(1), time.clone());
//! let slow = Reply::ok().after(Duration::from_secs(2));
//! let bank = Dependency::new(time.clone(), Script::new().then(1, slow).forever(Reply::hang()));
//!
//! assert_eq!(testing::drive(&time, breaker.call_async(bank.call_async())), Ok(1));
//!
//! // A trial that hangs keeps the others out, until it is dropped.
//! testing::half_open(&breaker);
//! {
//!     let mut trial = pin!(breaker.call_async(bank.call_async()));
//!     assert!(trial.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
//!     assert!(breaker.try_acquire().is_err());
//!     assert_eq!(bank.hanging(), 1);
//! }
//! assert!(breaker.try_acquire().is_ok());
//! assert_eq!(bank.given_up(), 1);
//! ```
//!
//! # A hang, and the limit that ends it
//!
//! A blocking client is told its limit, and is believed to keep to it:
//!
//! ```
//! use core::time::Duration;
//! use cutout::testing::{Dependency, Fault, Reply, Script};
//! use cutout::{AdaptiveTimeout, CircuitBreaker, Config, Error, ManualTimer, State, TimeoutConfig};
//!
//! let ms = Duration::from_millis;
//! let time = ManualTimer::new();
//! let breaker = CircuitBreaker::with_clock(Config::new().consecutive_failures(2), time.clone());
//! let limits = TimeoutConfig::between(ms(10), ms(1_000));
//! let timeout = AdaptiveTimeout::with_clock(limits, time.clone());
//! let healthy = Reply::ok().after(ms(80));
//! let bank = Dependency::new(time.clone(), Script::new().then(100, healthy).forever(Reply::hang()));
//!
//! let mut pay = || breaker.call(|| timeout.measure(|limit| bank.call_within(limit)));
//! for _ in 0..100 {
//!     assert!(pay().is_ok());
//! }
//! assert!(timeout.timeout() < ms(90), "it has learned what 100 calls took");
//! assert_eq!(pay(), Err(Error::Inner(Fault::TimedOut { call: 101 })));
//! assert_eq!(pay(), Err(Error::Inner(Fault::TimedOut { call: 102 })));
//! assert_eq!(breaker.state(), State::Open);
//! ```
#![cfg_attr(feature = "policy", doc = include_str!("testing/policy.md"))]
#![cfg_attr(feature = "tokio", doc = include_str!("testing/tokio.md"))]

mod dependency;
mod drive;
mod fault;
mod script;
mod states;
mod transitions;

pub use dependency::Dependency;
pub use drive::drive;
pub use fault::Fault;
pub use script::{Draw, Replies, Reply, Script};
pub use states::{Advance, end_break, half_open, recover, trip};
pub use transitions::Transitions;
