//! What stands between the users and the server. This is the file to copy from.

use core::future::Future;
use core::time::Duration;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cutout::{
    Bulkhead, BulkheadConfig, Config, Fallback, Policy, PolicyError, StdClock, TokioTimer,
};
use hyper::body::Bytes;

use crate::Failure;
use crate::recorder::{Breaker, Recorder};

/// What all calls of a run go through; each kind has a run.
pub(crate) enum Guard {
    /// A timeout.
    Timeout,
    /// A breaker around the timeout, which so learns of it.
    Breaker(Breaker),
    /// A fallback around the breaker, and a bulkhead inside.
    Policy { breaker: Breaker, bulkhead: Bulkhead, shelf: Shelf },
}

/// What a user gets.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) text: Bytes,
    /// Whether it is not the server's answer to this call, but an older one from the shelf.
    pub(crate) is_stale: bool,
}

impl Guard {
    /// A call, with everything around it. Nothing is retried: the outage is longer than anybody
    /// would wait.
    pub(crate) async fn call<A>(
        &self,
        limit: Duration,
        get: impl FnMut() -> A,
    ) -> Result<Answer, PolicyError<io::Error>>
    where
        A: Future<Output = io::Result<Answer>>,
    {
        let policy = Policy::new().timer(TokioTimer).timeout(limit);
        match self {
            Self::Timeout => policy.call_async(get).await,
            Self::Breaker(breaker) => policy.breaker(breaker).call_async(get).await,
            Self::Policy { breaker, bulkhead, shelf } => {
                let fallback = Fallback::from_fn(|error| shelf.last().ok_or(error));
                let policy = policy.fallback(fallback).breaker(breaker).bulkhead(bulkhead);
                let answer = policy.call_async(get).await;
                shelf.keep(&answer);
                answer
            }
        }
    }
}

/// # Constructing
impl Guard {
    pub(crate) fn breaker(config: Config) -> Result<Self, Failure> {
        Ok(Self::Breaker(Breaker::try_with_observer(config, StdClock, Recorder::new())?))
    }

    pub(crate) fn policy(config: Config, bulkhead: BulkheadConfig) -> Result<Self, Failure> {
        Ok(Self::Policy {
            breaker: Breaker::try_with_observer(config, StdClock, Recorder::new())?,
            bulkhead: Bulkhead::try_with_config(bulkhead)?,
            shelf: Shelf::default(),
        })
    }
}

/// # Observing
impl Guard {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Timeout => "Without a breaker",
            Self::Breaker(_) => "With a breaker",
            Self::Policy { .. } => "With a whole policy",
        }
    }

    pub(crate) const fn its_breaker(&self) -> Option<&Breaker> {
        match self {
            Self::Timeout => None,
            Self::Breaker(breaker) | Self::Policy { breaker, .. } => Some(breaker),
        }
    }

    pub(crate) const fn its_bulkhead(&self) -> Option<&Bulkhead> {
        match self {
            Self::Timeout | Self::Breaker(_) => None,
            Self::Policy { bulkhead, .. } => Some(bulkhead),
        }
    }
}

/// The last good answer that anybody had.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Option<Answer>>);

impl Shelf {
    /// Keeps an answer of the server.
    fn keep<E>(&self, answer: &Result<Answer, E>) {
        if let Ok(answer @ Answer { is_stale: false, .. }) = answer {
            *self.lock() = Some(answer.clone());
        }
    }

    /// What was kept last, now stale.
    fn last(&self) -> Option<Answer> {
        self.lock().clone().map(|answer| Answer { is_stale: true, ..answer })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_has_the_last_answer_of_the_server_and_calls_it_stale() {
        let answer = |text: &'static str, is_stale| {
            Ok::<_, ()>(Answer { text: Bytes::from_static(text.as_bytes()), is_stale })
        };
        let shelf = Shelf::default();
        shelf.keep(&Err(()));
        assert!(shelf.last().is_none());
        for answer in [answer("first", false), answer("second", false), answer("old", true)] {
            shelf.keep(&answer);
        }
        let last = shelf.last().unwrap();
        assert_eq!((&last.text[..], last.is_stale), (&b"second"[..], true));
    }
}
