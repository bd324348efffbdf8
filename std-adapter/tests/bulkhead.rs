//! A bulkhead for which nobody waits: its limit, its settings, its counts; and behind a breaker.

mod support;

use core::cell::Cell;
use core::future::{Future, poll_fn, ready};
use core::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;

use cutout::{
    AsyncTimer, Bulkhead, BulkheadAcquire, BulkheadConfig, BulkheadConfigError, BulkheadPermit,
    BulkheadReason, BulkheadRejected, CircuitBreaker, Config, Error, ManualClock, Outcome,
    OwnedBulkheadAcquire, OwnedBulkheadPermit, State,
};

static SHARED: Bulkhead = Bulkhead::new(1);

/// A timer that is over at once.
#[derive(Clone, Copy)]
struct Over;

impl AsyncTimer for Over {
    type Sleeping = core::future::Ready<()>;

    fn sleep(&self, _: Duration) -> Self::Sleeping {
        ready(())
    }
}

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    support::poll(pin!(future))
}

#[test]
fn as_many_permits_are_out_as_the_limit_says_and_no_more() {
    let bulkhead = Bulkhead::new(3);
    let held: Vec<_> = (0..3).map(|_| bulkhead.try_acquire().unwrap()).collect();
    for refusal in [bulkhead.try_acquire(), bulkhead.acquire()] {
        assert_eq!(refusal.unwrap_err().reason(), BulkheadReason::Full);
    }
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (3, 2));
    drop(held);
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (0, 2));
    drop(bulkhead.acquire().unwrap());
}

#[test]
fn all_ways_to_a_permit_draw_on_the_same_ones() {
    let bulkhead = Arc::new(Bulkhead::new(6));
    let borrowed = (
        bulkhead.try_acquire().unwrap(),
        bulkhead.acquire().unwrap(),
        poll(bulkhead.acquire_async(Over)),
    );
    let owned = (
        bulkhead.try_acquire_owned().unwrap(),
        bulkhead.acquire_owned().unwrap(),
        poll(bulkhead.acquire_owned_async(Over)),
    );
    assert!(matches!((&borrowed.2, &owned.2), (Poll::Ready(Ok(_)), Poll::Ready(Ok(_)))));
    assert_eq!(bulkhead.in_use(), 6);
    assert!(bulkhead.try_acquire().is_err());
    assert!(bulkhead.try_acquire_owned().is_err());
    assert!(bulkhead.acquire().is_err());
    assert!(bulkhead.acquire_owned().is_err());
    assert!(matches!(poll(bulkhead.acquire_async(Over)), Poll::Ready(Err(_))));
    assert!(matches!(poll(bulkhead.acquire_owned_async(Over)), Poll::Ready(Err(_))));
    assert_eq!(bulkhead.rejected(), 6);
    drop((borrowed, owned));
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn a_permit_knows_its_bulkhead_and_an_owned_one_keeps_it_alive() {
    let bulkhead = Arc::new(Bulkhead::new(2));
    let borrowed = bulkhead.try_acquire().unwrap();
    assert_eq!(borrowed.bulkhead().in_use(), 1);
    drop(borrowed);
    let owned = bulkhead.try_acquire_owned().unwrap();
    drop(bulkhead);
    assert_eq!(owned.bulkhead().in_use(), 1);
}

#[test]
fn a_panic_while_a_permit_is_held_gives_it_back() {
    let bulkhead = Bulkhead::new(1);
    let panicked = catch_unwind(|| {
        let _permit = bulkhead.try_acquire();
        panic!("while the permit is held");
    });
    assert!(panicked.is_err());
    assert_eq!(bulkhead.in_use(), 0);
    assert!(bulkhead.try_acquire().is_ok());
}

#[test]
fn a_bulkhead_may_be_a_static() {
    let permit = SHARED.try_acquire().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(SHARED.try_acquire().is_err()));
    });
    drop(permit);
    assert_eq!(SHARED.in_use(), 0);
}

#[test]
fn a_limit_that_is_raised_counts_at_once() {
    let bulkhead = Bulkhead::new(1);
    let _first = bulkhead.try_acquire().unwrap();
    bulkhead.resize(2).unwrap();
    let _second = bulkhead.try_acquire().unwrap();
    assert!(bulkhead.try_acquire().is_err());
    assert_eq!((bulkhead.in_use(), bulkhead.limit()), (2, 2));
}

#[test]
fn a_limit_that_is_lowered_takes_effect_as_work_leaves() {
    let bulkhead = Bulkhead::new(3);
    let mut held: Vec<_> = (0..3).map(|_| bulkhead.try_acquire().unwrap()).collect();
    bulkhead.resize(1).unwrap(); // and this has not waited
    assert_eq!((bulkhead.in_use(), bulkhead.limit()), (3, 1));
    for left in [2, 1] {
        held.pop();
        assert_eq!(bulkhead.in_use(), left);
        assert!(bulkhead.try_acquire().is_err());
    }
    held.pop();
    assert!(bulkhead.try_acquire().is_ok());
}

#[test]
fn a_setting_out_of_range_is_an_error_with_the_range() {
    use BulkheadConfigError as Wrong;
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let config = BulkheadConfig::new;
    let wrong = [
        (config(0), Wrong::Limit, "limit: must be 1 to 1000000"),
        (config(1_000_001), Wrong::Limit, "limit: must be 1 to 1000000"),
        (config(1).max_wait(SECOND).queue(1_000_001), Wrong::Queue, "queue: must be 0 to 1000000"),
        (
            config(1).queue(1).max_wait(DAY + Duration::from_nanos(1)),
            Wrong::MaxWait,
            "max_wait: must be 0 to 1 day",
        ),
        (config(1).queue(1), Wrong::QueueWithoutMaxWait, "queue: needs max_wait to be set"),
        (config(1).max_wait(SECOND), Wrong::MaxWaitWithoutQueue, "max_wait: needs queue to be set"),
    ];
    for (config, error, message) in wrong {
        assert_eq!(Bulkhead::try_with_config(config).unwrap_err(), error);
        assert_eq!(error.to_string(), message);
        let panicked = catch_unwind(|| Bulkhead::with_config(config)).unwrap_err();
        assert_eq!(panicked.downcast_ref::<String>().map(String::as_str), Some(message));
    }
    for config in [config(1), config(1_000_000).queue(1_000_000).max_wait(DAY)] {
        assert!(Bulkhead::try_with_config(config).is_ok(), "{config:?}");
    }
    assert_eq!(Bulkhead::try_new(0).unwrap_err(), Wrong::Limit);
}

#[test]
fn a_limit_out_of_its_range_leaves_the_old_one() {
    let bulkhead = Bulkhead::new(5);
    for limit in [0, 1_000_001, u32::MAX] {
        assert_eq!(bulkhead.resize(limit), Err(BulkheadConfigError::Limit));
        assert_eq!(bulkhead.limit(), 5);
    }
    bulkhead.resize(1_000_000).unwrap();
    assert_eq!(bulkhead.limit(), 1_000_000);
}

#[test]
fn a_refusal_says_why() {
    let bulkhead =
        Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(Duration::from_secs(1)));
    let _held = bulkhead.try_acquire().unwrap();
    let full = bulkhead.try_acquire().unwrap_err();
    assert_eq!(full.to_string(), "refused: the bulkhead is full");
    let Poll::Ready(Err(late)) = poll(bulkhead.acquire_async(Over)) else { panic!("it is over") };
    assert_eq!(late.to_string(), "refused: the bulkhead had no place in time");
}

#[test]
fn what_is_shown_for_debugging_are_the_counts() {
    let bulkhead = Bulkhead::new(2);
    let _held = bulkhead.try_acquire();
    assert_eq!(
        format!("{bulkhead:?}"),
        "Bulkhead { limit: 2, in_use: 1, waiting: 0, rejected: 0, .. }"
    );
}

#[test]
fn everything_may_be_shared_between_threads() {
    const fn is_shared<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    const fn is_error<T: core::error::Error + Copy>() {}
    is_shared::<Bulkhead>();
    is_shared::<BulkheadConfig>();
    is_shared::<BulkheadPermit<'static>>();
    is_shared::<OwnedBulkheadPermit>();
    is_shared::<BulkheadAcquire<'static, Over>>();
    is_shared::<OwnedBulkheadAcquire<Over>>();
    is_error::<BulkheadRejected>();
    is_error::<BulkheadConfigError>();
}

/// What a call behind both may end with.
#[derive(Debug, PartialEq)]
enum Failure {
    Bulkhead(BulkheadRejected),
    Down,
}

type Breaker = CircuitBreaker<ManualClock>;

fn half_open_with_one_trial() -> Breaker {
    let config = Config::new().consecutive_failures(1).trials(1);
    let breaker = Breaker::with_clock(config, ManualClock::new());
    let failed = breaker.call(|| Err::<(), _>(Failure::Down));
    assert_eq!(failed, Err(Error::Inner(Failure::Down)));
    breaker.clock().advance(Duration::from_secs(30));
    breaker
}

const fn classify(result: &Result<(), Failure>) -> Outcome {
    match result {
        Ok(()) => Outcome::Success,
        Err(Failure::Bulkhead(_)) => Outcome::Ignored,
        Err(Failure::Down) => Outcome::Failure,
    }
}

#[test]
fn half_open_cannot_be_stuck_by_a_full_bulkhead() {
    let (breaker, bulkhead) = (half_open_with_one_trial(), Bulkhead::new(1));
    let call = || {
        let protected = || bulkhead.acquire().map(drop).map_err(Failure::Bulkhead);
        breaker.call_with(protected, classify)
    };
    let held = bulkhead.try_acquire().unwrap();
    for refused in 1..=100 {
        assert!(
            matches!(call(), Err(Error::Inner(Failure::Bulkhead(_)))),
            "the trial's place is free"
        );
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!((breaker.totals().ignored, breaker.totals().trials), (refused, refused));
    }
    drop(held);
    assert_eq!(call(), Ok(()));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_caller_waiting_for_the_bulkhead_holds_no_trial() {
    let config = BulkheadConfig::new(1).queue(1).max_wait(Duration::from_secs(1));
    let (breaker, bulkhead) = (half_open_with_one_trial(), &Bulkhead::with_config(config));
    let held = bulkhead.try_acquire().unwrap();
    let over = Cell::new(false);
    let call = || {
        let timer = Switch(&over);
        let protected =
            async move { bulkhead.acquire_async(timer).await.map(drop).map_err(Failure::Bulkhead) };
        breaker.call_async_with(protected, classify)
    };
    for _ in 0..10 {
        assert!(poll(call()).is_pending()); // and is dropped
        assert_eq!((breaker.snapshot().trials_in_flight, bulkhead.waiting()), (0, 0));
    }
    over.set(true);
    for _ in 0..10 {
        let Poll::Ready(Err(Error::Inner(Failure::Bulkhead(late)))) = poll(call()) else {
            panic!("the timer is over")
        };
        assert_eq!(late.reason(), BulkheadReason::TimedOut);
    }
    assert_eq!((breaker.totals().cancelled, breaker.totals().ignored), (10, 10));
    drop(held);
    assert_eq!(poll(call()), Poll::Ready(Ok(())));
    assert_eq!(breaker.state(), State::Closed);
}

/// A timer that is over when the switch is on.
#[derive(Clone, Copy)]
struct Switch<'a>(&'a Cell<bool>);

impl<'a> AsyncTimer for Switch<'a> {
    type Sleeping = core::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

    fn sleep(&self, _: Duration) -> Self::Sleeping {
        let over = self.0;
        Box::pin(poll_fn(move |_| if over.get() { Poll::Ready(()) } else { Poll::Pending }))
    }
}

#[test]
fn a_slot_stays_taken_while_timed_out_work_still_runs() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let bulkhead = Arc::new(Bulkhead::new(1));
        let (answer, answered) = tokio::sync::oneshot::channel();
        let permit = bulkhead.try_acquire_owned().unwrap();
        let mut wait = tokio::spawn(async move {
            let _permit = permit; // follows the work
            answered.await
        });
        tokio::task::yield_now().await;
        assert!(poll(&mut wait).is_pending());
        drop(wait); // as a timeout around it does
        tokio::task::yield_now().await;
        assert_eq!(bulkhead.in_use(), 1);
        assert_eq!(bulkhead.try_acquire().unwrap_err().reason(), BulkheadReason::Full);
        answer.send(()).unwrap();
        tokio::task::yield_now().await;
        assert_eq!(bulkhead.in_use(), 0);
    });
}

#[test]
fn a_panic_behind_both_frees_the_permit_and_fails_the_trial() {
    let (breaker, bulkhead) = (half_open_with_one_trial(), Bulkhead::new(1));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        breaker.call(|| {
            let _permit = bulkhead.acquire().map_err(Failure::Bulkhead)?;
            if bulkhead.in_use() == 1 {
                panic!("in the call");
            }
            Ok::<_, Failure>(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!((bulkhead.in_use(), breaker.state()), (0, State::Open));
}
