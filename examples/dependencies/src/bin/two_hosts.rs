//! Two HTTP hosts behind the policy of `docs/using.md`: a fallback, retries with a budget, a
//! breaker and a bulkhead for each host, a timeout. One host hangs for some seconds. The program
//! shows how many fresh answers the users of the other host get during that time. As a warning, it
//! also shows how many fresh answers they get if both hosts share one bulkhead.
//!
//! `cargo run --release -p cutout-dependencies --bin two_hosts` takes 40 s, with `-- --quick` 12 s.

use core::ops::Range;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use cutout::{
    Bulkhead, Config, Fallback, Policy, PolicyError, Rate, Registry, Retry, RetryBudget, StdClock,
    TokioTimer,
};
use cutout_dependencies::{
    Behaviour, Checks, Client, Counts, Ending, Failure, Phases, Server, Users, is_quick,
};
use tokio::time::sleep;

/// The numbers are those of `docs/using.md`.
const PLACES: u32 = 64;
const LIMIT: Duration = Duration::from_millis(300);

/// Users of the host that stays well, and of the one that hangs: more than a bulkhead has places.
const USERS: [u32; 2] = [16, 96];
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let [before, hangs, after] = if is_quick()? { [3, 5, 3] } else { [10, 20, 10] };
    let servers = [Server::start()?, Server::start()?];
    let urls = servers.each_ref().map(Server::url);
    // Each second is a phase, so that the worst can be shown.
    let phases = Phases::new(&[]);
    let rate_alone = Config::new().without_consecutive_failures();
    let ways = [
        ("a bulkhead for each host", Config::new(), 2),
        ("one bulkhead for both", Config::new(), 1),
        ("a bulkhead for each host, the failure rate alone", rate_alone, 2),
        ("one bulkhead for both, the failure rate alone", rate_alone, 1),
    ];
    println!(
        "Two HTTP hosts, {} users of the first host and {} of the second host in each row, all at \
         one time; {PLACES} permits, a timeout of {LIMIT:?}. The second hangs for {hangs} s.\n",
        USERS[0], USERS[1],
    );
    phases.next();
    let mut running = Vec::new();
    for (name, config, bulkheads) in ways {
        let host = Host::both(&urls, config, bulkheads)?;
        let users = [0, 1].map(|it| Users::start(USERS[it], PAUSE, &host[it], &phases));
        running.push((name, users));
    }
    for second in 1..before + hangs + after {
        sleep(Duration::from_secs(1)).await;
        if second == before {
            servers[1].behave(Behaviour::Hang);
        } else if second == before + hangs {
            servers[1].behave(Behaviour::Well);
        }
        phases.next();
    }
    sleep(Duration::from_secs(1)).await;
    phases.end();

    let (outage, end) = (before..before + hangs, before + hangs + after);
    println!(
        "| fresh answers a second of the host that is well | before | while the other hangs \
         | in the worst second | after |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut shares = Vec::new();
    for (name, [users, others]) in running {
        let counts = users.counts().await;
        let rate = |seconds: Range<usize>| rate(&counts, seconds);
        let worst = outage.clone().map(|second| rate(second..second + 1)).min().unwrap_or(0);
        let [well, ill, again] = [rate(0..before), rate(outage.clone()), rate(outage.end..end)];
        println!("| {name} | {well} | {ill} | {worst} | {again} |");
        shares.push([worst, ill, again].map(|rate| 100 * rate / well.max(1)));
        drop(others.counts().await);
    }
    println!();
    let [each, _, each_by_rate, one_by_rate] = shares[..] else { unreachable!("there are four") };
    let mut checks = Checks::default();
    checks.that(
        "with a bulkhead for each host, the worst second of the healthy host has half its answers",
        each[0] >= 50 && each_by_rate[0] >= 50,
    );
    checks.that("and all the time 80 % of them", each[1] >= 80 && each_by_rate[1] >= 80);
    checks.that("and after it 80 %", each[2] >= 80 && each_by_rate[2] >= 80);
    checks.that(
        "with one bulkhead for both, half of its answers are lost until the failure rate is over",
        one_by_rate[1] <= 50,
    );
    checks.done()
}

/// Good answers a second.
fn rate(counts: &Counts, seconds: Range<usize>) -> u64 {
    counts.sum(seconds.clone(), Ending::Good) / seconds.len().max(1) as u64
}

/// A host behind the policy of `docs/using.md`.
struct Host {
    client: reqwest::Client,
    url: String,
    breakers: Arc<Registry<String, StdClock>>,
    bulkhead: Arc<Bulkhead>,
    retries: Arc<RetryBudget>,
}

impl Host {
    /// Two hosts, with as many bulkheads for both.
    fn both(
        urls: &[String; 2],
        config: Config,
        bulkheads: usize,
    ) -> Result<[Arc<Self>; 2], Failure> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let breakers = Arc::new(Registry::new(config));
        let places: Vec<_> = (0..bulkheads).map(|_| Arc::new(Bulkhead::new(PLACES))).collect();
        let retries = Arc::new(RetryBudget::new(Rate::percent(10), 1));
        Ok([0, 1].map(|host| {
            Arc::new(Self {
                client: client.clone(),
                url: urls[host].clone(),
                breakers: Arc::clone(&breakers),
                bulkhead: Arc::clone(&places[host % bulkheads]),
                retries: Arc::clone(&retries),
            })
        }))
    }

    async fn get(&self) -> io::Result<Ending> {
        let response = self.client.get(&self.url).send().await.map_err(io::Error::other)?;
        let response = response.error_for_status().map_err(io::Error::other)?;
        response.bytes().await.map_err(io::Error::other)?;
        Ok(Ending::Good)
    }
}

impl Client for Host {
    async fn call(&self) -> Ending {
        let policy = Policy::new()
            .timer(TokioTimer)
            .fallback(Fallback::from_fn(|_: PolicyError<io::Error>| Ok(Ending::StaleResult)))
            .retry(
                Retry::exponential(Duration::from_millis(50))
                    .max_attempts(3)
                    .budget(&*self.retries),
            )
            .breaker(self.breakers.get(&self.url))
            .bulkhead(&*self.bulkhead)
            .timeout(LIMIT);
        policy.call_async(|| self.get()).await.unwrap_or(Ending::Failed)
    }
}
