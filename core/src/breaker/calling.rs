//! A call, in one step or in two.

use core::future::{Future, poll_fn};
use core::pin::pin;

use super::CircuitBreaker;
use super::admission::UNTIMED;
use super::permit::{Permit, Watch};
use super::settle::Ending;
use crate::error::{Error, Rejected};
use crate::observe::Observer;
use crate::outcome::{Outcome, Report};
use crate::ticket::{Role, Ticket};
use crate::time::Clock;

/// # Calling
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Runs `call` if the circuit admits it; `Err` is a failure.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the circuit refused, [`Error::Inner`] with the error of `call`.
    ///
    /// # Panics
    ///
    /// If `call` panics, that counts as a failure and goes on. So does the panic of an observer or
    /// of [`trip_when`](crate::Config::trip_when) while a call that has returned is settled.
    #[inline]
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        self.call_with(call, by_result)
    }

    /// Runs `call` if the circuit admits it, and lets `classify` judge the result.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); what `classify` says does not change what is returned.
    ///
    /// # Panics
    ///
    /// If `call` or `classify` panics, that counts as a failure and goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// let not_found = breaker.call_with(
    ///     || Err::<(), u16>(404),
    ///     |result| match result {
    ///         Err(500..) => Outcome::Failure,
    ///         _ => Outcome::Success,
    ///     },
    /// );
    /// assert!(not_found.is_err());
    /// assert_eq!(breaker.snapshot().tally.successes, 1);
    /// ```
    #[inline]
    pub fn call_with<T, E, R: Into<Report>>(
        &self,
        call: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> R,
    ) -> Result<T, Error<E>> {
        let ticket = match self.admit() {
            Ok(ticket) => ticket,
            Err(rejected) => return Err(Error::Rejected(rejected)),
        };
        let mut permit = Permit::new(self, ticket);
        permit.watch = Watch::Inside;
        let result = call();
        let report = classify(&result);
        permit.settle(report);
        result.map_err(Error::Inner)
    }

    /// Awaits `call` if the circuit admits it; `Err` is a failure.
    ///
    /// The circuit decides when the future is first polled. Put the timeout *inside*: a timeout
    /// outside drops the call, which is a cancellation.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, the call is cancelled, also where it is dropped because something
    /// else panics, such as another future of the same task. Nothing is held across an await but a
    /// permit.
    ///
    /// # Panics
    ///
    /// If `call` panics when it is polled, that counts as a failure and goes on.
    pub async fn call_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error<E>> {
        self.call_async_with(call, by_result).await
    }

    /// Awaits `call` if the circuit admits it, and lets `classify` judge the result.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancellation
    ///
    /// As [`call_async`](Self::call_async).
    ///
    /// # Panics
    ///
    /// If `call` or `classify` panics, that counts as a failure and goes on.
    pub async fn call_async_with<T, E, R: Into<Report>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl FnOnce(&Result<T, E>) -> R,
    ) -> Result<T, Error<E>> {
        let mut permit = self.try_acquire().map_err(Error::Rejected)?;
        let mut call = pin!(call);
        permit.watch = Watch::Outside;
        let result = poll_fn(|context| {
            // Left standing by a panic, and only by one.
            permit.watch = Watch::Inside;
            let poll = call.as_mut().poll(context);
            permit.watch = Watch::Outside;
            poll
        })
        .await;
        permit.watch = Watch::Inside;
        let report = classify(&result);
        permit.settle(report);
        result.map_err(Error::Inner)
    }
}

/// # Two steps
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Admits a call, to be settled by the permit.
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, C, O, BUCKETS>, Rejected> {
        self.admit().map(|ticket| Permit::new(self, ticket))
    }

    /// Admits a call, to be [settled](Self::settle) by whoever then has the ticket.
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let radio = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// let ticket = radio.admit()?; // where the transfer is started
    /// radio.settle(ticket, Outcome::Success); // in the interrupt that ends it
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    #[inline]
    pub fn admit(&self) -> Result<Ticket, Rejected> {
        let word = self.circuit.load();
        if word.is_plainly_closed() && !self.settings.plan().measures() {
            Ok(Ticket::new(UNTIMED, word.generation(), Role::Counted))
        } else {
            self.admit_by_state(word)
        }
    }

    /// Ends the call of `ticket` with its outcome.
    ///
    /// A ticket of another breaker is not recognised as such: it counts here as if it were ours.
    #[inline]
    pub fn settle(&self, ticket: Ticket, report: impl Into<Report>) {
        let mut permit = Permit::new(self, ticket);
        permit.watch = Watch::Inside;
        permit.settle(report);
    }

    /// Ends the call of `ticket` as one that was given up, as a dropped [`Permit`] does.
    pub fn cancel(&self, ticket: Ticket) {
        self.settle_unreported(&ticket, Ending::Dropped);
    }

    /// Takes back the admission of a call that did not run after all, as one that would have had to
    /// wait in a queue and will ask anew when its turn comes.
    ///
    /// It was no admission then: it counts in no total, nobody is told of it, and a trial's place
    /// is free again. If it was the trial that ended a break, the circuit stays half-open. A trial
    /// that has outlasted its [timeout](crate::Config::trial_timeout) while the circuit is still
    /// half-open cannot be taken back: it has failed, and counts as stale. During a slow start, the
    /// call has used up its share.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Totals};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// let ticket = breaker.admit()?;
    /// breaker.take_back(ticket); // the pool has no connection
    /// assert_eq!(breaker.totals(), Totals::default());
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    pub fn take_back(&self, ticket: Ticket) {
        self.take_back_ticket(&ticket);
    }
}

#[inline]
fn by_result<T, E>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}
