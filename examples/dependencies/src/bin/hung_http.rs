//! An HTTP server hangs, then refuses connections, then is well again. Its users call it through
//! reqwest, a timeout of 1 s and a breaker with the defaults; others, at the same time, through a
//! breaker that goes by the failure rate alone.
//!
//! `cargo run --release -p cutout-dependencies --bin hung_http` takes 50 s; with `-- --quick` the
//! break is 3 s instead of the default's 30 s, and it takes 14 s.

use core::time::Duration;
use std::io;

use cutout_dependencies::{Behaviour, Dependency, Drill, Failure, Server, is_quick};
use reqwest::Client;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let quick = is_quick()?;
    let [well, hangs, refuses, again] = if quick { [4, 2, 3, 5] } else { [12, 4, 4, 30] };
    let drill = Drill {
        phases: &[
            ("well", well),
            ("hangs", hangs),
            ("refuses connections", refuses),
            ("well again", again),
        ],
        users: 32,
        pause: Duration::from_millis(50),
        limit: Duration::from_secs(1),
        quick,
    };
    println!(
        "An HTTP server, {} users of each breaker, a timeout of {:?}.",
        drill.users, drill.limit,
    );
    let server = Server::start()?;
    let hosts = [Host::new(server.url())?, Host::new(server.url())?];
    let outcome = drill.run(hosts, async |phase| {
        let behaviours = [Behaviour::Well, Behaviour::Hang, Behaviour::Refuse, Behaviour::Well];
        server.behave(behaviours[phase]);
        Ok(())
    });
    outcome.await?.report()
}

/// The server, as a client sees it.
struct Host {
    client: Client,
    url: String,
}

impl Host {
    fn new(url: String) -> Result<Self, Failure> {
        Ok(Self { client: Client::builder().no_proxy().build()?, url })
    }
}

impl Dependency for Host {
    async fn ask(&self) -> io::Result<()> {
        let response = self.client.get(&self.url).send().await.map_err(io::Error::other)?;
        let response = response.error_for_status().map_err(io::Error::other)?;
        response.bytes().await.map_err(io::Error::other)?;
        Ok(())
    }
}
