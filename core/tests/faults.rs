//! The defects that were found in other breakers, each as a test that ours has not got it. The
//! names begin with the id of the fault; `core/FAULTS.md` lists them all.

mod support;

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use cutout_core::{
    Backoff, CircuitBreaker, Clock, Config, HalfOpenRule, Instant, ManualClock, Mode, Observer,
    Outcome, Rate, RejectReason, State, Transition, Window,
};
use support::{breaker, config, fail, follow, millis, secs, succeed, tripped};

fn panics<T>(act: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

#[test]
fn d_r1_a_result_that_asks_for_a_break_moves_state_and_time_in_one_step() {
    let breaker = breaker(config().consecutive_failures(1));
    breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(secs(9)));
    let refusal = breaker.admit().expect_err("D-r1: it is open");
    assert_eq!(refusal.retry_after(), Some(secs(9)), "D-r1: and for as long as was asked");
    breaker.clock().advance(secs(9));
    assert!(breaker.admit().is_ok(), "D-r1: it does not refuse for ever");
}

#[test]
fn d_r2_trials_that_panic_do_not_leak() {
    let breaker = tripped(config());
    for _ in 0..12 {
        breaker.clock().advance(secs(5));
        assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("a fatal error") })));
    }
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
}

#[test]
fn d_r3_a_stale_success_does_not_close_and_a_stale_ignored_call_gives_no_place_back() {
    let breaker = breaker(config().trials(1));
    let early: Vec<_> = (0..6).map(|_| breaker.admit().unwrap()).collect();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    let _trial = breaker.admit().unwrap();
    for (ticket, outcome) in early.into_iter().zip([Outcome::Success, Outcome::Ignored].repeat(3)) {
        breaker.settle(ticket, outcome);
        assert!(breaker.admit().is_err(), "D-r3: one trial, and it is out");
    }
    assert_eq!(breaker.state(), State::HalfOpen, "D-r3");
}

#[test]
fn d_r4_a_clock_set_back_neither_empties_the_window_nor_lengthens_the_break_that_follows() {
    let breaker = breaker(config().minimum_throughput(100));
    breaker.clock().advance(secs(3_600));
    for n in 0..100 {
        if n == 50 {
            breaker.clock().set(Instant::ORIGIN);
        }
        if n < 99 {
            assert!(succeed(&breaker));
        }
    }
    assert_eq!(breaker.snapshot().tally.total(), 99, "D-r4: the window holds them all");
    breaker.reset();
    follow(&breaker, "x", "C");
    let breaker = tripped(config());
    assert_eq!(breaker.snapshot().retry_after, Some(secs(5)), "D-r4");
}

#[test]
fn d_r5_window_break_and_slowness_follow_the_one_clock() {
    let breaker = breaker(config().slow_call_duration(secs(1)));
    follow(&breaker, "x x x 10s x x x x", "C C C C C C C O");
    follow(&breaker, "5s + s", "O H C");
    assert_eq!(breaker.totals().slow, 1, "D-r5");
}

#[test]
fn d_r6_a_classifier_that_panics_leaks_no_place() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let broken = |_: &Result<(), ()>| -> Outcome { panic!("in the predicate") };
    assert!(panics(|| breaker.call_with(|| Ok(()), broken)));
    assert_eq!(breaker.snapshot().trials_in_flight, 0, "D-r6");
    breaker.clock().advance(secs(5));
    follow(&breaker, "+", "C");
}

#[test]
fn d_r7_state_and_admission_change_at_one_point_and_each_change_is_told_once() {
    struct Asks(RefCell<Vec<(State, bool)>>, RefCell<Option<&'static Asking>>);
    type Asking = CircuitBreaker<ManualClock, Asks>;
    impl Observer for Asks {
        fn on_transition(&self, transition: &Transition) {
            if let Some(breaker) = *self.1.borrow() {
                assert_eq!(breaker.state(), transition.to, "D-r7: told after the change");
                self.0.borrow_mut().push((transition.to, breaker.admit().is_ok()));
            }
        }
    }
    let asks = Asks(RefCell::default(), RefCell::default());
    let breaker: &'static Asking = Box::leak(Box::new(CircuitBreaker::with_observer(
        config().trials(1),
        ManualClock::new(),
        asks,
    )));
    *breaker.observer().1.borrow_mut() = Some(breaker);
    for _ in 0..4 {
        let _ = breaker.call(|| Err::<(), _>(()));
    }
    assert_eq!(*breaker.observer().0.borrow(), [(State::Open, false)], "D-r7");
}

#[test]
fn d_r11_the_break_is_computed_without_going_through_the_attempts() {
    // Three hundred reopenings end at the cap; the cost is in `policy::grow`, six squarings.
    let backoff = Backoff::percent(101, secs(3_600));
    let breaker = tripped(config().trials(1).break_backoff(backoff));
    for _ in 0..300 {
        breaker.clock().advance(secs(3_600));
        fail(&breaker);
    }
    assert!(breaker.snapshot().retry_after > Some(secs(5)), "D-r11");
}

#[test]
fn d_p1_a_trial_that_never_ends_is_given_up() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let _hung = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::Open, "D-p1: it reopened");
    breaker.clock().advance(secs(5));
    follow(&breaker, "+", "C");
}

#[test]
fn d_p2_a_cancelled_trial_does_not_close() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    drop(breaker.try_acquire().unwrap());
    assert_eq!(breaker.state(), State::HalfOpen, "D-p2: cancelled is no success");
}

#[test]
fn d_p3_a_success_from_before_the_break_does_not_decide() {
    let breaker = breaker(config().trials(1));
    let early = breaker.admit().unwrap();
    follow(&breaker, "x x x x 5s", "C C C O O");
    breaker.settle(early, Outcome::Success);
    assert_eq!(breaker.state(), State::Open, "D-p3");
}

#[test]
fn d_p4_the_window_spans_what_it_says_and_its_grid_does_not_move_with_the_traffic() {
    for first in [0, 400, 999] {
        let breaker = breaker(config());
        breaker.clock().advance(millis(first));
        fail(&breaker);
        breaker.clock().set(Instant::ORIGIN.saturating_add(millis(9_999)));
        assert_eq!(breaker.snapshot().tally.failures, 1, "D-p4: from {first} ms");
        breaker.clock().set(Instant::ORIGIN.saturating_add(secs(10)));
        assert_eq!(breaker.snapshot().tally.failures, 0, "D-p4: from {first} ms");
    }
}

#[test]
fn d_p5_d_g2_what_the_user_gives_may_call_the_breaker() {
    static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
        Config::new().trip_when(|tally| {
            assert_eq!(BREAKER.state(), State::Closed, "D-g2: no lock is held");
            BREAKER.snapshot().tally == *tally && tally.failures == 3
        }),
        ManualClock::new(),
    );
    for _ in 0..3 {
        let classify = |_: &Result<(), ()>| {
            let _ = BREAKER.call(|| Ok::<_, ()>(()));
            Outcome::Failure
        };
        assert!(BREAKER.call_with(|| Err(()), classify).is_err());
    }
    assert_eq!(BREAKER.state(), State::Open, "D-p5");
}

#[test]
fn d_h1_a_bulkhead_that_turns_a_trial_away_does_not_hold_half_open() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    for _ in 0..10 {
        let permit = breaker.try_acquire().expect("D-h1: the place is free again");
        permit.settle(Outcome::Ignored);
    }
    follow(&breaker, "+", "C");
}

#[test]
fn d_h2_an_open_circuit_is_never_seen_without_the_end_of_its_break() {
    let breaker = breaker(config().consecutive_failures(1));
    for _ in 0..100 {
        fail(&breaker);
        let refusal = breaker.admit().expect_err("D-h2");
        assert_eq!(refusal.retry_after(), Some(secs(5)), "D-h2");
        breaker.reset();
    }
}

#[test]
fn d_h3_the_result_that_makes_the_condition_true_opens_at_once() {
    follow(&breaker(config()), "x x x x +", "C C C O O-");
}

#[test]
fn d_h4_d_o2_refusals_are_neither_failures_nor_part_of_the_rate() {
    let breaker = breaker(config());
    for _ in 0..1_000 {
        breaker.try_acquire().unwrap().settle(Outcome::Ignored); // turned away by a bulkhead
    }
    assert_eq!((breaker.state(), breaker.snapshot().tally.total()), (State::Closed, 0), "D-h4");
    breaker.force_open();
    for _ in 0..9 {
        assert!(!succeed(&breaker));
    }
    breaker.release();
    fail(&breaker);
    let tally = breaker.snapshot().tally;
    assert_eq!((tally.failures, tally.total()), (1, 1), "D-o2: ten calls, one result");
}

#[test]
fn d_g1_a_done_that_is_never_called_does_not_keep_half_open_full() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    core::mem::forget((breaker.admit().unwrap(), breaker.try_acquire().unwrap()));
    assert!(breaker.admit().is_err());
    breaker.clock().advance(secs(20));
    assert!(breaker.admit().is_err(), "D-g1: it reopened");
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
}

#[test]
fn d_g5_a_call_cannot_be_settled_twice() {
    // Permits and tickets are used up by settling: tests/ui/settled_twice.rs does not compile.
    let breaker = breaker(config());
    breaker.try_acquire().unwrap().settle(Outcome::Failure);
    assert_eq!(breaker.totals().settled(), 1, "D-g5: nor does the permit settle when it drops");
}

#[test]
fn d_g6_a_panic_is_a_failure_whatever_the_classifier_thinks() {
    let breaker = breaker(config());
    let lenient = |_: &Result<(), ()>| Outcome::Success;
    assert!(panics(|| breaker.call_with(|| panic!("in the call"), lenient)));
    assert_eq!(breaker.totals().failures, 1, "D-g6");
}

#[test]
fn d_g7_a_call_across_an_edge_of_the_window_counts() {
    let breaker = breaker(config());
    for _ in 0..4 {
        let call = breaker.admit().unwrap();
        breaker.clock().advance(secs(11));
        breaker.settle(call, Outcome::Failure);
    }
    assert_eq!(breaker.totals().failures, 4, "D-g7: counted, not dropped");
    let hung: Vec<_> = (0..4).map(|_| breaker.admit().unwrap()).collect();
    breaker.clock().advance(secs(3_600));
    for call in hung {
        breaker.settle(call, Outcome::Failure);
    }
    assert_eq!(breaker.state(), State::Open, "D-g7: however long they hung");
}

#[test]
fn d_y1_calls_run_side_by_side() {
    let breaker = breaker(config());
    let both_in = breaker
        .call(|| breaker.call(|| Ok::<_, ()>(breaker.snapshot().totals.settled())).map_err(|_| ()));
    assert_eq!(both_in, Ok(0), "D-y1: the second ran while the first did");
}

#[test]
fn d_y2_an_ignored_error_is_no_success() {
    let breaker = breaker(config().consecutive_failures(2).trials(1));
    follow(&breaker, "x ~ x", "C C O");
    follow(&breaker, "5s ~ ~", "O H H");
}

#[test]
fn d_y3_an_observer_that_panics_leaves_the_breaker_usable() {
    struct Broken;
    impl Observer for Broken {
        fn on_transition(&self, _: &Transition) {
            panic!("in the listener");
        }
    }
    // `cutout` isolates it (std-adapter/tests/observers.rs); without std nobody can.
    let breaker =
        CircuitBreaker::with_observer(config().consecutive_failures(1), ManualClock::new(), Broken);
    assert!(panics(|| breaker.call(|| Err::<(), _>(()))));
    assert_eq!((breaker.state(), breaker.totals().failures), (State::Open, 1), "D-y3");
}

#[test]
fn d_y4_an_abandoned_call_is_cancelled_and_no_failure() {
    let breaker = breaker(config());
    for _ in 0..100 {
        drop(breaker.try_acquire().unwrap());
    }
    assert_eq!((breaker.totals().failures, breaker.totals().cancelled), (0, 100), "D-y4");
}

#[test]
fn d_o1_the_first_failure_alone_does_not_open_and_exactly_half_does() {
    follow(&breaker(Config::new()), "x", "C");
    follow(&breaker(config()), "+ + x x", "C C C O");
}

#[test]
fn d_o3_a_hung_trial_does_not_keep_half_open_though_nothing_times_out() {
    let breaker = tripped(config().trials(1).half_open_rule(HalfOpenRule::Rate));
    breaker.clock().advance(secs(5));
    let _hung = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::Open, "D-o3");
}

#[test]
fn d_o4_a_filtered_error_does_not_close() {
    follow(&tripped(config().trials(1)), "5s ~ ~ +", "O H H C");
}

#[test]
fn d_o6_the_window_does_not_survive_the_close() {
    follow(&tripped(config()), "5s + + x x x", "O H C C C C");
}

#[test]
fn d_o8_a_failure_costs_the_same_however_much_the_window_holds() {
    // It sums the buckets and no more: what they hold is a count, not a list.
    let window = Window::time(secs(10)).in_buckets(2);
    let breaker = breaker(config().window(window).failure_rate(Rate::percent(100)));
    for _ in 0..100_000 {
        assert!(succeed(&breaker));
    }
    fail(&breaker);
    assert_eq!(size_of_val(&breaker), size_of::<support::Breaker>(), "D-o8: nothing has grown");
}

// What the Rust breakers were measured to do (PEERS, section 4).

#[test]
fn peers_all_slow_and_none_failing_opens() {
    // failsafe, recloser, breaker, breaker-machines, circuitbreaker-rs, nobreak never opened.
    let slow = config().slow_call_duration(millis(10)).slow_call_rate(Rate::percent(50));
    follow(&breaker(slow), "s s s s", "C C C O");
}

#[test]
fn peers_panics_in_closed_are_counted() {
    // None of the nine counted them.
    let breaker = breaker(config());
    for _ in 0..4 {
        assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("again") })));
    }
    assert_eq!(breaker.state(), State::Open, "panics are failures");
}

#[test]
fn peers_calls_given_up_from_outside_can_be_counted() {
    // A hundred dropped futures opened none of them.
    let breaker = breaker(config().slow_call_duration(millis(10)));
    for _ in 0..4 {
        let permit = breaker.try_acquire().unwrap();
        breaker.clock().advance(millis(11));
        drop(permit);
    }
    assert_eq!(breaker.state(), State::Open, "a total outage seen through an outer timeout");
}

#[test]
fn peers_an_outage_after_many_successes_opens_within_its_window() {
    // tower-resilience and circuitbreaker-rs needed 100,000 failures.
    let breaker = breaker(config().window(Window::count(10)).minimum_throughput(10));
    for _ in 0..100_000 {
        assert!(succeed(&breaker));
    }
    follow(&breaker, "x x x x x", "C C C C O");
}

#[test]
fn peers_old_failures_and_one_new_one_do_not_trip() {
    // breaker, circuitbreaker-rs, circuit_breaker and nobreak tripped on stale outcomes.
    let quick = config().window(Window::time(secs(1))).minimum_throughput(10);
    follow(&breaker(quick), "x x x x x x x x x 2500ms x", "C C C C C C C C C C C");
}

#[test]
fn peers_trials_far_apart_close() {
    // tower-resilience's time window in half-open forgot them and stayed half-open for ever.
    let narrow = config().window(Window::time(millis(200)));
    follow(&tripped(narrow), "5s + 300ms +", "O H H C");
}

#[test]
fn peers_the_first_failed_trial_reopens() {
    // recloser took three.
    follow(&tripped(config()), "5s x", "O O");
}

#[test]
fn peers_late_results_do_not_bring_half_open_about() {
    // breaker closed with no trial at all once the wait was over.
    let breaker = breaker(config());
    let early: Vec<_> = (0..10).map(|_| breaker.admit().unwrap()).collect();
    follow(&breaker, "x x x x 5s", "C C C O O");
    for ticket in early {
        breaker.settle(ticket, Outcome::Success);
    }
    assert_eq!(breaker.state(), State::Open, "only a call can be a trial");
}

#[test]
fn peers_total_outage_from_birth_opens_at_once() {
    // failsafe waited a whole window, and again after each recovery.
    follow(&breaker(config()), "x x x x", "C C C O");
    follow(&tripped(config()), "5s + + x x x x", "O H C C C C O");
}

#[test]
fn peers_extreme_settings_are_errors_or_work() {
    // Zero lengths that panicked in every call, NaN that never tripped, thresholds out of reach,
    // waits that overflowed: each is refused with a message, or does what it says.
    let refused = |config| CircuitBreaker::try_with_clock(config, ManualClock::new()).is_err();
    assert!(refused(Config::new().window(Window::time(Duration::ZERO))), "failsafe: window 0");
    assert!(refused(Config::new().window(Window::count(0))), "recloser: closed_len 0");
    assert!(refused(Config::new().trials(0)), "tower-resilience: 0 permitted calls");
    assert!(refused(Config::new().trials(u32::MAX)), "tower-resilience: usize::MAX calls");
    assert!(refused(Config::new().break_duration(Duration::MAX)), "recloser: open_wait MAX");
    assert!(refused(Config::new().window(Window::count(u32::MAX))), "breaker: 4 GiB of window");
    assert!(refused(Config::new().failure_count(9_000)), "breaker-machines: beyond its log");
    assert!(refused(Config::new().minimum_throughput(0)), "sentinel: dropped silently");
    assert!(
        refused(Config::new().failure_rate(Rate::percent(0))),
        "recloser: rate 0 opens on good"
    );
    let forever = Backoff::doubling(secs(365 * 24 * 60 * 60));
    let breaker = tripped(config().trials(1).break_backoff(forever));
    for _ in 0..200 {
        breaker.clock().advance(breaker.snapshot().retry_after.unwrap());
        fail(&breaker);
    }
    assert_eq!(breaker.mode(), Mode::Auto);
    assert!(breaker.clock().now() > Instant::ORIGIN, "failsafe: a backoff that overflows");
}

#[test]
fn every_fault_in_the_list_has_its_test_here() {
    let (list, tests) = (include_str!("../FAULTS.md"), include_str!("faults.rs"));
    let named: Vec<_> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.rsplit(" | ").next()?.split('`').nth(1))
        .collect();
    assert!(named.len() > 40, "{}", named.len());
    for name in &named {
        let place = name.split_once("::");
        let exists = match place {
            None => tests.contains(&format!("fn {name}()")),
            Some((file, test)) => {
                let here = env!("CARGO_MANIFEST_DIR");
                let found = ["tests", "../std-adapter/tests"].into_iter().find_map(|folder| {
                    std::fs::read_to_string(format!("{here}/{folder}/{file}.rs")).ok()
                });
                found.expect(file).contains(&format!("fn {test}()"))
            }
        };
        assert!(exists, "FAULTS.md names `{name}`, which is not there");
    }
    let ids = tests.matches("\nfn d_").count() + tests.matches("\nfn peers_").count();
    let distinct: std::collections::BTreeSet<_> =
        named.iter().filter(|name| !name.contains("::")).collect();
    assert_eq!(ids, distinct.len(), "each test here is in the list");
}
