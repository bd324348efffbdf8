//! Clocks for breakers in programs on embassy and RTIC: each a few lines, to be copied.
#![no_std]
#![forbid(unsafe_code)]

mod embassy;
mod rtic;

pub use embassy::EmbassyClock;
pub use rtic::{RticClock, RticClock32};
