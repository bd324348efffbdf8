//! `BulkheadError`: why a call behind a bulkhead gave no value.

use core::fmt;

use crate::BulkheadRejected;
use crate::tower::{Refusable, Refusal};

/// Why a call behind a [`BulkheadLayer`](super::BulkheadLayer) gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BulkheadError<E> {
    /// The bulkhead refused the call; it did not run.
    Rejected(BulkheadRejected),
    /// The call ran and returned this error.
    Inner(E),
}

impl<E> Refusable for BulkheadError<E> {
    type Other = E;

    fn other(&self) -> Option<&E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    fn into_other(self) -> Result<E, Refusal> {
        match self {
            Self::Rejected(rejected) => Err(Refusal::Bulkhead(rejected)),
            Self::Inner(error) => Ok(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for BulkheadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for BulkheadError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}
