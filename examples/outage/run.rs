//! One run of the script: a server, its clients, and with or without a breaker between them.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use cutout::{Config, StdClock, Totals};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Failure;
use crate::args::Args;
use crate::child::{Reports, Server};
use crate::client::{Client, Ending, Sample};
use crate::dice::Dice;
use crate::live::Live;
use crate::recorder::{Breaker, Change, Recorder};
use crate::script::{Phase, Script};

/// How often the bar moves.
const FRAME: Duration = Duration::from_millis(100);

/// All that was measured in a run.
pub(crate) struct Run {
    pub(crate) samples: Vec<Sample>,
    pub(crate) server: Reports,
    /// Calls that ran, by their own count.
    ran: u64,
    /// What the breaker says, if there was one.
    pub(crate) breaker: Option<Account>,
}

/// The breaker's own account of a run.
pub(crate) struct Account {
    pub(crate) changes: Vec<Change>,
    pub(crate) totals: Totals,
    trials_in_flight: u32,
}

/// Runs the script once.
pub(crate) async fn run(
    args: &Args,
    script: &Script,
    config: Option<Config>,
) -> Result<Run, Failure> {
    let mut server = Server::start(args.clients).await?;
    let breaker = match config {
        Some(config) => Some(Breaker::try_with_observer(config, StdClock, Recorder::new())?),
        None => None,
    };
    let client = Arc::new(Client::new(server.port(), args.timeout(), breaker)?);
    let mut live = Live::new(&client, script)?;

    server.begin(Phase::Healthy).await?;
    let mut clients = JoinSet::new();
    for number in 0..args.clients {
        let dice = Dice::new(args.seed, u64::from(number));
        clients.spawn(Arc::clone(&client).live(dice, script.length()));
    }
    for phase in Phase::ALL {
        if phase != Phase::Healthy {
            server.begin(phase).await?;
        }
        let end = script.span(phase).end;
        while let Some(left) = end.checked_sub(client.now()).filter(|left| !left.is_zero()) {
            sleep(left.min(FRAME)).await;
            live.refresh();
        }
        live.end(phase)?;
        if phase == Phase::Healthy {
            check(&client, server.port())?;
        }
    }
    let mut samples = clients.join_all().await.concat();
    samples.sort_by_key(Sample::end);
    drop(live);

    let account = |breaker: &Breaker| Account {
        changes: breaker.observer().take(),
        totals: breaker.totals(),
        trials_in_flight: breaker.snapshot().trials_in_flight,
    };
    Ok(Run {
        samples,
        server: server.end().await?,
        ran: client.ran.load(Ordering::Relaxed),
        breaker: client.breaker().map(account),
    })
}

/// A run in which calls to the healthy server fail would show the machine's trouble, not ours.
fn check(client: &Client, port: u16) -> Result<(), Failure> {
    let good = client.good.load(Ordering::Relaxed);
    let calls = good + client.errors.load(Ordering::Relaxed);
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

    /// Checks that the breaker has settled every call that it admitted and refused every other,
    /// against the counts of the calls themselves.
    pub(crate) fn conservation(&self) -> Result<String, String> {
        let Some(Account { totals, trials_in_flight, .. }) = &self.breaker else {
            return Ok(String::from("No breaker, no books to check."));
        };
        let refused = self.count(Ending::Refused);
        let (settled, rejected) = (totals.settled(), totals.rejected);
        let books = format!(
            "{} calls ran and the breaker settled {settled}; {refused} were refused and it counted \
             {rejected}; {trials_in_flight} trials are out",
            self.ran,
        );
        if (self.ran, refused, 0) == (settled, rejected, *trials_in_flight) {
            Ok(format!("The breaker's books balance: {books}."))
        } else {
            Err(format!("THE BREAKER'S BOOKS DO NOT BALANCE: {books}."))
        }
    }
}
