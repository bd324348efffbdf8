//! `SelectBreaker`: which breaker stands in front of a request, one for all or one by key.

use core::fmt;
use core::ops::Deref;

use cutout_core::Rejected;

use super::{Breaker, CallPermit};

/// Finds the breaker of a request.
pub trait SelectBreaker<Req> {
    /// How a call holds its breaker.
    type Share: Deref<Target: Breaker>;

    /// Admits the call of `request`, which is not made yet.
    ///
    /// # Errors
    ///
    /// If the request's circuit refuses.
    fn admit(&self, request: &Req) -> Result<CallPermit<Self::Share>, Rejected>;

    /// What any request that came now would be refused with; `None` if that is not known before it
    /// is there.
    fn would_reject(&self) -> Option<Rejected>;

    /// Admits a call whose request will not come, because the inner service has failed before;
    /// `None` if it is refused, or if nobody knows whose failure that is.
    fn admit_without_request(&self) -> Option<CallPermit<Self::Share>>;
}

/// One breaker for all requests.
#[derive(Clone, Copy, Debug)]
pub struct Single<P>(pub(crate) P);

impl<P: Deref<Target: Breaker> + Clone> Single<P> {
    #[inline]
    fn acquire(&self) -> Result<CallPermit<P>, Rejected> {
        let ticket = self.0.admit()?;
        Ok(CallPermit::new(self.0.clone(), ticket))
    }
}

impl<Req, P: Deref<Target: Breaker> + Clone> SelectBreaker<Req> for Single<P> {
    type Share = P;

    #[inline]
    fn admit(&self, _: &Req) -> Result<CallPermit<P>, Rejected> {
        self.acquire()
    }

    #[inline]
    fn would_reject(&self) -> Option<Rejected> {
        self.0.would_reject()
    }

    fn admit_without_request(&self) -> Option<CallPermit<P>> {
        self.acquire().ok()
    }
}

/// A breaker for each request that a function finds: by its host, by its route, by its tenant.
#[derive(Clone, Copy)]
pub struct Keyed<F>(pub(crate) F);

impl<Req, F, P> SelectBreaker<Req> for Keyed<F>
where
    F: Fn(&Req) -> P,
    P: Deref<Target: Breaker>,
{
    type Share = P;

    #[inline]
    fn admit(&self, request: &Req) -> Result<CallPermit<P>, Rejected> {
        let breaker = (self.0)(request);
        let ticket = breaker.admit()?;
        Ok(CallPermit::new(breaker, ticket))
    }

    #[inline]
    fn would_reject(&self) -> Option<Rejected> {
        None
    }

    fn admit_without_request(&self) -> Option<CallPermit<P>> {
        None
    }
}

impl<F> fmt::Debug for Keyed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}
