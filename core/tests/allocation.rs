//! No call allocates, in any state, but the first that needs what few need (feature `alloc`).

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::time::Duration;
use std::alloc::System;

use cutout_core::{AdaptiveTimeout, CircuitBreaker, Config, ManualClock, Outcome, TimeoutConfig};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator and keeps its contract.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(act: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    act();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(core::hint::black_box(Box::new(1)))), 1);
}

/// With the feature `alloc`, the first of what few calls need.
const SELDOM: u64 = cfg!(feature = "alloc") as u64;

#[test]
fn healthy_failing_and_refused_calls_allocate_nothing() {
    let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    let count = allocations(|| {
        for _ in 0..100 {
            let _ = breaker.call(|| Ok::<_, ()>(()));
        }
        for _ in 0..200 {
            let _ = breaker.call(|| Err::<(), _>(()));
        }
        let _ = breaker.snapshot();
    });
    assert_eq!(count, SELDOM, "the trip");
    let totals = breaker.totals();
    assert!(totals.rejected > 0 && totals.failures > 0 && totals.successes > 0, "{totals:?}");
}

#[test]
fn no_call_allocates_in_any_state_but_once() {
    let breaker = CircuitBreaker::with_clock(
        Config::new().slow_call_duration(Duration::from_millis(1)).consecutive_failures(50),
        ManualClock::new(),
    );
    let count = allocations(|| {
        for n in 0..10_000_u32 {
            breaker.clock().advance(Duration::from_millis(u64::from(n % 900)));
            let outcome = if n % 100 < 60 { Outcome::Failure } else { Outcome::Success };
            let _ = breaker.call_with(|| Ok::<_, ()>(()), |_| outcome);
            drop(breaker.try_acquire());
            let _ = breaker.snapshot();
        }
    });
    assert_eq!(count, SELDOM);
    let totals = breaker.totals();
    assert!(totals.rejected > 100 && totals.trials > 10 && totals.successes > 100, "{totals:?}");
}

/// What the documentation lists as what makes the place of what few breakers need, and no more.
#[test]
fn each_rare_kind_of_call_allocates_at_most_once() {
    type Breaker = CircuitBreaker<ManualClock>;
    type Act = fn(&Breaker);
    let breaker = |opens_at| {
        let config = Config::new().slow_call_duration(Duration::from_millis(1));
        Breaker::with_clock(config.consecutive_failures(opens_at), ManualClock::new())
    };
    let fail = |breaker: &Breaker| assert!(breaker.call(|| Err::<(), _>(())).is_err());
    let few: [(&str, Act); 7] = [
        ("a trial", |breaker| {
            breaker.open_for(Duration::ZERO);
            let _ = breaker.call(|| Ok::<_, ()>(()));
        }),
        ("ignored", |breaker| breaker.try_acquire().unwrap().settle(Outcome::Ignored)),
        ("cancelled", |breaker| drop(breaker.try_acquire())),
        ("stale", |breaker| {
            let late = breaker.admit().unwrap();
            breaker.reset();
            breaker.settle(late, Outcome::Success);
        }),
        ("slow", |breaker| {
            let _ = breaker.call(|| {
                breaker.clock().advance(Duration::from_millis(2));
                Ok::<_, ()>(())
            });
        }),
        ("opens", |breaker| breaker.open_for(Duration::from_secs(1))),
        ("would be refused", |breaker| {
            breaker.shadow();
            breaker.open_for(Duration::from_secs(1));
            let _ = breaker.call(|| Ok::<_, ()>(()));
        }),
    ];
    for (kind, act) in few {
        let breaker = breaker(100);
        assert_eq!(allocations(|| act(&breaker)), SELDOM, "{kind}");
    }
    let breaker = breaker(2);
    let count = allocations(|| {
        breaker.try_acquire().unwrap().take_back();
        assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
        fail(&breaker);
        let _ = (breaker.snapshot(), breaker.save(), breaker.would_reject());
    });
    assert_eq!(count, 0);
    let count = allocations(|| {
        fail(&breaker); // opens
        fail(&breaker); // is refused
        breaker.force_open();
        fail(&breaker);
        breaker.force_closed();
        fail(&breaker);
        let _ = (breaker.snapshot(), breaker.save(), breaker.would_reject());
    });
    assert_eq!((count, breaker.totals().rejected), (SELDOM, 2));
}

#[test]
fn after_preallocation_no_call_allocates() {
    let config = Config::new().consecutive_failures(2).break_duration(Duration::from_millis(1));
    let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
    assert_eq!(allocations(|| breaker.preallocate()), SELDOM);
    let count = allocations(|| {
        for outcome in [Outcome::Failure, Outcome::Failure, Outcome::Ignored, Outcome::Success] {
            let _ = breaker.call_with(|| Ok::<_, ()>(()), |_| outcome);
            breaker.clock().advance(Duration::from_millis(1));
        }
        breaker.preallocate();
    });
    assert_eq!(count, 0);
    assert_eq!(breaker.totals().trials, 2);
}

#[test]
fn a_full_window_takes_no_more_memory_than_an_empty_one() {
    // So whatever a failure does, it cannot go through them one by one.
    let config = Config::new().failure_rate(cutout_core::Rate::percent(90));
    let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
    let count = allocations(|| {
        for _ in 0..10 {
            for n in 0..10_000 {
                let _ = breaker.call(|| if n % 10 == 0 { Err(()) } else { Ok(()) });
            }
            breaker.clock().advance(Duration::from_secs(3)); // a bucket each
        }
        breaker.clock().set(cutout_core::Instant::ORIGIN);
    });
    assert_eq!(count, 0);
    let tally = breaker.snapshot().tally;
    assert_eq!((tally.failures, tally.successes), (10_000, 90_000));
    let most = if cfg!(feature = "alloc") { 264 } else { 560 };
    assert!(size_of_val(&breaker) <= most, "{} bytes", size_of_val(&breaker));
}

#[test]
fn no_measured_call_allocates_and_no_limit_that_is_derived() {
    let limits = TimeoutConfig::between(Duration::from_millis(1), Duration::from_secs(1));
    let timeout = AdaptiveTimeout::with_clock(limits, ManualClock::new());
    let count = allocations(|| {
        for n in 0..10_000_u32 {
            let _ = timeout.measure(|limit| {
                let takes = Duration::from_millis(u64::from(n % 300));
                timeout.latency().clock().advance(takes.min(limit));
                if takes < limit { Ok(()) } else { Err(()) }
            });
        }
        assert!(timeout.latency().p99().is_some());
    });
    assert_eq!(count, 0);
    assert!(timeout.timeout() > Duration::from_millis(1));
}
