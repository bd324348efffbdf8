//! The demo's side of the server process: starts it, gives it orders, collects its reports.

use core::time::Duration;
use std::env;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Failure;
use crate::script::Phase;

/// How long the process may take to start and to end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server process. It ends when this is dropped, or when this process ends however it does:
/// its input ends with it.
pub(crate) struct Server {
    process: Child,
    orders: ChildStdin,
    reports: JoinHandle<Reports>,
    port: u16,
}

/// What the server has seen.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// By phase, as in [`Phase::ALL`].
    pub(crate) phases: [Seen; Phase::ALL.len()],
    /// At which times since the first phase began, how many requests had reached the server. It
    /// starts with the first that did.
    pub(crate) load: Vec<(Duration, u64)>,
}

/// What the server has seen in one phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Requests that reached it.
    pub(crate) requests: u64,
    /// The most that it had at once.
    pub(crate) peak: u32,
}

impl Server {
    /// Starts the server and waits for its port.
    pub(crate) async fn start(clients: u32) -> Result<Self, Failure> {
        let program = env::current_exe()
            .map_err(|error| format!("cannot tell where this program is: {error}"))?;
        let mut process = Command::new(program)
            .args(["serve", "--clients", &clients.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start the server's process: {error}"))?;
        let (Some(orders), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the server's process has no input and output".into());
        };
        let mut lines = BufReader::new(output).lines();
        let first = timeout(PATIENCE, lines.next_line())
            .await
            .map_err(|_| "the server's process does not say its port")??;
        let port = first
            .as_deref()
            .and_then(|line| line.strip_prefix("port ")?.parse().ok())
            .ok_or("the server's process ended before it had a port")?;
        let reports = tokio::spawn(collect(lines));
        Ok(Self { process, orders, reports, port })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Tells the server to begin a phase.
    pub(crate) async fn begin(&mut self, phase: Phase) -> Result<(), Failure> {
        let number = Phase::ALL.iter().position(|other| *other == phase).unwrap_or(0);
        self.orders
            .write_all(format!("{number}\n").as_bytes())
            .await
            .map_err(|error| format!("the server's process is gone: {error}").into())
    }

    /// Ends the server and returns its reports.
    pub(crate) async fn end(self) -> Result<Reports, Failure> {
        let Self { mut process, orders, reports, .. } = self;
        drop(orders);
        let status = timeout(PATIENCE, process.wait())
            .await
            .map_err(|_| "the server's process does not end")??;
        if !status.success() {
            return Err(format!("the server's process failed: {status}").into());
        }
        Ok(reports.await?)
    }
}

async fn collect(mut lines: Lines<BufReader<ChildStdout>>) -> Reports {
    let mut reports = Reports::default();
    while let Ok(Some(line)) = lines.next_line().await {
        reports.note(&line);
    }
    reports
}

impl Reports {
    fn note(&mut self, line: &str) {
        let mut words = line.split(' ');
        let kind = words.next();
        let mut number = || words.next()?.parse::<u64>().ok();
        match (kind, number(), number(), number()) {
            (Some("load"), Some(millis), Some(reached @ 1..), _) => {
                self.load.push((Duration::from_millis(millis), reached));
            }
            (Some("phase"), Some(phase), Some(requests), Some(peak)) => {
                let seen = usize::try_from(phase).ok().and_then(|phase| self.phases.get_mut(phase));
                if let Some(seen) = seen {
                    *seen = Seen { requests, peak: u32::try_from(peak).unwrap_or(u32::MAX) };
                }
            }
            _ => {}
        }
    }

    /// What the server has seen while it was ill: all requests, and the highest peak.
    pub(crate) fn in_outage(&self) -> Seen {
        let mut sum = Seen::default();
        for (_, seen) in Phase::ALL.iter().zip(&self.phases).filter(|(phase, _)| phase.is_outage())
        {
            sum.requests += seen.requests;
            sum.peak = sum.peak.max(seen.peak);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outage_is_the_sum_of_its_phases_and_the_highest_of_their_peaks() {
        let mut reports = Reports::default();
        for line in ["phase 0 900 9", "phase 1 50 12", "phase 3 5 5", "load 100 40", "noise"] {
            reports.note(line);
        }
        let seen = reports.in_outage();
        assert_eq!((seen.requests, seen.peak), (55, 12));
        assert_eq!(reports.load, [(Duration::from_millis(100), 40)]);
    }
}
