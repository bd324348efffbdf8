//! What is shown while it runs: a line for each phase, and on a terminal a bar that moves.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::Client;
use crate::script::{Phase, Script};

/// Shows one run.
pub(crate) struct Live<'a> {
    client: &'a Client,
    script: &'a Script,
    bar: ProgressBar,
    shown: Counts,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    good: u64,
    errors: u64,
    refused: u64,
}

impl Counts {
    fn of(client: &Client) -> Self {
        Self {
            good: client.good.load(Ordering::Relaxed),
            errors: client.errors.load(Ordering::Relaxed),
            refused: client.refused.load(Ordering::Relaxed),
        }
    }
}

impl<'a> Live<'a> {
    pub(crate) fn new(client: &'a Client, script: &'a Script) -> io::Result<Self> {
        let is_terminal = io::stdout().is_terminal();
        let target =
            if is_terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        let length = u64::try_from(script.length().as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template("[{bar:8}] {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        let live = Self { client, script, bar, shown: Counts::default() };
        let breaker = client.breaker().map_or("Without a breaker", |_| "With the breaker");
        live.print(&format!(
            "{breaker:<26}{:>10}{:>8}{:>8}{:>9}{}",
            "time",
            "good",
            "errors",
            "refused",
            client.breaker().map_or("", |_| "   state at the end"),
        ))?;
        Ok(live)
    }

    /// Moves the bar.
    pub(crate) fn refresh(&self) {
        let now = self.client.now();
        let counts = Counts::of(self.client);
        let state = self.client.breaker().map_or_else(String::new, |breaker| {
            format!("  {:<8}", format!("{:?}", breaker.state()))
        });
        let length = self.script.length();
        self.bar.set_position(u64::try_from(now.min(length).as_millis()).unwrap_or(u64::MAX));
        self.bar.set_message(format!(
            "{:4.1} s  {:<14}{state}  good {}  errors {}  refused {}",
            now.as_secs_f64(),
            self.script.phase_at(now).name(),
            counts.good,
            counts.errors,
            counts.refused,
        ));
    }

    /// Prints the line of a phase that has ended.
    pub(crate) fn end(&mut self, phase: Phase) -> io::Result<()> {
        let counts = Counts::of(self.client);
        let span = self.script.span(phase);
        let state = self
            .client
            .breaker()
            .map_or_else(String::new, |breaker| format!("   {:?}", breaker.state()));
        self.print(&format!(
            "  {:<22}{:>12}{:>8}{:>8}{:>9}{state}",
            phase.name(),
            format!("{} - {} s", seconds(span.start), seconds(span.end)),
            counts.good - self.shown.good,
            counts.errors - self.shown.errors,
            if self.client.breaker().is_some() {
                (counts.refused - self.shown.refused).to_string()
            } else {
                String::from("-")
            },
        ))?;
        self.shown = counts;
        Ok(())
    }

    /// Prints a line above the bar, or plainly where there is none.
    fn print(&self, line: &str) -> io::Result<()> {
        self.bar.suspend(|| writeln!(io::stdout(), "{line}"))
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
