//! Coming from resilience4j: its configuration in ours.

use core::time::Duration;

use cutout_core::{Backoff, Config, HalfOpenRule, Rate, Window};
use serde_json::Value;

use crate::rig::without_conditions;
use crate::trace::Trace;

/// More than growing a break may lose to rounding, and still below a millisecond when grown.
const AFTER: Duration = Duration::from_nanos(10);
const DAY: u64 = 24 * 60 * 60 * 1_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) config: Config,
    /// From how many results on a rate counts, and in half-open.
    pub(crate) minimum: u64,
    pub(crate) minimum_trials: u64,
    /// How much longer than theirs a break is, so that both let a call through at the same time.
    pub(crate) after: Duration,
    /// A timer ends the break, not a call.
    pub(crate) by_timer: bool,
    /// How long a trial may take, in milliseconds.
    pub(crate) timeout: u64,
}

impl Recipe {
    pub(crate) fn of(trace: &Trace) -> Result<Self, &'static str> {
        let small = |name| u32::try_from(trace.number(name)).map_err(|_| "a setting out of range");
        let size = small("sliding_window_size")?;
        let by_count = trace.config["sliding_window_type"] == "COUNT_BASED";
        let window = if by_count {
            Window::count(size)
        } else {
            // One bucket for each second, on a clock whose origin is the start of a second.
            Window::time(Duration::from_secs(size.into())).in_buckets(size)
        };
        let minimum = small("minimum_number_of_calls")?;
        let minimum = if by_count { minimum.min(size) } else { minimum };
        let trials = small("permitted_calls_in_half_open")?;
        let minimum_trials = minimum.min(trials);

        let wait = &trace.config["wait_in_open"];
        let by_timer = trace.config["automatic_open_to_half_open"] == true;
        // They let a call through strictly after the wait, ours at the end of the break.
        let after = if by_timer { Duration::ZERO } else { AFTER };
        let millis = |name: &str| Duration::from_millis(wait[name].as_u64().unwrap_or(0));

        let timeout = match trace.number("max_wait_in_half_open_ms") {
            0 => DAY,
            limit => limit,
        };
        let mut config = without_conditions()
            .window(window)
            .minimum_throughput(minimum)
            .failure_rate(rate(&trace.config["failure_rate_threshold"])?)
            .slow_call_rate(rate(&trace.config["slow_call_rate_threshold"])?)
            .slow_call_duration(Duration::from_millis(
                trace.number("slow_call_duration_threshold_ms"),
            ))
            .evaluate_every_result(true)
            .half_open_rule(HalfOpenRule::Rate)
            .trials(trials)
            .minimum_trials(minimum_trials)
            .trial_timeout(Duration::from_millis(timeout));
        config = if wait["kind"] == "exponential" {
            let factor = percent(&wait["multiplier"]).ok_or("a factor out of our range")?;
            config
                .break_duration(millis("initial_ms") + after)
                .break_backoff(Backoff::multiplier_percent(factor, millis("max_ms") + after))
        } else {
            config.break_duration(millis("ms") + after)
        };
        Ok(Self {
            config,
            minimum: minimum.into(),
            minimum_trials: minimum_trials.into(),
            after,
            by_timer,
            timeout,
        })
    }
}

/// A threshold in percent; ours go in steps of a hundredth.
fn rate(percent: &Value) -> Result<Rate, &'static str> {
    let points = hundredths(percent).ok_or("a threshold finer than a hundredth of a percent")?;
    Rate::try_basis_points(points).map_err(|_| "a threshold out of range")
}

/// A factor in percent, to the nearest.
fn percent(factor: &Value) -> Option<u32> {
    hundredths(factor)
}

/// A hundred times a number, if that is whole.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked in the line before
fn hundredths(number: &Value) -> Option<u32> {
    let hundredfold = number.as_f64()? * 100.0;
    let whole = hundredfold.round();
    ((hundredfold - whole).abs() < 1e-6 && (0.0..=1e6).contains(&whole)).then_some(whole as u32)
}

/// A wait of theirs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    /// In whole milliseconds.
    pub(crate) cut: u64,
    /// Whether cutting took anything off it.
    pub(crate) was_cut: bool,
}

/// Their wait of an attempt: each step is cut to whole milliseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
pub(crate) fn waits(wait: &Value, attempt: u32) -> Wait {
    let number = |name: &str| wait[name].as_u64().unwrap_or(0);
    if wait["kind"] != "exponential" {
        return Wait { cut: number("ms"), was_cut: false };
    }
    let factor = wait["multiplier"].as_f64().unwrap_or(1.0);
    let (mut cut, mut was_cut) = (number("initial_ms"), false);
    for _ in 1..attempt {
        if cut >= number("max_ms") {
            break;
        }
        let exact = cut as f64 * factor;
        was_cut |= exact.fract() != 0.0;
        cut = exact as u64;
    }
    if cut >= number("max_ms") {
        return Wait { cut: number("max_ms"), was_cut };
    }
    Wait { cut, was_cut }
}
