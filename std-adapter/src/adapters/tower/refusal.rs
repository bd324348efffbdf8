//! `Refusal` and `MaybeRefusal`: what our layers refuse with, and errors that may be one.

use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::io;

use cutout_core::{Error, Rejected};

use super::BulkheadError;
#[cfg(feature = "http")]
use super::http::RequestError;
use crate::resilience::bulkhead::BulkheadRejected;

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

    /// The refusal in an error, at any depth: it is looked for in the error itself, in its
    /// [source](core::error::Error::source), in the source of that, and so on.
    ///
    /// # Examples
    ///
    /// A service of several layers, whose errors are boxed at the outside alone:
    ///
    /// ```
    /// use cutout::tower::{BulkheadLayer, CircuitBreakerLayer, Refusal};
    /// use cutout::{Bulkhead, CircuitBreaker, Config};
    /// use std::io;
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
    /// static TRANSFERS: CircuitBreaker = CircuitBreaker::new(Config::new());
    /// static PLACES: Bulkhead = Bulkhead::new(20);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let client = ServiceBuilder::new()
    ///     .layer(CircuitBreakerLayer::new(&BANK).ignore_refusals().box_errors())
    ///     .layer(BulkheadLayer::new(&PLACES))
    ///     .layer(CircuitBreakerLayer::new(&TRANSFERS))
    ///     .service(service_fn(async |order: u32| Ok::<_, io::Error>(order)));
    ///
    /// TRANSFERS.force_open();
    /// let error = client.oneshot(7).await.unwrap_err();
    /// assert!(matches!(Refusal::find(&*error), Some(Refusal::Circuit(_))));
    /// assert_eq!((BANK.totals().ignored, BANK.totals().failures), (1, 0));
    /// # }
    /// ```
    #[must_use]
    pub fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        causes(error).find_map(Self::of)
    }

    /// The refusal that the error itself is.
    fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(rejected) = error.downcast_ref::<Rejected>() {
            Some(Self::Circuit(*rejected))
        } else if let Some(rejected) = error.downcast_ref::<BulkheadRejected>() {
            Some(Self::Bulkhead(*rejected))
        } else {
            error.downcast_ref::<Self>().copied()
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
/// [`ignore_refusals`](super::CircuitBreakerLayer::ignore_refusals) leaves some of its errors
/// alone.
pub trait MaybeRefusal: Sized {
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

impl<E> MaybeRefusal for Error<E> {
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

/// A box with a [`Rejected`], a [`BulkheadRejected`] or a [`Refusal`] in it is a refusal.
impl MaybeRefusal for BoxError {
    type Other = Self;

    fn other(&self) -> Option<&Self> {
        Refusal::of(&**self).is_none().then_some(self)
    }

    fn into_other(self) -> Result<Self, Refusal> {
        match Refusal::of(&*self) {
            Some(refusal) => Err(refusal),
            None => Ok(self),
        }
    }
}

/// The error, its source, the source of that, and so on.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    core::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        // Its source is that of the error in it, which would be left out.
        Some(error) => error.get_ref().map(|inside| inside as &(dyn StdError + 'static)),
        None => error.source(),
    })
}

/// What a `RequestError::Body` describes itself as.
pub(super) const BODY_FAILED: &str = "the body of the request did not come whole";

/// Whether there is a refusal, or a body that failed on the caller's side, in an error at any
/// depth.
fn says_nothing(error: &(dyn StdError + 'static)) -> bool {
    // A `RequestError<E>` cannot be downcast to where `E` is not known.
    #[allow(
        deprecated,
        reason = "it is the one word that an error of unknown type gives unformatted"
    )]
    let is_body = |error: &(dyn StdError + 'static)| error.description() == BODY_FAILED;
    causes(error).any(|error| is_body(error) || Refusal::of(error).is_some())
}

/// An error in which a refusal is found at any depth, for
/// [`ignore_refusals`](super::CircuitBreakerLayer::ignore_refusals).
///
/// `K` says how that is done and is found by the compiler: [`ByItsSources`] for each type that is a
/// [`core::error::Error`], [`ByItsType`] for those that are none. Of the latter, boxes are known
/// here, texts, numbers, `()`, and the errors of our layers over any of them. For a type of your
/// own that is no [`core::error::Error`], say that there is no refusal in it. Somebody else's type
/// that is none goes through tower's `map_err` first, in front of the service that has it. Else the
/// service has no method that can be called, because `IgnoreRefusals<_, _>` does not judge its
/// errors.
///
/// ```
/// use cutout::tower::{BulkheadLayer, ByItsType, CircuitBreakerLayer, RefusedInside};
/// use cutout::{Bulkhead, CircuitBreaker, Config};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// struct NoSuchOrder; // no `Error`
///
/// impl RefusedInside<ByItsType> for NoSuchOrder {}
///
/// static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
/// static PLACES: Bulkhead = Bulkhead::new(20);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = ServiceBuilder::new()
///     .layer(CircuitBreakerLayer::new(&BANK).ignore_refusals())
///     .layer(BulkheadLayer::new(&PLACES))
///     .service(service_fn(async |_: u32| Err::<u32, _>(NoSuchOrder)));
/// assert!(client.oneshot(7).await.is_err());
/// assert_eq!(BANK.totals().failures, 1);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "whether there is a refusal inside of `{Self}` is not known",
    note = "make its innermost error a `core::error::Error` or a box",
    note = "or, if that is your own type: `impl RefusedInside<ByItsType> for ... {{}}`"
)]
pub trait RefusedInside<K> {
    /// Whether there is a refusal in it, at any depth, or something else that says nothing about
    /// the dependency.
    fn is_refused_inside(&self) -> bool {
        false
    }
}

/// How to look into an error that is a [`core::error::Error`]: see [`RefusedInside`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ByItsSources;

/// How to look into an error that is no [`core::error::Error`]: see [`RefusedInside`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ByItsType;

impl<E: StdError + 'static> RefusedInside<ByItsSources> for E {
    fn is_refused_inside(&self) -> bool {
        says_nothing(self)
    }
}

impl<E: RefusedInside<ByItsType>> RefusedInside<ByItsType> for Error<E> {
    fn is_refused_inside(&self) -> bool {
        match self {
            Self::Rejected(_) => true,
            Self::Inner(error) => error.is_refused_inside(),
        }
    }
}

impl<E: RefusedInside<ByItsType>> RefusedInside<ByItsType> for BulkheadError<E> {
    fn is_refused_inside(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Circuit(_) => true,
            Self::Inner(error) => error.is_refused_inside(),
        }
    }
}

#[cfg(feature = "http")]
impl<E: RefusedInside<ByItsType>> RefusedInside<ByItsType> for RequestError<E> {
    fn is_refused_inside(&self) -> bool {
        match self {
            Self::Body(_) => true,
            Self::Inner(error) => error.is_refused_inside(),
        }
    }
}

macro_rules! boxes {
    ($($type:ty),*) => {$(
        impl RefusedInside<ByItsType> for $type {
            fn is_refused_inside(&self) -> bool {
                says_nothing(&**self)
            }
        }
    )*};
}

boxes!(Box<dyn StdError>, Box<dyn StdError + Send>, BoxError);

macro_rules! no_errors {
    ($($type:ty),*) => {$(
        impl RefusedInside<ByItsType> for $type {}
    )*};
}

no_errors!((), bool, char, String, &str, Cow<'_, str>, Box<str>);
no_errors!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
#[cfg(feature = "http")]
no_errors!(::http::StatusCode);

#[cfg(feature = "http")]
impl<B> RefusedInside<ByItsType> for ::http::Response<B> {}

impl<A, B> RefusedInside<ByItsType> for (A, B) {}

impl<A, B, C> RefusedInside<ByItsType> for (A, B, C) {}
