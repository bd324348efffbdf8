//! `AskFirst`: whom a queue asks before a call waits in it.

use core::ops::Deref;

use cutout_core::Rejected;

use crate::adapters::tower::{Keyed, Single};
use crate::breaker::Breaker;

/// Whom a queue asks before a call waits in it: nobody, `()`, or the breaker that stands behind it.
pub trait AskFirst<Req> {
    /// The refusal that any call would get now. `None`: none, or it depends on the request. It
    /// counts nothing.
    fn refusal_of_any(&self) -> Option<Rejected>;

    /// The refusal of the call that is made now with `request`, if it is refused. That counts as a
    /// refusal.
    fn refusal(&self, request: &Req) -> Option<Rejected>;
}

impl<Req> AskFirst<Req> for () {
    #[inline]
    fn refusal_of_any(&self) -> Option<Rejected> {
        None
    }

    #[inline]
    fn refusal(&self, _: &Req) -> Option<Rejected> {
        None
    }
}

impl<Req, P: Deref<Target: Breaker>> AskFirst<Req> for Single<P> {
    #[inline]
    fn refusal_of_any(&self) -> Option<Rejected> {
        self.0.would_reject()
    }

    #[inline]
    fn refusal(&self, _: &Req) -> Option<Rejected> {
        refusal_of(&*self.0)
    }
}

impl<Req, F, P> AskFirst<Req> for Keyed<F>
where
    F: Fn(&Req) -> P,
    P: Deref<Target: Breaker>,
{
    #[inline]
    fn refusal_of_any(&self) -> Option<Rejected> {
        None
    }

    #[inline]
    fn refusal(&self, request: &Req) -> Option<Rejected> {
        refusal_of(&*(self.0)(request))
    }
}

/// What `breaker` refuses a call with, which it then counts; an admission leaves no trace.
#[inline]
fn refusal_of<B: Breaker + ?Sized>(breaker: &B) -> Option<Rejected> {
    breaker.would_reject()?;
    match breaker.admit() {
        Err(rejected) => Some(rejected),
        Ok(ticket) => {
            // The break has ended in this moment.
            breaker.take_back(ticket);
            None
        }
    }
}
