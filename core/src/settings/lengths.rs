//! The settings of which several together say how long something lasts: a break, a slow start.
//!
//! They are more than a word, so there are two copies, and the plan says which holds (C6).

use core::num::{NonZeroU32, NonZeroU64};

use super::layout::{self, FACTOR, FIRST_SHARE, JITTER, SECOND_SHARE, THIRD_SHARE, duration};
use crate::config::{Backoff, Config, SlowStart};
use crate::rate::Rate;
use crate::sync::{AtomicU64, Ordering, const_fn};

/// How long breaks are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Breaks {
    pub(crate) duration: u64,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) jitter: Rate,
}

impl Breaks {
    /// What a server's `retry_after` may ask for at most; with jitter a break is up to half as long
    /// again.
    pub(crate) const fn longest_asked(&self) -> u64 {
        const ASKED_FOR: u64 = 300_000_000_000;
        match self.backoff {
            Some(backoff) => backoff.cap,
            None if self.duration > ASKED_FOR => self.duration,
            None => ASKED_FOR,
        }
    }
}

impl Breaks {
    /// No break is longer.
    pub(crate) const fn longest(&self) -> u64 {
        let asked = self.longest_asked();
        if self.jitter.basis_points() == 0 { asked } else { asked + asked / 2 }
    }
}

/// What is read as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    pub(crate) breaks: Breaks,
    pub(crate) slow_start: Option<SlowStart>,
}

impl Lengths {
    fn of([length, cap, third, scales]: [u64; 4]) -> Self {
        let backoff = NonZeroU32::new(FACTOR.get(scales));
        let backoff = backoff.map(|percent| Backoff { percent, cap });
        let jitter = Rate::clamped(JITTER.get(scales));
        let shares = [FIRST_SHARE.get(scales), SECOND_SHARE.get(scales), THIRD_SHARE.get(third)];
        let stage = NonZeroU64::new(duration(third));
        Self {
            breaks: Breaks { duration: length, backoff, jitter },
            slow_start: stage.map(|stage| SlowStart { stage, shares: shares.map(Rate::clamped) }),
        }
    }
}

/// One copy of them.
pub(super) type Copy = [AtomicU64; 4];

const_fn! {
    pub(super) fn copy_of(config: &Config) -> Copy {
        let [one, two, three, four] = layout::lengths(config);
        [AtomicU64::new(one), AtomicU64::new(two), AtomicU64::new(three), AtomicU64::new(four)]
    }
}

pub(super) fn is_copy_of(copy: &Copy, config: &Config) -> bool {
    words_in(copy) == layout::lengths(config)
}

pub(super) fn write(copy: &Copy, config: &Config) {
    for (word, value) in copy.iter().zip(layout::lengths(config)) {
        word.store(value, Ordering::Release); // D6-store
    }
}

pub(super) fn read(copy: &Copy) -> Lengths {
    Lengths::of(words_in(copy))
}

fn words_in(copy: &Copy) -> [u64; 4] {
    core::array::from_fn(|at| copy[at].load(Ordering::Acquire)) // D6-load
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::time::Duration;

    use super::*;

    fn breaks(config: Config) -> Breaks {
        read(&copy_of(&config)).breaks
    }

    #[test]
    fn a_server_may_ask_for_five_minutes_for_the_breaks_own_length_or_for_the_cap() {
        let secs = Duration::from_secs;
        for (length, longest) in [(1, 300), (299, 300), (300, 300), (301, 301), (900, 900)] {
            let own = breaks(Config::new().break_duration(secs(length)));
            assert_eq!(own.longest_asked(), longest * 1_000_000_000, "{length}");
        }
        let capped = Config::new().break_backoff(Backoff::doubling(secs(40)));
        assert_eq!(breaks(capped).longest_asked(), 40_000_000_000);
        assert_eq!(breaks(capped).longest(), 40_000_000_000);
        let jittered = breaks(capped.break_jitter(Rate::percent(50)));
        assert_eq!(jittered.longest(), 60_000_000_000);
    }

    #[test]
    fn a_copy_holds_the_settings_that_were_set_and_no_others() {
        let config = Config::new().slow_start(SlowStart::in_stages_of(Duration::from_secs(2)));
        let copy = copy_of(&config);
        assert!(is_copy_of(&copy, &config) && !is_copy_of(&copy, &Config::new()));
        write(&copy, &Config::new());
        assert!(!is_copy_of(&copy, &config) && is_copy_of(&copy, &Config::new()));
    }
}
