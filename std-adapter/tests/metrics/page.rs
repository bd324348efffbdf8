//! What a scrape would get.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutout::metrics::{Metrics, MetricsBuilder};
use cutout::{CircuitBreaker, Config, Error, ManualClock, Observer, Rate};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

pub(crate) type Breaker<O = ()> = CircuitBreaker<ManualClock, O>;

/// Opens at 50 % of four or more.
pub(crate) const CONFIG: Config =
    Config::new().minimum_throughput(4).failure_rate(Rate::percent(50));

pub(crate) fn breaker() -> Arc<Breaker> {
    observed(())
}

pub(crate) fn observed<O: Observer>(observer: O) -> Arc<Breaker<O>> {
    Arc::new(CircuitBreaker::with_observer(CONFIG, ManualClock::new(), observer))
}

/// `+` for a success, `-` for a failure, `!` for a call that is refused.
pub(crate) fn calls<O: Observer>(breaker: &Breaker<O>, results: &str) {
    for result in results.chars() {
        let answer = if result == '-' { Err("down") } else { Ok(()) };
        let ended = breaker.call(|| answer);
        if result == '!' {
            assert!(matches!(ended, Err(Error::Rejected(_))), "{ended:?}");
        } else {
            assert_eq!(ended, answer.map_err(Error::Inner));
        }
    }
}

/// Metrics and the recorder that they are published to.
pub(crate) struct Scraped {
    pub(crate) metrics: Metrics,
    recorder: PrometheusRecorder,
}

impl Scraped {
    pub(crate) fn new() -> Self {
        Self::with(Metrics::builder())
    }

    pub(crate) fn with(builder: MetricsBuilder) -> Self {
        Self { metrics: builder.build(), recorder: PrometheusBuilder::new().build_recorder() }
    }

    /// Collects, and reads the page.
    pub(crate) fn page(&self) -> Page {
        self.page_of(&self.recorder)
    }

    /// The same by another recorder.
    pub(crate) fn page_of(&self, recorder: &PrometheusRecorder) -> Page {
        self.metrics.collect_into(recorder);
        let text = recorder.handle().render();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            (series.replace('"', ""), value.parse().expect("a number"))
        };
        Page { text: text.clone(), series: lines.map(split).collect() }
    }
}

/// The series of a page and their values, without the quotes.
pub(crate) struct Page {
    pub(crate) text: String,
    series: BTreeMap<String, f64>,
}

impl Page {
    /// The value of `series`, such as `bulkhead_limit{name=bank}`.
    pub(crate) fn get(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    /// All series whose names begin with `start`, and their values.
    pub(crate) fn lines(&self, start: &str) -> Vec<String> {
        let of = self.series.iter().filter(|(series, _)| series.starts_with(start));
        of.map(|(series, value)| format!("{series} {value}")).collect()
    }

    /// Those of them that are not 0.
    pub(crate) fn counted(&self, start: &str) -> Vec<String> {
        self.lines(start).into_iter().filter(|line| !line.ends_with(" 0")).collect()
    }

    /// The values of `state` closed, open, half open.
    pub(crate) fn states(&self, name: &str) -> [f64; 3] {
        ["closed", "open", "half_open"].map(|state| {
            let series = format!("circuit_breaker_state{{name={name},state={state}}}");
            self.get(&series).unwrap_or_else(|| panic!("{series} in\n{}", self.text))
        })
    }

    /// How many calls ended so.
    pub(crate) fn calls(&self, name: &str, outcome: &str) -> f64 {
        let series = format!("circuit_breaker_calls_total{{name={name},outcome={outcome}}}");
        self.get(&series).unwrap_or_else(|| panic!("{series} in\n{}", self.text))
    }
}
