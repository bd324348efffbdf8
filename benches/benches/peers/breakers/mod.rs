//! One adapter for each breaker. Those of others are set as near as they can be to what ours are
//! set to: they open at 90 % failures of the last 100 results or 10 s, given 20 of them, or after 5
//! failures in a row, for an hour.

mod breaker;
mod circuit_breaker;
mod circuitbreaker_rs;
mod failsafe;
mod nobreak;
mod ours;
mod ours_layer;
mod recloser;
mod tower;

use core::time::Duration;

use crate::layers::Layered;
use crate::peer::Polled;
use crate::row::Row;
use crate::tasks::{Bare, Tasks};

/// How long they stay open: longer than any benchmark.
const BREAK: Duration = Duration::from_secs(60 * 60);

/// All that have a call for threads, or are polled to the end by one.
pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::ours::<ours::Ours<ours::Defaults>>("defaults"),
        Row::ours::<ours::Ours<ours::Told>>("defaults, time told"),
        Row::ours::<ours::Ours<ours::Counter>>("defaults, quanta"),
        Row::ours::<ours::Ours<ours::Short>>("over 5 s, clock read finely"),
        Row::ours::<ours::Ours<ours::InARow>>("5 in a row"),
        Row::ours::<ours::Ours<ours::Last100>>("last 100"),
        Row::theirs::<failsafe::Consecutive>("failsafe", "5 in a row"),
        Row::theirs::<failsafe::SuccessRate>("failsafe", "average over 10 s"),
        Row::theirs::<recloser::Recloser>("recloser", "last 100"),
        Row::theirs::<Polled<breaker::Breaker>>("breaker", "last 100"),
        Row::theirs::<circuitbreaker_rs::Breaker>("circuitbreaker-rs", "all results"),
        Row::theirs::<circuit_breaker::Breaker>("circuit_breaker", "all failures"),
        Row::theirs::<nobreak::Breaker>("nobreak", "5 in a row"),
        Row::theirs::<Polled<tower::Tower>>("tower-resilience-circuitbreaker", "all results"),
    ]
}

/// All that have a call for tasks, and the call without any breaker.
pub(crate) fn tasks() -> Vec<Tasks> {
    vec![
        Tasks::bare::<Bare>("the call alone"),
        Tasks::ours::<ours::Shared<ours::Defaults>>("defaults"),
        Tasks::ours::<ours::Shared<ours::Told>>("defaults, time told"),
        Tasks::ours::<ours::Shared<ours::Counter>>("defaults, quanta"),
        Tasks::ours::<ours::Shared<ours::Short>>("over 5 s, clock read finely"),
        Tasks::ours::<ours::Shared<ours::InARow>>("5 in a row"),
        Tasks::ours::<ours::Shared<ours::Last100>>("last 100"),
        Tasks::theirs::<failsafe::Consecutive>("failsafe", "5 in a row"),
        Tasks::theirs::<failsafe::SuccessRate>("failsafe", "average over 10 s"),
        Tasks::theirs::<recloser::Async>("recloser", "last 100"),
        Tasks::theirs::<breaker::Breaker>("breaker", "last 100"),
        Tasks::theirs::<circuitbreaker_rs::Breaker>("circuitbreaker-rs", "all results"),
        Tasks::theirs::<nobreak::Shared>("nobreak", "5 in a row"),
        Tasks::theirs::<tower::Tower>("tower-resilience-circuitbreaker", "all results"),
    ]
}

/// All that are a layer of a tower service, and the service without any.
pub(crate) fn layers() -> Vec<Layered> {
    vec![
        Layered::bare::<ours_layer::Bare>("the service alone"),
        Layered::ours::<ours_layer::Layered<ours_layer::Static>>("held by a `&'static`"),
        Layered::ours::<ours_layer::Layered<ours_layer::Counted>>("held by an `Arc`"),
        Layered::theirs::<tower::Tower>("tower-resilience-circuitbreaker"),
    ]
}
