//! Races of a change of the settings. Each name begins with the rule that it defends.
#![cfg(loom)]

use core::time::Duration;
use std::ops::RangeInclusive;
use std::sync::Arc;

use cutout_core::{
    Backoff, CircuitBreaker, Clock, Config, ConfigError, HalfOpenRule, Instant, Outcome, Rate,
    SlowStart, State, Window,
};
use loom_tests::{
    Log, Watch, breaker, brittle, config, fail, long_model, model, model_up_to, race, rested,
    spawn, succeed,
};

const SECOND: Duration = Duration::from_secs(1);

/// So high a rate that one success in the window spares the circuit, and nothing is armed.
const fn patient() -> Config {
    config().failure_rate(Rate::percent(100))
}

#[test]
fn c4_a_change_that_races_with_a_failure_is_not_overlooked() {
    long_model(|| {
        let breaker = breaker(patient());
        succeed(&breaker);
        fail(&breaker);
        breaker.clock().set(1); // no limit of before spares the next failure its look
        race(&breaker, [fail, |breaker| breaker.reconfigure(config()).unwrap()]);
        // If the failure did not notice, the next result of any kind does.
        let _ = breaker.call(|| Ok::<_, ()>(()));
        assert_eq!(breaker.state(), State::Open, "at least half of the results are failures");
    });
}

#[test]
fn c4_a_change_that_races_with_a_success_is_not_overlooked() {
    long_model(|| {
        let breaker = breaker(patient());
        succeed(&breaker);
        fail(&breaker);
        fail(&breaker);
        fail(&breaker);
        race(&breaker, [succeed, |breaker| breaker.reconfigure(config()).unwrap()]);
        // At the latest, the next result of any kind notices.
        let _ = breaker.call(|| Ok::<_, ()>(()));
        assert_eq!(breaker.state(), State::Open, "at least half of the results are failures");
    });
}

#[test]
fn c1_the_conditions_on_the_window_are_all_of_before_or_all_of_after() {
    // Neither trips on one failure of two: 100 % of two or more, 50 % of three or more. The two
    // together would: 50 % of two.
    const BEFORE: Config = config().failure_rate(Rate::percent(100)).minimum_throughput(2);
    const AFTER: Config = config().failure_rate(Rate::percent(50)).minimum_throughput(3);
    model(|| {
        let breaker = breaker(BEFORE);
        succeed(&breaker);
        race(&breaker, [fail, |breaker| breaker.reconfigure(AFTER).unwrap()]);
        assert_eq!(breaker.state(), State::Closed);
    });
}

/// Changes, unless another change is under way.
fn change(breaker: &loom_tests::Breaker, config: Config) {
    match breaker.reconfigure(config) {
        Ok(()) | Err(ConfigError::BeingChanged) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn c3_of_two_changes_at_once_one_is_whole_and_the_other_is_told() {
    // In two words, so that two changes that mix can be told from each.
    let (one, other) = (
        config().trials(2).trial_timeout(5 * SECOND),
        config().trials(3).trial_timeout(6 * SECOND),
    );
    long_model(move || {
        let breaker = breaker(config());
        let theirs = loom_tests::spawn(&breaker, move |breaker| change(breaker, one));
        change(&breaker, other);
        theirs.join().unwrap();
        let now = format!("{:?}", breaker.config());
        assert!([one, other].map(|config| format!("{config:?}")).contains(&now), "{now}");
    });
}

#[test]
fn c3_a_change_after_a_change_writes_where_nobody_reads() {
    let lengths = |secs: u32| {
        config().break_duration(secs * SECOND).break_backoff(Backoff::doubling(10 * secs * SECOND))
    };
    let [before, one, other] = [1, 2, 3].map(lengths);
    long_model(move || {
        let breaker = breaker(before);
        let theirs = loom_tests::spawn(&breaker, move |breaker| {
            change(breaker, one);
            let now = format!("{:?}", breaker.config());
            let whole = [before, one, other].map(|config| format!("{config:?}"));
            assert!(whole.contains(&now), "{now}");
        });
        change(&breaker, other);
        theirs.join().unwrap();
    });
}

/// Each of `settings` beside each other.
fn pairs<T: Copy>(settings: &[T]) -> impl Iterator<Item = (T, T)> + '_ {
    let of = move |at: usize, other: usize| (settings[at], settings[other]);
    let many = settings.len();
    (0..many).flat_map(move |at| {
        (0..many).filter(move |other| *other != at).map(move |other| of(at, other))
    })
}

/// On one failure.
const OPENING: [Config; 6] = [
    config().minimum_throughput(1).without_consecutive_failures(),
    brittle(),
    brittle().failure_count(1),
    config().without_failure_rate().failure_count(1).without_consecutive_failures(),
    config().minimum_throughput(1).consecutive_failures(5),
    config().without_failure_rate().failure_count(1).consecutive_failures(2),
];

/// On two failures and not on one.
const ENDURING: [Config; 5] = [
    config().without_consecutive_failures(),
    brittle().consecutive_failures(2),
    config().without_failure_rate().failure_count(2).without_consecutive_failures(),
    config().consecutive_failures(3),
    config().minimum_throughput(9).consecutive_failures(2),
];

#[test]
fn c1_a_failure_that_opens_before_and_after_a_change_opens_during_it() {
    for (before, after) in pairs(&OPENING) {
        long_model(move || {
            let breaker = breaker(before);
            let failing = spawn(&breaker, fail);
            breaker.reconfigure(after).unwrap();
            failing.join().unwrap();
            assert_eq!(breaker.state(), State::Open, "{before:?} {after:?}");
        });
    }
}

#[test]
fn c1_a_failure_that_opens_neither_before_nor_after_a_change_does_not_during_it() {
    for (before, after) in pairs(&ENDURING) {
        long_model(move || {
            let breaker = breaker(before);
            let failing = spawn(&breaker, fail);
            breaker.reconfigure(after).unwrap();
            failing.join().unwrap();
            assert_eq!(breaker.state(), State::Closed, "{before:?} {after:?}");
        });
    }
}

#[test]
fn c1_a_failure_that_opens_by_three_settings_in_turn_opens_whenever_it_comes() {
    let [rate, row, ..] = OPENING;
    for [first, second, third] in [[rate, row, rate], [row, rate, row]] {
        model_up_to(1, move || {
            let breaker = breaker(first);
            let failing = spawn(&breaker, fail);
            breaker.reconfigure(second).unwrap();
            breaker.reconfigure(third).unwrap();
            failing.join().unwrap();
            assert_eq!(breaker.state(), State::Open);
        });
    }
}

#[test]
fn c1_trials_are_judged_by_the_rule_of_before_or_of_after_a_change() {
    const BY_RATE: Config = config().half_open_rule(HalfOpenRule::Rate);
    // One failed trial reopens by each.
    const SETTINGS: [Config; 4] =
        [BY_RATE, BY_RATE.trials(2).minimum_trials(1), brittle(), brittle().trials(2)];
    for (before, after) in pairs(&SETTINGS) {
        long_model(move || {
            let breaker = rested(before);
            let trial = breaker.admit().unwrap();
            let failing = spawn(&breaker, |breaker| breaker.settle(trial, Outcome::Failure));
            breaker.reconfigure(after).unwrap();
            failing.join().unwrap();
            assert_eq!(breaker.observer().changes(), [2, 1, 0], "{before:?} {after:?}");
        });
    }
}

/// Settings under which one failure opens, and how long the break may be: the first, the one after a
/// failed trial, and either if the server asks for a minute.
type Breaking = (Config, [RangeInclusive<Duration>; 3]);

fn breaking() -> [Breaking; 4] {
    let exactly = |secs| {
        let length = Duration::from_secs(secs);
        length..=length
    };
    let shortened = 5 * SECOND..=10 * SECOND;
    [
        (brittle(), [exactly(1), exactly(1), exactly(60)]),
        (
            brittle().break_duration(10 * SECOND).break_jitter(Rate::percent(50)),
            [shortened.clone(), shortened, 60 * SECOND..=90 * SECOND],
        ),
        (
            brittle()
                .break_duration(3 * SECOND)
                .break_backoff(Backoff::multiplier_percent(300, 4 * SECOND)),
            [exactly(3), exactly(4), exactly(4)],
        ),
        (
            brittle().break_backoff(Backoff::doubling(30 * SECOND)),
            [exactly(1), exactly(2), exactly(30)],
        ),
    ]
}

fn break_lengths_are_of_one_of(
    changes: Vec<Config>,
    begin: fn(Config) -> (Arc<loom_tests::Breaker>, Outcome),
    allowed: Vec<RangeInclusive<Duration>>,
    asked_for: Option<Duration>,
) {
    long_model(move || {
        let (breaker, outcome) = begin(changes[0]);
        let ticket = breaker.admit().unwrap();
        let failing = spawn(&breaker, move |breaker| match asked_for {
            Some(time) => breaker.settle(ticket, outcome.retry_after(time)),
            None => breaker.settle(ticket, outcome),
        });
        for change in &changes[1..] {
            breaker.reconfigure(*change).unwrap();
        }
        failing.join().unwrap();
        let length = breaker.snapshot().retry_after.expect("it has opened");
        assert!(allowed.iter().any(|range| range.contains(&length)), "{length:?}: {allowed:?}");
    });
}

#[test]
fn c6_a_break_is_as_before_or_as_after_a_change() {
    let minute = Some(60 * SECOND);
    for ((before, lengths), (after, others)) in
        pairs(&breaking().each_ref().map(|one| (one.0, &one.1)))
    {
        let allowed = |at: usize| vec![lengths[at].clone(), others[at].clone()];
        let changes = vec![before, after];
        let first = |config| (breaker(config), Outcome::Failure);
        let later = |config| (rested(config), Outcome::Failure);
        break_lengths_are_of_one_of(changes.clone(), first, allowed(0), None);
        break_lengths_are_of_one_of(changes.clone(), first, allowed(2), minute);
        // A first break of a second is over where the model begins.
        if lengths[0] == (SECOND..=SECOND) {
            break_lengths_are_of_one_of(changes, later, allowed(1), None);
        }
    }
}

#[test]
fn c6_a_break_is_as_before_or_as_after_two_changes() {
    let [one, two, three, _] = breaking();
    let allowed = [&one, &two, &three].map(|setting| setting.1[0].clone()).to_vec();
    let changes = vec![one.0, two.0, three.0];
    break_lengths_are_of_one_of(
        changes,
        |config| (breaker(config), Outcome::Failure),
        allowed,
        None,
    );
}

const fn in_slow_start(stage: u64, shares: [u32; 3]) -> Config {
    let [first, second, third] = shares;
    let shares = [Rate::percent(first), Rate::percent(second), Rate::percent(third)];
    brittle().slow_start(SlowStart::in_stages_of(Duration::from_secs(stage)).shares(shares))
}

#[test]
fn c6_a_recovery_lasts_as_before_or_as_after_a_change() {
    const SETTINGS: [(Config, u64); 3] =
        [(brittle(), 0), (in_slow_start(1, [1, 1, 100]), 3), (in_slow_start(10, [50; 3]), 30)];
    for ((before, lasts), (after, other)) in pairs(&SETTINGS) {
        long_model(move || {
            let breaker = rested(before);
            let trial = breaker.admit().unwrap();
            let succeeding = spawn(&breaker, |breaker| breaker.settle(trial, Outcome::Success));
            breaker.reconfigure(after).unwrap();
            succeeding.join().unwrap();
            let left = breaker.save().left();
            assert!([lasts, other].map(Duration::from_secs).contains(&left), "{left:?}");
        });
    }
}

#[test]
fn c6_a_share_of_a_recovery_is_as_before_or_as_after_a_change() {
    // Six seconds before the end the one is in its last stage and the other in its first: both admit one
    // call in a hundred.
    const SETTINGS: [Config; 2] = [in_slow_start(10, [1; 3]), in_slow_start(1, [1, 1, 100])];
    for (before, after) in pairs(&SETTINGS) {
        long_model(move || {
            let breaker = rested(SETTINGS[0]);
            succeed(&breaker);
            breaker.clock().set(25);
            breaker.reconfigure(before).unwrap();
            for _ in 0..3 {
                let _ = breaker.admit(); // the first of a stage
            }
            let calls = spawn(&breaker, |breaker| [(); 2].map(|()| breaker.admit().is_ok()));
            breaker.reconfigure(after).unwrap();
            // After the change it is another stage, the first call of which is admitted.
            assert_ne!(calls.join().unwrap(), [true, true], "{before:?}");
        });
    }
}

/// A watch whose coarse hand is a second behind.
#[derive(Debug, Default)]
struct Behind(Watch);

impl Clock for Behind {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn now_coarse(&self) -> Instant {
        Instant::from_nanos(self.0.now().as_nanos() - 1_000_000_000)
    }
}

#[test]
fn c6_a_short_break_is_not_timed_by_a_coarse_clock() {
    let coarse = brittle().break_duration(9 * SECOND);
    let fine = brittle().break_duration(SECOND / 2);
    for (before, after, least) in
        [(coarse, fine, 500), (fine, coarse, 500), (coarse, coarse.trials(2), 8_000)]
    {
        long_model(move || {
            let watch = Behind::default();
            watch.0.set(5);
            let breaker = CircuitBreaker::<_, _, 2>::from_parts(before, watch, Log::default());
            let breaker = Arc::new(breaker);
            let failing = {
                let breaker = Arc::clone(&breaker);
                loom::thread::spawn(move || {
                    breaker.clock().0.set(5);
                    let _ = breaker.call(|| Err::<(), _>(()));
                })
            };
            breaker.reconfigure(after).unwrap();
            failing.join().unwrap();
            let left = breaker.save().left();
            assert!(left >= Duration::from_millis(least), "{left:?}");
        });
    }
}

#[test]
fn c6_a_short_timeout_is_not_timed_by_a_coarse_clock() {
    let coarse = brittle();
    let fine = brittle().trial_timeout(SECOND / 2);
    // A timeout that began at 9 s is not over by the time that the later settings then read.
    for (before, after, looked_at) in [(coarse, fine, 9), (fine, coarse, 10)] {
        long_model(move || {
            let watch = Behind::default();
            watch.0.set(5);
            let breaker = CircuitBreaker::<_, _, 2>::from_parts(before, watch, Log::default());
            let _ = breaker.call(|| Err::<(), _>(()));
            breaker.clock().0.set(9);
            let breaker = Arc::new(breaker);
            let trial = {
                let breaker = Arc::clone(&breaker);
                loom::thread::spawn(move || {
                    breaker.clock().0.set(9);
                    let _ = breaker.admit();
                })
            };
            breaker.reconfigure(after).unwrap();
            trial.join().unwrap();
            breaker.clock().0.set(looked_at);
            let _ = breaker.would_reject(); // gives up trials whose timeout is over
            assert_eq!(breaker.state(), State::HalfOpen);
        });
    }
}

#[test]
fn c7_a_window_that_comes_to_be_needed_holds_nothing_of_before() {
    const BY_COUNT: Config = config().window(Window::count(3));
    for on in [config(), BY_COUNT] {
        for result in [succeed, fail] {
            long_model(move || {
                let breaker = breaker(on.minimum_throughput(3));
                fail(&breaker);
                succeed(&breaker);
                let off = on.without_failure_rate().consecutive_failures(9);
                breaker.reconfigure(off).unwrap();
                let call = spawn(&breaker, result);
                breaker.reconfigure(on.minimum_throughput(3)).unwrap();
                call.join().unwrap();
                assert!(breaker.snapshot().tally.total() <= 1);
                assert_eq!(breaker.totals().settled(), 3);
            });
        }
    }
}

#[test]
fn a_row_that_comes_to_be_counted_counts_each_failure_from_the_first_that_it_opens_for() {
    long_model(|| {
        let breaker = breaker(config().minimum_throughput(9));
        race(
            &breaker,
            [fail, |breaker| {
                breaker.reconfigure(brittle()).unwrap();
                fail(breaker);
            }],
        );
        assert_eq!(breaker.state(), State::Open);
    });
}
