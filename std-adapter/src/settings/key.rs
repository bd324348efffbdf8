//! `Key`: what can be written in a configuration, and how.

use cutout_core::ConfigError;

use super::raw::Raw;
use super::value::Wrong;
use crate::resilience::bulkhead::BulkheadConfigError;

/// One thing that can be written. The order is that of the documentation and of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    FailureRate,
    SlowCallRate,
    SlowCallDuration,
    MinimumThroughput,
    WindowTime,
    WindowBuckets,
    WindowCount,
    ConsecutiveFailures,
    FailureCount,
    EvaluateEveryResult,
    CancelledAs,
    BreakDuration,
    BreakBackoff,
    BackoffMultiplier,
    BackoffCap,
    BreakJitter,
    Trials,
    MinimumTrials,
    HalfOpenRule,
    TrialTimeout,
    SlowStart,
    SlowStartStage,
    SlowStartShares,
    Bulkhead,
    BulkheadLimit,
    BulkheadQueue,
    BulkheadMaxWait,
}

/// A rule that the value of a key may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Breaker(ConfigError),
    Bulkhead(BulkheadConfigError),
}

impl Rule {
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Breaker(error) => error.allowed(),
            Self::Bulkhead(error) => error.allowed(),
        }
    }

    /// Whether it is about a setting that is missing, not about the value of this one.
    pub(super) const fn needs_another(self) -> bool {
        use {BulkheadConfigError as H, ConfigError as E};
        matches!(
            self,
            Self::Breaker(E::SlowCallRateWithoutDuration | E::HalfOpenRule)
                | Self::Bulkhead(H::QueueWithoutMaxWait | H::MaxWaitWithoutQueue)
        )
    }
}

/// How the value of a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A share of calls: "12.5%".
    Rate,
    /// Whole hundredths, above 100 too: "200%".
    Percent,
    /// "1m 30s".
    Duration,
    Number,
    Flag,
    Outcome,
    Rule,
    /// Three shares.
    Shares,
    /// Nothing but the word that leaves it out.
    Off,
}

/// All that is known of a key.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) key: Key,
    /// Its name, and before it that of the table it stands in.
    pub(super) table: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The word that leaves it out.
    pub(super) off: Option<&'static str>,
    /// What may be wrong with it; the first one states the range.
    pub(super) rules: &'static [Rule],
}

const OFF: Option<&str> = Some("off");

const fn spec(key: Key, name: &'static str, kind: Kind, rules: &'static [Rule]) -> Spec {
    Spec { key, table: None, name, kind, off: None, rules }
}

impl Spec {
    const fn or(mut self, off: Option<&'static str>) -> Self {
        self.off = off;
        self
    }

    const fn within(mut self, table: &'static str) -> Self {
        self.table = Some(table);
        self
    }
}

/// Every key, in order.
#[rustfmt::skip] // one line each reads as the table that it is
static SPECS: [Spec; 27] = {
    use {BulkheadConfigError as H, ConfigError as E, Key as K};
    use Rule::{Breaker as B, Bulkhead as U};
    [
        spec(K::FailureRate, "failure_rate", Kind::Rate, &[B(E::FailureRate)]).or(OFF),
        spec(K::SlowCallRate, "slow_call_rate", Kind::Rate, &[B(E::SlowCallRate), B(E::SlowCallRateWithoutDuration)]).or(OFF),
        spec(K::SlowCallDuration, "slow_call_duration", Kind::Duration, &[B(E::SlowCallDuration)]).or(OFF),
        spec(K::MinimumThroughput, "minimum_throughput", Kind::Number, &[B(E::MinimumThroughput), B(E::MinimumOverWindow)]),
        spec(K::WindowTime, "time", Kind::Duration, &[B(E::Window)]).within("window"),
        spec(K::WindowBuckets, "buckets", Kind::Number, &[B(E::Buckets)]).within("window"),
        spec(K::WindowCount, "count", Kind::Number, &[B(E::WindowResults)]).within("window"),
        spec(K::ConsecutiveFailures, "consecutive_failures", Kind::Number, &[B(E::ConsecutiveFailures)]).or(OFF),
        spec(K::FailureCount, "failure_count", Kind::Number, &[B(E::FailureCount)]).or(OFF),
        spec(K::EvaluateEveryResult, "evaluate_every_result", Kind::Flag, &[]),
        spec(K::CancelledAs, "cancelled_as", Kind::Outcome, &[]).or(Some("by_duration")),
        spec(K::BreakDuration, "break_duration", Kind::Duration, &[B(E::BreakDuration)]),
        spec(K::BreakBackoff, "break_backoff", Kind::Off, &[]).or(OFF),
        spec(K::BackoffMultiplier, "multiplier", Kind::Percent, &[B(E::BackoffMultiplier)]).within("break_backoff"),
        spec(K::BackoffCap, "cap", Kind::Duration, &[B(E::BackoffCap)]).within("break_backoff"),
        spec(K::BreakJitter, "break_jitter", Kind::Rate, &[B(E::BreakJitter)]).or(OFF),
        spec(K::Trials, "trials", Kind::Number, &[B(E::Trials)]),
        spec(K::MinimumTrials, "minimum_trials", Kind::Number, &[B(E::MinimumTrials)]).or(Some("all")),
        spec(K::HalfOpenRule, "half_open_rule", Kind::Rule, &[B(E::HalfOpenRule)]),
        spec(K::TrialTimeout, "trial_timeout", Kind::Duration, &[B(E::TrialTimeout)]),
        spec(K::SlowStart, "slow_start", Kind::Off, &[]).or(OFF),
        spec(K::SlowStartStage, "stage", Kind::Duration, &[B(E::SlowStartStage)]).within("slow_start"),
        spec(K::SlowStartShares, "shares", Kind::Shares, &[B(E::SlowStartShares)]).within("slow_start"),
        spec(K::Bulkhead, "bulkhead", Kind::Off, &[]).or(OFF),
        spec(K::BulkheadLimit, "limit", Kind::Number, &[U(H::Limit)]).within("bulkhead"),
        spec(K::BulkheadQueue, "queue", Kind::Number, &[U(H::Queue), U(H::QueueWithoutMaxWait)]).within("bulkhead"),
        spec(K::BulkheadMaxWait, "max_wait", Kind::Duration, &[U(H::MaxWait), U(H::MaxWaitWithoutQueue)]).within("bulkhead"),
    ]
};

/// The names that stand at the top, in order, each once.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let firsts = SPECS.chunk_by(|one, next| one.top() == next.top());
    firsts.map(|specs| specs[0].top())
}

/// The names that a table of this name holds.
pub(super) fn names_in(table: &str) -> impl Iterator<Item = &'static str> {
    SPECS.iter().filter(move |spec| spec.table == Some(table)).map(|spec| spec.name)
}

pub(super) fn find(table: Option<&str>, name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.table == table && spec.name == name)
}

/// The key that `rule` is about.
pub(super) fn blamed_by(rule: Rule) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.rules.contains(&rule))
}

pub(super) fn all() -> impl Iterator<Item = &'static Spec> {
    SPECS.iter()
}

impl Key {
    pub(super) fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// The keys that mean nothing beside this one.
    pub(super) const fn excludes(self) -> &'static [Key] {
        match self {
            Self::WindowTime => &[Self::WindowCount],
            Self::WindowCount => &[Self::WindowTime, Self::WindowBuckets],
            Self::BreakBackoff => &[Self::BackoffMultiplier, Self::BackoffCap],
            Self::BackoffMultiplier | Self::BackoffCap => &[Self::BreakBackoff],
            Self::SlowStart => &[Self::SlowStartStage, Self::SlowStartShares],
            Self::SlowStartStage | Self::SlowStartShares => &[Self::SlowStart],
            Self::Bulkhead => &[Self::BulkheadLimit, Self::BulkheadQueue, Self::BulkheadMaxWait],
            Self::BulkheadLimit | Self::BulkheadQueue | Self::BulkheadMaxWait => &[Self::Bulkhead],
            _ => &[],
        }
    }
}

impl Spec {
    /// The name that stands at the top: that of its table, or its own.
    fn top(&self) -> &'static str {
        self.table.unwrap_or(self.name)
    }

    /// Where it stands, such as `window.time`.
    pub(super) fn path(&self) -> String {
        match self.table {
            Some(table) => format!("{table}.{}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// What is wrong with `raw`, in words that follow the path.
    pub(super) fn refuse(&self, wrong: Wrong, raw: &Raw) -> String {
        let form = match (wrong, self.kind) {
            (Wrong::Order, _) => "must have each unit once, the longest first",
            (Wrong::TooFine, _) => "must be whole nanoseconds",
            (Wrong::Range, _) => "",
            (Wrong::Form, Kind::Rate) => {
                "must be a share with a percent sign and up to two decimals"
            }
            (Wrong::Form, Kind::Percent) => "must be a whole number with a percent sign",
            (Wrong::Form, Kind::Duration) => {
                "must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w"
            }
            (Wrong::Form, Kind::Number) => "must be a whole number",
            (Wrong::Form, Kind::Shares) => {
                "must be three shares up to 100 %, each with a percent sign and up to two decimals"
            }
            (Wrong::Form, Kind::Flag | Kind::Outcome | Kind::Rule | Kind::Off) => "",
        };
        let range = self.allowed();
        match range.strip_prefix("must be ") {
            _ if form.is_empty() => format!("{range}, got {raw}"),
            Some(range) if form.starts_with("must be ") => format!("{form}, {range}, got {raw}"),
            _ if range.starts_with("must ") => format!("{form}, and {range}, got {raw}"),
            _ => format!("{form}; {range}, got {raw}"),
        }
    }

    /// What may be written, in words that follow the path.
    pub(super) fn allowed(&self) -> String {
        let range = match (self.kind, self.rules) {
            (Kind::Outcome, _) => r#"must be "success", "failure", "ignored""#,
            (Kind::Rule, _) => r#"must be "first_failure" or "rate""#,
            (Kind::Flag, _) => "must be true or false",
            (_, [range, ..]) => range.allowed(),
            (_, []) => return table_allowed(self.name),
        };
        let example = match self.kind {
            Kind::Rate => r#", as in "12.5%""#,
            Kind::Percent => r#", as in "200%""#,
            Kind::Duration => r#", as in "1m 30s""#,
            Kind::Shares => r#", as in ["10%", "25%", "50%"]"#,
            _ => "",
        };
        let off = self.off.map_or_else(String::new, |off| format!(" or {off:?}"));
        format!("{range}{example}{off}")
    }
}

/// What may be written where a table stands.
pub(super) fn table_allowed(table: &str) -> String {
    let example = match table {
        "window" => r#"{ time = "30s", buckets = 10 } or { count = 100 }"#,
        "break_backoff" => r#"{ multiplier = "200%", cap = "5m" }"#,
        "bulkhead" => r#"{ limit = 20, queue = 100, max_wait = "50ms" }"#,
        _ => r#"{ stage = "10s", shares = ["10%", "25%", "50%"] }"#,
    };
    let off = find(None, table).and_then(|spec| spec.off);
    let off = off.map_or_else(String::new, |off| format!(" or {off:?}"));
    format!("must be as in {example}{off}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_finds_its_own_line() {
        for (at, spec) in all().enumerate() {
            assert_eq!(spec.key as usize, at, "{spec:?}");
            assert!(core::ptr::eq(spec.key.spec(), spec));
        }
    }

    #[test]
    fn an_error_is_about_the_setting_that_it_names() {
        for spec in all() {
            for rule in spec.rules {
                match rule {
                    Rule::Breaker(error) => assert_eq!(error.field(), Some(spec.top())),
                    Rule::Bulkhead(error) => assert_eq!(error.field(), spec.name),
                }
            }
        }
    }
}
