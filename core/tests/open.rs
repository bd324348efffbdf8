//! An open circuit: calls are refused until the break is over.

mod support;

use core::time::Duration;

use cutout_core::{
    Backoff, Cause, CircuitBreaker, Clock, Config, Error, Instant, ManualClock, Outcome, Rate,
    RejectReason, State,
};
use support::{Breaker, config, fail, follow, millis, secs, succeed, tripped};

fn retry_after(breaker: &Breaker) -> Duration {
    let refusal = breaker.admit().unwrap_err();
    assert_eq!(refusal.reason(), RejectReason::Open);
    refusal.retry_after().expect("an open circuit knows until when")
}

/// Lets a trial fail as soon as the break is over, and gives the next break.
fn reopen(breaker: &Breaker) -> Duration {
    breaker.clock().advance(retry_after(breaker));
    fail(breaker);
    retry_after(breaker)
}

#[test]
fn an_open_circuit_rejects_until_the_break_is_over() {
    let breaker = tripped(config());
    follow(
        &breaker,
        "+  4999ms + 999999ns + 1ns +", //
        "O- O      O- O       O- O  H",
    );
}

#[test]
fn a_refusal_says_how_long_it_will_last() {
    let breaker = tripped(config());
    assert_eq!(retry_after(&breaker), secs(5));
    breaker.clock().advance(millis(1_200));
    assert_eq!(retry_after(&breaker), millis(3_800));
}

#[test]
fn an_error_says_why_the_call_was_refused_or_failed() {
    let breaker = tripped(config());
    breaker.clock().advance(millis(1_200));
    let said = |call: Result<(), &'static str>| breaker.call(|| call).unwrap_err().to_string();
    assert_eq!(said(Ok(())), "refused: the circuit is open, retry after 3.8s");
    breaker.force_open();
    assert_eq!(said(Ok(())), "refused: the circuit is forced open");
    breaker.force_closed();
    assert_eq!(said(Err("the server is on fire")), "the server is on fire");
}

#[test]
fn a_look_learns_what_a_call_would_and_is_not_counted() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(1));
    let seen = breaker.would_reject();
    assert_eq!(breaker.totals().rejected, 0);
    assert_eq!(seen, breaker.try_acquire().err());
    for (force, reason) in [
        (Breaker::force_open as fn(&Breaker), Some(RejectReason::ForcedOpen)),
        (Breaker::force_closed, None),
        (Breaker::disable, None),
        (Breaker::shadow, None),
        (Breaker::release, Some(RejectReason::Open)),
        (Breaker::reset, None),
    ] {
        force(&breaker);
        assert_eq!(breaker.would_reject().map(|refusal| refusal.reason()), reason);
    }
}

#[test]
fn a_refused_call_does_not_run() {
    let breaker = tripped(config());
    let refusal = breaker.would_reject().expect("the circuit is open");
    let refused = breaker.call(|| -> Result<(), ()> { panic!("it ran") });
    assert_eq!(refused, Err(Error::Rejected(refusal)));
}

#[test]
fn the_trip_is_announced_once_with_its_tally_after_it_happened() {
    let breaker = tripped(config());
    let transition = breaker.observer().last();
    assert_eq!(breaker.observer().transitions.borrow().len(), 1);
    assert_eq!((transition.from, transition.to), (State::Closed, State::Open));
    assert_eq!(transition.tally.failures, 4);
    assert_eq!(transition.break_duration, Some(secs(5)));
    assert_eq!(transition.at, Instant::ORIGIN);
}

#[test]
fn a_moment_is_shown_by_its_distance_from_the_origin() {
    let at = Instant::ORIGIN.saturating_add(millis(1_500));
    assert_eq!(format!("{at:?}"), "1.5s after the origin");
}

#[test]
fn reading_the_state_changes_nothing() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(100));
    assert_eq!(breaker.state(), State::Open, "no call has found the break over yet");
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::ZERO));
}

#[test]
fn a_late_call_after_the_break_is_a_trial() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(1_000_000));
    assert!(succeed(&breaker));
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn each_reopening_in_a_row_doubles_the_break_up_to_the_cap() {
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(30))));
    let breaks: Vec<_> = (0..4).map(|_| reopen(&breaker)).collect();
    assert_eq!(breaks, [secs(10), secs(20), secs(30), secs(30)]);
}

#[test]
fn the_break_is_still_at_its_cap_after_hundreds_of_reopenings() {
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(3_600))));
    for _ in 0..300 {
        reopen(&breaker);
    }
    assert_eq!(retry_after(&breaker), secs(3_600));
}

/// Closes by two trials as soon as the break is over, fails again `after` that, and gives the next break.
fn flap(breaker: &Breaker, after: Duration) -> Duration {
    breaker.clock().advance(retry_after(breaker));
    follow(breaker, "+ +", "H C");
    breaker.clock().advance(after);
    follow(breaker, "x x x x", "C C C O");
    retry_after(breaker)
}

#[test]
fn a_circuit_closed_for_its_last_break_resets_the_backoff() {
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(30))));
    assert_eq!(reopen(&breaker), secs(10));
    assert_eq!(flap(&breaker, secs(10)), secs(5));
    assert_eq!(flap(&breaker, secs(5)), secs(5));
    assert_eq!(flap(&breaker, secs(3_600)), secs(5));
}

#[test]
fn a_circuit_that_trips_again_before_that_reopens() {
    let nanosecond = Duration::from_nanos(1);
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(60))));
    assert_eq!(flap(&breaker, Duration::ZERO), secs(10));
    assert_eq!(flap(&breaker, secs(10) - nanosecond), secs(20));
    assert_eq!(flap(&breaker, secs(20) - nanosecond), secs(40));
    assert_eq!(flap(&breaker, secs(1)), secs(60));
    assert_eq!(flap(&breaker, secs(59)), secs(60));
    assert_eq!(flap(&breaker, secs(60)), secs(5), "it has held for as long as it was open");
}

/// The end of the slow start does not end it either.
#[test]
fn a_trip_soon_after_the_recovery_is_a_reopening() {
    let ramped = config()
        .trials(1)
        .slow_start(cutout_core::SlowStart::in_stages_of(millis(500)))
        .break_backoff(Backoff::doubling(secs(60)));
    for (waits, second) in [("4999ms", 10), ("5s", 5)] {
        let breaker = tripped(ramped);
        follow(&breaker, "5s +", "O C");
        follow(&breaker, waits, "C");
        follow(&breaker, "x x x x", "C C C O");
        assert_eq!(retry_after(&breaker), secs(second), "{waits}");
    }
}

#[test]
fn a_break_by_server_or_operator_is_a_last_break_too() {
    let asked = tripped(config().break_backoff(Backoff::doubling(secs(60))));
    asked.clock().advance(secs(5));
    let trial = asked.try_acquire().unwrap();
    trial.settle(Outcome::Failure.retry_after(secs(50)));
    assert_eq!(retry_after(&asked), secs(50));
    assert_eq!(flap(&asked, secs(49)), secs(20));

    let ordered = support::breaker(config().break_backoff(Backoff::doubling(secs(60))));
    ordered.open_for(secs(50));
    assert_eq!(flap(&ordered, secs(49)), secs(10));
    ordered.reset();
    follow(&ordered, "x x x x", "C C C O");
    assert_eq!(retry_after(&ordered), secs(5), "a reset forgets");
}

#[test]
fn a_break_by_hand_in_health_revives_no_old_backoff() {
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(60))));
    assert_eq!([(); 2].map(|()| reopen(&breaker)), [secs(10), secs(20)]);
    breaker.clock().advance(secs(20));
    for _ in 0..5 {
        succeed(&breaker);
    }
    assert_eq!(breaker.state(), State::Closed);
    breaker.clock().advance(secs(20)); // as long as its last break was
    breaker.open_for(secs(1));
    breaker.clock().advance(secs(1));
    fail(&breaker);
    assert_eq!(retry_after(&breaker), secs(10), "the first reopening");
}

#[test]
fn a_break_by_hand_in_an_outage_keeps_its_backoff() {
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(60))));
    assert_eq!([(); 2].map(|()| reopen(&breaker)), [secs(10), secs(20)]);
    breaker.open_for(secs(1));
    breaker.clock().advance(secs(1));
    fail(&breaker);
    assert_eq!(retry_after(&breaker), secs(40));
}

#[test]
fn a_break_grows_to_its_cap_however_slowly() {
    let breaker = tripped(config().break_backoff(Backoff::multiplier_percent(101, secs(3_600))));
    let mut last = secs(5);
    for n in 1..=661_u32 {
        let next = reopen(&breaker);
        let exact = 5.0 * 1.01_f64.powi(i32::try_from(n).unwrap());
        let off = (next.as_secs_f64() - exact.min(3_600.0)) / exact;
        assert!(next > last && (-1e-4..1e-9).contains(&off), "{n}: {next:?}, not {exact}");
        last = next;
    }
    assert_eq!(reopen(&breaker), secs(3_600));
    for _ in 0..100 {
        assert_eq!(reopen(&breaker), secs(3_600));
    }
    let shortest = config()
        .break_duration(millis(1))
        .break_backoff(Backoff::multiplier_percent(101, secs(365 * 24 * 60 * 60)));
    let breaker = tripped(shortest);
    let reached = (1..3_000).find(|_| reopen(&breaker) == secs(365 * 24 * 60 * 60));
    assert!((2_425..2_440).contains(&reached.unwrap()), "{reached:?}");
}

#[test]
fn jitter_shortens_each_break_within_its_share() {
    let breaker = tripped(config().break_jitter(Rate::percent(50)));
    let breaks: Vec<_> = (0..50).map(|_| reopen(&breaker)).collect();
    assert!(breaks.iter().all(|length| (millis(2_500)..=secs(5)).contains(length)), "{breaks:?}");
    let mut distinct = breaks.clone();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() > 40, "{breaks:?}");
}

#[test]
fn retry_after_lengthens_the_break_of_the_trip() {
    let breaker = support::breaker(config().consecutive_failures(1));
    let permit = breaker.try_acquire().unwrap();
    permit.settle(Outcome::Failure.retry_after(secs(42)));
    assert_eq!(retry_after(&breaker), secs(42));
    breaker.clock().advance(secs(42));
    breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(secs(1)));
    assert_eq!(retry_after(&breaker), secs(5), "it never shortens");
}

#[test]
fn the_servers_word_is_taken_up_to_the_cap_only() {
    let breaker = support::breaker(config().consecutive_failures(1));
    breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(Duration::MAX));
    assert_eq!(retry_after(&breaker), secs(300));
}

#[test]
fn the_longest_break_at_the_end_of_time_is_no_overflow() {
    let breaker =
        support::breaker(config().consecutive_failures(1).break_duration(secs(365 * 24 * 60 * 60)));
    breaker.clock().set(Instant::from_nanos(u64::MAX - 1));
    fail(&breaker);
    assert_eq!(retry_after(&breaker), Duration::from_nanos(1));
}

#[test]
fn a_clock_set_back_changes_no_state() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(3_600));
    follow(&breaker, "+ + x x x", "H C C C C");
    breaker.clock().set(Instant::ORIGIN);
    follow(&breaker, "x", "O");
    assert_eq!(retry_after(&breaker), secs(5));
    assert_eq!(breaker.observer().causes().len(), 4);
    assert_eq!(breaker.observer().causes()[1], Cause::BreakOver);
}

/// A clock that is read finely and coarsely, in ticks of some 4 ms, where the fine reading may be in ticks
/// too.
#[derive(Default)]
struct Ticking {
    clock: ManualClock,
    is_coarse: bool,
}

impl Ticking {
    /// No part of a second, as real ticks are none.
    const TICK: u64 = 3_999_998;

    fn last_tick(&self) -> Instant {
        let now = self.clock.now().as_nanos();
        Instant::from_nanos(now / Self::TICK * Self::TICK)
    }
}

impl Clock for Ticking {
    fn now(&self) -> Instant {
        if self.is_coarse { self.last_tick() } else { self.clock.now() }
    }

    fn now_coarse(&self) -> Instant {
        self.last_tick()
    }

    fn resolution(&self) -> Duration {
        if self.is_coarse { Duration::from_nanos(Self::TICK) } else { Duration::ZERO }
    }
}

#[test]
fn a_caller_that_waits_as_told_is_admitted_on_ticks() {
    for is_coarse in [false, true] {
        // The trip, and the refusal after it, at all distances from a tick.
        for (tripped, refused) in
            (0..9).flat_map(|tripped| (0..9).map(move |refused| (tripped, refused)))
        {
            let clock = Ticking { clock: ManualClock::new(), is_coarse };
            let config = Config::new().consecutive_failures(1).break_duration(secs(1));
            let breaker = CircuitBreaker::with_clock(config, clock);
            let advance = |by| breaker.clock().clock.advance(by);
            advance(Duration::from_micros(7 + tripped * 500));
            fail(&breaker);
            advance(Duration::from_micros(13 + refused * 123_456));
            let refusal = match breaker.try_acquire() {
                Err(refusal) => refusal,
                Ok(_) => unreachable!("the break is not over"),
            };
            let left = refusal.retry_after().unwrap();
            assert_eq!(breaker.would_reject(), Some(refusal));
            assert_eq!(breaker.snapshot().retry_after, Some(left));
            let seen = breaker.snapshot_at(breaker.clock().now()).retry_after.unwrap();
            assert!(seen <= left && left <= seen + Duration::from_nanos(Ticking::TICK));
            assert_eq!(is_coarse, left == seen + breaker.clock().resolution() && left != seen);
            advance(left);
            assert!(breaker.is_due() && breaker.snapshot().due);
            assert_eq!(breaker.would_reject(), None);
            assert!(breaker.try_acquire().is_ok(), "{tripped} {refused} {is_coarse}");
        }
    }
}

#[test]
fn a_coarse_refusal_names_the_last_nanosecond() {
    let breaker = CircuitBreaker::with_clock(
        Config::new().consecutive_failures(1).break_duration(secs(1)),
        Ticking::default(),
    );
    fail(&breaker);
    breaker.clock().clock.advance(secs(1) - Duration::from_nanos(1));
    let refusal = breaker.would_reject().unwrap();
    assert_eq!(refusal.retry_after(), Some(Duration::from_nanos(1)));
}

#[test]
fn an_open_circuit_is_due_from_the_end_of_its_break() {
    let breaker = tripped(config());
    assert!(!breaker.is_due() && !breaker.snapshot().due);
    breaker.clock().advance(secs(5) - Duration::from_nanos(1));
    assert!(!breaker.is_due() && !breaker.snapshot().due);
    breaker.clock().advance(Duration::from_nanos(1));
    assert!(breaker.is_due() && breaker.snapshot().due);
    assert_eq!(breaker.state(), State::Open, "nobody has called");
    breaker.shadow();
    assert!(breaker.is_due() && breaker.snapshot().due, "shadowed or not");
    for force in [Breaker::force_open, Breaker::force_closed, Breaker::disable] {
        force(&breaker);
        assert!(!breaker.is_due() && !breaker.snapshot().due, "it does not decide for itself");
    }
    breaker.release();
    let trial = breaker.try_acquire().unwrap();
    assert!(!breaker.is_due() && !breaker.snapshot().due, "a trial is out");
    trial.settle(Outcome::Failure);
    assert!(!breaker.is_due() && !breaker.snapshot().due);
}

#[test]
fn a_refusal_says_its_wait_in_few_digits_and_never_too_short() {
    const SECOND: u64 = 1_000_000_000;
    let said = |nanos| {
        let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
        breaker.open_for(Duration::from_nanos(nanos));
        breaker.would_reject().unwrap().to_string()
    };
    for (nanos, wait) in [
        (25, "1ms"),
        (751, "1ms"),
        (868_000_003, "869ms"),
        (868_999_999, "869ms"),
        (999_000_001, "1s"),
        (1_000_000_001, "1.1s"),
        (3_800_000_000, "3.8s"),
        (9_900_000_001, "10s"),
        (29 * SECOND + 999_999_975, "30s"),
        (30 * SECOND, "30s"),
        (999 * SECOND + 1, "17m"),
        (3_600 * SECOND, "60m"),
        (59_940 * SECOND + 1, "17h"),
        (3_596_400 * SECOND + 1, "42d"),
        (365 * 86_400 * SECOND, "365d"),
    ] {
        assert_eq!(
            said(nanos),
            format!("refused: the circuit is open, retry after {wait}"),
            "{nanos}"
        );
    }
}

#[test]
fn a_clock_set_back_while_open_keeps_the_breaks_end() {
    let hour = secs(3_600);
    let breaker = support::breaker(config());
    breaker.clock().advance(2 * hour);
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(2));
    let end = breaker.clock().now().saturating_add(secs(3));
    breaker.clock().set(Instant::from_nanos(0).saturating_add(hour));
    // The break is over at the time that it was to be: it is longer by the step, and says so.
    let left = end.saturating_since(breaker.clock().now());
    assert_eq!(left, hour + secs(5));
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(left));
    assert_eq!(breaker.would_reject().unwrap().retry_after(), Some(left));
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.retry_after, snapshot.due), (Some(left), false));
    assert_eq!(breaker.save().left(), left);
    breaker.clock().advance(left - Duration::from_nanos(1));
    assert!(breaker.try_acquire().is_err());
    breaker.clock().advance(Duration::from_nanos(1));
    assert!(breaker.try_acquire().unwrap().is_trial());
    assert_eq!(breaker.observer().transitions.borrow().len(), 2, "and it opened once");
}

#[test]
fn a_break_that_a_clock_has_lengthened_can_be_ended_by_hand() {
    let breaker = support::breaker(config());
    breaker.clock().advance(secs(3_600));
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().set(Instant::ORIGIN);
    breaker.open_for(secs(5));
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(secs(5)));
    breaker.reset();
    assert!(succeed(&breaker));
}

#[test]
fn a_clock_set_back_after_a_break_does_not_revive_it() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let trial = breaker.try_acquire().unwrap();
    breaker.clock().set(Instant::ORIGIN);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(breaker.try_acquire().unwrap().is_trial());
    trial.settle(Outcome::Success);
    assert!(succeed(&breaker));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_clock_set_back_lengthens_a_timeout_by_the_step() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(100));
    let lost = breaker.try_acquire().unwrap();
    assert!(lost.is_trial());
    core::mem::forget(lost);
    breaker.clock().set(Instant::from_nanos(0).saturating_add(secs(90)));
    breaker.clock().advance(secs(29));
    assert_eq!(breaker.would_reject().unwrap().reason(), RejectReason::HalfOpenFull);
    breaker.clock().advance(secs(1));
    assert_eq!(breaker.would_reject().unwrap().reason(), RejectReason::Open);
}

#[test]
fn a_short_break_to_order_is_exact_on_coarse_settings() {
    for begins in (0..9).map(|at| 7_000 + at * 500_000) {
        let clock = Ticking { clock: ManualClock::new(), is_coarse: false };
        let breaker = CircuitBreaker::with_clock(Config::new(), clock);
        breaker.clock().clock.advance(Duration::from_nanos(begins));
        breaker.open_for(millis(3));
        assert_eq!(breaker.would_reject().unwrap().retry_after(), Some(millis(3)));
        breaker.clock().clock.advance(millis(3) - Duration::from_nanos(1));
        assert!(breaker.try_acquire().is_err(), "{begins}");
        breaker.clock().clock.advance(Duration::from_nanos(1));
        assert!(breaker.try_acquire().is_ok(), "{begins}");
    }
}
