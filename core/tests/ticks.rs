//! A counter of 32 bits, read as one of 64, and what its ticks are in nanoseconds.

use core::cell::Cell;

use cutout_core::{Instant, Ticks64};

/// As seldom as it may be kept up.
const STEP: u64 = (1 << 31) - 1;

/// The counter's low half, as hardware shows it.
#[allow(clippy::cast_possible_truncation)] // that is what it is about
fn shown(time: u64) -> u32 {
    time as u32
}

#[test]
fn the_count_goes_on_where_the_counter_wraps() {
    let ticks = Ticks64::new();
    ticks.update(0x8000_0000);
    ticks.update(u32::MAX);
    assert_eq!(ticks.read(|| u32::MAX), 0xffff_ffff);
    assert_eq!(ticks.read(|| 0), 1 << 32, "before the handler has noticed");
    ticks.update(0);
    assert_eq!(ticks.read(|| 0), 1 << 32, "and after");
}

#[test]
fn a_reading_is_right_from_the_last_to_the_next_keeping_up() {
    let ticks = Ticks64::new();
    let mut time = 0;
    for _ in 0..100 {
        for later in [0, 1, STEP / 2, STEP - 1, STEP] {
            assert_eq!(ticks.read(|| shown(time + later)), time + later, "kept up at {time}");
        }
        time += STEP;
        ticks.update(shown(time));
    }
}

#[test]
fn keeping_up_more_often_changes_nothing() {
    let ticks = Ticks64::new();
    for time in (0..1 << 34).step_by(0x0fed_cba9) {
        for _ in 0..3 {
            ticks.update(shown(time));
            assert_eq!(ticks.read(|| shown(time)), time);
        }
    }
}

#[test]
fn a_handler_during_the_reading_makes_no_step_and_no_leap() {
    let ticks = Ticks64::new();
    let time = Cell::new(0);
    let handler = || {
        time.set(time.get() + STEP / 2);
        ticks.update(shown(time.get()));
    };
    while time.get() < 1 << 35 {
        let before = ticks.read(|| {
            handler();
            shown(time.get())
        });
        assert_eq!(before, time.get(), "it came before the counter was read");
        let after = ticks.read(|| {
            let count = shown(time.get());
            handler();
            count
        });
        assert_eq!(after, time.get() - STEP / 2, "it came after");
        handler(); // so that either is met at the end of a half
    }
}

#[test]
fn ticks_are_turned_into_nanoseconds_exactly_and_rounded_down() {
    fn check<const HERTZ: u64>() {
        for ticks in [0, 1, 2, 999, HERTZ - 1, HERTZ, HERTZ + 1, 1 << 40, u64::MAX] {
            let exact = u128::from(ticks) * 1_000_000_000 / u128::from(HERTZ);
            let nanos = u64::try_from(exact).unwrap_or(u64::MAX);
            assert_eq!(
                Instant::from_ticks::<HERTZ>(ticks).as_nanos(),
                nanos,
                "{ticks} at {HERTZ} Hz"
            );
        }
    }
    check::<1>();
    check::<3>();
    check::<1_000>();
    check::<32_768>();
    check::<1_000_000>();
    check::<168_000_000>();
    check::<1_000_000_000>();
    check::<9_999_999_999>();
    check::<10_000_000_000>();
}
