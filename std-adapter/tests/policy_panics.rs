//! Whose panic it is: only one inside of the call is the dependency's failure.
#![cfg(feature = "policy")]

mod support;

use core::cell::Cell;
use core::future::{Future, Ready, poll_fn, ready};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;

use cutout::{
    AsyncTimer, Bulkhead, BulkheadConfig, CircuitBreaker, Clock, Config, Fallback, Instant,
    ManualTimer, Outcome, OwnedBulkheadAcquire, Policy, PolicyError, Rate, Retry, RetryBudget,
    State,
};
#[cfg(feature = "rate-limit")]
use cutout::{RateLimit, RateLimitConfig};
use support::{about_to_try, breaker, drive, ends, hang, ms, panics, poll, secs};

type Answer = Result<u32, &'static str>;

/// Polls `call` until it waits, and panics beside it: `call` is dropped by the panic.
fn dropped_by_the_panic_of_another(call: impl Future) {
    assert!(panics(|| {
        let mut call = pin!(call);
        assert!(poll(call.as_mut()).is_pending());
        panic!("in another future of the task");
    }));
}

#[test]
fn a_call_that_is_dropped_by_the_panic_of_another_is_cancelled() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let bare = Policy::new().timer(time.clone()).breaker(&breaker);
    let full = Policy::new()
        .timer(time.clone())
        .fallback(Fallback::value(0))
        .retry(Retry::fixed(ms(1)))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(secs(1));
    for _ in 0..5 {
        dropped_by_the_panic_of_another(bare.call_async(hang::<Answer>));
        dropped_by_the_panic_of_another(full.call_async(hang::<Answer>));
    }
    assert_eq!(ends(breaker.totals()), [0, 0, 0, 10]);
    assert_eq!((breaker.state(), bulkhead.in_use(), time.waiting()), (State::Closed, 0, 0));
}

#[test]
fn two_calls_of_a_join_are_told_apart_when_one_of_them_panics() {
    let time = ManualTimer::new();
    let (well, broken) = (breaker(&time), breaker(&time));
    let well_policy = Policy::new().timer(time.clone()).breaker(&well);
    let broken_policy = Policy::new().timer(time.clone()).breaker(&broken);
    assert!(panics(|| {
        let mut one = pin!(well_policy.call_async(hang::<Answer>));
        let mut other =
            pin!(broken_policy.call_async(|| async { panic!("in the call") as Answer }));
        drive(
            &time,
            poll_fn(|context| {
                assert!(one.as_mut().poll(context).is_pending());
                other.as_mut().poll(context).map(|_| ())
            }),
        );
    }));
    assert_eq!(ends(well.totals()), [0, 0, 0, 1]);
    assert_eq!(ends(broken.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_trial_dropped_by_anothers_panic_leaves_half_open() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(secs(1));
    dropped_by_the_panic_of_another(policy.call_async(hang::<Answer>));
    assert_eq!((breaker.state(), breaker.snapshot().trials_in_flight), (State::HalfOpen, 0));
    assert_eq!(drive(&time, policy.call_async(|| ready(Ok::<_, ()>(1)))), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_waiting_call_counts_for_nothing_in_anothers_panic() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let bulkhead = Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(secs(1)));
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(secs(1)).without_jitter())
        .breaker(&breaker)
        .bulkhead(&bulkhead);
    let held = bulkhead.try_acquire();
    dropped_by_the_panic_of_another(policy.call_async(hang::<Answer>));
    assert_eq!((ends(breaker.totals()), bulkhead.waiting()), ([0; 4], 0));
    drop(held);
    dropped_by_the_panic_of_another(policy.call_async(|| ready(Err::<(), _>("down"))));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_panic_inside_of_the_call_is_a_failure_wherever_inside() {
    let time = ManualTimer::new();
    type Shared = Arc<support::Breaker>;
    type Act<'a> = &'a dyn Fn(&Shared);
    let failed = |act: Act<'_>| {
        let breaker = Arc::new(breaker(&time));
        assert!(panics(|| act(&breaker)));
        ends(breaker.totals())
    };
    let on = |breaker: &Shared| Policy::new().timer(time.clone()).breaker(Arc::clone(breaker));
    let cases: [(&str, Act<'_>); 6] = [
        ("blocking", &|b| {
            let _ = on(b).call(|| panic!("call") as Answer);
        }),
        ("making the future", &|b| {
            let _ = drive(&time, on(b).call_async(|| panic!("make") as Ready<Answer>));
        }),
        ("first poll", &|b| {
            let _ = drive(&time, on(b).call_async(|| async { panic!("poll") as Answer }));
        }),
        ("a later poll", &|b| {
            let mut polled = false;
            let later = || {
                poll_fn(move |context| -> Poll<Answer> {
                    assert!(!core::mem::replace(&mut polled, true), "later");
                    context.waker().wake_by_ref();
                    Poll::Pending
                })
            };
            let call = on(b);
            let mut call = pin!(call.call_async(later));
            assert!(poll(call.as_mut()).is_pending());
            let _ = poll(call.as_mut());
        }),
        ("blocking classifier", &|b| {
            let _ = on(b).call_with(|| Ok::<_, ()>(1), |_: &_| -> Outcome { panic!("judge") });
        }),
        ("classifier", &|b| {
            let judge = |_: &_| -> Outcome { panic!("judge") };
            let _ = drive(&time, on(b).call_async_with(|| ready(Ok::<_, ()>(1)), judge));
        }),
    ];
    for (case, act) in cases {
        assert_eq!(failed(act), [0, 1, 0, 0], "{case}");
    }
}

#[test]
fn a_call_made_while_unwinding_is_judged_by_its_own_end() {
    struct Calls<'a>(&'a support::Breaker, &'a ManualTimer);
    impl Drop for Calls<'_> {
        fn drop(&mut self) {
            let policy = Policy::new().timer(self.1.clone()).breaker(self.0);
            assert_eq!(policy.call(|| Ok::<_, ()>(1)), Ok(1));
            let mut call = pin!(policy.call_async(hang::<Answer>));
            assert!(poll(call.as_mut()).is_pending());
        }
    }
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    assert!(panics(|| {
        let _calls = Calls(&breaker, &time);
        panic!("elsewhere");
    }));
    assert_eq!(ends(breaker.totals()), [1, 0, 0, 1]);
}

#[test]
fn a_fallback_dropped_by_anothers_panic_changes_nothing() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let hangs = Fallback::from_async_fn(|_: PolicyError<&str>| hang());
    let policy = Policy::new().timer(time).fallback(hangs).breaker(&breaker);
    dropped_by_the_panic_of_another(policy.call_async(|| ready(Err::<u32, _>("down"))));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_clock_that_panics_in_a_panic_aborts_nothing() {
    struct Breaks<'a>(&'a Cell<bool>);
    impl Clock for Breaks<'_> {
        fn now(&self) -> Instant {
            assert!(!self.0.get(), "in the clock");
            Instant::ORIGIN
        }
    }
    let (broken, bulkhead) = (Cell::new(false), Bulkhead::new(1));
    let breaker = CircuitBreaker::with_clock(Config::new(), Breaks(&broken));
    let policy = Policy::new().breaker(&breaker).bulkhead(&bulkhead);
    let call = || -> Answer {
        broken.set(true);
        panic!("in the call")
    };
    assert!(panics(|| policy.call(call)));
    assert!(panics(|| policy.call(|| Ok::<_, ()>(1))), "where nothing unwinds, it is heard");
    assert_eq!(bulkhead.in_use(), 0);
}

/// A timer on which nothing can be waited for.
struct NoTimer;

impl AsyncTimer for NoTimer {
    type Sleeping = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        panic!("there is no timer here")
    }
}

/// A timer whose waits panic when they are polled, or when they are dropped.
struct Breaks {
    when_dropped: bool,
}

struct Breaking {
    when_dropped: bool,
}

impl AsyncTimer for Breaks {
    type Sleeping = Breaking;

    fn sleep(&self, _: Duration) -> Breaking {
        Breaking { when_dropped: self.when_dropped }
    }
}

impl Future for Breaking {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(self.when_dropped, "in the timer");
        Poll::Pending
    }
}

impl Drop for Breaking {
    fn drop(&mut self) {
        assert!(!self.when_dropped, "in the timer's drop");
    }
}

#[test]
fn a_timeouts_timer_that_panics_does_not_fail_the_call() {
    let breaker = CircuitBreaker::new(Config::new());
    let policy = || Policy::new().breaker(&breaker).timeout(secs(1));
    assert!(panics(|| poll(pin!(policy().timer(NoTimer).call_async(hang::<Answer>)))));
    let timer = Breaks { when_dropped: false };
    assert!(panics(|| poll(pin!(policy().timer(timer).call_async(hang::<Answer>)))));
    assert_eq!(ends(breaker.totals()), [0, 0, 0, 2]);

    let policy = policy().timer(Breaks { when_dropped: true });
    let polled = Cell::new(false);
    let later = async || {
        poll_fn(|_| if polled.replace(true) { Poll::Ready(Ok::<_, ()>(1)) } else { Poll::Pending })
            .await
    };
    let mut call = Box::pin(policy.call_async(later));
    assert!(poll(call.as_mut()).is_pending());
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!(ends(breaker.totals())[1], 0);
}

#[test]
#[cfg(feature = "tokio")]
fn a_timeout_outside_of_tokio_does_not_fail_the_call() {
    let breaker = CircuitBreaker::new(Config::new());
    let policy = Policy::new().timer(cutout::TokioTimer).breaker(&breaker).timeout(secs(1));
    assert!(panics(|| poll(pin!(policy.call_async(hang::<Answer>)))));
    assert_eq!(ends(breaker.totals())[..3], [0, 0, 0]);
}

#[test]
fn a_limit_that_panics_makes_no_attempt_and_costs_nothing() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (about_to_try(&time), Bulkhead::new(1));
    let before = breaker.totals();
    let calls = Cell::new(0);
    let policy = Policy::new()
        .timer(time.clone())
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(|| -> Duration { panic!("in the limit") });
    let call = || {
        calls.set(calls.get() + 1);
        ready(Ok::<_, ()>(1))
    };
    assert!(panics(|| poll(pin!(policy.call_async(call)))));
    let call = |_| {
        calls.set(calls.get() + 1);
        Ok::<_, ()>(1)
    };
    assert!(panics(|| policy.call_within(call)));
    assert_eq!((calls.get(), ends(breaker.totals())), (0, ends(before)));
    assert_eq!((bulkhead.in_use(), breaker.snapshot().trials_in_flight), (0, 0));
}

#[test]
fn a_call_that_panics_when_dropped_at_its_end_fails() {
    struct Sticks(bool);
    impl Future for Sticks {
        type Output = Answer;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
            if self.0 { Poll::Ready(Ok(1)) } else { Poll::Pending }
        }
    }
    impl Drop for Sticks {
        fn drop(&mut self) {
            panic!("in the call's drop");
        }
    }
    let time = ManualTimer::new();
    for returns in [true, false] {
        let breaker = breaker(&time);
        let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(secs(1));
        assert!(panics(|| drive(&time, policy.call_async(|| Sticks(returns)))));
        assert_eq!(ends(breaker.totals()), [0, 1, 0, 0], "returned {returns}");

        // Dropped by its caller, it is cancelled whatever else it does.
        let mut call = Box::pin(policy.call_async(|| Sticks(false)));
        assert!(poll(call.as_mut()).is_pending());
        assert!(panics(|| drop(call)));
        assert_eq!(ends(breaker.totals()), [0, 1, 0, 1]);
    }
}

/// A waker of somebody else's, which panics.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("in the waker of another task");
    }
}

type Waiting = Pin<Box<OwnedBulkheadAcquire<ManualTimer>>>;

/// Waits for a place, and panics when it comes.
fn wait_with_a_bomb(bulkhead: &Arc<Bulkhead>, time: &ManualTimer) -> Waiting {
    let mut wait = Box::pin(Arc::clone(bulkhead).acquire_owned_async(time.clone()));
    let waker = Waker::from(Arc::new(Bomb));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    wait
}

fn queue() -> Arc<Bulkhead> {
    Arc::new(Bulkhead::with_config(BulkheadConfig::new(1).queue(4).max_wait(secs(60))))
}

#[test]
fn a_call_keeps_its_end_when_the_next_waker_panics() {
    let time = ManualTimer::new();
    let bulkhead = queue();
    for (answer, counted) in [(Ok(1), [1, 0, 0, 0]), (Err("down"), [0, 1, 0, 0])] {
        let breaker = breaker(&time);
        let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&*bulkhead);
        let next = Cell::new(None);
        let call = || -> Answer {
            next.set(Some(wait_with_a_bomb(&bulkhead, &time)));
            answer
        };
        assert!(panics(|| policy.call(call)));
        assert_eq!(ends(breaker.totals()), counted, "blocking");
        next.take();
        breaker.reset();
        let before = breaker.totals();
        assert!(panics(|| drive(&time, policy.call_async(|| ready(call())))));
        let after = breaker.totals();
        assert_eq!(after.successes - before.successes, counted[0], "asynchronous");
        assert_eq!(after.failures - before.failures, counted[1], "asynchronous");
        assert_eq!(ends(after)[2..], [0, 0]);
        next.take();
        assert_eq!(bulkhead.in_use(), 0);
    }
    // A call that has hung, too.
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&*bulkhead);
    let policy = policy.timeout(secs(1));
    let mut call = Box::pin(policy.call_async(hang::<Answer>));
    assert!(poll(call.as_mut()).is_pending());
    let next = wait_with_a_bomb(&bulkhead, &time);
    time.advance(secs(1));
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
    drop(next);
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn an_unpaid_attempt_is_taken_back_though_a_waker_panics() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), queue());
    let budget = RetryBudget::with_clock(Rate::percent(100), 0, time.clone());
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(ms(1)).without_jitter().budget(&budget))
        .breaker(&breaker)
        .bulkhead(&*bulkhead);
    let mut call = Box::pin(policy.call_async(|| ready(Err::<u32, _>("down"))));
    assert!(poll(call.as_mut()).is_pending(), "it waits for its retry");
    let held = bulkhead.try_acquire();
    time.advance(ms(1));
    assert!(poll(call.as_mut()).is_pending(), "it waits for its place");
    let next = wait_with_a_bomb(&bulkhead, &time);
    assert!(budget.try_spend(), "by another");
    drop(held);
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0], "only the first attempt ran");
    drop(next);
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
#[cfg(feature = "rate-limit")]
fn a_rate_limited_attempt_is_ignored_though_a_waker_panics() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), queue());
    let rate = RateLimitConfig::new(1, secs(3_600));
    let rate = RateLimit::with_clock(rate, time.clone());
    rate.check().unwrap();
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&*bulkhead).rate_limit(&rate);
    let held = bulkhead.try_acquire();
    let mut call = Box::pin(policy.call_async(|| ready(Ok::<_, ()>(1))));
    assert!(poll(call.as_mut()).is_pending(), "it waits for its place");
    let next = wait_with_a_bomb(&bulkhead, &time);
    drop(held);
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!(ends(breaker.totals()), [0, 0, 1, 0]);
    drop(next);
    assert_eq!(bulkhead.in_use(), 0);
}

/// A clock that can be broken.
#[derive(Clone, Default)]
struct MayBreak(Arc<AtomicBool>);

impl Clock for MayBreak {
    fn now(&self) -> Instant {
        assert!(!self.0.load(SeqCst), "in the clock");
        Instant::ORIGIN
    }
}

#[test]
#[cfg(feature = "rate-limit")]
fn no_retry_is_paid_for_if_the_rate_limits_clock_panics() {
    let (time, clock) = (ManualTimer::new(), MayBreak::default());
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let rate = RateLimit::with_clock(RateLimitConfig::new(100, secs(1)), clock.clone());
    let budget = RetryBudget::with_clock(Rate::percent(100), 0, time.clone());
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(ms(1)).without_jitter().budget(&budget))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .rate_limit(&rate);
    let mut call = Box::pin(policy.call_async(|| ready(Err::<u32, _>("down"))));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!(budget.saved(), 1);
    clock.0.store(true, SeqCst);
    time.advance(ms(1));
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!((budget.saved(), bulkhead.in_use()), (1, 0));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0], "the retry did not run");
}

#[test]
fn a_retry_does_not_run_if_the_clock_of_its_budget_panics() {
    let (time, clock) = (ManualTimer::new(), MayBreak::default());
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let share = Rate::try_basis_points(1).unwrap();
    let budget = RetryBudget::with_clock(share, 1, clock.clone());
    let retry = Retry::fixed(ms(1)).without_jitter().budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let policy = policy.breaker(&breaker).bulkhead(&bulkhead);
    let mut call = Box::pin(policy.call_async(|| ready(Err::<u32, _>("down"))));
    assert!(poll(call.as_mut()).is_pending());
    clock.0.store(true, SeqCst);
    time.advance(ms(1));
    assert!(panics(|| poll(call.as_mut())));
    assert_eq!((ends(breaker.totals()), bulkhead.in_use()), ([0, 1, 0, 0], 0));
    clock.0.store(false, SeqCst);
    assert!(budget.try_spend(), "nothing was taken");
}
