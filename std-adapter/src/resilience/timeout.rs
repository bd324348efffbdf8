//! How long an attempt may take.

use core::fmt::{self, Debug, DebugStruct};
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

use crate::resilience::policy::TimedOut;
use crate::resilience::policy::parts::{Show, Timed, TimedAsync};
use crate::timer::AsyncTimer;

/// Where the limit of an attempt comes from. It is asked at the start of each: when the attempt is
/// admitted and has its place, and before its retry budget and its rate limit are asked.
///
/// A [`Duration`] is one that never changes, and so is anything that can be called for one: a
/// function, or a closure over what has been measured. `None` is no limit.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{ManualTimer, Policy};
///
/// let measured = || Some(Duration::from_millis(80));
/// let policy = Policy::new().timer(ManualTimer::new()).timeout(measured);
/// # let _ = policy;
/// ```
pub trait Limit {
    /// How long the attempt that begins now may take.
    fn limit(&self) -> Option<Duration>;
}

impl Limit for Duration {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl<F, D> Limit for F
where
    F: Fn() -> D,
    D: Into<Option<Duration>>,
{
    #[inline]
    fn limit(&self) -> Option<Duration> {
        self().into()
    }
}

/// The part that ends an attempt which takes too long; made by
/// [`Policy::timeout`](crate::Policy::timeout).
#[derive(Clone, Copy)]
pub struct Timeout<L> {
    limit: L,
}

impl<L: Limit> Timeout<L> {
    pub(crate) const fn new(limit: L) -> Self {
        Self { limit }
    }
}

impl<L: Limit> Timed for Timeout<L> {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        self.limit.limit()
    }
}

impl<L: Limit, S: AsyncTimer> TimedAsync<S> for Timeout<L> {
    async fn bound<F: Future>(
        &self,
        timer: &S,
        limit: Option<Duration>,
        mut call: Pin<&mut F>,
    ) -> Result<F::Output, TimedOut> {
        let Some(limit) = limit else { return Ok(call.await) };
        let mut sleeping = pin!(None::<S::Sleeping>);
        poll_fn(|context| {
            // A result that is there in the last moment counts.
            if let Poll::Ready(output) = call.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if sleeping.is_none() {
                sleeping.set(Some(timer.sleep(limit)));
            }
            match sleeping.as_mut().as_pin_mut() {
                Some(sleeping) => sleeping.poll(context).map(|()| Err(TimedOut::new(limit))),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl<L: Limit> Show for Timeout<L> {
    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("timeout", self);
    }
}

impl<L: Limit> Debug for Timeout<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit.limit() {
            Some(limit) => limit.fmt(f),
            None => f.write_str("none at the moment"),
        }
    }
}
