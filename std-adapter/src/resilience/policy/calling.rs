//! Calls through a policy.

use super::Policy;
use super::attempt::{Attempt, Verdict};
use super::error::PolicyError;
use super::parts::{Admit, Conform, EnterBlocking, FallBack, Judge, Timed, Tries, Untimed, Wait};
use core::time::Duration;
use cutout_core::{Outcome, Report};

/// # Calling, and holding up the thread
impl<F, R, B, K, L, T, S> Policy<F, R, B, K, L, T, S> {
    /// Runs `call` through all parts; `Err` is a failure, and `Ok` a success. Where a value may be
    /// a failure, such as a response with status 500, use [`call_with`](Self::call_with).
    ///
    /// Nothing can stop a blocking call from outside: a policy with a timeout has
    /// [`call_within`](Self::call_within), and this does not compile with it.
    ///
    /// # Errors
    ///
    /// What the last attempt that ran failed with, and who refused the last attempt if it did not
    /// run.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{CircuitBreaker, Config, Policy};
    ///
    /// let host = CircuitBreaker::new(Config::new());
    /// let policy = Policy::new().breaker(&host);
    /// assert_eq!(policy.call(|| Ok::<_, ()>("page")), Ok("page"));
    /// ```
    ///
    /// ```compile_fail
    /// # use cutout::Policy;
    /// let policy = Policy::new().timeout(core::time::Duration::from_secs(1));
    /// policy.call(|| Ok::<_, ()>("whenever it is done"));
    /// ```
    pub fn call<V, E>(&self, call: impl FnMut() -> Result<V, E>) -> Result<V, PolicyError<E>>
    where
        F: FallBack<V, E>,
        R: Judge<V, E, S> + Wait<S>,
        B: Admit,
        K: EnterBlocking<S>,
        L: Conform,
        T: Untimed,
    {
        self.call_with(call, by_result)
    }

    /// As [`call`](Self::call), and lets `classify` judge each result, as
    /// [`call_async_with`](Self::call_async_with) does.
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call).
    pub fn call_with<V, E, J: Into<Report>>(
        &self,
        mut call: impl FnMut() -> Result<V, E>,
        classify: impl Fn(&Result<V, E>) -> J,
    ) -> Result<V, PolicyError<E>>
    where
        F: FallBack<V, E>,
        R: Judge<V, E, S> + Wait<S>,
        B: Admit,
        K: EnterBlocking<S>,
        L: Conform,
        T: Untimed,
    {
        self.run(|course| self.attempt(course, |_| call(), &classify))
    }

    /// Runs `call` through all parts, and tells it how long it may take.
    ///
    /// To keep that limit is up to the call: it can set it as the timeout of a socket, or look at
    /// the time between two steps. A result that comes late is returned like any other; that it
    /// took long is for the breaker's [`slow_call_duration`](crate::Config::slow_call_duration) to
    /// see.
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call); never [`AttemptError::TimedOut`](crate::AttemptError::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::Policy;
    ///
    /// let policy = Policy::new().timeout(Duration::from_millis(300));
    /// let told = policy.call_within(|limit| Ok::<_, ()>(limit));
    /// assert_eq!(told, Ok(Some(Duration::from_millis(300))));
    /// ```
    pub fn call_within<V, E>(
        &self,
        call: impl FnMut(Option<Duration>) -> Result<V, E>,
    ) -> Result<V, PolicyError<E>>
    where
        F: FallBack<V, E>,
        R: Judge<V, E, S> + Wait<S>,
        B: Admit,
        K: EnterBlocking<S>,
        L: Conform,
        T: Timed,
    {
        self.call_within_with(call, by_result)
    }

    /// As [`call_within`](Self::call_within), and lets `classify` judge each result, as
    /// [`call_async_with`](Self::call_async_with) does.
    ///
    /// # Errors
    ///
    /// As of [`call_within`](Self::call_within).
    pub fn call_within_with<V, E, J: Into<Report>>(
        &self,
        mut call: impl FnMut(Option<Duration>) -> Result<V, E>,
        classify: impl Fn(&Result<V, E>) -> J,
    ) -> Result<V, PolicyError<E>>
    where
        F: FallBack<V, E>,
        R: Judge<V, E, S> + Wait<S>,
        B: Admit,
        K: EnterBlocking<S>,
        L: Conform,
        T: Timed,
    {
        self.run(|course| self.attempt(course, &mut call, &classify))
    }

    /// Attempt after attempt, until the retries have enough.
    fn run<V, E>(
        &self,
        mut attempt: impl FnMut(&mut <R as Tries<V, E>>::Course) -> Attempt<V, E>,
    ) -> Result<V, PolicyError<E>>
    where
        F: FallBack<V, E>,
        R: Judge<V, E, S> + Wait<S>,
    {
        let mut course = self.retry.begin(&self.timer);
        let ended = loop {
            let attempt = attempt(&mut course);
            match self.retry.judge(&mut course, attempt, &self.timer) {
                Verdict::Return(ended) => break ended,
                Verdict::RetryAfter(delay) => self.retry.wait(&self.timer, delay),
            }
        };
        self.fallback.fall_back(ended)
    }
}

#[inline]
pub(super) fn by_result<V, E>(result: &Result<V, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}
