//! One outage, met by two breakers at the same time: one by default, and one that goes by the
//! failure rate alone.

use core::time::Duration;
use std::sync::Arc;
use std::thread;

use cutout::{Config, State};
use tokio::time::sleep;

use crate::users::{Guarded, Users};
use crate::{Checks, Column, Dependency, Ending, Failure, Phases, table};

/// The outage, and the users that call during it.
#[derive(Clone, Copy, Debug)]
pub struct Drill<'a> {
    /// The phases by their names, and how many seconds each takes. In the second comes the fault,
    /// in the last all is well again.
    pub phases: &'a [(&'static str, u64)],
    /// Users of each breaker.
    pub users: u32,
    /// How long each of them pauses between two calls.
    pub pause: Duration,
    /// How long a call may take.
    pub limit: Duration,
    /// Whether the break is 3 s instead of the default's 30 s.
    pub quick: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    phases: Arc<Phases>,
    limit: Duration,
    users: u32,
    break_duration: Duration,
    with: Column,
    without: Column,
}

impl Drill<'_> {
    /// Lets users call the two dependencies, which are clients of one server, through a breaker
    /// each. `begin` is told of each phase by its number, and brings it about.
    ///
    /// # Errors
    ///
    /// Those of `begin`.
    pub async fn run<D: Dependency>(
        self,
        [one, other]: [D; 2],
        mut begin: impl AsyncFnMut(usize) -> Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        let mut config = Config::new();
        if self.quick {
            config = config.break_duration(Duration::from_secs(3));
            println!("The break is 3 s instead of the default's 30 s, so that this is over soon.");
        }
        let with = Guarded::new(one, self.limit, config);
        let without = Guarded::new(other, self.limit, config.without_consecutive_failures());
        let names: Vec<_> = self.phases.iter().map(|(name, _)| *name).collect();
        let phases = Phases::new(&names);
        let start = |client: &Arc<_>| Users::start(self.users, self.pause, client, &phases);
        phases.next();
        let (users, others) = (start(&with), start(&without));
        for (number, (_, seconds)) in self.phases.iter().enumerate() {
            if number > 0 {
                phases.next();
                begin(number).await?;
            }
            sleep(Duration::from_secs(*seconds)).await;
        }
        phases.end();
        let column = async |name, users: Users, client: &Guarded<D>| Column {
            name,
            counts: users.counts().await,
            changes: client.breaker.observer().changes(),
        };
        Ok(Outcome {
            limit: self.limit,
            users: self.users,
            break_duration: config.get_break_duration(),
            with: column("The defaults", users, &with).await,
            without: column("By the failure rate alone", others, &without).await,
            phases,
        })
    }
}

impl Outcome {
    /// Prints the table, and checks what the defaults promise.
    ///
    /// # Errors
    ///
    /// If that does not hold.
    pub fn report(self) -> Result<(), Failure> {
        /// What a busy machine may add to any time.
        const SLACK: Duration = Duration::from_secs(2);

        let Self { phases, with, without, .. } = &self;
        println!("{}", table(phases, &[with, without]));
        let last = phases.names().len() - 1;
        let (fault, well) = (phases.start(1), phases.start(last));
        let count = |column: &Column, ending| column.counts.sum(1..last + 1, ending);
        let (failed, refused) = (count(with, Ending::Failed), count(with, Ending::Refused));
        let mut checks = Checks::default();
        checks.that(
            "no call fails or is refused while all is well",
            [with, without].iter().all(|column| {
                column.counts.of(0, Ending::Good) > 200
                    && column.counts.of(0, Ending::Failed) + column.counts.of(0, Ending::Refused)
                        == 0
            }),
        );
        checks.that(
            format!("the defaults open within the timeout of {:?}, and {SLACK:?}", self.limit),
            with.opened_after(fault).is_some_and(|after| after <= self.limit + SLACK),
        );
        // Each user is caught once by the server that hangs, and again until the twentieth failure;
        // threads that contend keep up to three failures each to themselves; and each break ends
        // with up to three trials.
        let openings = with.changes.iter().filter(|change| change.to == State::Open).count();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let most = u64::from(self.users) + 20 + 3 * (threads + openings) as u64;
        checks.that(format!("at most {most} calls fail"), failed <= most);
        checks.that("ten times as many are refused", refused >= 10 * failed);
        checks.that(
            format!("it closes within a break of {:?}, and {SLACK:?}", self.break_duration),
            with.closed_after(well).is_some_and(|after| after <= self.break_duration + SLACK),
        );
        checks.that(
            "by the failure rate alone, at least ten times as many calls fail",
            count(without, Ending::Failed) >= 10 * failed,
        );
        checks.done()
    }
}
