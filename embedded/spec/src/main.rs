//! Firmware: the timelines of the specification, decided on the target as the reference model
//! decides them on the host.
#![no_std]
#![no_main]

#[path = "../../../core/tests/reference/settings.rs"]
#[allow(dead_code)] // the host reads the settings, too
mod settings;

mod replay;
mod world;

use board::println;
use tape::Reader;

board::main!(run);

/// What [`cases`](../../cases) recorded.
static TIMELINES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/timelines"));

fn run() -> bool {
    let (mut passed, mut failed, mut steps) = (0_u32, 0_u32, 0_u32);
    let mut tape = Reader(TIMELINES);
    while !tape.is_over() {
        let replayed = replay::timeline(&mut tape);
        steps += replayed.steps;
        match replayed.difference {
            None => passed += 1,
            Some(difference) => {
                failed += 1;
                if failed <= 5 {
                    println!("timeline {}, step {}: {difference}", passed + failed, replayed.steps);
                }
            }
        }
    }
    println!(
        "spec {}: {passed} timelines passed, {failed} failed, {steps} steps compared",
        board::TARGET
    );
    passed > 0 && failed == 0
}
