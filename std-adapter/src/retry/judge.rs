//! Whether there is another attempt, and when: all that is decided between two of them.

use core::fmt::DebugStruct;
use core::ops::Deref;
use core::time::Duration;

use cutout_core::{Clock, Instant, Outcome};
use fastrand::Rng;

use super::{Retry, RetryBudget};
use crate::parts::{Judge, Tries, Wait, WaitAsync, Without};
use crate::policy::{Attempt, Ended, Run, Verdict};
use crate::{Failure, GaveUp, Pause, Sleep};

/// What [`Retry::before_next`] is told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retrying<'a, T, E> {
    /// How many attempts ran so far.
    pub attempts: u32,
    /// How the last one ended: in a failure, or in a value that was judged one.
    pub result: Result<&'a T, &'a Failure<E>>,
    /// How long it is until the next.
    pub delay: Duration,
}

/// What the retries of one call remember.
#[derive(Debug)]
pub struct Course {
    /// When the call began, where there is a deadline.
    began: Option<Instant>,
    /// Attempts that ran.
    ran: u32,
    /// Attempts that ran or were refused.
    made: u32,
    /// For how long refusals were waited out.
    waited: Duration,
    rng: Option<Rng>,
}

/// What an attempt leaves behind that is to be tried again.
struct Again {
    ran: bool,
    /// The wait that the server, or the part that refused, has asked for.
    asked: Duration,
}

impl<W, N, G> Retry<W, N, G> {
    /// When the next attempt is to begin.
    fn plan<C: Clock>(
        &self,
        course: &mut Course,
        again: &Again,
        clock: &C,
    ) -> Result<Duration, GaveUp>
    where
        G: Pay,
    {
        if course.made >= self.attempts {
            return Err(GaveUp::Attempts);
        }
        let allowed = if again.ran {
            self.delays.longest()
        } else {
            self.wait_out.unwrap_or_default().saturating_sub(course.waited)
        };
        if again.asked > allowed {
            return Err(GaveUp::RetryAfter);
        }
        let rng = &mut course.rng;
        let delay = self.delays.after(course.ran.max(1), |most| {
            rng.get_or_insert_with(|| self.seed.map_or_else(Rng::new, Rng::with_seed)).u64(..=most)
        });
        let mut wait = again.asked.saturating_add(delay);
        if !again.ran {
            wait = wait.min(allowed);
        }
        if let (Some(within), Some(began)) = (self.within, course.began) {
            if clock.now().saturating_since(began).saturating_add(wait) > within {
                return Err(GaveUp::Deadline);
            }
        }
        // Last, so that nothing is spent on a retry that is not made.
        if again.ran && !self.budget.pay() {
            return Err(GaveUp::Budget);
        }
        if !again.ran {
            course.waited += wait;
        }
        Ok(wait)
    }
}

impl<W, N, G> Tries for Retry<W, N, G> {
    type Course = Course;
}

impl<T, E, S, W, N, G> Judge<T, E, S> for Retry<W, N, G>
where
    S: Clock,
    W: Pick<E>,
    N: Hear<T, E>,
    G: Pay,
{
    #[inline]
    fn begin(&self, clock: &S) -> Course {
        let began = self.within.map(|_| clock.now());
        Course { began, ran: 0, made: 0, waited: Duration::ZERO, rng: None }
    }

    #[inline]
    fn judge(&self, course: &mut Course, attempt: Attempt<T, E>, clock: &S) -> Verdict<T, E> {
        course.made = course.made.saturating_add(1);
        if attempt.is_ok() {
            if course.ran == 0 {
                self.budget.earn();
            }
            course.ran = course.ran.saturating_add(1);
        }
        let (result, again) = match attempt {
            Ok(Run::Returned { result, report }) => {
                let again = (report.outcome() == Outcome::Failure)
                    .then(|| Again { ran: true, asked: report.asks_to_wait().unwrap_or_default() });
                (result.map_err(Failure::Inner), again)
            }
            Ok(Run::TimedOut(timed_out)) => {
                let again = Again { ran: true, asked: Duration::ZERO };
                (Err(Failure::TimedOut(timed_out)), Some(again))
            }
            Err(refused) => {
                let asked = self.wait_out.and(refused.retry_after());
                (Err(refused.into()), asked.map(|asked| Again { ran: false, asked }))
            }
        };
        let ended = Ended { result, attempts: course.ran, gave_up: None };
        match again {
            Some(again) => self.after_failure(course, ended, &again, clock),
            None => Verdict::Return(ended),
        }
    }
}

impl<W, N, G> Retry<W, N, G> {
    #[cold]
    fn after_failure<T, E, C: Clock>(
        &self,
        course: &mut Course,
        mut ended: Ended<T, E>,
        again: &Again,
        clock: &C,
    ) -> Verdict<T, E>
    where
        W: Pick<E>,
        N: Hear<T, E>,
        G: Pay,
    {
        if again.ran && ended.result.as_ref().is_err_and(|failure| !self.when.pick(failure)) {
            return Verdict::Return(ended);
        }
        match self.plan(course, again, clock) {
            Ok(delay) => {
                let result = ended.result.as_ref();
                self.before_next.hear(&Retrying { attempts: course.ran, result, delay });
                Verdict::RetryAfter(delay)
            }
            Err(gave_up) => {
                ended.gave_up = Some(gave_up);
                Verdict::Return(ended)
            }
        }
    }
}

impl<S: Pause, W, N, G> Wait<S> for Retry<W, N, G> {
    fn wait(&self, timer: &S, delay: Duration) {
        timer.pause(delay);
    }
}

impl<S: Sleep, W, N, G> WaitAsync<S> for Retry<W, N, G> {
    async fn wait_async(&self, timer: &S, delay: Duration) {
        timer.sleep(delay).await;
    }
}

/// Which failures are tried again.
pub trait Pick<E> {
    fn pick(&self, failure: &Failure<E>) -> bool;
}

impl<E> Pick<E> for Without {
    fn pick(&self, _: &Failure<E>) -> bool {
        true
    }
}

impl<E, F: Fn(&Failure<E>) -> bool> Pick<E> for F {
    fn pick(&self, failure: &Failure<E>) -> bool {
        self(failure)
    }
}

/// Who hears of the next attempt.
pub trait Hear<T, E> {
    fn hear(&self, next: &Retrying<'_, T, E>);
}

impl<T, E> Hear<T, E> for Without {
    fn hear(&self, _: &Retrying<'_, T, E>) {}
}

impl<T, E, F: Fn(&Retrying<'_, T, E>)> Hear<T, E> for F {
    fn hear(&self, next: &Retrying<'_, T, E>) {
        self(next);
    }
}

/// Who pays for retries.
pub trait Pay {
    fn earn(&self);

    fn pay(&self) -> bool;

    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

impl Pay for Without {
    #[inline]
    fn earn(&self) {}

    fn pay(&self) -> bool {
        true
    }

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl<B, C: Clock> Pay for B
where
    B: Deref<Target = RetryBudget<C>>,
{
    #[inline]
    fn earn(&self) {
        self.record_call();
    }

    fn pay(&self) -> bool {
        self.try_spend()
    }

    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("budget", &**self);
    }
}
