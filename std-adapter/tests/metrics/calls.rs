//! States, calls and ratios of single breakers.

use core::time::Duration;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use allocation_counter::measure;
use cutout::metrics::Metrics;
use cutout::{
    Bulkhead, CircuitBreaker, Clock, Config, Instant, ManualClock, Observer, Outcome, Rate,
};
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, NoopRecorder, SharedString, Unit,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::page::{Breaker, Page, Scraped, breaker, calls};

#[test]
fn a_breaker_has_the_documented_metrics_and_no_others() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    calls(&bank, "+++-");
    let page = scraped.page();
    assert_eq!(
        page.lines(""),
        [
            "circuit_breaker_break_remaining_seconds{name=bank} 0",
            "circuit_breaker_calls_total{name=bank,outcome=cancelled} 0",
            "circuit_breaker_calls_total{name=bank,outcome=failure} 1",
            "circuit_breaker_calls_total{name=bank,outcome=ignored} 0",
            "circuit_breaker_calls_total{name=bank,outcome=rejected} 0",
            "circuit_breaker_calls_total{name=bank,outcome=stale} 0",
            "circuit_breaker_calls_total{name=bank,outcome=success} 3",
            "circuit_breaker_due{name=bank} 0",
            "circuit_breaker_failure_ratio{name=bank} 0.25",
            "circuit_breaker_failure_threshold{name=bank} 0.5",
            "circuit_breaker_mode{name=bank,mode=auto} 1",
            "circuit_breaker_mode{name=bank,mode=disabled} 0",
            "circuit_breaker_mode{name=bank,mode=forced_closed} 0",
            "circuit_breaker_mode{name=bank,mode=forced_open} 0",
            "circuit_breaker_mode{name=bank,mode=shadow} 0",
            "circuit_breaker_state{name=bank,state=closed} 1",
            "circuit_breaker_state{name=bank,state=half_open} 0",
            "circuit_breaker_state{name=bank,state=open} 0",
            "circuit_breaker_trials_in_flight{name=bank} 0",
        ]
    );
    assert!(page.text.contains("# TYPE circuit_breaker_calls_total counter"), "{}", page.text);
    assert!(page.text.contains("# HELP circuit_breaker_state 1 for the state"), "{}", page.text);
}

#[test]
fn the_state_is_one_hot_through_a_whole_outage() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    assert_eq!(scraped.page().states("bank"), [1.0, 0.0, 0.0]);
    calls(&bank, "----");
    assert_eq!(scraped.page().states("bank"), [0.0, 1.0, 0.0]);
    bank.clock().advance(Duration::from_secs(30));
    assert_eq!(scraped.page().states("bank"), [0.0, 1.0, 0.0], "to look is no call");
    calls(&bank, "+");
    assert_eq!(scraped.page().states("bank"), [0.0, 0.0, 1.0]);
    calls(&bank, "++");
    assert_eq!(scraped.page().states("bank"), [1.0, 0.0, 0.0]);
}

/// Of `name`: whether it is due, what is left of its break, and the trials that are out.
fn due(page: &crate::page::Page, name: &str) -> [f64; 3] {
    ["due", "break_remaining_seconds", "trials_in_flight"]
        .map(|metric| page.get(&format!("circuit_breaker_{metric}{{name={name}}}")).unwrap())
}

#[test]
fn an_open_circuit_shows_its_break_and_then_is_due() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    let of_bank = || due(&scraped.page(), "bank");
    assert_eq!(of_bank(), [0.0, 0.0, 0.0], "closed");
    calls(&bank, "----");
    assert_eq!(of_bank(), [0.0, 30.0, 0.0]);
    bank.clock().advance(Duration::from_millis(10_500));
    assert_eq!(of_bank(), [0.0, 19.5, 0.0]);
    bank.clock().advance(Duration::from_millis(19_500));
    assert_eq!(of_bank(), [1.0, 0.0, 0.0], "nobody has called since");
    bank.clock().advance(Duration::from_secs(3_600));
    let page = scraped.page();
    assert_eq!((due(&page, "bank"), page.states("bank")), ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]));
    let trial = bank.admit().unwrap();
    assert_eq!(of_bank(), [0.0, 0.0, 1.0], "somebody has");
    bank.settle(trial, Outcome::Failure);
    assert_eq!(of_bank(), [0.0, 30.0, 0.0], "it reopens");
    calls(&bank, "!!!!");
    bank.open_for(Duration::from_secs(5));
    assert_eq!(of_bank(), [0.0, 5.0, 0.0]);
}

#[test]
fn a_circuit_that_is_forced_open_is_never_due() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    calls(&bank, "----");
    bank.force_open();
    bank.clock().advance(Duration::from_secs(60));
    assert_eq!(due(&scraped.page(), "bank"), [0.0, 0.0, 0.0]);
}

#[test]
fn a_shared_name_counts_due_breakers_and_the_longest_break() {
    let scraped = Scraped::new();
    let all = [breaker(), breaker(), breaker(), breaker()];
    for each in &all {
        scraped.metrics.register_breaker("bank", each);
    }
    all[..2].iter().for_each(|each| each.open_for(Duration::ZERO));
    all[2].open_for(Duration::from_secs(7));
    all[3].open_for(Duration::from_secs(9));
    assert_eq!(due(&scraped.page(), "bank"), [2.0, 9.0, 0.0]);
    drop(all);
    assert_eq!(due(&scraped.page(), "bank"), [0.0; 3], "they are gone");
}

#[test]
fn a_shared_name_shows_the_longest_break_in_any_order() {
    let mut breaks = [7, 9, 8];
    for _ in 0..breaks.len() {
        breaks.rotate_left(1);
        let scraped = Scraped::new();
        let all = breaks.map(|secs| {
            let each = breaker();
            scraped.metrics.register_breaker("bank", &each);
            each.open_for(Duration::from_secs(secs));
            each
        });
        assert_eq!(due(&scraped.page(), "bank"), [0.0, 9.0, 0.0], "of {breaks:?}");
        drop(all);
    }
}

#[test]
fn a_shared_name_shows_the_lowest_thresholds_in_any_order() {
    let mut thresholds = [(30, Some(70)), (20, None), (50, Some(60)), (40, Some(80))];
    for _ in 0..thresholds.len() {
        thresholds.rotate_left(1);
        let scraped = Scraped::new();
        let all = thresholds.map(|(failures, slow)| {
            let mut config = Config::new().failure_rate(Rate::percent(failures));
            if let Some(slow) = slow {
                let second = Duration::from_secs(1);
                config = config.slow_call_duration(second).slow_call_rate(Rate::percent(slow));
            }
            let each = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
            scraped.metrics.register_breaker("bank", &each);
            each
        });
        let page = scraped.page();
        let shown = ["failure", "slow"].map(|kind| {
            page.get(&format!("circuit_breaker_{kind}_threshold{{name=bank}}")).unwrap()
        });
        assert_eq!(shown, [0.2, 0.6], "of {thresholds:?}");
        drop(all);
    }
}

#[test]
fn a_shared_name_adds_up_trials_and_modes() {
    let scraped = Scraped::new();
    let all: [_; 6] = core::array::from_fn(|_| breaker());
    for each in &all {
        scraped.metrics.register_breaker("bank", each);
    }
    let mut trials = Vec::new();
    for (each, count) in all.iter().zip([1, 2]) {
        each.open_for(Duration::ZERO);
        trials.extend((0..count).map(|_| each.admit().unwrap()));
    }
    all[2].force_open();
    all[3].force_open();
    all[4].shadow();
    let page = scraped.page();
    assert_eq!((due(&page, "bank"), page.states("bank")), ([0.0, 0.0, 3.0], [2.0, 2.0, 2.0]));
    let of_mode =
        |mode| page.get(&format!("circuit_breaker_mode{{name=bank,mode={mode}}}")).unwrap();
    assert_eq!(["auto", "forced_open", "shadow", "disabled"].map(of_mode), [3.0, 2.0, 1.0, 0.0]);
}

#[test]
fn every_call_is_counted_by_what_became_of_it() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    // As often as nothing else.
    let late = [(); 5].map(|()| bank.admit().unwrap());
    for _ in 0..4 {
        bank.cancel(bank.admit().unwrap());
    }
    for _ in 0..2 {
        bank.settle(bank.admit().unwrap(), Outcome::Ignored);
    }
    calls(&bank, "+---");
    calls(&bank, "!!!!!!");
    for late in late {
        bank.settle(late, Outcome::Success);
    }
    let page = scraped.page();
    let counts = ["success", "failure", "ignored", "cancelled", "stale", "rejected"]
        .map(|outcome| page.calls("bank", outcome));
    assert_eq!(counts, [1.0, 3.0, 2.0, 4.0, 5.0, 6.0]);
    let again = scraped.page();
    assert_eq!(again.lines("circuit"), page.lines("circuit"), "to look twice counts nothing twice");
}

#[test]
fn a_ratio_below_the_minimum_is_absent_or_no_number() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    calls(&bank, "++-");
    let ratio = |scraped: &Scraped| scraped.page().get("circuit_breaker_failure_ratio{name=bank}");
    assert_eq!(ratio(&scraped), None);
    calls(&bank, "+");
    assert_eq!(ratio(&scraped), Some(0.25));
    bank.clock().advance(Duration::from_secs(60));
    assert!(ratio(&scraped).expect("a series cannot be taken back").is_nan());
    calls(&bank, "++++");
    assert_eq!(ratio(&scraped), Some(0.0));
}

#[test]
fn measured_slow_calls_have_ratio_threshold_and_count() {
    let scraped = Scraped::new();
    let second = Duration::from_secs(1);
    let config = Config::new()
        .minimum_throughput(4)
        .slow_call_duration(second)
        .slow_call_rate(Rate::percent(60));
    let bank = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
    scraped.metrics.register_breaker("bank", &bank);
    for length in [0, 0, 2, 2] {
        let _ = bank.call(|| {
            bank.clock().advance(second * length);
            Ok::<_, ()>(())
        });
    }
    let page = scraped.page();
    assert_eq!(
        page.lines("circuit_breaker_slow"),
        [
            "circuit_breaker_slow_calls_total{name=bank} 2",
            "circuit_breaker_slow_ratio{name=bank} 0.5",
            "circuit_breaker_slow_threshold{name=bank} 0.6",
        ]
    );
}

#[test]
fn forced_and_shadowed_breakers_show_mode_and_passed_calls() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    bank.force_open();
    let page = scraped.page();
    assert_eq!(page.states("bank"), [0.0, 1.0, 0.0]);
    assert_eq!(page.get("circuit_breaker_mode{name=bank,mode=forced_open}"), Some(1.0));
    assert_eq!(page.get("circuit_breaker_mode{name=bank,mode=auto}"), Some(0.0));
    assert_eq!(page.lines("circuit_breaker_would"), [""; 0]);
    bank.shadow();
    calls(&bank, "----++");
    let page = scraped.page();
    assert_eq!(page.get("circuit_breaker_mode{name=bank,mode=shadow}"), Some(1.0));
    assert_eq!(
        page.lines("circuit_breaker_would"),
        ["circuit_breaker_would_reject_total{name=bank} 2"]
    );
}

#[test]
fn a_breaker_that_is_gone_is_in_no_state_and_keeps_its_counts() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    calls(&bank, "+++-");
    scraped.page();
    let weak = Arc::downgrade(&bank);
    drop(bank);
    assert!(weak.upgrade().is_none(), "who watches does not keep alive");
    let page = scraped.page();
    assert_eq!(page.states("bank"), [0.0; 3]);
    assert!(page.get("circuit_breaker_failure_ratio{name=bank}").unwrap().is_nan());
    assert_eq!(page.calls("bank", "success"), 3.0);

    let next = breaker();
    scraped.metrics.register_breaker("bank", &next);
    calls(&next, "++");
    let page = scraped.page();
    assert_eq!(page.states("bank"), [1.0, 0.0, 0.0]);
    assert_eq!(page.calls("bank", "success"), 5.0, "a counter never goes back");
}

#[test]
fn a_recorder_drops_a_series_that_is_no_longer_touched() {
    /// Remembers what it was asked for.
    #[derive(Default)]
    struct Touched(Mutex<Vec<String>>);

    impl metrics::Recorder for Touched {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.0.lock().unwrap().push(key.name().to_owned());
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.0.lock().unwrap().push(key.name().to_owned());
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            unreachable!("there are none")
        }
    }

    let metrics = Metrics::new();
    let bank = breaker();
    metrics.register_breaker("bank", &bank);
    let touched = || {
        let recorder = Touched::default();
        metrics.collect_into(&recorder);
        recorder.0.into_inner().unwrap().len()
    };
    assert!(touched() > 0);
    drop(bank);
    assert!(touched() > 0, "once more, to say that it is gone");
    assert_eq!(touched(), 0);
}

#[test]
fn each_recorder_hears_once_that_a_breaker_is_gone() {
    let scraped = Scraped::with(Metrics::builder().resilience4j(true));
    let other = PrometheusBuilder::new().build_recorder();
    let (bank, pool) = (breaker(), Arc::new(Bulkhead::new(3)));
    scraped.metrics.register_breaker("bank", &bank);
    scraped.metrics.register_bulkhead("bank", &pool);
    calls(&bank, "++--");
    let pages = || [scraped.page(), scraped.page_of(&other)];
    for page in pages() {
        assert_eq!(page.states("bank"), [0.0, 1.0, 0.0]);
    }
    drop((bank, pool));
    for _ in 0..2 {
        for page in pages() {
            assert_eq!(page.states("bank"), [0.0; 3]);
            assert!(page.get("circuit_breaker_failure_threshold{name=bank}").unwrap().is_nan());
            assert_eq!(page.get("bulkhead_limit{name=bank}"), Some(0.0));
            let open = page.get("resilience4j_circuitbreaker_state{name=bank,state=open}");
            assert_eq!(open, Some(0.0));
        }
    }
    let late = PrometheusBuilder::new().build_recorder();
    assert_eq!(
        scraped.page_of(&late).lines("circuit_breaker_state"),
        [""; 0],
        "it never was there"
    );
}

#[test]
fn each_recorder_hears_that_a_ratio_is_gone() {
    let scraped = Scraped::new();
    let other = PrometheusBuilder::new().build_recorder();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    calls(&bank, "+++-");
    let pages = || [scraped.page(), scraped.page_of(&other)];
    let ratio = |page: &Page| page.get("circuit_breaker_failure_ratio{name=bank}").unwrap();
    assert_eq!(pages().each_ref().map(ratio), [0.25; 2]);
    bank.clock().advance(Duration::from_secs(60));
    assert!(pages().iter().all(|page| ratio(page).is_nan()));
    calls(&bank, "++++");
    assert_eq!(pages().each_ref().map(ratio), [0.0; 2]);
}

#[test]
fn a_recorder_that_moves_hears_that_a_breaker_is_gone() {
    /// Passes on to another, and is made anew for each collection.
    struct Wrapped<'a>(&'a PrometheusRecorder);

    impl metrics::Recorder for Wrapped<'_> {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
            self.0.register_counter(key, metadata)
        }
        fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
            self.0.register_gauge(key, metadata)
        }
        fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
            self.0.register_histogram(key, metadata)
        }
    }

    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = Metrics::new();
    let bank = breaker();
    metrics.register_breaker("bank", &bank);
    calls(&bank, "----");
    let wrapped: Vec<_> = (0..20).map(|_| Box::new(Wrapped(&recorder))).collect();
    wrapped[..15].iter().for_each(|wrapped| metrics.collect_into(&**wrapped));
    drop(bank);
    metrics.collect_into(&*wrapped[15]);
    let page = recorder.handle().render();
    assert!(page.contains("circuit_breaker_state{name=\"bank\",state=\"open\"} 0"), "{page}");
}

#[test]
fn a_breaker_may_use_the_metrics_that_watch_it() {
    /// Registers another breaker whenever it is read.
    struct Registers(Metrics, Arc<Breaker>);

    impl Clock for Registers {
        fn now(&self) -> Instant {
            self.0.register_breaker("by the clock", &self.1);
            Instant::ORIGIN
        }
    }

    /// Registers a bulkhead and collects when it is dropped.
    struct Collects(Metrics);

    impl Observer for Collects {}

    impl Drop for Collects {
        fn drop(&mut self) {
            self.0.register_bulkhead("by the drop", &Arc::new(Bulkhead::new(1)));
            self.0.collect_into(&NoopRecorder);
        }
    }

    type Hooked = CircuitBreaker<LastOwner, Collects>;

    /// Gives up the last share of its breaker when it is read.
    struct LastOwner(Registers, Arc<Mutex<Option<Arc<Hooked>>>>);

    impl Clock for LastOwner {
        fn now(&self) -> Instant {
            drop(self.1.lock().unwrap().take());
            self.0.now()
        }
    }

    let (ended, end) = channel();
    thread::spawn(move || {
        let metrics = Metrics::new();
        let share = Arc::new(Mutex::new(None));
        let clock = LastOwner(Registers(metrics.clone(), breaker()), Arc::clone(&share));
        let observer = Collects(metrics.clone());
        let bank = Arc::new(CircuitBreaker::with_observer(Config::new(), clock, observer));
        let known = Arc::downgrade(&bank);
        metrics.register_breaker("bank", &bank);
        *share.lock().unwrap() = Some(bank);
        metrics.collect_into(&NoopRecorder);
        ended.send(known.upgrade().is_none()).unwrap();
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(60)), Ok(true), "it waits for ever");
}

#[test]
fn a_static_breaker_is_watched_by_reference() {
    static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
    let scraped = Scraped::new();
    scraped.metrics.register_breaker("bank", &BANK);
    let _ = BANK.call(|| Ok::<_, ()>(()));
    assert_eq!(scraped.page().calls("bank", "success"), 1.0);
}

#[test]
fn breakers_of_one_name_are_added_up() {
    let scraped = Scraped::new();
    let (one, other) = (breaker(), breaker());
    scraped.metrics.register_breaker("bank", &one);
    scraped.metrics.register_breaker("bank", &other);
    calls(&one, "----");
    calls(&other, "+++-");
    let page = scraped.page();
    assert_eq!(page.states("bank"), [1.0, 1.0, 0.0]);
    assert_eq!(page.calls("bank", "failure"), 5.0);
    let ratio = page.get("circuit_breaker_failure_ratio{name=bank}");
    assert_eq!(ratio, Some(0.25), "an open circuit has no results");
}

#[test]
fn a_call_and_a_change_do_nothing_for_it() {
    let scraped = Scraped::new();
    let bank = crate::page::observed(scraped.metrics.observer("bank"));
    scraped.metrics.register_breaker("bank", &bank);
    scraped.page();
    bank.preallocate();
    let allocations = measure(|| {
        calls(&bank, "++++----");
        bank.reset();
    });
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn what_is_installed_is_published_to() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || scraped.metrics.collect());
    let page = recorder.handle().render();
    assert!(page.contains("circuit_breaker_state{name=\"bank\",state=\"closed\"} 1"), "{page}");
}
