//! `Breakers`: which breaker stands in front of a request, one for all or one by key.

use core::fmt;
use core::ops::Deref;

use cutout_core::Rejected;

use super::{Breaker, CallPermit};

/// Finds the breaker of a request.
pub trait Breakers<Req> {
    /// How a call holds its breaker.
    type Share: Deref<Target: Breaker> + Clone;

    /// Admits the call of `request`, which is not made yet.
    ///
    /// # Errors
    ///
    /// If the request's circuit refuses.
    fn admit(&self, request: &Req) -> Result<CallPermit<Self::Share>, Rejected>;

    /// The breaker of all requests, if they have but one: then a service can be told that its
    /// circuit refuses before there is a request.
    fn only(&self) -> Option<&Self::Share>;
}

/// One breaker for all requests.
#[derive(Clone, Copy, Debug)]
pub struct Single<P>(pub(super) P);

impl<Req, P: Deref<Target: Breaker> + Clone> Breakers<Req> for Single<P> {
    type Share = P;

    #[inline]
    fn admit(&self, _: &Req) -> Result<CallPermit<P>, Rejected> {
        CallPermit::acquire(&self.0)
    }

    #[inline]
    fn only(&self) -> Option<&P> {
        Some(&self.0)
    }
}

/// A breaker for each request that a function finds: by its host, by its route, by its tenant.
#[derive(Clone, Copy)]
pub struct Keyed<F>(pub(super) F);

impl<Req, F, P> Breakers<Req> for Keyed<F>
where
    F: Fn(&Req) -> P,
    P: Deref<Target: Breaker> + Clone,
{
    type Share = P;

    #[inline]
    fn admit(&self, request: &Req) -> Result<CallPermit<P>, Rejected> {
        CallPermit::acquire(&(self.0)(request))
    }

    #[inline]
    fn only(&self) -> Option<&P> {
        None
    }
}

impl<F> fmt::Debug for Keyed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}
