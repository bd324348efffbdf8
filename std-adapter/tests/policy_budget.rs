//! Calls whose future is dropped and whose clocks, timers, limits and wakers panic, at random: what
//! they spent of the retry budget, and what they left behind.
#![cfg(all(feature = "policy", feature = "rate-limit"))]

mod support;

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicU8, Ordering::SeqCst};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Wake;

use cutout::{
    AsyncTimer, Bulkhead, BulkheadConfig, CircuitBreaker, Clock, Config, Instant, ManualTimer,
    ManualTimerSleep, Policy, Rate, RateLimit, RateLimitConfig, Retry, RetryBudget,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::{ms, panics, secs};

/// What is broken, a bit for each.
type Broken = Arc<AtomicU8>;

const TIMER: u8 = 1;
const LIMIT: u8 = 2;
const RATE: u8 = 4;
const BUDGET: u8 = 8;
const BREAKER: u8 = 16;

/// The time, as it is told until it breaks.
#[derive(Clone)]
struct Fragile(ManualTimer, Broken, u8);

impl Fragile {
    fn look(&self) {
        assert!(self.1.load(SeqCst) & self.2 == 0, "broken: {}", self.2);
    }
}

impl Clock for Fragile {
    fn now(&self) -> Instant {
        self.look();
        // The budget's time stands still, so that what is spent of its minimum rate stays spent.
        if self.2 == BUDGET { Instant::ORIGIN } else { self.0.now() }
    }
}

impl AsyncTimer for Fragile {
    type Sleeping = ManualTimerSleep;

    fn sleep(&self, duration: Duration) -> ManualTimerSleep {
        self.look();
        self.0.sleep(duration)
    }
}

struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("in a waker");
    }
}

/// What an attempt does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Succeeds,
    SucceedsLater,
    Fails,
    FailsLater,
    Hangs,
    PanicsAtOnce,
    PanicsLater,
}

#[derive(Clone, Debug)]
enum Step {
    /// A call whose attempts do this, the last again and again.
    Start(Vec<Act>),
    /// With a waker that panics, or that does nothing.
    Poll(Index, bool),
    Drop(Index),
    Advance(u64),
    Break(u8),
    TakePlace,
    GivePlace,
}

fn step() -> impl Strategy<Value = Step> {
    use Act::*;
    let act = select(vec![
        Fails,
        Fails,
        Fails,
        FailsLater,
        Hangs,
        Succeeds,
        SucceedsLater,
        PanicsAtOnce,
        PanicsLater,
    ]);
    let broken = [0, 0, 0, TIMER, LIMIT, RATE, BUDGET, BREAKER, LIMIT | BUDGET];
    prop_oneof![
        4 => prop::collection::vec(act, 1..4).prop_map(Step::Start),
        11 => (any::<Index>(), prop::bool::weighted(0.3)).prop_map(|(at, bomb)| Step::Poll(at, bomb)),
        2 => any::<Index>().prop_map(Step::Drop),
        6 => select(vec![1, 10, 10, 10, 100, 1_000]).prop_map(Step::Advance),
        2 => select(broken.to_vec()).prop_map(Step::Break),
        1 => Just(Step::TakePlace),
        2 => Just(Step::GivePlace),
    ]
}

/// What the attempts of all calls did.
#[derive(Default)]
struct Done {
    began: Cell<u64>,
    retries: Cell<u64>,
    succeeded: Cell<u64>,
    /// Returned an error, or panicked.
    failed: Cell<u64>,
}

fn add(count: &Cell<u64>, more: bool) {
    count.set(count.get() + u64::from(more));
}

/// What runs as the attempt of a call.
fn attempt(act: Act, done: Rc<Done>) -> Pin<Box<dyn Future<Output = Result<(), &'static str>>>> {
    let mut polled = false;
    if let Act::PanicsAtOnce = act {
        add(&done.failed, true);
        panic!("in the call");
    }
    Box::pin(poll_fn(move |_| {
        let first = !core::mem::replace(&mut polled, true);
        match act {
            Act::Hangs => return Poll::Pending,
            Act::FailsLater | Act::PanicsLater | Act::SucceedsLater if first => {
                return Poll::Pending;
            }
            Act::Succeeds | Act::SucceedsLater => {
                add(&done.succeeded, true);
                return Poll::Ready(Ok(()));
            }
            _ => add(&done.failed, true),
        }
        assert!(matches!(act, Act::Fails | Act::FailsLater), "in the call");
        Poll::Ready(Err("down"))
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_begun_retry_is_paid_for_despite_panics_and_drops(
        steps in prop::collection::vec(step(), 1..80),
        saved in 0..4_u32,
        minimum in 0..6_u32,
    ) {
        let (time, broken) = (ManualTimer::new(), Broken::default());
        let told = |part| Fragile(time.clone(), Arc::clone(&broken), part);
        // Each call brings in so little that all together bring in no retry.
        let share = Rate::try_basis_points(1).unwrap();
        let budget = RetryBudget::with_clock(share, minimum, told(BUDGET)).burst(100);
        for _ in 0..saved * 10_000 {
            budget.record_call();
        }
        let config = Config::new().consecutive_failures(4).break_duration(ms(20)).trials(1);
        let config = config.trial_timeout(secs(3_600));
        let breaker = CircuitBreaker::with_clock(config, told(BREAKER));
        let bulkhead =
            Bulkhead::with_config(BulkheadConfig::new(2).queue(2).max_wait(secs(2)));
        let rate = RateLimit::with_clock(RateLimitConfig::new(100, secs(1)).burst(3), told(RATE));
        let limit = || {
            assert!(broken.load(SeqCst) & LIMIT == 0, "in the limit");
            ms(50)
        };
        let retry = Retry::fixed(ms(10)).without_jitter().max_attempts(5).wait_for_retry_after(secs(1)).deadline(secs(5));
        let policy = Policy::new()
            .timer(told(TIMER))
            .retry(retry.budget(&budget))
            .breaker(&breaker)
            .bulkhead(&bulkhead)
            .rate_limit(&rate)
            .timeout(limit);

        let done = Rc::new(Done::default());
        let mut calls: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
        let (mut places, mut breaker_is_whole) = (Vec::new(), true);
        let bomb = Waker::from(Arc::new(Bomb));
        let policy = &policy;
        let start = |acts: Vec<Act>| {
            let (mut made, done) = (0, Rc::clone(&done));
            async move {
                let _ = policy
                    .call_async(|| {
                        let act = acts[made.min(acts.len() - 1)];
                        add(&done.began, true);
                        add(&done.retries, made > 0);
                        made += 1;
                        attempt(act, Rc::clone(&done))
                    })
                    .await;
            }
        };
        for step in steps {
            match step {
                Step::Start(acts) => calls.push(Box::pin(start(acts))),
                Step::Poll(..) | Step::Drop(_) if calls.is_empty() => {}
                Step::Poll(at, with_bomb) => {
                    let at = at.index(calls.len());
                    let waker = if with_bomb { &bomb } else { Waker::noop() };
                    let mut ended = true; // unless it says otherwise
                    let call = calls[at].as_mut();
                    panics(|| ended = call.poll(&mut Context::from_waker(waker)).is_ready());
                    if ended {
                        drop(calls.swap_remove(at));
                    }
                }
                Step::Drop(at) => {
                    let call = calls.swap_remove(at.index(calls.len()));
                    panics(|| drop(call));
                }
                Step::Advance(by) => {
                    panics(|| time.advance(ms(by)));
                }
                Step::Break(part) => {
                    breaker_is_whole &= part & BREAKER == 0;
                    broken.store(part, SeqCst);
                }
                Step::TakePlace => places.extend(bulkhead.try_acquire().ok()),
                Step::GivePlace => {
                    let place = places.pop();
                    panics(|| drop(place));
                }
            }
        }
        broken.store(0, SeqCst);
        for call in calls {
            panics(|| drop(call));
        }
        for place in places {
            panics(|| drop(place));
        }
        let mut left = 0;
        while budget.try_spend() {
            left += 1;
        }
        prop_assert_eq!(left + done.retries.get(), u64::from(saved + minimum));
        prop_assert_eq!((bulkhead.in_use(), bulkhead.waiting(), time.waiting()), (0, 0, 0));
        if breaker_is_whole {
            let totals = breaker.totals();
            let ran = totals.successes + totals.failures + totals.cancelled + totals.stale;
            prop_assert_eq!(ran, done.began.get(), "what ran counts once: {:?}", totals);
            prop_assert!(totals.successes <= done.succeeded.get(), "{:?}", totals);
            prop_assert!(totals.successes + totals.stale >= done.succeeded.get(), "{:?}", totals);
            // Those that were timed out are failures besides.
            prop_assert!(totals.failures + totals.stale >= done.failed.get(), "{:?}", totals);
            prop_assert_eq!(breaker.snapshot().trials_in_flight, 0);
        }
    }
}
