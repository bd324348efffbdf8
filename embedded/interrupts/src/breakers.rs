//! The breakers that both use, one for each way to count.

use core::cell::Cell;
use core::time::Duration;

use critical_section::Mutex;
use cutout_core::{
    CircuitBreaker, Clock, Config, Instant, ManualClock, Observer, SlowStart, StaleResult, Table,
    Transition, Window,
};

pub(crate) type Breaker = CircuitBreaker<ManualClock, Heard>;

/// Trials that may be out at once.
pub(crate) const TRIALS: u32 = 3;

const MS: Duration = Duration::from_millis(1);

/// Everything is short, so that a round has many breaks, trials, and timeouts that end.
const SHORT: Config = Config::new()
    .minimum_throughput(6)
    .break_duration(MS)
    .trials(TRIALS)
    .trial_timeout(Duration::from_millis(4));

/// By name.
pub(crate) static ALL: Table<&str, Breaker, 3> = Table::from_array([
    (
        "window over time",
        new(SHORT
            .window(Window::time(Duration::from_millis(5)))
            .slow_call_duration(MS)
            .slow_start(SlowStart::in_stages_of(MS))),
    ),
    ("window over a count", new(SHORT.window(Window::count(50)).evaluate_every_result(true))),
    ("failures in a row", new(SHORT.without_failure_rate().consecutive_failures(3))),
]);

const fn new(config: Config) -> Breaker {
    CircuitBreaker::with_observer(config, ManualClock::new(), Heard::new())
}

/// The handler alone moves the clock: a little, and sometimes further than a window is long.
pub(crate) fn let_time_pass(breaker: &Breaker, draw: u32) {
    let micros = if draw % 64 == 0 { 6_000 } else { draw / 64 % 200 };
    let clock = breaker.clock();
    clock.set(Instant::from_nanos(clock.now().as_nanos() + u64::from(micros) * 1_000));
}

/// What was announced, by whomever.
pub(crate) struct Heard {
    changes: Mutex<Cell<u32>>,
    generations: Mutex<Cell<u64>>,
    stale: Mutex<Cell<u32>>,
}

impl Heard {
    const fn new() -> Self {
        Self {
            changes: Mutex::new(Cell::new(0)),
            generations: Mutex::new(Cell::new(0)),
            stale: Mutex::new(Cell::new(0)),
        }
    }

    /// How many changes.
    pub(crate) fn changes(&self) -> u32 {
        critical_section::with(|token| self.changes.borrow(token).get())
    }

    /// The sum of the numbers of the generations that they began.
    pub(crate) fn generations(&self) -> u64 {
        critical_section::with(|token| self.generations.borrow(token).get())
    }

    /// How many stale results.
    pub(crate) fn stale(&self) -> u32 {
        critical_section::with(|token| self.stale.borrow(token).get())
    }
}

impl Observer for Heard {
    fn on_transition(&self, transition: &Transition) {
        critical_section::with(|token| {
            let (changes, generations) =
                (self.changes.borrow(token), self.generations.borrow(token));
            changes.set(changes.get() + 1);
            generations.set(generations.get() + u64::from(transition.generation));
        });
    }

    fn on_stale(&self, _: &StaleResult) {
        critical_section::with(|token| {
            let stale = self.stale.borrow(token);
            stale.set(stale.get() + 1);
        });
    }
}

/// Uses a 64-bit word of portable-atomic once, so that it is in the firmware for certain.
#[cfg(feature = "fallback")]
pub(crate) fn use_the_fallback() {
    use portable_atomic::{AtomicU64, Ordering};
    static WORD: AtomicU64 = AtomicU64::new(0);
    WORD.fetch_add(1, Ordering::Relaxed);
}
