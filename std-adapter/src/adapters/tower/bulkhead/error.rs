//! `BulkheadError`: why a call behind a bulkhead gave no value.

use core::fmt;

use cutout_core::Rejected;

use crate::adapters::tower::{MaybeRefusal, Refusal};
use crate::resilience::bulkhead::BulkheadRejected;

/// Why a call behind a [`BulkheadLayer`](super::BulkheadLayer) or a
/// [`QueueLayer`](super::QueueLayer) gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BulkheadError<E> {
    /// The bulkhead refused the call; it did not run.
    Rejected(BulkheadRejected),
    /// The circuit refused the call before it could queue; it did not run. Only a queue that
    /// [asks the breaker](super::QueueLayer::refuse_while_open) says so.
    Circuit(Rejected),
    /// The call ran and returned this error.
    Inner(E),
}

impl<E> MaybeRefusal for BulkheadError<E> {
    type Other = E;

    fn other(&self) -> Option<&E> {
        match self {
            Self::Rejected(_) | Self::Circuit(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    fn into_other(self) -> Result<E, Refusal> {
        match self {
            Self::Rejected(rejected) => Err(Refusal::Bulkhead(rejected)),
            Self::Circuit(rejected) => Err(Refusal::Circuit(rejected)),
            Self::Inner(error) => Ok(error),
        }
    }
}

impl<E> From<Refusal> for BulkheadError<E> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Bulkhead(rejected) => Self::Rejected(rejected),
            Refusal::Circuit(rejected) => Self::Circuit(rejected),
        }
    }
}

impl<E: fmt::Display> fmt::Display for BulkheadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Circuit(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for BulkheadError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Circuit(refused) => Some(refused),
            Self::Inner(error) => Some(error),
        }
    }
}
