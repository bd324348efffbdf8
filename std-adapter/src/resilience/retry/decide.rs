//! Whether there is another attempt, and when: all that is decided between two of them.
use core::time::Duration;

use cutout_core::{Clock, Instant, Outcome, RejectReason};
use fastrand::Rng;

use super::Retry;
use super::ask::{Hear, HearEnd, Pay, Pick};
use super::budget::Spent;
use crate::resilience::policy::parts::{Judge, Tries, Wait, WaitAsync};
use crate::resilience::policy::{
    Attempt, AttemptError, Ended, Refused, StopReason, Unmade, Verdict, has_failed,
};
use crate::timer::{AsyncTimer, BlockingTimer};

/// What [`Retry::on_retry`] is told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retrying<'a, T, E> {
    /// How many attempts ran so far.
    pub attempts: u32,
    /// How the last one ended: in a failure, or in a value that was judged one.
    pub result: Result<&'a T, &'a AttemptError<E>>,
    /// How long it is until the next.
    pub delay: Duration,
}

/// What [`Retry::at_end`] is told: how a call ended, after all attempts.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retried<'a, T, E> {
    /// How many attempts ran.
    pub attempts: u32,
    /// How the last one ended that ran, or who refused the call if none ran.
    pub result: Result<&'a T, &'a AttemptError<E>>,
    /// Whether the call has failed: it was judged a failure, which a value may be too, or it is an
    /// error that was not judged a success.
    pub failed: bool,
    /// Why there was no other attempt, where the failure is one that is retried.
    pub gave_up: Option<StopReason>,
    /// Who refused the last attempt, if it did not run.
    pub refused: Option<Refused>,
}

/// What the retries of one call remember.
#[derive(Debug)]
pub struct Course<T, E> {
    /// When the call began, where there is a deadline.
    began: Option<Instant>,
    /// Attempts that ran.
    ran: u32,
    /// Attempts that ran or were refused.
    made: u32,
    /// Attempts that were refused by what names no time.
    timeless: u32,
    /// For how long refusals were waited out.
    waited: Duration,
    /// What was paid for the attempt that is about to begin.
    paid: Option<Spent>,
    /// How the last attempt ended that ran, while there may be another.
    last: Option<Result<T, AttemptError<E>>>,
    /// Who refused the last attempt.
    refused: Option<Refused>,
    rng: Option<Rng>,
}

impl<T, E> Course<T, E> {
    /// The end of a call of which at least one attempt failed or was refused.
    fn end(&mut self, gave_up: Option<StopReason>) -> Ended<T, E> {
        let mut refused = self.refused.take();
        let result = self.last.take().unwrap_or_else(|| {
            let failure = Unmade { refused, gave_up }.failure();
            refused = failure.refused();
            Err(failure)
        });
        Ended { result, failed: true, attempts: self.ran, gave_up, refused }
    }
}

/// What an attempt leaves behind that is to be tried again.
enum Again {
    /// It ran, and the server asks for that wait.
    Ran { asked: Duration },
    /// It was refused, by what asks for that wait or names no time.
    Refused { asked: Option<Duration> },
}

impl<W, N, G, A> Retry<W, N, G, A> {
    /// When the next attempt is to begin.
    fn plan<T, E, C: Clock>(
        &self,
        course: &mut Course<T, E>,
        again: &Again,
        clock: &C,
    ) -> Result<Duration, StopReason>
    where
        G: Pay,
    {
        // What was refused did not run, and is none of them.
        if course.ran >= self.attempts.max(1) {
            return Err(StopReason::Attempts);
        }
        let allowed = match again {
            Again::Ran { .. } => self.delays.longest(),
            Again::Refused { .. } => {
                self.wait_out.unwrap_or_default().saturating_sub(course.waited)
            }
        };
        let rng = &mut course.rng;
        let chance = |most| {
            rng.get_or_insert_with(|| self.seed.map_or_else(Rng::new, Rng::with_seed)).u64(..=most)
        };
        let ran = course.ran.max(1);
        let wait = match *again {
            Again::Ran { asked } | Again::Refused { asked: Some(asked) } if asked > allowed => {
                return Err(StopReason::RetryAfter);
            }
            Again::Ran { asked } => asked.saturating_add(self.delays.after(ran, chance)),
            Again::Refused { asked: Some(asked) } => {
                asked.saturating_add(self.delays.after(ran, chance)).min(allowed)
            }
            Again::Refused { asked: None } if allowed.is_zero() => return Err(StopReason::WaitOut),
            Again::Refused { asked: None } => {
                course.timeless = course.timeless.saturating_add(1);
                let attempt = course.ran.saturating_add(course.timeless);
                self.delays.after_refusal(attempt, course.timeless, chance).min(allowed)
            }
        };
        if self.left(course, clock)?.is_some_and(|left| wait > left) {
            return Err(StopReason::Deadline);
        }
        // It is paid for when it begins; who cannot pay then need not wait for it.
        if course.ran > 0 && !self.budget.can_pay() {
            return Err(StopReason::Budget);
        }
        if matches!(again, Again::Refused { .. }) {
            course.waited += wait;
        }
        Ok(wait)
    }

    /// How long until the deadline, if there is one; an error after it.
    fn left<T, E, C: Clock>(
        &self,
        course: &Course<T, E>,
        clock: &C,
    ) -> Result<Option<Duration>, StopReason> {
        let (Some(within), Some(began)) = (self.within, course.began) else { return Ok(None) };
        let elapsed = clock.now().saturating_since(began);
        within.checked_sub(elapsed).map(Some).ok_or(StopReason::Deadline)
    }

    /// What is waited for where `refused` has refused, if it is waited out.
    fn asked_by(&self, refused: Refused) -> Option<Again> {
        self.wait_out?;
        match refused {
            // When an operator releases a circuit, nobody knows.
            Refused::Rejected(rejected) if rejected.reason() == RejectReason::ForcedOpen => None,
            Refused::BulkheadRejected(_) => None,
            _ => {
                // To wait for no time at all would be to ask in a loop.
                let asked = refused.retry_after().filter(|asked| !asked.is_zero());
                Some(Again::Refused { asked })
            }
        }
    }
}

impl<T, E, W, N, G, A> Tries<T, E> for Retry<W, N, G, A> {
    type Course = Course<T, E>;
}

impl<T, E, S, W, N, G, A> Judge<T, E, S> for Retry<W, N, G, A>
where
    S: Clock,
    W: Pick<T, E>,
    N: Hear<T, E>,
    G: Pay,
    A: HearEnd<T, E>,
{
    #[inline]
    fn begin(&self, clock: &S) -> Course<T, E> {
        let began = self.within.map(|_| clock.now());
        Course {
            began,
            ran: 0,
            made: 0,
            timeless: 0,
            waited: Duration::ZERO,
            paid: None,
            last: None,
            refused: None,
            rng: None,
        }
    }

    #[inline]
    fn look_at_deadline(&self, course: &Course<T, E>, clock: &S) -> Result<(), StopReason> {
        // The first attempt of a call begins with it.
        if course.made == 0 { Ok(()) } else { self.left(course, clock).map(|_| ()) }
    }

    fn time_left(&self, course: &Course<T, E>, clock: &S) -> Result<Option<Duration>, StopReason> {
        self.left(course, clock)
    }

    #[inline]
    fn pay(&self, course: &mut Course<T, E>) -> Result<(), StopReason> {
        // What was paid for an attempt before is spent.
        course.paid = None;
        if course.ran > 0 {
            course.paid = self.budget.pay()?;
        }
        Ok(())
    }

    fn pay_back(&self, course: &mut Course<T, E>) {
        if let Some(paid) = course.paid.take() {
            self.budget.give_back(paid);
        }
    }

    #[inline]
    fn judge(&self, course: &mut Course<T, E>, attempt: Attempt<T, E>, clock: &S) -> Verdict<T, E> {
        match attempt {
            Ok(run) => {
                course.made = course.made.saturating_add(1);
                if course.ran == 0 {
                    self.budget.earn();
                }
                course.ran = course.ran.saturating_add(1);
                let (result, report) = run.into_result();
                if report.outcome() == Outcome::Failure {
                    course.last = Some(result);
                    course.refused = None;
                    let asked = report.retry_after_hint().unwrap_or_default();
                    return self.after_failure(course, &Again::Ran { asked }, clock);
                }
                let (attempts, gave_up, refused) = (course.ran, None, None);
                let failed = has_failed(&result, report);
                self.over(Ended { result, failed, attempts, gave_up, refused })
            }
            Err(unmade) => self.after_refusal(course, unmade, clock),
        }
    }
}

impl<W, N, G, A> Retry<W, N, G, A> {
    #[cold]
    fn after_refusal<T, E, C: Clock>(
        &self,
        course: &mut Course<T, E>,
        unmade: Unmade,
        clock: &C,
    ) -> Verdict<T, E>
    where
        W: Pick<T, E>,
        N: Hear<T, E>,
        G: Pay,
        A: HearEnd<T, E>,
    {
        if let Some(refused) = unmade.refused {
            course.made = course.made.saturating_add(1);
            course.refused = Some(refused);
        }
        if unmade.gave_up.is_some() {
            return self.over(course.end(unmade.gave_up));
        }
        match unmade.refused.and_then(|refused| self.asked_by(refused)) {
            Some(again) => self.after_failure(course, &again, clock),
            None => {
                let gave_up = course.last.is_some().then_some(StopReason::Refused);
                self.over(course.end(gave_up))
            }
        }
    }

    #[cold]
    fn after_failure<T, E, C: Clock>(
        &self,
        course: &mut Course<T, E>,
        again: &Again,
        clock: &C,
    ) -> Verdict<T, E>
    where
        W: Pick<T, E>,
        N: Hear<T, E>,
        G: Pay,
        A: HearEnd<T, E>,
    {
        if let (Again::Ran { .. }, Some(last)) = (again, &course.last) {
            if !self.when.pick(last.as_ref()) {
                return self.over(course.end(None));
            }
        }
        match self.plan(course, again, clock) {
            Ok(delay) => {
                self.tell(course, delay);
                Verdict::RetryAfter(delay)
            }
            Err(gave_up) => self.over(course.end(Some(gave_up))),
        }
    }

    /// Tells of the next attempt.
    fn tell<T, E>(&self, course: &Course<T, E>, delay: Duration)
    where
        N: Hear<T, E>,
    {
        let attempts = course.ran;
        match &course.last {
            Some(last) => {
                self.on_retry.hear(&Retrying { attempts, result: last.as_ref(), delay });
            }
            None => {
                let refusal = Unmade { refused: course.refused, gave_up: None }.failure();
                self.on_retry.hear(&Retrying { attempts, result: Err(&refusal), delay });
            }
        }
    }

    /// Tells of the end of the call.
    #[inline]
    fn over<T, E>(&self, ended: Ended<T, E>) -> Verdict<T, E>
    where
        A: HearEnd<T, E>,
    {
        let Ended { failed, attempts, gave_up, refused, .. } = ended;
        let result = ended.result.as_ref();
        self.at_end.hear(&Retried { attempts, result, failed, gave_up, refused });
        Verdict::Return(ended)
    }
}

impl<S: BlockingTimer, W, N, G, A> Wait<S> for Retry<W, N, G, A> {
    fn wait(&self, timer: &S, delay: Duration) {
        timer.pause(delay);
    }
}

impl<S: AsyncTimer, W, N, G, A> WaitAsync<S> for Retry<W, N, G, A> {
    async fn wait_async(&self, timer: &S, delay: Duration) {
        timer.sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use cutout_core::Rate;

    use super::*;
    use crate::resilience::retry::RetryBudget;
    use crate::timer::ManualTimer;

    #[cfg(feature = "rate-limit")]
    #[test]
    fn a_refusal_that_asks_for_no_wait_is_waited_for_as_one_that_names_none() {
        let retry = Retry::fixed(Duration::ZERO).wait_for_retry_after(Duration::from_secs(1));
        let asked = |nanos| {
            let refused = crate::resilience::policy::RateLimited::new(Duration::from_nanos(nanos));
            match retry.asked_by(Refused::RateLimited(refused)) {
                Some(Again::Refused { asked }) => asked,
                _ => panic!("it is waited out"),
            }
        };
        assert_eq!(asked(0), None);
        assert_eq!(asked(1), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn only_the_payment_for_the_attempt_that_is_about_to_begin_can_be_paid_back() {
        let time = ManualTimer::new();
        let budget = RetryBudget::with_clock(Rate::percent(100), 0, time.clone());
        let retry = Retry::fixed(Duration::ZERO).budget(&budget);
        let mut course = Judge::<(), (), _>::begin(&retry, &time);
        let pay = |course: &mut _| Judge::<(), (), ManualTimer>::pay(&retry, course);
        let pay_back = |course: &mut _| Judge::<(), (), ManualTimer>::pay_back(&retry, course);
        budget.record_call();
        assert_eq!(pay(&mut course), Ok(()), "the first attempt costs nothing");
        pay_back(&mut course);
        assert_eq!(budget.saved(), 1);
        course.ran = 1;
        assert_eq!(pay(&mut course), Ok(()));
        course.ran = 2;
        assert_eq!(pay(&mut course), Err(StopReason::Budget));
        pay_back(&mut course);
        assert_eq!(budget.saved(), 0, "what was paid for the attempt before is spent");
        budget.record_call();
        assert_eq!(pay(&mut course), Ok(()));
        pay_back(&mut course);
        pay_back(&mut course);
        assert_eq!(budget.saved(), 1, "paid back once");
    }
}
