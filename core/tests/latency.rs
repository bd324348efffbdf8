//! How long calls take: quantiles within their error, over a window that forgets.

mod support;

use core::future::{pending, ready};
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use cutout_core::{ConfigError, Instant, Latency, ManualClock, Rate};
use proptest::prelude::*;
use support::draws::Draws;
use support::panics;

const MS: Duration = Duration::from_millis(1);
const WINDOW: Duration = Duration::from_secs(16);

fn latency(minimum: u32) -> Latency<ManualClock> {
    Latency::from_parts(WINDOW, minimum, ManualClock::new())
}

/// The nearest rank, by its definition.
fn exact(sorted: &[u64], share: Rate) -> u64 {
    let rank = (sorted.len() as u64 * u64::from(share.basis_points())).div_ceil(10_000);
    sorted[usize::try_from(rank).unwrap().max(1) - 1]
}

fn assert_close(said: Option<Duration>, exact: u64) {
    let said = u64::try_from(said.expect("there are enough").as_nanos()).unwrap();
    assert!(said.abs_diff(exact) * 100 <= exact * 6, "{said} ns instead of {exact} ns");
}

/// Where latencies come from, in nanoseconds; `u` and `v` are uniform over (0, 1).
#[derive(Clone, Copy, Debug)]
enum Source {
    Constant(f64),
    Uniform(f64, f64),
    Exponential(f64),
    Lognormal(f64, f64),
    /// Mostly the first, and a tenth or less of the second.
    Bimodal(f64, f64, f64),
}

impl Source {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, far below 2^63
    fn draw(self, u: f64, v: f64) -> u64 {
        let nanos = match self {
            Self::Constant(at) => at,
            Self::Uniform(from, to) => from + u * (to - from),
            Self::Exponential(mean) => -mean * u.ln(),
            Self::Lognormal(median, sigma) => {
                let normal = (-2.0 * u.ln()).sqrt() * (core::f64::consts::TAU * v).cos();
                median * (sigma * normal).exp()
            }
            Self::Bimodal(one, other, share) => {
                if v < share {
                    other * (0.9 + 0.2 * u)
                } else {
                    one * (0.9 + 0.2 * u)
                }
            }
        };
        // What is longer or shorter is beyond the scale.
        (nanos as u64).clamp(1 << 10, (1 << 42) - 1)
    }
}

fn sources() -> impl Strategy<Value = Source> {
    let typical = || 2e3..1e10_f64;
    prop_oneof![
        typical().prop_map(Source::Constant),
        (typical(), 1.0..100_f64).prop_map(|(from, by)| Source::Uniform(from, from * by)),
        typical().prop_map(Source::Exponential),
        (typical(), 0.1..2_f64).prop_map(|(median, sigma)| Source::Lognormal(median, sigma)),
        (typical(), 1.5..50_f64, 0.01..0.1_f64).prop_map(|(one, by, share)| Source::Bimodal(
            one,
            one * by,
            share
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_quantile_is_within_six_percent_of_the_exact_one(
        source in sources(),
        seed: u64,
        count in 1_u32..4_096,
        shares in prop::collection::vec(0_u32..=10_000, 4),
    ) {
        let latency = latency(1);
        let mut draws = Draws(seed);
        let mut all: Vec<u64> = (0..count).map(|_| source.draw(draws.next(), draws.next())).collect();
        for nanos in &all {
            latency.record(Duration::from_nanos(*nanos));
        }
        all.sort_unstable();
        let window = latency.snapshot();
        prop_assert_eq!(window.count(), count);
        for points in shares.into_iter().chain([0, 5_000, 9_500, 9_900, 10_000]) {
            let share = Rate::try_basis_points(points).unwrap();
            assert_close(window.quantile(share), exact(&all, share));
        }
        assert_close(latency.p50(), exact(&all, Rate::percent(50)));
        assert_close(latency.p95(), exact(&all, Rate::percent(95)));
        assert_close(latency.p99(), exact(&all, Rate::percent(99)));
    }

    #[test]
    fn the_window_holds_what_the_naive_one_holds(
        steps in prop::collection::vec((0_u64..40, 1_024_u64..1 << 42), 1..300),
    ) {
        let latency = latency(1);
        let mut naive = Naive::default();
        let mut now = 0;
        for (ticks, nanos) in steps {
            // Most calls come close together.
            now += if ticks < 24 { ticks / 8 } else { ticks - 23 };
            latency.clock().set(Instant::from_nanos(now * 1_000_000_000));
            prop_assert_eq!(latency.snapshot().count() as usize, naive.window(now).len());
            latency.record(Duration::from_nanos(nanos));
            naive.record(now, nanos);
            let window = naive.window(now);
            prop_assert_eq!(latency.snapshot().count() as usize, window.len());
            assert_close(latency.p50(), exact(&window, Rate::percent(50)));
            assert_close(latency.p99(), exact(&window, Rate::percent(99)));
        }
    }
}

/// The window by its definition: two halves, each 8 s long, kept as lists.
#[derive(Default)]
struct Naive {
    began: u64,
    now: Vec<u64>,
    before: Vec<u64>,
}

impl Naive {
    fn record(&mut self, now: u64, nanos: u64) {
        if now >= self.began + 16 {
            *self = Self { began: now, ..Self::default() };
        } else if now >= self.began + 8 {
            self.began += 8;
            self.before = core::mem::take(&mut self.now);
        }
        self.now.push(nanos);
    }

    fn window(&self, now: u64) -> Vec<u64> {
        let mut all = match now - self.began {
            0..8 => [&self.now[..], &self.before].concat(),
            8..16 => self.now.clone(),
            _ => Vec::new(),
        };
        all.sort_unstable();
        all
    }
}

#[test]
fn latencies_at_the_edges_of_every_bucket_are_within_the_error() {
    for doubling in 10..42 {
        for step in 0..8 {
            let edge = (8 + step) << (doubling - 3);
            for nanos in [edge - 1, edge, edge + 1] {
                let latency = latency(1);
                latency.record(Duration::from_nanos(nanos));
                if nanos >= 1 << 10 {
                    assert_close(latency.p50(), nanos);
                }
            }
        }
    }
}

#[test]
fn two_neighbouring_buckets_are_told_apart() {
    let latency = latency(1);
    let edge = 9 << 20;
    for nanos in [edge - 1, edge] {
        for _ in 0..50 {
            latency.record(Duration::from_nanos(nanos));
        }
    }
    assert_close(latency.quantile(Rate::percent(50)), edge - 1);
    assert_close(latency.quantile(Rate::try_basis_points(5_001).unwrap()), edge);
    assert!(latency.p50().unwrap() < latency.p95().unwrap());
}

#[test]
fn what_is_beyond_the_scale_reads_as_its_end() {
    let latency = latency(1);
    latency.record(Duration::ZERO);
    latency.record(Duration::MAX);
    let [shortest, longest] = [0, 100].map(|share| latency.quantile(Rate::percent(share)).unwrap());
    assert_eq!(shortest.as_nanos(), 1_084);
    assert_eq!(longest.as_secs() / 60, 70);
}

#[test]
fn a_shorter_scale_counts_longer_latencies_as_its_longest() {
    let latency: Latency<_, 64> = Latency::from_parts(WINDOW, 1, ManualClock::new());
    latency.record(60 * MS);
    assert_close(latency.p50(), 60_000_000);
    latency.record(Duration::from_secs(1));
    assert_close(latency.p99(), 65_000_000);
}

#[test]
fn below_the_minimum_nothing_is_said() {
    let latency = latency(3);
    for count in 0..3 {
        assert_eq!((latency.p50(), latency.snapshot().count()), (None, count));
        latency.record(MS);
    }
    assert_close(latency.p50(), 1_000_000);
}

#[test]
fn a_latency_is_forgotten_between_half_and_one_window() {
    let latency = latency(1);
    latency.clock().advance(5 * MS);
    latency.record(MS);
    latency.clock().advance(WINDOW / 2 - MS);
    assert!(latency.p50().is_some());
    latency.clock().advance(WINDOW / 2 + MS);
    assert_eq!(latency.p50(), None);
}

#[test]
fn nothing_old_comes_back_after_any_idle_time() {
    for idle in
        [WINDOW, 3 * WINDOW, 65_536 * WINDOW, 65_536 * WINDOW / 2, Duration::from_secs(1 << 33)]
    {
        let latency = latency(1);
        for _ in 0..10 {
            latency.record(900 * MS);
        }
        latency.clock().advance(idle);
        assert_eq!(latency.p50(), None);
        latency.record(MS);
        assert_eq!(latency.snapshot().count(), 1);
        assert_close(latency.quantile(Rate::percent(100)), 1_000_000);
    }
}

#[test]
fn beyond_the_room_of_a_window_the_oldest_leave_early() {
    let latency = latency(1);
    for _ in 0..4_095 {
        latency.record(100 * MS);
    }
    for count in 1..=2 * 4_095 + 1 {
        latency.record(MS);
        let seen = latency.snapshot().count();
        // The newest are there, and no era holds more than it has room for in two buckets.
        assert!(seen >= count.min(4_095) && seen <= 3 * 4_095, "{seen} after {count}");
    }
    assert_eq!(latency.snapshot().count(), 4_095 + 1);
    assert_close(latency.quantile(Rate::percent(100)), 1_000_000);
}

#[test]
fn a_clock_that_is_set_back_loses_nothing_and_panics_nowhere() {
    let latency = latency(1);
    latency.clock().set(Instant::from_nanos(u64::MAX));
    latency.record(MS);
    latency.clock().set(Instant::ORIGIN);
    latency.record(MS);
    assert_eq!(latency.snapshot().count(), 2);
}

#[test]
fn what_came_before_a_set_back_leaves_within_a_window() {
    let second = Duration::from_secs(1);
    let at = |time| Instant::ORIGIN.saturating_add(time);
    for back in [WINDOW / 2 + second, 3_600 * second, 1_000_000 * second] {
        let latency = latency(1);
        latency.clock().set(at(1_000_000 * second));
        latency.record(900 * MS);
        latency.clock().set(at(1_000_000 * second - back));
        // A look would begin the next half, too; here it is the calls that do.
        for _ in 0..16 {
            latency.record(MS);
            latency.clock().advance(second);
        }
        assert_close(latency.quantile(Rate::percent(100)), 1_000_000);
        assert!(latency.snapshot().count() >= 8, "{back:?}");
    }
}

#[test]
fn what_came_before_a_set_back_leaves_without_calls() {
    let at = |time| Instant::ORIGIN.saturating_add(time);
    for back in [MS, WINDOW / 2, WINDOW / 2 + WINDOW / 16, 60 * WINDOW, 100 * WINDOW] {
        let latency = latency(1);
        latency.clock().set(at(100 * WINDOW));
        latency.record(900 * MS);
        latency.clock().set(at(100 * WINDOW - back));
        assert_eq!(latency.snapshot().count(), 1, "it is not a window old, {back:?}");
        latency.clock().advance(WINDOW + WINDOW / 2);
        assert_eq!(latency.p50(), None, "{back:?}");
    }
}

#[test]
fn a_small_step_back_counts_in_the_newest_half() {
    let latency = latency(1);
    let second = Duration::from_secs(1);
    latency.clock().advance(100 * second);
    latency.record(MS);
    latency.clock().set(Instant::ORIGIN.saturating_add(92 * second));
    latency.record(MS);
    latency.clock().set(Instant::ORIGIN.saturating_add(107 * second));
    assert_eq!(latency.snapshot().count(), 2, "neither is half a window old");
}

#[test]
fn a_call_over_which_the_clock_is_set_back_counts_for_nothing() {
    let latency = latency(1);
    latency.clock().advance(WINDOW);
    let set_back = || {
        latency.clock().set(Instant::ORIGIN);
        Ok::<_, ()>(())
    };
    latency.measure(set_back).unwrap();
    assert_eq!(latency.snapshot().count(), 0, "nobody knows how long it took");
    latency.clock().advance(WINDOW);
    let mut call = pin!(latency.measure_async(async { set_back() }));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(latency.snapshot().count(), 0);
    latency.measure(|| Ok::<_, ()>(())).unwrap();
    assert_eq!(latency.snapshot().count(), 1, "no time at all is a time");
}

#[test]
fn a_call_is_measured_if_it_returns_ok() {
    let latency = latency(1);
    let took = |millis: u32, result: Result<u8, u8>| {
        latency.clock().advance(millis * MS);
        result
    };
    assert_eq!(latency.measure(|| took(40, Ok(1))), Ok(1));
    assert_eq!(latency.measure(|| took(90, Err(2))), Err(2));
    assert!(panics(|| latency.measure(|| -> Result<(), ()> { panic!("in the call") })));
    assert_eq!(latency.snapshot().count(), 1);
    assert_close(latency.p50(), 40_000_000);
}

#[test]
fn an_async_call_is_measured_from_its_first_poll() {
    let latency = latency(1);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut call = pin!(latency.measure_async(async {
            latency.clock().advance(7 * MS);
            Ok::<_, ()>(())
        }));
        latency.clock().advance(70 * MS);
        assert!(call.as_mut().poll(&mut context).is_ready());
        let mut dropped = pin!(latency.measure_async(pending::<Result<(), ()>>()));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
    }
    assert!(pin!(latency.measure_async(ready(Err::<(), _>(())))).poll(&mut context).is_ready());
    assert_eq!(latency.snapshot().count(), 1);
    assert_close(latency.p50(), 7_000_000);
}

#[test]
fn settings_out_of_their_range_are_named() {
    let error = |window, minimum| {
        Latency::<_, 128>::try_from_parts(window, minimum, ManualClock::new()).map(drop)
    };
    for window in [9_999 * MS / 1_000, Duration::from_secs(86_401)] {
        assert_eq!(error(window, 1), Err(ConfigError::LatencyWindow));
    }
    for minimum in [0, 4_096] {
        assert_eq!(error(WINDOW, minimum), Err(ConfigError::MinimumSamples));
    }
    for (window, minimum) in [(10 * MS, 1), (Duration::from_secs(86_400), 4_095)] {
        assert_eq!(error(window, minimum), Ok(()));
    }
    assert_eq!(
        ConfigError::LatencyWindow.to_string(),
        "window: that of latencies must be 10 ms to 1 day long"
    );
    assert_eq!(ConfigError::MinimumSamples.to_string(), "minimum_samples: must be 1 to 4095");
}

#[test]
fn an_estimate_is_as_small_as_it_says() {
    assert_eq!(size_of::<Latency<ManualClock>>(), 128 * 8 + 24 + size_of::<ManualClock>());
    assert_eq!(size_of::<Latency<ManualClock, 64>>(), 64 * 8 + 24 + size_of::<ManualClock>());
    assert_eq!(size_of_val(&latency(1).snapshot()), 520);
}
