//! How long a break is.

use core::time::Duration;

use crate::divisor::{Divisor, high};
use crate::settings::Breaks;
use crate::time::{Instant, nanos};

/// How long the break after `reopens` reopenings in a row is, in nanoseconds.
///
/// `chance` is a fraction of 2^64 and draws the jitter. Nothing is divided.
pub(crate) fn break_length(
    breaks: &Breaks,
    reopens: u32,
    retry_after: Option<Duration>,
    chance: u64,
) -> u64 {
    let cap = breaks.longest_asked();
    let length = match breaks.backoff {
        Some(backoff) => grow(breaks.duration, backoff.percent.get(), reopens).min(cap),
        None => breaks.duration,
    };
    const POINT: u64 = u64::MAX / 10_000;
    let share = high(u64::from(breaks.jitter.basis_points()) * POINT, chance);
    let asked = nanos(retry_after.unwrap_or_default()).min(cap);
    // What the server asked for is never cut short, so there the jitter is added.
    (length - high(length, share)).max(asked.saturating_add(high(asked, share)))
}

/// Binary places of a factor. The 36 before them hold every factor that takes the shortest break to
/// the longest cap.
const PLACES: u32 = 28;

/// `length` times (`percent` / 100) to the power of `times`, by squaring. What is too large for a
/// factor is beyond every cap.
const fn grow(length: u64, percent: u32, times: u32) -> u64 {
    const HUNDRED: Divisor = Divisor::new(100);
    let mut power = 1 << PLACES;
    let mut square = HUNDRED.divide((percent as u64) << PLACES).0;
    let mut left = times;
    while left > 0 {
        if left & 1 == 1 {
            power = product(power, square);
        }
        square = product(square, square);
        left >>= 1;
    }
    product(length, power)
}

/// The product of a number and a factor, or the largest number there is.
const fn product(number: u64, factor: u64) -> u64 {
    let (upper, lower) = (high(number, factor), number.wrapping_mul(factor));
    if upper >> PLACES == 0 { upper << (64 - PLACES) | lower >> PLACES } else { u64::MAX }
}

/// A number that differs from break to break and from breaker to breaker: enough to spread the
/// clients of one server, no secret.
pub(crate) fn chance(now: Instant, generation: u32, breaker: usize) -> u64 {
    // The finalizer of SplitMix64: every input bit moves every output bit.
    let mut x = now.as_nanos() ^ (breaker as u64).rotate_left(32) ^ (u64::from(generation) << 40);
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::circuit::ColdState;
    use crate::config::{Backoff, Config};
    use crate::rate::Rate;
    use crate::settings::Settings;

    fn breaks(config: &Config) -> Breaks {
        Settings::new(config).lengths(&ColdState::new()).0.breaks
    }

    const MILLISECOND: Duration = Duration::from_millis(1);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    #[test]
    fn a_break_grows_by_its_factor_and_stops_at_the_cap() {
        let config = Config::new()
            .break_duration(Duration::from_millis(500))
            .break_backoff(Backoff::multiplier_percent(150, Duration::from_secs(4)));
        let lengths: [u64; 8] = core::array::from_fn(|n| {
            break_length(&breaks(&config), u32::try_from(n).unwrap(), None, 0) / 1_000
        });
        assert_eq!(
            lengths,
            [500_000, 750_000, 1_125_000, 1_687_500, 2_531_250, 3_796_875, 4_000_000, 4_000_000]
        );
    }

    #[test]
    fn growth_saturates_instead_of_overflowing() {
        assert_eq!(grow(u64::MAX, 10_000, 63), u64::MAX);
        assert_eq!(grow(1, 200, 35), 1 << 35);
        assert_eq!(grow(7, 100, 63), 7);
        let (shortest, longest) = (nanos(MILLISECOND), nanos(YEAR));
        for (percent, times) in [(200, 35), (200, 63), (10_000, 6), (10_000, 63), (150, 63)] {
            assert!(grow(shortest, percent, times) > longest, "{percent} {times}");
        }
    }

    #[test]
    fn the_break_after_four_billion_reopenings_is_computed_while_this_is_compiled() {
        // The compiler gives up on loops of millions of steps (`long_running_const_eval`).
        const UNCHANGED: u64 = grow(7, 100, u32::MAX);
        const GROWN: u64 = grow(nanos(MILLISECOND), 101, u32::MAX);
        assert_eq!(UNCHANGED, 7);
        assert!(GROWN > nanos(YEAR), "{GROWN}");
    }

    #[test]
    fn jitter_shortens_by_no_more_than_its_share() {
        let config =
            Config::new().break_duration(Duration::from_secs(10)).break_jitter(Rate::percent(20));
        assert_eq!(break_length(&breaks(&config), 0, None, 0), 10_000_000_000);
        let shortest = break_length(&breaks(&config), 0, None, u64::MAX);
        assert!((8_000_000_000..8_000_000_010).contains(&shortest), "{shortest}");
    }

    #[test]
    fn jitter_is_added_above_what_the_server_asked_for() {
        let config = Config::new()
            .break_duration(Duration::from_secs(1))
            .break_jitter(Rate::percent(20))
            .break_backoff(Backoff::doubling(Duration::from_secs(60)));
        let after = |secs, chance| {
            break_length(&breaks(&config), 0, Some(Duration::from_secs(secs)), chance)
        };
        assert_eq!(after(10, 0), 10_000_000_000);
        let half = after(10, u64::MAX / 2);
        assert!((10_999_999_990..=11_000_000_000).contains(&half), "{half}");
        let longest = after(10, u64::MAX);
        assert!((11_999_999_990..=12_000_000_000).contains(&longest), "{longest}");
        // At the cap too, or all clients of one server would come back at once.
        let longest = after(u64::MAX, u64::MAX);
        assert!((71_999_999_900..=72_000_000_000).contains(&longest), "{longest}");
        assert_eq!(after(0, 0), 1_000_000_000);
    }

    #[test]
    fn every_bit_of_the_chance_is_moved_by_the_time_the_generation_and_the_breaker() {
        let of = |now, generation, breaker| chance(Instant::from_nanos(now), generation, breaker);
        let first = of(0, 0, 0);
        type Drawn = fn(u64) -> (u64, u32, usize);
        let ways: [Drawn; 3] = [
            |n| (n, 0, 0),
            |n| (0, u32::try_from(n).unwrap(), 0),
            |n| (0, 0, usize::try_from(n).unwrap()),
        ];
        for way in ways {
            let (mut moved, mut highest) = (0, 0);
            for n in 1..=256 {
                let (now, generation, breaker) = way(n);
                let drawn = of(now, generation, breaker);
                moved |= drawn ^ first;
                highest += u32::from(drawn >> 63 == 1);
            }
            assert_eq!(moved, u64::MAX, "each bit differs at some time");
            assert!((96..160).contains(&highest), "{highest} of 256 are in the upper half");
        }
    }

    #[test]
    fn the_chance_is_what_splitmix64_makes_of_its_inputs_one_over_the_other() {
        let of = |now, generation, breaker| chance(Instant::from_nanos(now), generation, breaker);
        // The first numbers that it draws from the seed 0.
        assert_eq!(of(0, 0, 0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(of(0x9E37_79B9_7F4A_7C15, 0, 0), 0x6E78_9E6A_A1B9_65F4);
        // Bits that two or three of them set: now, the generation from bit 40 on, and the breaker
        // with its halves swapped.
        assert_eq!(of(0b0110 << 40, 0b0101, 0b0011 << 8), of(0, 0, 0));
        assert_eq!(of(1 << 40, 1, 0), of(0, 0, 0));
        assert_eq!(of(1 << 40, 0, 1 << 8), of(0, 0, 0));
        assert_eq!(of(0, 1, 1 << 8), of(0, 0, 0));
    }

    #[test]
    fn a_servers_word_lengthens_the_break_up_to_the_cap() {
        let config = Config::new()
            .break_duration(Duration::from_secs(10))
            .break_backoff(Backoff::doubling(Duration::from_secs(60)));
        let after = |secs| break_length(&breaks(&config), 0, Some(Duration::from_secs(secs)), 0);
        assert_eq!(after(5), 10_000_000_000);
        assert_eq!(after(25), 25_000_000_000);
        assert_eq!(after(u64::MAX), 60_000_000_000);
    }
}
