//! Firmware: how many instructions each step of a call takes.
#![no_std]
#![no_main]

use board::{println, stopwatch};
use footprint::steps;

board::main!(run);

fn run() -> bool {
    steps::count_all(
        |act| stopwatch::instructions(act),
        |breaker, step, many| println!("{} {breaker}/{step} {many}", board::TARGET),
    );
    true
}
