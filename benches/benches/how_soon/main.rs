//! How soon does a breaker open, and how many calls are lost until then?
//!
//! `cargo bench -p cutout-benches --bench how_soon` takes some seconds and prints the same on every
//! machine: time is told to the breakers, and chance comes from a fixed seed. It also writes
//! `how_soon.md` into the target folder.
//!
//! Where to read first: `faults` for what goes wrong, `users` for who calls, `breakers` for who takes
//! part and how each is driven.

mod breakers;
mod chances;
mod dice;
mod faults;
mod table;
mod users;

use std::fs;
use std::path::Path;

fn main() {
    let rows = breakers::rows();
    let mut text = String::from(table::NOTES);
    for fault in faults::ALL {
        text += &table::of(fault, &rows);
    }
    text += &table::at_once(&rows);
    text += &chances::table();
    println!("{text}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    fs::write(target.join("how_soon.md"), text).expect("the target folder can be written");
}
