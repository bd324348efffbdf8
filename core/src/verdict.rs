//! Pure decisions: whether counts make a closed circuit open, and how the results of trials end a
//! half-open one.

use core::num::NonZeroU32;

use crate::circuit::Trials;
use crate::config::HalfOpenRule;
use crate::observe::{Cause, TripReason};
use crate::rate::{Rate, WHOLE};
use crate::settings::Limits;
use crate::window::Tally;

/// What a closed circuit's counts amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No condition holds.
    Healthy,
    /// A rate is over, but there are too few results for it to count.
    TooFew,
    /// This condition holds.
    Trip(TripReason),
}

/// The rates alone, which count from `minimum` results on: all that a success may have to look at.
pub(crate) fn of_rates(limits: &Limits, minimum: u64, tally: &Tally) -> Verdict {
    let is_over = |limit: Option<Rate>, part| {
        limit.is_some_and(|limit| limit.is_reached_in(part, tally.total()))
    };
    let reason = if is_over(limits.failure_rate, tally.failures) {
        TripReason::FailureRate
    } else if is_over(limits.slow_call_rate, tally.slow) {
        TripReason::SlowCallRate
    } else {
        return Verdict::Healthy;
    };
    if tally.total() < minimum { Verdict::TooFew } else { Verdict::Trip(reason) }
}

/// Every condition, for a failure or a slow result. `streak` is how many failures in a row it made,
/// `row` how many of them trip.
pub(crate) fn of_all(
    limits: &Limits,
    row: Option<NonZeroU32>,
    trip_when: Option<fn(&Tally) -> bool>,
    minimum: u64,
    tally: &Tally,
    streak: u64,
) -> Verdict {
    let is_at = |limit: Option<NonZeroU32>, count| {
        limit.is_some_and(|limit| count >= u64::from(limit.get()))
    };
    let rates = of_rates(limits, minimum, tally);
    if let Verdict::Trip(_) = rates {
        rates
    } else if is_at(row, streak) {
        Verdict::Trip(TripReason::ConsecutiveFailures)
    } else if is_at(limits.failure_count, tally.failures) {
        Verdict::Trip(TripReason::FailureCount)
    } else if trip_when.is_some_and(|condition| condition(tally)) {
        Verdict::Trip(TripReason::Custom)
    } else {
        rates
    }
}

/// How many failures more, were nothing else to come, leave a healthy window healthy: all that
/// there may be, or some part of them, so that nothing is divided.
///
/// Of `n` results with `f` failures, `j` more reach the rate `p` where (f + j) / (n + j) >= p, that
/// is, where j (1 - p) >= n p - f.
pub(crate) fn failures_to_spare(limits: &Limits, tally: &Tally) -> u64 {
    let under_count = match limits.failure_count {
        None => u64::MAX,
        Some(count) => u64::from(count.get() - 1).saturating_sub(tally.failures),
    };
    let under_rate = match limits.failure_rate {
        None => u64::MAX,
        Some(rate) => {
            let (reached, whole) = (u64::from(rate.basis_points()), u64::from(WHOLE));
            let left = (tally.total() * reached).saturating_sub(tally.failures * whole);
            // Shifted by no less than 1 - p would divide.
            left.saturating_sub(1) >> if whole - reached <= 1 << 13 { 13 } else { 14 }
        }
    };
    under_count.min(under_rate)
}

/// How HalfOpen ends: [`Cause::TrialsPassed`] closes, the others reopen. `None`: not yet.
///
/// `expired` trials are out, and their timeouts are over.
pub(crate) fn of_trials(limits: &Limits, trials: Trials, expired: u32) -> Option<Cause> {
    let rules = &limits.trials;
    // Where slow calls can open the circuit, one that is slow does not help to close it.
    let slow_fails = limits.slow_call_rate.is_some() && trials.slow > 0;
    match rules.rule {
        HalfOpenRule::FirstFailure if trials.failed > 0 || slow_fails => Some(Cause::TrialFailed),
        HalfOpenRule::FirstFailure if expired > 0 => Some(Cause::TrialTimedOut),
        HalfOpenRule::FirstFailure => {
            (trials.succeeded >= rules.trials).then_some(Cause::TrialsPassed)
        }
        HalfOpenRule::Rate => {
            let settled = u64::from(trials.succeeded + trials.failed + expired);
            let is_over = |limit: Option<Rate>, part: u32| {
                limit.is_some_and(|limit| limit.is_reached_in(u64::from(part), settled))
            };
            if settled < u64::from(rules.minimum_trials) {
                None
            } else if is_over(limits.failure_rate, trials.failed + expired)
                || is_over(limits.slow_call_rate, trials.slow)
            {
                Some(Cause::TrialFailed)
            } else {
                Some(Cause::TrialsPassed)
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::settings::TrialRules;

    #[test]
    fn failures_to_spare_change_nothing() {
        let counts = [None, NonZeroU32::new(3), NonZeroU32::new(60)];
        let rates = [1, 50, 1_000, 1_807, 1_808, 1_809, 5_000, 9_000, 9_999, 10_000];
        let rates = rates.map(Rate::clamped);
        for (failure_count, failure_rate) in
            counts.into_iter().flat_map(|count| rates.map(|rate| (count, Some(rate))))
        {
            let trials =
                TrialRules { trials: 1, minimum_trials: 1, rule: HalfOpenRule::FirstFailure };
            let limits =
                Limits { failure_rate, slow_call_rate: None, minimum: 0, failure_count, trials };
            for (failures, successes) in (0..50).flat_map(|f| [0, 1, 9, 49, 4_999].map(|s| (f, s)))
            {
                let verdict = |more| {
                    let tally = Tally { failures: failures + more, successes, slow: 0 };
                    of_all(&limits, None, None, 0, &tally, 0)
                };
                if verdict(0) != Verdict::Healthy {
                    continue;
                }
                let tally = Tally { failures, successes, slow: 0 };
                let spare = failures_to_spare(&limits, &tally).min(1_000);
                let healthy = (0..=1_000).take_while(|more| verdict(*more) == Verdict::Healthy);
                let most = healthy.last().unwrap();
                let one_minus = u64::from(WHOLE - failure_rate.unwrap().basis_points());
                let least = most * one_minus / if one_minus <= 8_192 { 8_192 } else { 16_384 };
                assert!((least..=most).contains(&spare), "{limits:?} {tally:?}: {spare}");
            }
        }
    }
}
