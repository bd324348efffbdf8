//! A PostgreSQL server is stopped, then killed, then started again. Its users call it through a
//! pool of connections, a timeout of 500 ms and a breaker with the defaults; others, at the same
//! time, through a breaker that goes by the failure rate alone.
//!
//! It is started by `.ci/postgres`, which brings the server; that takes 52 s, and with `--quick`,
//! where the break is 3 s instead of the default's 30 s, it takes 14 s.

use core::time::Duration;
use std::env;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cutout_dependencies::{Dependency, Drill, Failure, is_quick};
use tokio::process::Command;
use tokio_postgres::{Client, Config, NoTls};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let quick = is_quick()?;
    let variable =
        |name| env::var(name).map_err(|_| format!("{name} is not set: run .ci/postgres"));
    let (address, control) = (variable("CUTOUT_POSTGRES")?, variable("CUTOUT_POSTGRES_CONTROL")?);
    let [well, stopped, down, again] = if quick { [4, 2, 3, 5] } else { [12, 3, 5, 32] };
    let drill = Drill {
        phases: &[
            ("well", well),
            ("stopped (SIGSTOP)", stopped),
            ("killed (SIGKILL)", down),
            ("started again", again),
        ],
        users: 16,
        pause: Duration::from_millis(25),
        limit: Duration::from_millis(500),
        quick,
    };
    println!(
        "A PostgreSQL server, {} users of each breaker, a timeout of {:?}.",
        drill.users, drill.limit,
    );
    let pools = [Pool::new(&address)?, Pool::new(&address)?];
    let outcome = drill.run(pools, async |phase| {
        let order = ["start", "stop", "kill", "start"][phase];
        let status = Command::new(&control).arg(order).status().await?;
        if status.success() { Ok(()) } else { Err(format!("{control} {order}: {status}").into()) }
    });
    outcome.await?.report()
}

/// Connections that are open and idle. There are as many as there were calls at once.
#[derive(Clone)]
struct Pool {
    config: Config,
    idle: Arc<Mutex<Vec<Client>>>,
}

impl Pool {
    fn new(address: &str) -> Result<Self, Failure> {
        Ok(Self { config: address.parse()?, idle: Arc::default() })
    }

    fn take(&self) -> Option<Client> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, client: Client) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    /// An idle connection that is alive, as far as can be told without asking, or a new one.
    async fn connection(&self) -> Result<Client, tokio_postgres::Error> {
        while let Some(client) = self.take() {
            if !client.is_closed() {
                return Ok(client);
            }
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Dependency for Pool {
    /// A connection whose call failed, or was given up, does not come back to the pool.
    async fn ask(&self) -> io::Result<()> {
        let client = self.connection().await.map_err(io::Error::other)?;
        client.simple_query("SELECT 1").await.map_err(io::Error::other)?;
        self.give_back(client);
        Ok(())
    }
}
