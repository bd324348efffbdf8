//! The runs of the script, all at the same time: a server each, its clients, and what stands
//! between them.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use cutout::{Bulkhead, Totals};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Failure;
use crate::args::Args;
use crate::child::{Reports, Server};
use crate::client::{Client, Ending, Sample};
use crate::dice::Dice;
use crate::guard::Guard;
use crate::live::Live;
use crate::recorder::{Breaker, Change};
use crate::script::{Phase, Script};

/// How often the bar moves.
const FRAME: Duration = Duration::from_millis(100);

/// All that was measured in a run.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
    pub(crate) server: Reports,
    /// Calls that ran, by their own count.
    pub(crate) ran: u64,
    /// The most calls that ran at once, by their own count.
    pub(crate) most_in_flight: u32,
    /// What the breaker says, if there was one.
    pub(crate) breaker: Option<BreakerAccount>,
    /// What the bulkhead says, if there was one.
    pub(crate) bulkhead: Option<BulkheadAccount>,
}

/// The breaker's own account of a run.
pub(crate) struct BreakerAccount {
    pub(crate) changes: Vec<Change>,
    pub(crate) totals: Totals,
    pub(crate) trials_in_flight: u32,
}

/// The bulkhead's own account of a run.
pub(crate) struct BulkheadAccount {
    pub(crate) limit: u32,
    pub(crate) in_use: u32,
    pub(crate) waiting: u32,
    pub(crate) rejected: u64,
}

/// Runs the script, against a server for each of the guards at the same time.
pub(crate) async fn run(
    args: &Args,
    script: &Script,
    guards: impl FnOnce() -> Result<[Guard; 3], Failure>,
) -> Result<[Run; 3], Failure> {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start(args.clients).await?);
    }
    // Made now, so that the clocks of all begin at the same time.
    let mut clients = Vec::new();
    for (guard, server) in guards()?.into_iter().zip(&servers) {
        clients.push(Arc::new(Client::new(server.port(), args.timeout(), guard)?));
    }
    let mut live = Live::new(&clients, script)?;

    for server in &mut servers {
        server.begin(Phase::Healthy).await?;
    }
    let mut users: Vec<_> = clients.iter().map(|client| start(args, script, client)).collect();
    for phase in Phase::ALL {
        if phase != Phase::Healthy {
            for server in &mut servers {
                server.begin(phase).await?;
            }
        }
        let end = script.span(phase).end;
        while let Some(left) = end.checked_sub(clients[0].now()).filter(|left| !left.is_zero()) {
            sleep(left.min(FRAME)).await;
            live.refresh();
        }
        live.end(phase)?;
        if phase == Phase::Healthy {
            for (client, server) in clients.iter().zip(&servers) {
                check(client, server.port())?;
            }
        }
    }
    drop(live);
    let mut runs = Vec::new();
    for ((client, server), users) in clients.iter().zip(servers).zip(users.drain(..)) {
        let mut samples = users.join_all().await.concat();
        samples.sort_by_key(Sample::end);
        let guard = client.guard();
        runs.push(Run {
            name: guard.name(),
            samples,
            server: server.end().await?,
            ran: client.ran.load(Ordering::Relaxed),
            most_in_flight: client.in_flight.peak(),
            breaker: guard.its_breaker().map(BreakerAccount::of),
            bulkhead: guard.its_bulkhead().map(BulkheadAccount::of),
        });
    }
    runs.try_into().map_err(|_| "there are three runs".into())
}

/// Starts the users of one client.
fn start(args: &Args, script: &Script, client: &Arc<Client>) -> JoinSet<Vec<Sample>> {
    let mut users = JoinSet::new();
    for number in 0..args.clients {
        let dice = Dice::new(args.seed, u64::from(number));
        users.spawn(Arc::clone(client).live(dice, script.length()));
    }
    users
}

impl BreakerAccount {
    pub(crate) fn of(breaker: &Breaker) -> Self {
        Self {
            changes: breaker.observer().take(),
            totals: breaker.totals(),
            trials_in_flight: breaker.snapshot().trials_in_flight,
        }
    }
}

impl BulkheadAccount {
    pub(crate) fn of(bulkhead: &Bulkhead) -> Self {
        Self {
            limit: bulkhead.limit(),
            in_use: bulkhead.in_use(),
            waiting: bulkhead.waiting(),
            rejected: bulkhead.rejected(),
        }
    }
}

/// A run in which calls to the healthy server fail would show the machine's trouble, not ours.
fn check(client: &Client, port: u16) -> Result<(), Failure> {
    let good = client.count(Ending::Good);
    let calls = good + client.count(Ending::Error);
    if good > 0 && good * 20 >= calls * 19 {
        return Ok(());
    }
    let error = format!(
        "only {good} of {calls} calls to the healthy server, 127.0.0.1:{port}, succeed; is the \
         loopback interface up, may a process have enough files open, is the timeout long enough?",
    );
    Err(error.into())
}

impl Run {
    /// How many calls ended so.
    pub(crate) fn count(&self, ending: Ending) -> u64 {
        self.samples.iter().filter(|sample| sample.ending == ending).count() as u64
    }
}
