//! A call through everything at once: fallback, retries, breaker, bulkhead, timeout; and all is well.

use core::future::Future;
use core::hint::black_box;
use core::time::Duration;

use allocation_counter::measure;
use cutout::{
    Bulkhead, CircuitBreaker, Config, Fallback, Policy, QuantaClock, Rate, Retry, RetryBudget,
    TokioTimer, Window,
};
use cutout_benches::crowd;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_bulkhead::BulkheadLayer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_resilience_fallback::FallbackLayer;
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience_timelimiter::TimeLimiterLayer;

use crate::measure::{Column, table, version};

const NOTES: &str = "\
Nanoseconds for a call that succeeds, of each thread on its own runtime of tokio, all through one
policy. *Waits once* lets the runtime have a turn before it answers, so that a timer is started. In
brackets the ratio to the first row of ours, then half the distance between the quartiles. All have a
fallback for every failure, three attempts with exponential delays and a budget, a breaker that opens
at 90 % of failures, a bulkhead of 100 that refuses at once, and a timeout of a second. The breaker
of tower-resilience judges the last 100 results; ours does in the second row, and the last 30 seconds
elsewhere.";

const LIMIT: Duration = Duration::from_secs(1);
const FIRST_DELAY: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 3;
const PLACES: u32 = 100;

/// What the dependency answers when it fails, which it does not.
#[derive(Clone, Copy, Debug)]
struct Fault;

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("fault")
    }
}

impl core::error::Error for Fault {}

/// The dependency.
async fn serve(request: u64, waits: bool) -> Result<u64, Fault> {
    if waits {
        yield_now().await;
    }
    Ok(black_box(request))
}

/// Something that makes calls.
trait Caller: Send + Sync + 'static {
    fn new() -> Self;

    /// Makes so many calls one after the other, and adds up what they return.
    fn run(&self, calls: u64, waits: bool) -> impl Future<Output = u64>;

    /// Says whether nothing has failed or was refused, as far as it can tell.
    fn is_healthy(&self) -> bool;
}

/// What the calls return in all.
const fn sum(calls: u64) -> u64 {
    calls * (calls.wrapping_sub(1)) / 2
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Times that many calls of each of `threads`.
fn calls<C: Caller>(threads: u32, waits: bool) -> impl Fn(u64) -> Duration {
    let caller = C::new();
    let runtimes = [runtime(), runtime()];
    move |count| {
        assert!(caller.is_healthy(), "before");
        let spent = crowd(threads, |thread| {
            assert_eq!(runtimes[thread].block_on(caller.run(count, waits)), sum(count));
        });
        assert!(caller.is_healthy(), "after");
        spent
    }
}

/// How often a call allocates.
fn allocations<C: Caller>(waits: bool) -> f64 {
    const CALLS: u64 = 1_000;
    let (caller, runtime) = (C::new(), runtime());
    let run = || assert_eq!(runtime.block_on(caller.run(CALLS, waits)), sum(CALLS));
    run(); // what is allocated once for all is no call's own
    measure(run).count_total as f64 / CALLS as f64
}

/// The call alone.
struct Bare;

impl Caller for Bare {
    fn new() -> Self {
        Self
    }

    async fn run(&self, calls: u64, waits: bool) -> u64 {
        let mut sum = 0;
        for request in 0..calls {
            sum += serve(request, waits).await.expect("it answers");
        }
        sum
    }

    fn is_healthy(&self) -> bool {
        true
    }
}

/// Which breaker stands in the policy.
trait Kind: Send + Sync + 'static {
    type Clock: cutout::Clock + Send + Sync + 'static;

    fn breaker() -> CircuitBreaker<Self::Clock>;
}

const fn config() -> Config {
    Config::new().failure_rate(Rate::percent(90))
}

struct Defaults;

impl Kind for Defaults {
    type Clock = cutout::StdClock;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(config())
    }
}

struct LastHundred;

impl Kind for LastHundred {
    type Clock = cutout::StdClock;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(config().window(Window::count(100)))
    }
}

struct OnQuanta;

impl Kind for OnQuanta {
    type Clock = QuantaClock;

    fn breaker() -> CircuitBreaker<QuantaClock> {
        CircuitBreaker::with_clock(config(), QuantaClock)
    }
}

struct Ours<K: Kind> {
    breaker: CircuitBreaker<K::Clock>,
    bulkhead: Bulkhead,
    budget: RetryBudget,
}

impl<K: Kind> Caller for Ours<K> {
    fn new() -> Self {
        Self {
            breaker: K::breaker(),
            bulkhead: Bulkhead::new(PLACES),
            budget: RetryBudget::new(Rate::percent(20), 10),
        }
    }

    async fn run(&self, calls: u64, waits: bool) -> u64 {
        let policy = Policy::new()
            .timer(TokioTimer)
            .fallback(Fallback::value(0))
            .retry(Retry::exponential(FIRST_DELAY).max_attempts(ATTEMPTS).budget(&self.budget))
            .breaker(&self.breaker)
            .bulkhead(&self.bulkhead)
            .timeout(LIMIT);
        let mut sum = 0;
        for request in 0..calls {
            sum += policy.call_async(|| serve(request, waits)).await.expect("it answers");
        }
        sum
    }

    fn is_healthy(&self) -> bool {
        let totals = self.breaker.totals();
        let others = totals.failures + totals.ignored + totals.cancelled + totals.rejected;
        (others, self.bulkhead.in_use(), self.bulkhead.rejected()) == (0, 0, 0)
    }
}

/// A stack of tower-resilience, made once and cloned for each thread.
struct Tower {
    run: Box<dyn Fn(u64, bool) -> Running + Send + Sync>,
    is_closed: Box<dyn Fn() -> bool + Send + Sync>,
}

type Running = core::pin::Pin<Box<dyn Future<Output = u64>>>;

impl Caller for Tower {
    fn new() -> Self {
        let dependency = service_fn(|(request, waits)| serve(request, waits));
        let timeout = TimeLimiterLayer::builder().timeout_duration(LIMIT).build();
        let bulkhead = BulkheadLayer::builder()
            .max_concurrent_calls(PLACES as usize)
            .reject_when_full()
            .build()
            .expect("its settings are valid");
        let breaker = CircuitBreakerLayer::builder()
            .failure_rate_threshold(0.9)
            .sliding_window_size(100)
            .minimum_number_of_calls(20)
            .build()
            .expect("its settings are valid");
        let budget = RetryBudgetBuilder::new()
            .token_bucket()
            .tokens_per_second(10.0)
            .max_tokens(100)
            .build()
            .expect("its settings are valid");
        let retry = RetryLayer::builder()
            .max_attempts(ATTEMPTS as usize)
            .exponential_backoff(FIRST_DELAY)
            .budget(budget)
            .build();
        let inner = breaker.layer_fn(bulkhead.layer(timeout.layer(dependency)));
        let breaker = inner.clone();
        let stack = FallbackLayer::value(0_u64).layer(retry.layer(inner));
        Self {
            run: Box::new(move |calls, waits| {
                let mut stack = stack.clone();
                Box::pin(async move {
                    let mut sum = 0;
                    for request in 0..calls {
                        let ready = stack.ready().await.expect("it is always ready");
                        sum += ready.call((request, waits)).await.expect("it answers");
                    }
                    sum
                })
            }),
            is_closed: Box::new(move || {
                breaker.state_sync() == tower_resilience_circuitbreaker::CircuitState::Closed
            }),
        }
    }

    async fn run(&self, calls: u64, waits: bool) -> u64 {
        (self.run)(calls, waits).await
    }

    fn is_healthy(&self) -> bool {
        (self.is_closed)()
    }
}

/// Measures and prints.
pub(crate) fn run() {
    let tower = format!("tower-resilience {}", version("tower-resilience-retry"));
    let column = |title, threads, waits| {
        Column::new(title)
            .cell("the call alone", calls::<Bare>(threads, waits))
            .cell("cutout, the defaults", calls::<Ours<Defaults>>(threads, waits))
            .cell("cutout, the last 100", calls::<Ours<LastHundred>>(threads, waits))
            .cell("cutout, `QuantaClock`", calls::<Ours<OnQuanta>>(threads, waits))
            .cell(tower.clone(), calls::<Tower>(threads, waits))
    };
    let columns = vec![
        column("at once, 1T", 1, false),
        column("at once, 2T", 2, false),
        column("waits once, 1T", 1, true),
        column("waits once, 2T", 2, true),
    ];
    table("Policy", NOTES, columns);
    println!("Allocations of a call at once, and of one that waits:\n");
    for (name, of) in [
        ("the call alone", allocations::<Bare> as fn(bool) -> f64),
        ("cutout", allocations::<Ours<Defaults>>),
        (&tower, allocations::<Tower>),
    ] {
        println!("- {name}: {}, {}", of(false), of(true));
    }
    println!();
}
