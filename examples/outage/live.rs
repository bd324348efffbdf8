//! What is shown while it runs: a line for each phase and run, and on a terminal a bar that moves.

use core::array;
use core::fmt::Write as _;
use core::mem;
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{Client, Ending};
use crate::script::{Phase, Script};

/// Shows the runs.
pub(crate) struct Live<'a> {
    clients: &'a [Arc<Client>],
    script: &'a Script,
    bar: ProgressBar,
    shown: Vec<Counts>,
}

/// How many calls have ended in each way.
type Counts = [u64; Ending::ALL.len()];

impl<'a> Live<'a> {
    pub(crate) fn new(clients: &'a [Arc<Client>], script: &'a Script) -> io::Result<Self> {
        let is_terminal = io::stdout().is_terminal();
        let target =
            if is_terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        let length = u64::try_from(script.length().as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template("[{bar:8}] {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        let shown = vec![Counts::default(); clients.len()];
        let live = Self { clients, script, bar, shown };
        live.print(&format!(
            "{:<36}{:>8}{:>8}{:>8}{:>9}   state at the end",
            "", "good", "stale", "errors", "refused",
        ))?;
        Ok(live)
    }

    /// Moves the bar.
    pub(crate) fn refresh(&self) {
        let now = self.clients[0].now();
        let length = self.script.length();
        self.bar.set_position(u64::try_from(now.min(length).as_millis()).unwrap_or(u64::MAX));
        let mut text =
            format!("{:4.1} s  {:<14}", now.as_secs_f64(), self.script.phase_at(now).name());
        for client in self.clients {
            let good = client.count(Ending::Good);
            let state = state(client).map_or_else(String::new, |state| format!(", {state}"));
            // Writing to a String cannot fail.
            let _ = write!(text, "  {}: {good} good{state}", client.guard().name());
        }
        self.bar.set_message(text);
    }

    /// Prints the lines of a phase that has ended.
    pub(crate) fn end(&mut self, phase: Phase) -> io::Result<()> {
        let span = self.script.span(phase);
        self.print(&format!(
            "{}, {} - {} s",
            phase.name(),
            seconds(span.start),
            seconds(span.end)
        ))?;
        for (number, client) in self.clients.iter().enumerate() {
            let counts = Ending::ALL.map(|ending| client.count(ending));
            let shown = mem::replace(&mut self.shown[number], counts);
            let [good, stale, errors, refused] =
                array::from_fn(|index| (counts[index] - shown[index]).to_string());
            let only_with = |part: bool, count| if part { count } else { String::from("-") };
            let guard = client.guard();
            self.print(&format!(
                "  {:<34}{good:>8}{:>8}{errors:>8}{:>9}{}",
                guard.name(),
                only_with(guard.its_bulkhead().is_some(), stale),
                only_with(guard.its_breaker().is_some(), refused),
                state(client).map_or_else(String::new, |state| format!("   {state}")),
            ))?;
        }
        Ok(())
    }

    /// Prints a line above the bar, or plainly where there is none.
    fn print(&self, line: &str) -> io::Result<()> {
        self.bar.suspend(|| writeln!(io::stdout(), "{line}"))
    }
}

fn state(client: &Client) -> Option<String> {
    Some(format!("{:?}", client.guard().its_breaker()?.state()))
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
