//! The flags, and the settings of breaker and bulkhead that follow from them.

use core::time::Duration;
use std::path::PathBuf;

use clap::{Parser, Subcommand, value_parser};
use cutout::{Backoff, BulkheadConfig, Config, HalfOpenRule, Rate, Window};

use crate::Failure;

/// Shows what a circuit breaker does in an outage, and what a bulkhead and a fallback add.
///
/// An HTTP server, in a process of its own on the loopback interface, is healthy, falls ill in
/// three ways, is down, comes back weak and recovers. Many clients call it all the while. This is
/// run three times: without a breaker, with one, and with a whole policy, which is a fallback around
/// the breaker and a bulkhead inside. Then a table and an SVG picture compare what the users and the
/// server had of it. It needs no file and no other network.
#[derive(Parser, Debug)]
#[command(name = "outage", verbatim_doc_comment)]
#[command(args_conflicts_with_subcommands = true, allow_negative_numbers = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,

    /// Length of one run, of which there are three. In seconds, 7 to 120.
    #[arg(long, value_name = "SECONDS", default_value_t = 11,
          value_parser = value_parser!(u64).range(7..=120))]
    pub(crate) duration: u64,

    /// How many clients call the server, each one call at a time. 1 to 400.
    /// The breaker does not judge by fewer than 10 results in its window of
    /// 1 s, which is about what 2 clients make.
    #[arg(long, value_name = "COUNT", default_value_t = 64, verbatim_doc_comment,
          value_parser = value_parser!(u32).range(1..=400))]
    pub(crate) clients: u32,

    /// The share of failed calls that opens the circuit. In percent, 1 to 100.
    #[arg(long, value_name = "PERCENT", default_value_t = 30)]
    failure_rate: u32,

    /// A call that takes longer is slow; if half of the calls are, the circuit
    /// opens. In milliseconds, from 1. The server takes 400 ms while it is slow.
    #[arg(long, value_name = "MS", default_value_t = 200, verbatim_doc_comment)]
    slow_limit: u64,

    /// A call that takes longer is given up and has failed. In milliseconds,
    /// 20 to 10000.
    #[arg(long, value_name = "MS", default_value_t = 1_000, verbatim_doc_comment,
          value_parser = value_parser!(u64).range(20..=10_000))]
    timeout: u64,

    /// How long the open circuit refuses calls before it tries again. In
    /// milliseconds, from 1. If the trials fail, the next break is twice as long.
    #[arg(long = "break", value_name = "MS", default_value_t = 450, verbatim_doc_comment)]
    break_: u64,

    /// How many calls the bulkhead lets run at once. 1 to 1000000. If they all
    /// hang, their timeouts are all that the breaker has to judge by.
    /// [default: a quarter of the clients, and at least 10]
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

    /// The breaker's settings, checked. They are a tenth or less of what a real service would use,
    /// as the outage is.
    pub(crate) fn breaker_config(&self) -> Result<Config, Failure> {
        let rate = self.failure_rate;
        let failure_rate =
            Rate::try_percent(rate).map_err(|error| format!("--failure-rate {rate}: {error}"))?;
        let pause = Duration::from_millis(self.break_);
        let config = Config::new()
            .window(Window::time(Duration::from_secs(1)))
            // Not more than the bulkhead lets hang at once: their timeouts have to be enough.
            .minimum_throughput(10)
            .failure_rate(failure_rate)
            .slow_call_rate(Rate::percent(50))
            .slow_call_duration(Duration::from_millis(self.slow_limit))
            .break_duration(pause)
            .break_backoff(Backoff::doubling(pause.saturating_mul(2)))
            .break_jitter(Rate::percent(10))
            .trials(5)
            // By rate, so that slow trials do not close the circuit.
            .half_open_rule(HalfOpenRule::Rate)
            .trial_timeout(self.timeout() * 2);
        match cutout::CircuitBreaker::try_new(config) {
            Ok(_) => Ok(config),
            Err(error) => Err(format!("the breaker refuses its settings: {error}").into()),
        }
    }

    /// The bulkhead's settings, checked. Nobody waits for a place: the fallback has an answer now.
    pub(crate) fn bulkhead_config(&self) -> Result<BulkheadConfig, Failure> {
        let limit = self.bulkhead.unwrap_or_else(|| self.clients.div_ceil(4).max(10));
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
        assert_eq!(args.bulkhead_config().unwrap().get_limit(), 16);
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
