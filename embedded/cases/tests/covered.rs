//! A tape shows what there is to show, and is the same for the same seed.

use cases::{Covered, record};

#[test]
fn the_tape_of_the_firmware_covers_every_kind_of_step() {
    let cases = record(cases::SEED, cases::LENGTH);
    println!("{:#?}", cases.covered);
    for kind in Covered::KINDS {
        let times = cases.covered.times(kind);
        assert!(times >= Covered::ENOUGH, "{kind}: {times}");
    }
    assert!(cases.covered.steps > 5_000);
}

#[test]
fn a_seed_gives_the_same_tape_again() {
    assert_eq!(record(7, 5_000).tape, record(7, 5_000).tape);
    assert_ne!(record(7, 5_000).tape, record(8, 5_000).tape);
}
