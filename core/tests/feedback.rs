//! The loop of a timeout that learns from calls which it cuts itself, over simulated dependencies.

mod support;

use core::time::Duration;

use cutout_core::{AdaptiveTimeout, Clock, ManualClock, TimeoutConfig};
use support::draws::Draws;

const MS: Duration = Duration::from_millis(1);
const CEILING: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(60);

const fn config() -> TimeoutConfig {
    TimeoutConfig::between(Duration::from_millis(5), CEILING).window(WINDOW)
}

/// What was seen of some calls.
struct Run {
    /// The share of them that were cut.
    cut: f64,
    /// The share that got more than the 99th percentile, by more than a bucket.
    loose: f64,
    /// The shortest limit, and the longest.
    least: Duration,
    most: Duration,
}

/// A dependency whose calls come one after the other, 20 a second, and take what is drawn.
struct Dependency {
    timeout: AdaptiveTimeout<ManualClock>,
    draws: Draws,
    /// In nanoseconds, of a number that is uniform over (0, 1).
    takes: Draw,
    slower: u32,
}

impl Dependency {
    fn new(takes: Draw) -> Self {
        Self {
            timeout: AdaptiveTimeout::with_clock(config(), ManualClock::new()),
            draws: Draws(7),
            takes,
            slower: 1,
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, far below 2^63
    fn draw(&mut self) -> Duration {
        Duration::from_nanos((self.takes)(self.draws.next()) as u64) * self.slower
    }

    /// Calls until `span` is over.
    fn run(&mut self, span: Duration) -> Run {
        let until = self.timeout.latency().clock().now().saturating_add(span);
        let p99 = self.quantile(0.99);
        let (mut calls, mut cut, mut loose) = (0, 0, 0);
        let (mut least, mut most) = (Duration::MAX, Duration::ZERO);
        while self.timeout.latency().clock().now() < until {
            let limit = self.timeout.timeout();
            (least, most) = (least.min(limit), most.max(limit));
            let takes = self.draw();
            // They overlap: what a call takes does not slow down the ones after it.
            let timing = self.timeout.start();
            let ended = takes.min(timing.limit());
            let started = self.timeout.latency().clock().now();
            self.timeout.latency().clock().set(started.saturating_add(ended));
            if takes < timing.limit() {
                timing.finish();
            } else {
                drop(timing);
                cut += 1;
            }
            self.timeout.latency().clock().set(started.saturating_add(50 * MS));
            loose += u32::from(limit > p99 * 9 / 8);
            calls += 1;
        }
        let share = |part: u32| f64::from(part) / f64::from(calls);
        Run { cut: share(cut), loose: share(loose), least, most }
    }

    /// The quantile of what it takes, exact to a ten-thousandth.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, far below 2^63
    fn quantile(&self, share: f64) -> Duration {
        let mut all: Vec<u64> =
            (0..10_000).map(|n| (self.takes)((f64::from(n) + 0.5) / 1e4) as u64).collect();
        all.sort_unstable();
        Duration::from_nanos(all[(share * 1e4) as usize]) * self.slower
    }
}

type Draw = fn(f64) -> f64;

const SOURCES: [(&str, Draw); 5] = [
    ("constant", |_| 80e6),
    ("uniform", |u| 20e6 + 100e6 * u),
    ("exponential", |u| -50e6 * u.ln()),
    ("heavy tail", |u| 30e6 / u.powf(0.4)),
    ("bimodal", |u| if u < 0.02 { 900e6 } else { 40e6 + 20e6 * u }),
];

#[test]
fn the_limit_of_a_healthy_dependency_stays_put() {
    for (name, takes) in SOURCES {
        let mut dependency = Dependency::new(takes);
        dependency.run(2 * WINDOW);
        let Run { cut, loose, least, most } = dependency.run(100 * WINDOW);
        let p95 = dependency.quantile(0.95);
        println!("{name}: {cut:.4} cut, {loose:.4} loose, {least:?} to {most:?} for {p95:?}");
        assert!(cut < 0.05, "{name}: {cut} are cut");
        assert!(loose < 0.005, "{name}: {loose} get more than p99");
        // Half a window holds 600 calls, whose own 95th percentile varies.
        assert!(least > p95 * 8 / 10, "{name}: {least:?} for {p95:?}");
        assert!(most < p95 * 16 / 10, "{name}: {most:?} for {p95:?}");
    }
}

#[test]
fn a_tenfold_slowdown_is_followed_within_a_window() {
    for (name, takes) in SOURCES {
        let mut dependency = Dependency::new(takes);
        dependency.run(4 * WINDOW);
        dependency.slower = 10;
        let at_first = dependency.run(WINDOW).cut;
        let Run { cut, least, most, .. } = dependency.run(WINDOW);
        println!("{name}: {at_first:.3}, then {cut:.3} cut, {least:?} to {most:?}");
        assert!(cut < 0.1, "{name}: {cut} are still cut");
        assert!(least >= dependency.quantile(0.9).min(CEILING), "{name}: {least:?}");
    }
}

#[test]
fn a_speed_up_is_followed_within_a_window() {
    for (name, takes) in SOURCES {
        let mut dependency = Dependency::new(takes);
        dependency.slower = 10;
        dependency.run(4 * WINDOW);
        dependency.slower = 1;
        dependency.run(WINDOW);
        let Run { most, .. } = dependency.run(WINDOW);
        assert!(most < dependency.quantile(0.95) * 3 / 2, "{name}: {most:?}");
    }
}

#[test]
fn a_dependency_that_hangs_leads_to_the_ceiling_and_back() {
    let mut dependency = Dependency::new(SOURCES[1].1);
    dependency.run(4 * WINDOW);
    dependency.slower = 1_000_000;
    assert!(dependency.run(2 * WINDOW).cut > 0.99);
    assert_eq!(dependency.timeout.timeout(), CEILING);
    dependency.slower = 1;
    dependency.run(WINDOW);
    let Run { most, .. } = dependency.run(WINDOW);
    assert!(most < dependency.quantile(0.95) * 3 / 2, "{most:?}");
}
