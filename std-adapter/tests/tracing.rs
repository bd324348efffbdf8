//! What a breaker announces is logged with its name, its reason and its numbers, at a level by kind.
#![cfg(feature = "tracing")]

mod support;

use core::fmt::{self, Write};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use allocation_counter::measure;
use cutout::{CircuitBreaker, Config, ManualClock, Outcome, TracingObserver};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Metadata, Subscriber};

/// Writes a line for each event of at least `level`.
#[derive(Clone)]
struct Lines {
    level: Level,
    lines: Arc<Mutex<Vec<String>>>,
}

struct Line(String, String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, " {value:?}").unwrap();
        } else {
            write!(self.1, " {field}={value:?}").unwrap();
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(format!("{} {}:", metadata.level(), metadata.target()), String::new());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0 + &line.1);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

type Breaker = CircuitBreaker<ManualClock, TracingObserver>;

fn breaker() -> Breaker {
    let config = Config::new().failure_count(2).trials(1).break_duration(Duration::from_secs(5));
    CircuitBreaker::with_observer(config, ManualClock::new(), TracingObserver::new("bank"))
}

fn fail(breaker: &Breaker) {
    support::fail(breaker);
}

fn succeed(breaker: &Breaker) {
    breaker.call(|| Ok::<_, &str>(())).unwrap();
}

/// What is logged while `act` runs.
fn logged(level: Level, act: impl FnOnce()) -> Vec<String> {
    let lines = Lines { level, lines: Arc::default() };
    with_default(lines.clone(), act);
    let logged = lines.lines.lock().unwrap();
    logged.clone()
}

#[test]
fn a_trip_warns_with_the_reason_the_tally_and_the_break() {
    let bank = breaker();
    let lines = logged(Level::TRACE, || {
        succeed(&bank);
        fail(&bank);
        fail(&bank);
    });
    assert_eq!(
        lines,
        ["WARN cutout: circuit opened breaker=\"bank\" from=\"closed\" to=\"open\" mode=\"auto\" \
          reason=\"failure_count\" generation=1 break_seconds=5.0 successes=1 failures=2 slow=0"]
    );
}

#[test]
fn the_way_back_informs_and_a_failed_trial_warns() {
    let bank = breaker();
    bank.admit().map(|ticket| bank.settle(ticket, Outcome::Failure)).unwrap();
    fail(&bank);
    let lines = logged(Level::TRACE, || {
        bank.clock().advance(Duration::from_secs(5));
        fail(&bank);
        bank.clock().advance(Duration::from_secs(5));
        succeed(&bank);
    });
    let shared = "breaker=\"bank\"";
    assert_eq!(
        lines,
        [
            format!(
                "INFO cutout: circuit half-open {shared} from=\"open\" to=\"half_open\" \
                 mode=\"auto\" reason=\"break_over\" generation=2"
            ),
            format!(
                "WARN cutout: circuit opened {shared} from=\"half_open\" to=\"open\" \
                 mode=\"auto\" reason=\"trial_failed\" generation=3 break_seconds=5.0"
            ),
            format!(
                "INFO cutout: circuit half-open {shared} from=\"open\" to=\"half_open\" \
                 mode=\"auto\" reason=\"break_over\" generation=4"
            ),
            format!(
                "INFO cutout: circuit closed {shared} from=\"half_open\" to=\"closed\" \
                 mode=\"auto\" reason=\"trials_passed\" generation=5"
            ),
        ]
    );
}

#[test]
fn acts_of_a_person_inform_and_would_be_trips_warn() {
    let bank = breaker();
    let lines = logged(Level::INFO, || {
        bank.force_closed();
        succeed(&bank);
        fail(&bank);
        fail(&bank);
        bank.reset();
        bank.open_for(Duration::from_secs(9));
    });
    let starts: Vec<_> = lines.iter().map(|line| line.split(" breaker").next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "INFO cutout: circuit changed by hand",
            "WARN cutout: circuit would have opened",
            "INFO cutout: circuit changed by hand",
            "INFO cutout: circuit changed by hand",
        ]
    );
    assert!(lines[0].contains("mode=\"forced_closed\" reason=\"mode\""), "{}", lines[0]);
    assert!(lines[3].contains("reason=\"opened\" generation=3 break_seconds=9.0"), "{}", lines[3]);
    assert!(lines[1].ends_with("reason=\"failure_count\" successes=1 failures=2 slow=0"));
}

#[test]
fn a_late_result_is_for_those_who_trace() {
    let bank = breaker();
    let late = bank.admit().unwrap();
    bank.reset();
    let lines = logged(Level::TRACE, || bank.settle(late, Outcome::Success));
    assert_eq!(
        lines,
        ["TRACE cutout: late result breaker=\"bank\" generation=0 outcome=\"success\""]
    );
    let late = bank.admit().unwrap();
    bank.reset();
    assert!(logged(Level::DEBUG, || bank.settle(late, Outcome::Success)).is_empty());
}

#[test]
fn calls_are_logged_if_they_are_asked_for() {
    let observer = TracingObserver::new("bank").with_calls();
    let bank = CircuitBreaker::with_observer(
        Config::new().slow_call_duration(Duration::from_secs(1)),
        ManualClock::new(),
        observer,
    );
    let calls = || {
        succeed(&bank);
        let slow = bank.admit().unwrap();
        bank.clock().advance(Duration::from_secs(2));
        bank.settle(slow, Outcome::Failure);
        drop(bank.try_acquire().unwrap());
        bank.force_open();
        assert!(bank.call(|| Ok::<_, &str>(())).is_err());
        bank.release();
    };
    let shared = "breaker=\"bank\"";
    let lines = logged(Level::TRACE, calls);
    let of_calls = |line: &&String| line.contains(" call ");
    assert_eq!(
        lines.iter().filter(of_calls).collect::<Vec<_>>(),
        [
            &format!("TRACE cutout: call ended {shared} outcome=\"success\" slow=false"),
            &format!("TRACE cutout: call ended {shared} outcome=\"failure\" slow=true"),
            &format!("TRACE cutout: call cancelled {shared}"),
            &format!("DEBUG cutout: call refused {shared} reason=\"forced_open\""),
        ]
    );
    let lines = logged(Level::DEBUG, calls);
    assert_eq!(lines.iter().filter(of_calls).count(), 1, "a refusal is for those who debug");

    let silent = breaker();
    assert!(logged(Level::TRACE, || succeed(&silent)).is_empty());
}

#[test]
fn a_refusal_says_in_seconds_when_the_next_call_is_admitted() {
    let config = Config::new().break_duration(Duration::from_millis(1_500));
    let observer = TracingObserver::new("bank").with_calls();
    let bank = CircuitBreaker::with_observer(config, ManualClock::new(), observer);
    bank.open_for(Duration::from_millis(1_500));
    let refused = logged(Level::DEBUG, || {
        let _ = bank.call(|| Ok::<_, ()>(()));
        bank.clock().advance(Duration::from_millis(1_250));
        let _ = bank.call(|| Ok::<_, ()>(()));
    });
    let line = "DEBUG cutout: call refused breaker=\"bank\" reason=\"open\" retry_after_seconds=";
    assert_eq!(refused, [format!("{line}1.5"), format!("{line}0.25")]);
}

#[test]
fn a_name_may_be_made_while_the_program_runs() {
    let observer = TracingObserver::named(format!("10.0.0.{}", 7));
    let host = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), observer);
    let lines = logged(Level::INFO, || host.force_open());
    assert!(lines[0].contains("breaker=\"10.0.0.7\""), "{}", lines[0]);
}

#[test]
fn what_nobody_wants_is_not_made_up() {
    let bank = breaker();
    let lines = Lines { level: Level::ERROR, lines: Arc::default() };
    let allocations = with_default(lines.clone(), || {
        bank.reset(); // registers the place in the source
        measure(|| {
            for _ in 0..100 {
                bank.force_open();
                bank.release();
            }
        })
        .count_total
    });
    assert_eq!((allocations, lines.lines.lock().unwrap().len()), (0, 0));
}
