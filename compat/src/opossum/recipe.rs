//! Coming from opossum: its configuration in ours.

use core::time::Duration;

use cutout_core::{Config, Window};

use crate::rig::without_conditions;
use crate::share;
use crate::trace::Trace;

/// How long a trial may take, in milliseconds: a day.
pub(super) const LEASE_LENGTH: u64 = 24 * 60 * 60 * 1_000;

/// Their configuration, with buckets of `width` milliseconds, in ours.
pub(super) fn recipe(trace: &Trace, width: u64) -> Result<Config, &'static str> {
    let small = |value: u64| u32::try_from(value).map_err(|_| "a setting out of range");
    let buckets = trace.number("rolling_count_buckets").max(1);
    let window = Window::time(Duration::from_millis(width * buckets)).in_buckets(small(buckets)?);
    let config = without_conditions()
        .window(window)
        .minimum_throughput(small(trace.number("volume_threshold").max(1))?)
        .break_duration(Duration::from_millis(trace.number("reset_timeout_ms")))
        .trials(1)
        .trial_timeout(Duration::from_millis(LEASE_LENGTH));
    let percent = trace.config["error_threshold_percentage"].as_f64().unwrap_or(0.0);
    // They open strictly above the threshold.
    Ok(match share::above(percent / 100.0) {
        Some(rate) => config.failure_rate(rate),
        None => config,
    })
}
