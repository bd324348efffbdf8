//! Timelines as the property tests of `cutout-core` draw them, and what its reference model makes
//! of each step, written down for a target that has neither.
//!
//! One seed always writes one tape.

#[path = "../../../core/tests/reference/mod.rs"]
#[allow(dead_code)] // the property tests have other ways in
mod reference;

mod covered;
mod draw;
mod record;

pub use covered::Covered;

use reference::settings::{Bytes, Settings};
use reference::timeline;

/// What the firmware's tape is drawn from.
pub const SEED: u64 = 1;

/// How long the firmware's tape is: the smallest target has 256 KiB for everything.
pub const LENGTH: usize = 150_000;

/// A tape, and what it covers.
#[derive(Debug, Default)]
pub struct Cases {
    /// What a target reads.
    pub tape: Vec<u8>,
    /// What is on it.
    pub covered: Covered,
}

/// The largest number of timelines that are drawn.
const DRAWS: u32 = 20_000;

/// Records timelines drawn from `seed` until the tape has `length` bytes.
///
/// The first half is as they come. The second is of those that show what the tape has too little
/// of, as long as there is such a thing.
pub fn record(seed: u64, length: usize) -> Cases {
    let (mut cases, mut draw) = (Cases::default(), draw::Draw(seed));
    for _ in 0..DRAWS {
        if cases.tape.len() >= length {
            break;
        }
        let bytes = draw.timeline();
        let mut drawn_from = Bytes(&bytes);
        let settings = Settings::from_bytes(&mut drawn_from);
        let settings_end = bytes.len() - drawn_from.0.len();
        let mut recorder = record::Recorder::new(&settings, &bytes[..settings_end]);
        let _ = timeline::run_before(&bytes, &mut recorder);
        let Some(mut recorded) = recorder.finish() else { continue };
        recorded.covered.timeline(&settings);
        if cases.tape.len() < length / 2 || cases.covered.gains_by(&recorded.covered) {
            cases.covered.add(&recorded.covered);
            cases.tape.extend(recorded.tape);
        }
    }
    cases
}
