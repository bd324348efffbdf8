//! Whose panic it is: only one inside of the call is the dependency's failure.
#![cfg(feature = "policy")]

mod by_hand;

use core::cell::Cell;
use core::future::{Future, Ready, poll_fn, ready};
use core::pin::pin;
use core::task::Poll;
use std::sync::Arc;

use by_hand::{about_to_try, breaker, drive, ends, hang, ms, panics, poll, secs};
use cutout::{
    Bulkhead, BulkheadConfig, CircuitBreaker, Clock, Config, Fallback, Instant, ManualSleep,
    Outcome, Policy, PolicyError, Retry, State,
};

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
    let time = ManualSleep::new();
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
    let time = ManualSleep::new();
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
fn a_trial_that_is_dropped_by_the_panic_of_another_leaves_the_circuit_half_open() {
    let time = ManualSleep::new();
    let breaker = about_to_try(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(secs(1));
    dropped_by_the_panic_of_another(policy.call_async(hang::<Answer>));
    assert_eq!((breaker.state(), breaker.snapshot().trials_in_flight), (State::HalfOpen, 0));
    assert_eq!(drive(&time, policy.call_async(|| ready(Ok::<_, ()>(1)))), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_call_that_waits_for_its_place_or_its_retry_counts_for_nothing_when_another_panics() {
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    let bulkhead = Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(secs(1)));
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(secs(1)).exactly())
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
    let time = ManualSleep::new();
    type Shared = Arc<by_hand::Breaker>;
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
fn a_call_that_is_made_while_its_thread_unwinds_is_judged_by_its_own_end() {
    struct Calls<'a>(&'a by_hand::Breaker, &'a ManualSleep);
    impl Drop for Calls<'_> {
        fn drop(&mut self) {
            let policy = Policy::new().timer(self.1.clone()).breaker(self.0);
            assert_eq!(policy.call(|| Ok::<_, ()>(1)), Ok(1));
            let mut call = pin!(policy.call_async(hang::<Answer>));
            assert!(poll(call.as_mut()).is_pending());
        }
    }
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    assert!(panics(|| {
        let _calls = Calls(&breaker, &time);
        panic!("elsewhere");
    }));
    assert_eq!(ends(breaker.totals()), [1, 0, 0, 1]);
}

#[test]
fn a_fallback_that_is_dropped_by_the_panic_of_another_changes_nothing() {
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    let hangs = Fallback::with_async(|_: PolicyError<&str>| hang());
    let policy = Policy::new().timer(time).fallback(hangs).breaker(&breaker);
    dropped_by_the_panic_of_another(policy.call_async(|| ready(Err::<u32, _>("down"))));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_clock_that_panics_while_a_panicked_call_is_settled_does_not_end_the_process() {
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
