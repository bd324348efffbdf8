//! Timeouts: they end the attempt and its work, and count as failures of the dependency.
#![cfg(feature = "policy")]

mod support;

use core::cell::Cell;
use core::future::{poll_fn, ready};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use cutout::{
    AsyncTimer, AttemptError, Bulkhead, Clock, ManualTimer, Outcome, Policy, Retry, State,
};
use support::{breaker, drive, ends, hang, ms, panics, poll, secs};

/// Says when it is dropped.
struct Work<'a>(&'a Cell<bool>);

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn a_call_that_takes_too_long_is_dropped_and_a_failure() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead).timeout(ms(300));
    let (dropped, work) = (&Cell::new(false), time.clone());
    let mut call = pin!(policy.call_async(|| {
        let held = Work(dropped);
        let long = work.sleep(secs(1));
        async move {
            long.await;
            drop(held);
            Ok::<_, &str>("too late")
        }
    }));
    assert!(poll(call.as_mut()).is_pending());
    time.advance(ms(299));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!((dropped.get(), bulkhead.in_use()), (false, 1));
    time.advance(ms(1));
    let Poll::Ready(Err(error)) = poll(call.as_mut()) else { panic!("the time is over") };
    let AttemptError::TimedOut(timed_out) = error.failure else { panic!("{error:?}") };
    assert_eq!((timed_out.limit(), error.attempts, error.gave_up), (ms(300), 1, None));
    assert_eq!((dropped.get(), bulkhead.in_use(), time.waiting()), (true, 0, 0));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn the_place_in_the_bulkhead_is_held_until_the_work_is_dropped() {
    let time = ManualTimer::new();
    let bulkhead = &Bulkhead::new(1);
    let places = &Cell::new(0);
    struct Leaves<'a>(&'a Bulkhead, &'a Cell<u32>);
    impl Drop for Leaves<'_> {
        fn drop(&mut self) {
            self.1.set(self.0.in_use());
        }
    }
    let policy = Policy::new().timer(time.clone()).bulkhead(bulkhead).timeout(ms(1));
    let result = drive(
        &time,
        policy.call_async(|| {
            let leaves = Leaves(bulkhead, places);
            async move {
                hang::<()>().await;
                drop(leaves);
                Ok::<_, ()>(())
            }
        }),
    );
    assert!(result.unwrap_err().is_timeout());
    assert_eq!((places.get(), bulkhead.in_use()), (1, 0), "while it was dropped, and after");
}

#[test]
fn timeouts_open_the_circuit() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(ms(300));
    for _ in 0..2 {
        assert!(drive(&time, policy.call_async(hang::<Result<(), ()>>)).unwrap_err().is_timeout());
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_timed_out_attempt_is_tried_again_with_a_limit_of_its_own() {
    let time = ManualTimer::new();
    let retry = Retry::fixed(ms(10)).without_jitter().max_attempts(3);
    let policy = Policy::new().timer(time.clone()).retry(retry).timeout(ms(100));
    let error = drive(&time, policy.call_async(hang::<Result<(), ()>>)).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.attempts, 3);
    assert_eq!(time.now().as_nanos(), 320_000_000);
}

#[test]
fn a_result_that_is_there_in_the_last_moment_counts() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).timeout(ms(300));
    let work = time.clone();
    let just = policy.call_async(|| {
        let wait = work.sleep(ms(300));
        async move {
            wait.await;
            Ok::<_, ()>("in time")
        }
    });
    assert_eq!(drive(&time, just), Ok("in time"));
}

#[test]
fn a_call_that_does_not_wait_starts_no_timer() {
    struct NoTimer;
    impl AsyncTimer for NoTimer {
        type Sleeping = core::future::Ready<()>;

        fn sleep(&self, _: Duration) -> Self::Sleeping {
            panic!("a timer was started")
        }
    }
    let policy = Policy::new().timer(NoTimer).timeout(ms(300));
    let mut call = pin!(policy.call_async(|| ready(Ok::<_, ()>(1))));
    assert_eq!(poll(call.as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn the_limit_is_asked_for_at_the_start_of_each_attempt() {
    let time = ManualTimer::new();
    let asked = Cell::new(0);
    let growing = || {
        asked.set(asked.get() + 1);
        ms(100 * asked.get())
    };
    let retry = Retry::fixed(Duration::ZERO).max_attempts(3);
    let policy = Policy::new().timer(time.clone()).retry(retry).timeout(growing);
    let error = drive(&time, policy.call_async(hang::<Result<(), ()>>)).unwrap_err();
    let AttemptError::TimedOut(timed_out) = error.failure else { panic!("{error:?}") };
    assert_eq!(timed_out.limit(), ms(300));
    assert_eq!((asked.get(), time.now().as_nanos()), (3, 600_000_000));
}

#[test]
fn no_limit_is_none() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).timeout(|| None::<Duration>);
    let mut call = pin!(policy.call_async(hang::<Result<(), ()>>));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!(time.waiting(), 0);
    assert_eq!(policy.call_within(Ok::<_, ()>), Ok(None));
}

#[test]
fn no_time_at_all_is_enough_for_what_is_there() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).timeout(Duration::ZERO);
    assert_eq!(drive(&time, policy.call_async(|| ready(Ok::<_, ()>(1)))), Ok(1));
    assert!(drive(&time, policy.call_async(hang::<Result<(), ()>>)).unwrap_err().is_timeout());
}

#[test]
fn a_blocking_call_learns_its_limit_and_keeps_its_result() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(ms(300));
    let late = policy.call_within(|limit| {
        time.advance(secs(5));
        Ok::<_, ()>(limit)
    });
    assert_eq!(late, Ok(Some(ms(300))));
    assert_eq!(ends(breaker.totals()), [1, 0, 0, 0]);
    let ignored = policy.call_within_with(|_| Err::<(), _>(404), |_| Outcome::Ignored);
    assert_eq!(ignored.unwrap_err().failure, AttemptError::Inner(404));
    assert_eq!(ends(breaker.totals()), [1, 0, 1, 0]);
}

#[test]
fn a_dropped_call_leaves_no_timer_behind_and_is_cancelled() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(ms(300));
    {
        let mut call = pin!(policy.call_async(hang::<Result<(), ()>>));
        assert!(poll(call.as_mut()).is_pending());
        assert_eq!(time.waiting(), 1);
    }
    assert_eq!(time.waiting(), 0);
    assert_eq!(ends(breaker.totals()), [0, 0, 0, 1]);
}

#[test]
fn a_panic_under_a_limit_fails_and_leaves_no_timer() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(ms(300));
    let polls = &Cell::new(0);
    let mut call = pin!(policy.call_async(|| {
        poll_fn(|_| {
            polls.set(polls.get() + 1);
            assert!(polls.get() < 2, "in the call");
            Poll::<Result<(), ()>>::Pending
        })
    }));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!(time.waiting(), 1);
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!(time.waiting(), 0);
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use super::*;
    use core::future::Future;
    use cutout::TokioTimer;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_kept_on_tokios_time() {
        let policy = Policy::new().timer(TokioTimer).timeout(secs(60));
        let before = Instant::now();
        let error = policy.call_async(hang::<Result<(), ()>>).await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(before.elapsed(), secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn retries_and_their_deadline_are_on_tokios_time() {
        let retry = Retry::fixed(secs(40))
            .max_delay(secs(40))
            .without_jitter()
            .deadline(secs(100))
            .max_attempts(9);
        let policy = Policy::new().timer(TokioTimer).retry(retry);
        let before = Instant::now();
        let error = policy.call_async(|| ready(Err::<(), _>("down"))).await.unwrap_err();
        assert_eq!((error.attempts, before.elapsed()), (3, secs(80)));
    }

    /// A call that is always ready for more, as a busy channel is: it gives way to others only when
    /// its task has used up its turn, and by then its timer has no turn left either.
    #[tokio::test(start_paused = true)]
    async fn a_call_that_uses_up_its_tasks_turn_is_timed_out() {
        let policy = Policy::new().timer(TokioTimer).timeout(secs(1));
        let turns = &Cell::new(0);
        let greedy = || async {
            let mut forever = pin!(async {
                loop {
                    tokio::task::consume_budget().await;
                }
            });
            poll_fn(|context| {
                turns.set(turns.get() + 1);
                assert!(turns.get() < 100, "nobody ends it");
                let over: Poll<()> = forever.as_mut().poll(context);
                a_second_passes();
                over.map(Ok::<_, ()>)
            })
            .await
        };
        let result = policy.call_async(greedy).await;
        assert!(result.unwrap_err().is_timeout());
    }

    /// Lets a paused second pass between two polls.
    fn a_second_passes() {
        let mut second = pin!(tokio::time::advance(secs(1)));
        let _ = poll(second.as_mut());
    }
}
