//! Waiting for a permit: a thread that blocks, and a future.

use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::time::Instant;

use pin_project_lite::pin_project;

use super::BulkheadRejected;
use super::permit::Holder;
use super::place::{Entered, Place, enter};
use super::queue::Wake;
#[cfg(feature = "policy")]
use super::{Bulkhead, BulkheadAcquire, BulkheadPermit};
use crate::support::panics::Panics;
use crate::support::sync::{park_until, thread};
use crate::timer::AsyncTimer;
#[cfg(feature = "policy")]
use crate::timer::BlockingTimer;

#[cfg(feature = "policy")]
impl Bulkhead {
    /// Takes a permit if one is free, and counts no refusal if none is.
    #[inline]
    pub(crate) fn acquire_free(&self) -> Option<BulkheadPermit<'_>> {
        self.pool.take().then(|| self.permit())
    }

    /// Whether who finds no permit free may find a place in the queue.
    pub(crate) fn has_room(&self) -> bool {
        self.pool.has_places()
    }

    /// As [`acquire`](Self::acquire), on a timer, and for `at_most` so long.
    pub(crate) fn acquire_on<S: BlockingTimer>(
        &self,
        timer: &S,
        at_most: Option<Duration>,
    ) -> Result<BulkheadPermit<'_>, BulkheadRejected> {
        let mut place = match enter(self, || Wake::Thread(thread::current()))? {
            Entered::Permit(permit) => return Ok(permit),
            Entered::Place(place) => place,
        };
        let wait = shorter(self.max_wait, at_most);
        let mut permit = None;
        timer.pause_until(wait, &mut || {
            permit = place.poll();
            permit.is_some()
        });
        permit.map_or_else(|| place.give_up(), Ok)
    }

    /// As [`acquire_async`](Self::acquire_async), for `at_most` so long.
    pub(crate) const fn acquire_async_within<S: AsyncTimer>(
        &self,
        timer: S,
        at_most: Option<Duration>,
    ) -> BulkheadAcquire<'_, S> {
        BulkheadAcquire::within(self, timer, at_most)
    }
}

fn shorter(max_wait: Duration, at_most: Option<Duration>) -> Duration {
    at_most.map_or(max_wait, |at_most| max_wait.min(at_most))
}

/// Blocks this thread until it has a permit, is refused, or has waited as long as it may.
pub(super) fn block<H: Holder>(holder: H) -> Result<H::Permit, BulkheadRejected> {
    let max_wait = holder.max_wait;
    let mut deadline = None;
    // The settings allow no wait that the clock cannot name.
    block_by(holder, || park_until(*deadline.get_or_insert_with(|| Instant::now() + max_wait)))
}

/// The same, where `park` waits until the thread is unparked, and is false when the time is over.
fn block_by<H: Holder>(
    holder: H,
    mut park: impl FnMut() -> bool,
) -> Result<H::Permit, BulkheadRejected> {
    let mut place = match enter(holder, || Wake::Thread(thread::current()))? {
        Entered::Permit(permit) => return Ok(permit),
        Entered::Place(place) => place,
    };
    loop {
        if let Some(permit) = place.poll() {
            return Ok(permit);
        }
        if !park() {
            return place.give_up();
        }
    }
}

pin_project! {
    /// The wait of an asynchronous caller.
    pub(super) struct Acquire<H: Holder, S: AsyncTimer> {
        step: Step<H, S>,
        #[pin]
        sleeping: Option<S::Sleeping>,
        at_most: Option<Duration>,
    }

    impl<H: Holder, S: AsyncTimer> PinnedDrop for Acquire<H, S> {
        fn drop(this: Pin<&mut Self>) {
            // A waker and a timer are dropped here. If both panic, one of them is heard.
            let mut this = this.project();
            let mut panics = Panics::default();
            panics.catch(|| drop(mem::replace(this.step, Step::Done)));
            panics.catch(|| this.sleeping.set(None));
            panics.go_on();
        }
    }
}

enum Step<H: Holder, S> {
    Start(H, S),
    Waiting(Place<H>),
    Done,
}

impl<H: Holder, S: AsyncTimer> Acquire<H, S> {
    pub(super) const fn new(holder: H, sleep: S, at_most: Option<Duration>) -> Self {
        Self { step: Step::Start(holder, sleep), sleeping: None, at_most }
    }
}

impl<H: Holder, S: AsyncTimer> Future for Acquire<H, S> {
    type Output = Result<H::Permit, BulkheadRejected>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // A place that is in no step leaves the queue, should the timer panic.
        let place = match mem::replace(this.step, Step::Done) {
            Step::Start(holder, sleep) => {
                let max_wait = shorter(holder.max_wait, *this.at_most);
                match enter(holder, || Wake::Task(context.waker().clone()))? {
                    Entered::Permit(permit) => return Poll::Ready(Ok(permit)),
                    Entered::Place(place) => {
                        this.sleeping.set(Some(sleep.sleep(max_wait)));
                        place
                    }
                }
            }
            Step::Waiting(mut place) => match place.poll_with(context.waker()) {
                Some(permit) => {
                    this.sleeping.set(None);
                    return Poll::Ready(Ok(permit));
                }
                None => place,
            },
            Step::Done => panic!("a wait for a permit was polled after its end"),
        };
        let sleeping = this.sleeping.as_mut().as_pin_mut();
        if sleeping.is_some_and(|sleeping| sleeping.poll(context).is_ready()) {
            this.sleeping.set(None);
            return Poll::Ready(place.give_up());
        }
        *this.step = Step::Waiting(place);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::resilience::bulkhead::{Bulkhead, BulkheadConfig, BulkheadReason};

    fn bulkhead() -> Bulkhead {
        let config = BulkheadConfig::new(1).queue(1).max_wait(Duration::from_secs(1));
        Bulkhead::with_config(config)
    }

    #[test]
    fn a_thread_that_is_woken_for_no_reason_goes_on_waiting_until_the_time_is_over() {
        let bulkhead = bulkhead();
        let _held = bulkhead.try_acquire().unwrap();
        let mut left = 3;
        let park = || {
            assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 1));
            left -= 1;
            left > 0
        };
        assert_eq!(block_by(&bulkhead, park).unwrap_err().reason(), BulkheadReason::TimedOut);
        assert_eq!((left, bulkhead.waiting(), bulkhead.rejected()), (0, 0, 1));
    }

    #[test]
    fn a_permit_that_comes_with_the_end_of_the_time_is_had() {
        let bulkhead = bulkhead();
        let mut held = Some(bulkhead.try_acquire().unwrap());
        let park = || {
            held = None;
            false
        };
        let _permit = block_by(&bulkhead, park).unwrap();
        assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (1, 0));
    }

    #[test]
    fn a_thread_that_panics_while_it_waits_leaves_its_place() {
        let bulkhead = bulkhead();
        let _held = bulkhead.try_acquire().unwrap();
        let waits = || block_by(&bulkhead, || panic!("while it waits")).is_ok();
        assert!(std::panic::catch_unwind(waits).is_err());
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 0));
    }
}
