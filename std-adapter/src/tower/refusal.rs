//! `Refusal` and `Refusable`: what our layers refuse with, and errors that may be one.

use core::fmt;
use core::time::Duration;

use cutout_core::{Error, Rejected};

use crate::BulkheadRejected;

/// A call was refused without running, by the circuit or by the bulkhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// By the circuit.
    Circuit(Rejected),
    /// By the bulkhead.
    Bulkhead(BulkheadRejected),
}

impl Refusal {
    /// How long until a call may be admitted, where that can be known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Circuit(rejected) => rejected.retry_after(),
            Self::Bulkhead(_) => None,
        }
    }

    /// The refusal itself in a box, to be found by who looks for a [`Rejected`] or a
    /// [`BulkheadRejected`].
    pub(super) fn boxed(self) -> BoxError {
        match self {
            Self::Circuit(rejected) => rejected.into(),
            Self::Bulkhead(rejected) => rejected.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Circuit(rejected) => rejected.fmt(f),
            Self::Bulkhead(rejected) => rejected.fmt(f),
        }
    }
}

impl core::error::Error for Refusal {}

/// An error that is either a refusal of one of our layers or somebody else's.
///
/// An error type of your own may implement it, so that
/// [`ignore_refusals`](super::CircuitBreakerLayer::ignore_refusals) leaves some of its errors alone.
pub trait Refusable: Sized {
    /// Somebody else's.
    type Other;

    /// Somebody else's error, to be judged; `None` if it is a refusal, or says nothing about the
    /// dependency for another reason.
    fn other(&self) -> Option<&Self::Other>;

    /// Somebody else's error.
    ///
    /// # Errors
    ///
    /// The refusal, if it is one.
    fn into_other(self) -> Result<Self::Other, Refusal>;
}

impl<E> Refusable for Error<E> {
    type Other = E;

    fn other(&self) -> Option<&E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    fn into_other(self) -> Result<E, Refusal> {
        match self {
            Self::Rejected(rejected) => Err(Refusal::Circuit(rejected)),
            Self::Inner(error) => Ok(error),
        }
    }
}

pub(super) type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// A box with a [`Rejected`] or a [`BulkheadRejected`] in it is a refusal.
impl Refusable for BoxError {
    type Other = Self;

    fn other(&self) -> Option<&Self> {
        (!self.is::<Rejected>() && !self.is::<BulkheadRejected>()).then_some(self)
    }

    fn into_other(self) -> Result<Self, Refusal> {
        if let Some(rejected) = self.downcast_ref::<Rejected>() {
            Err(Refusal::Circuit(*rejected))
        } else if let Some(rejected) = self.downcast_ref::<BulkheadRejected>() {
            Err(Refusal::Bulkhead(*rejected))
        } else {
            Ok(self)
        }
    }
}
