//! The flags, and the settings of breaker and bulkhead that follow from them.

use core::time::Duration;
use std::path::PathBuf;

use clap::{Parser, Subcommand, value_parser};
use cutout::{BulkheadConfig, Config, Rate};

use crate::Failure;

/// Shows what a circuit breaker does in an outage, and what a bulkhead and a fallback add.
///
/// An HTTP server, in a process of its own on the loopback interface, is healthy, falls ill in
/// three ways, is down, comes back weak and recovers. Many clients call it all the while. This is
/// run three times at once: without a breaker, with one, and with a whole policy, which is a
/// fallback around the breaker and a bulkhead inside. The breaker has its default settings. Then a
/// table and an SVG picture compare what the users and the server had of it. It needs no file and
/// no other network.
#[derive(Parser, Debug)]
#[command(name = "outage", verbatim_doc_comment)]
#[command(args_conflicts_with_subcommands = true, allow_negative_numbers = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,

    /// Length of the runs. In seconds, 20 to 300. In less than 40 s, the break
    /// of 30 s does not end.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, verbatim_doc_comment,
          value_parser = value_parser!(u64).range(20..=300))]
    pub(crate) duration: u64,

    /// How many clients call the server, each one call at a time. 1 to 400.
    /// The breaker does not judge by fewer than 20 results in its window of
    /// 30 s, nor opens before 20 failures in a row.
    #[arg(long, value_name = "COUNT", default_value_t = 64, verbatim_doc_comment,
          value_parser = value_parser!(u32).range(1..=400))]
    pub(crate) clients: u32,

    /// The share of failed calls that opens the circuit. In percent, 1 to 100.
    #[arg(long, value_name = "PERCENT", default_value_t = 50)]
    failure_rate: u32,

    /// A call that takes longer is slow; if half of the calls are, the circuit
    /// opens. In milliseconds, from 1. The server takes 400 ms while it is slow.
    /// [default: how long calls take is not measured]
    #[arg(long, value_name = "MS", verbatim_doc_comment)]
    slow_limit: Option<u64>,

    /// A call that takes longer is given up and has failed. In milliseconds,
    /// 20 to 10000.
    #[arg(long, value_name = "MS", default_value_t = 1_000, verbatim_doc_comment,
          value_parser = value_parser!(u64).range(20..=10_000))]
    timeout: u64,

    /// How long the open circuit refuses calls before it tries again. In
    /// milliseconds, from 1.
    #[arg(long = "break", value_name = "MS", default_value_t = 30_000, verbatim_doc_comment)]
    break_: u64,

    /// How many calls the bulkhead lets run at once. 1 to 1000000. From 20 on,
    /// the first timeouts of calls that hang are enough for the breaker to open.
    /// [default: a third of the clients, and at least 20]
    #[arg(long, value_name = "COUNT", verbatim_doc_comment)]
    bulkhead: Option<u32>,

    /// Makes the clients' thinking times; any number from 0. The same seed
    /// makes the same times, but no two runs are the same to the millisecond.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, verbatim_doc_comment)]
    pub(crate) seed: u64,

    /// Fails if the runs do not show what they are to show with the other
    /// flags' defaults. A run that miscounts always fails.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) check: bool,

    /// Where the picture goes [default: outage.svg in cargo's target directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What this process is, if not the demo itself.
#[derive(Subcommand, Clone, Copy, Debug)]
pub(crate) enum Role {
    /// The server; the demo starts it.
    #[command(hide = true)]
    Serve {
        /// How many clients to expect.
        #[arg(long)]
        clients: u32,
    },
}

impl Args {
    /// The length of one run.
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.duration)
    }

    /// How long a client waits for an answer.
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout)
    }

    /// The breaker's settings, checked: without flags they are the defaults.
    pub(crate) fn breaker_config(&self) -> Result<Config, Failure> {
        let rate = self.failure_rate;
        let failure_rate =
            Rate::try_percent(rate).map_err(|error| format!("--failure-rate {rate}: {error}"))?;
        let mut config = Config::new()
            .failure_rate(failure_rate)
            .break_duration(Duration::from_millis(self.break_));
        if let Some(limit) = self.slow_limit {
            config = config
                .slow_call_rate(Rate::percent(50))
                .slow_call_duration(Duration::from_millis(limit));
        }
        match cutout::CircuitBreaker::try_new(config) {
            Ok(_) => Ok(config),
            Err(error) => Err(format!("the breaker refuses its settings: {error}").into()),
        }
    }

    /// The bulkhead's settings, checked. Nobody waits for a place: the fallback has an answer now.
    pub(crate) fn bulkhead_config(&self) -> Result<BulkheadConfig, Failure> {
        let limit = self.bulkhead.unwrap_or_else(|| self.clients.div_ceil(3).max(20));
        let config = BulkheadConfig::new(limit);
        config.validate().map_err(|error| format!("--bulkhead {limit}: {error}"))?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(flags: &[&str]) -> String {
        match Args::try_parse_from([&["outage"], flags].concat()) {
            Ok(args) => match args.breaker_config() {
                Ok(_) => args.bulkhead_config().unwrap_err().to_string(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_defaults_are_valid() {
        let args = Args::try_parse_from(["outage"]).unwrap();
        assert!(args.breaker_config().is_ok());
        assert_eq!(args.bulkhead_config().unwrap().get_limit(), 22);
    }

    #[test]
    fn without_flags_the_breaker_is_the_default_one() {
        let args = Args::try_parse_from(["outage"]).unwrap();
        let (ours, default) = (args.breaker_config().unwrap(), Config::new());
        assert_eq!(format!("{ours:?}"), format!("{default:?}"));
    }

    #[test]
    fn a_value_out_of_its_range_is_named_with_the_range() {
        assert!(error_of(&["--clients", "0"]).contains("1..=400"));
        assert!(error_of(&["--failure-rate", "0"]).contains("above 0 %, up to 100 %"));
        assert!(error_of(&["--failure-rate", "250"]).contains("0 % to 100 %"));
        assert!(error_of(&["--break", "0"]).contains("break_duration: must be 1 ms"));
        assert!(error_of(&["--slow-limit", "0"]).contains("slow_call_duration"));
        assert!(error_of(&["--bulkhead", "0"]).contains("--bulkhead 0: limit: must be 1 to"));
    }
}
