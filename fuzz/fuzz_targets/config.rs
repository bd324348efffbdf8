//! Any numbers are settings: either an error that names the setting, or a breaker that trips,
//! refuses, and comes back, at any time.
#![no_main]

use core::time::Duration;

use cutout_core::{
    Backoff, CircuitBreaker, Config, HalfOpenRule, Instant, ManualClock, Outcome, Rate, SlowStart,
    State, Window,
};
use libfuzzer_sys::fuzz_target;

/// Numbers from bytes; past their end, zero.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    fn long(&mut self) -> u64 {
        let bits = self.byte() % 65;
        let number = (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()));
        number.checked_shr(u32::from(bits)).unwrap_or(0)
    }

    fn int(&mut self) -> u32 {
        (self.long() & u64::from(u32::MAX)) as u32
    }

    fn duration(&mut self) -> Duration {
        Duration::new(self.long(), self.int() % 1_000_000_000)
    }

    fn rate(&mut self) -> Rate {
        Rate::try_basis_points(self.int()).unwrap_or(Rate::percent(100))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut numbers = Numbers(bytes);
    let mut config = Config::new();
    for _ in 0..numbers.byte() % 24 {
        config = match numbers.byte() % 18 {
            0 => config.failure_rate(numbers.rate()),
            1 => config.without_failure_rate(),
            2 => config.slow_call_rate(numbers.rate()),
            3 => config.slow_call_duration(numbers.duration()),
            4 => config.minimum_throughput(numbers.int()),
            5 => config.window(Window::time(numbers.duration()).in_buckets(numbers.int())),
            6 => config.window(Window::count(numbers.int())),
            7 => config.consecutive_failures(numbers.int()),
            8 => config.failure_count(numbers.int()),
            9 => config.trip_when(|tally| tally.failures > 3),
            10 => config.cancelled_as(Outcome::Failure),
            11 => config.break_duration(numbers.duration()),
            12 => {
                config.break_backoff(Backoff::multiplier_percent(numbers.int(), numbers.duration()))
            }
            13 => config.break_jitter(numbers.rate()),
            14 => config.trials(numbers.int()).minimum_trials(numbers.int()),
            15 => config.half_open_rule(HalfOpenRule::Rate),
            16 => config.trial_timeout(numbers.duration()),
            _ => config.slow_start(SlowStart::in_stages_of(numbers.duration()).shares([
                numbers.rate(),
                numbers.rate(),
                numbers.rate(),
            ])),
        };
    }
    let breaker = match CircuitBreaker::try_with_clock(config, ManualClock::new()) {
        Ok(breaker) => breaker,
        Err(error) => {
            let message = error.to_string();
            assert!(
                message.contains(": must")
                    || message.contains(": needs")
                    || message.contains(": the")
                    || message.contains(": a ")
                    || message.contains(": Rate needs"),
                "{message}"
            );
            return;
        }
    };
    // It works at any time, far from the end of which there is room for every break.
    breaker.clock().set(Instant::from_nanos(numbers.long() >> 1));
    let fail = || {
        let ticket = breaker.admit().map(|ticket| {
            breaker.settle(ticket, Outcome::Failure.retry_after(Duration::from_nanos(7)));
        });
        ticket.is_ok()
    };
    for _ in 0..20 {
        fail();
    }
    let year = Duration::from_secs(366 * 24 * 60 * 60);
    for _ in 0..3 {
        breaker.clock().advance(year);
        let _lost = breaker.admit();
        fail();
        breaker.clock().advance(year);
        fail();
    }
    breaker.clock().advance(year);
    for _ in 0..40 {
        let _ = breaker.call(|| Ok::<_, ()>(()));
    }
    breaker.reset();
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
});
