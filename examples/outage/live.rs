//! What is shown while it runs: a line for each phase, and on a terminal a bar that moves.

use core::array;
use core::mem;
use core::time::Duration;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{Client, Ending};
use crate::script::{Phase, Script};

/// Shows one run.
pub(crate) struct Live<'a> {
    client: &'a Client,
    script: &'a Script,
    bar: ProgressBar,
    shown: Counts,
}

/// How many calls have ended in each way.
type Counts = [u64; Ending::ALL.len()];

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
        live.print(&format!(
            "{:<26}{:>10}{:>8}{:>8}{:>8}{:>9}{}",
            client.guard().name(),
            "time",
            "good",
            "stale",
            "errors",
            "refused",
            client.guard().its_breaker().map_or("", |_| "   state at the end"),
        ))?;
        Ok(live)
    }

    /// Moves the bar.
    pub(crate) fn refresh(&self) {
        let now = self.client.now();
        let [good, stale, errors, refused] = self.counts();
        let state = self.state().map_or_else(String::new, |state| format!("  {state:<8}"));
        let length = self.script.length();
        self.bar.set_position(u64::try_from(now.min(length).as_millis()).unwrap_or(u64::MAX));
        self.bar.set_message(format!(
            "{:4.1} s  {:<14}{state}  good {good}  stale {stale}  errors {errors}  refused {refused}",
            now.as_secs_f64(),
            self.script.phase_at(now).name(),
        ));
    }

    /// Prints the line of a phase that has ended.
    pub(crate) fn end(&mut self, phase: Phase) -> io::Result<()> {
        let counts = self.counts();
        let shown = mem::replace(&mut self.shown, counts);
        let [good, stale, errors, refused] =
            array::from_fn(|index| (counts[index] - shown[index]).to_string());
        let only_with = |part: bool, count| if part { count } else { String::from("-") };
        let guard = self.client.guard();
        let span = self.script.span(phase);
        self.print(&format!(
            "  {:<22}{:>12}{good:>8}{:>8}{errors:>8}{:>9}{}",
            phase.name(),
            format!("{} - {} s", seconds(span.start), seconds(span.end)),
            only_with(guard.its_bulkhead().is_some(), stale),
            only_with(guard.its_breaker().is_some(), refused),
            self.state().map_or_else(String::new, |state| format!("   {state}")),
        ))
    }

    fn counts(&self) -> Counts {
        Ending::ALL.map(|ending| self.client.count(ending))
    }

    fn state(&self) -> Option<String> {
        Some(format!("{:?}", self.client.guard().its_breaker()?.state()))
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
