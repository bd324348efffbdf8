//! How soon does a breaker open, and how many calls are lost until then?
//!
//! `cargo bench -p cutout-benches --bench how_soon` takes some seconds and prints the same on every
//! machine: time is told to the breakers, and chance comes from a fixed seed. It also writes
//! `how_soon.md` into the target folder. With `-- --check` it also says whether the tables are those of
//! `docs/how-soon-it-opens.md`, and fails if they are not.
//!
//! Where to read first: `faults` for what goes wrong, `users` for who calls, `breakers` for who takes
//! part and how each is driven.

mod breakers;
mod chances;
mod dice;
mod faults;
mod table;
mod users;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The page that has these tables.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/how-soon-it-opens.md");

fn main() -> ExitCode {
    let rows = breakers::rows();
    let mut tables = String::new();
    for fault in faults::ALL {
        tables += &table::of(fault, &rows);
    }
    tables += &table::at_once(&rows);
    tables += &chances::table();
    let text = [table::NOTES, &tables].concat();
    println!("{text}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    fs::write(target.join("how_soon.md"), text).expect("the target folder can be written");
    if env::args().any(|argument| argument == "--check") {
        if !fs::read_to_string(PAGE).is_ok_and(|page| page.contains(&tables)) {
            eprintln!("error: these are not the tables of docs/how-soon-it-opens.md");
            return ExitCode::FAILURE;
        }
        eprintln!("ok: these are the tables of docs/how-soon-it-opens.md");
    }
    ExitCode::SUCCESS
}
