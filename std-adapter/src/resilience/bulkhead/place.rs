//! A caller's place in the queue, from when it joins until it has a permit or goes away.

use core::task::Waker;

use super::permit::Holder;
use super::pool::Turn;
use super::queue::{Number, Wake};
use super::{BulkheadReason, BulkheadRejected};

/// What a caller has who was let in.
pub(super) enum Entered<H: Holder> {
    Permit(H::Permit),
    Place(Place<H>),
}

/// Takes a permit; or else a place in the queue, where `wake` is called when a permit comes to it.
///
/// `wake` is made only if there may be a place.
pub(super) fn enter<H: Holder>(
    holder: H,
    wake: impl FnOnce() -> Wake,
) -> Result<Entered<H>, BulkheadRejected> {
    let pool = &holder.pool;
    if pool.take() {
        return Ok(Entered::Permit(holder.permit()));
    }
    let turn = if pool.has_places() { pool.join(wake()) } else { Turn::Never };
    match turn {
        Turn::Now => Ok(Entered::Permit(holder.permit())),
        Turn::Later(number) => Ok(Entered::Place(Place { holder: Some(holder), number })),
        Turn::Never => Err(holder.full()),
    }
}

/// A place in the queue of a bulkhead. Dropped, it is free again, and a permit that has come to it
/// goes to the next (P5).
pub(super) struct Place<H: Holder> {
    /// None once the place is left.
    holder: Option<H>,
    number: Number,
}

impl<H: Holder> Place<H> {
    /// The permit, if it has come.
    pub(super) fn poll(&mut self) -> Option<H::Permit> {
        let number = self.number;
        self.holder.take_if(|holder| !holder.pool.waits(number)).map(H::permit)
    }

    /// The permit, if it has come; if not, `waker` is called when it does.
    pub(super) fn poll_with(&mut self, waker: &Waker) -> Option<H::Permit> {
        let number = self.number;
        self.holder.take_if(|holder| !holder.pool.waits_with(number, waker)).map(H::permit)
    }

    /// Leaves the queue, as the time is over; with the permit, if it has come.
    pub(super) fn give_up(mut self) -> Result<H::Permit, BulkheadRejected> {
        let late = BulkheadReason::TimedOut;
        match self.holder.take() {
            Some(holder) if holder.pool.leave(self.number) => Ok(holder.permit()), // P5-late
            Some(holder) => Err(holder.refuse(late)),
            None => Err(BulkheadRejected::new(late)),
        }
    }
}

impl<H: Holder> Drop for Place<H> {
    fn drop(&mut self) {
        if let Some(holder) = self.holder.take() {
            if holder.pool.leave(self.number) {
                holder.pool.give_back(); // P5
            }
        }
    }
}
