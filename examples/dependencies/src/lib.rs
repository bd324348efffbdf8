//! Programs that let a real dependency hang, die and come back, and count what its users get.
//!
//! | program | its dependency |
//! | --- | --- |
//! | `hung_http` | an HTTP server, called through reqwest |
//! | `two_hosts` | two HTTP servers behind the policy of `docs/using.md`, of which one hangs |
//! | `postgres` | a PostgreSQL server that `.ci/postgres` starts |
//!
//! Each prints its table and fails if what it is to show does not hold. All are over in less than a
//! minute, and with `--quick` in less than 15 s. All calls go to loopback addresses.
//!
//! | file | holds |
//! | --- | --- |
//! | `drill.rs` | one outage, and two breakers: the defaults, and the failure rate alone |
//! | `server.rs` | the HTTP server: it is well, hangs or refuses connections, as it is told |
//! | `users.rs` | users who call, and what became of their calls, phase by phase |
//! | `report.rs` | the tables, and what is checked of them |

#![forbid(unsafe_code)]

mod drill;
mod report;
mod server;
mod users;

pub use drill::{Drill, Outcome};
pub use report::{Checks, Column, table};
pub use server::{Behaviour, Server};
pub use users::{Change, Client, Counts, Dependency, Ending, Phases, Recorder, Users};

/// What ends a program; its text is for people.
pub type Failure = Box<dyn core::error::Error + Send + Sync>;

/// Whether the program is to be over in less than 15 s.
///
/// # Errors
///
/// If it was asked for anything else.
pub fn is_quick() -> Result<bool, Failure> {
    let mut is_quick = false;
    for argument in std::env::args().skip(1) {
        match &*argument {
            "--quick" => is_quick = true,
            other => return Err(format!("the only option is --quick, got {other}").into()),
        }
    }
    Ok(is_quick)
}
