//! The counts of two eras, the words that hold them, and the head that says which eras these are.

use super::word::{PER_WORD, Word};
use crate::sync::{AtomicU64, Ordering, const_fn, zeroes};
use crate::time::Instant;

/// How many ticks a window is long. An era lasts half of them.
pub(super) const TICKS: u64 = 16;
const ERA_TICKS: u64 = TICKS / 2;

/// The shortest width of a tick, in nanoseconds, with which every tick fits into 46 bits.
pub(crate) const MIN_TICK: u64 = 1 << 18;

/// The value of the head's word: which era counts, and the tick with which it began.
///
/// ```text
///  63     48 47                                        0
/// +---------+-------------------------------------------+
/// |   era   |   tick                                    |
/// |   16    |   48                                      |
/// +---------+-------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head(u64);

const TICK_BITS: u32 = 48;

impl Head {
    const fn new(era: u16, tick: u64) -> Self {
        Self((era as u64) << TICK_BITS | tick)
    }

    #[inline]
    const fn tick(self) -> u64 {
        self.0 & ((1 << TICK_BITS) - 1)
    }

    #[inline]
    const fn era(self) -> u16 {
        (self.0 >> TICK_BITS) as u16
    }
}

/// Why a latency could not be counted yet.
enum Missed {
    /// Another thread was faster.
    Raced,
    /// Its bucket has no room in this era.
    Full,
}

/// How often each bucket was counted, and all together.
type Counts<const WORDS: usize> = ([[u16; PER_WORD]; WORDS], u32);

/// `WORDS` words of two buckets each.
#[derive(Debug)]
pub(super) struct Eras<const WORDS: usize> {
    head: AtomicU64,
    words: [AtomicU64; WORDS],
    /// The width of a tick, in nanoseconds.
    tick: u64,
}

impl<const WORDS: usize> Eras<WORDS> {
    const_fn! {
        /// Nothing, to be counted in ticks of `tick` nanoseconds.
        pub(super) fn new(tick: u64) -> Self {
            Self { head: AtomicU64::new(0), words: zeroes(), tick }
        }
    }

    /// The tick of `now`.
    pub(super) const fn tick(&self, now: Instant) -> u64 {
        now.as_nanos() / self.tick
    }

    /// Whether `now` is after the `ticks` that begin with `tick`. It may be before them.
    #[inline]
    pub(super) const fn is_over(&self, tick: u64, ticks: u64, now: Instant) -> bool {
        now.as_nanos().saturating_sub(tick * self.tick) >= ticks * self.tick
    }

    /// Whether `now` is among the `ticks` that begin with `tick`.
    #[inline]
    pub(super) const fn is_within(&self, tick: u64, ticks: u64, now: Instant) -> bool {
        now.as_nanos().wrapping_sub(tick * self.tick) < ticks * self.tick
    }

    /// Whether `now` is more than half a window before `tick`.
    const fn is_long_before(&self, tick: u64, now: Instant) -> bool {
        (tick * self.tick).saturating_sub(now.as_nanos()) > ERA_TICKS * self.tick
    }

    /// Counts one in `bucket` at `now`; `read` tells the time once more.
    #[inline]
    pub(super) fn count(&self, bucket: usize, mut now: Instant, read: impl Fn() -> Instant) {
        loop {
            let head = self.head();
            if !self.is_within(head.tick(), ERA_TICKS, now) {
                if self.is_over(head.tick(), ERA_TICKS, now) {
                    self.turn(head, now);
                    continue;
                }
                if self.is_long_before(head.tick(), now) {
                    now = read();
                    self.turn_back(head, now);
                    continue;
                }
            }
            match self.add(head, bucket) {
                Ok(()) => return,
                Err(Missed::Raced) => {}
                Err(Missed::Full) => self.turn(head, now),
            }
        }
    }

    /// What the window that ends at `now` holds of each bucket, and of all together; `read` tells
    /// the time once more.
    pub(super) fn read(&self, mut now: Instant, read: impl Fn() -> Instant) -> Counts<WORDS> {
        // Once, and not until it holds: a look must end though the clocks of two threads disagree
        // for good.
        let head = self.head();
        if self.is_long_before(head.tick(), now) {
            now = read();
            self.turn_back(head, now);
        }
        loop {
            let head = self.head();
            let all = self.read_by(head, now);
            // M3-check-read
            if self.head() == head {
                return all;
            }
        }
    }

    #[allow(clippy::cast_possible_truncation)] // twice FULL
    fn read_by(&self, head: Head, now: Instant) -> Counts<WORDS> {
        let (mut counts, mut total) = ([[0; PER_WORD]; WORDS], 0);
        // Before somebody turns an era that is over, its counts are already those of the one
        // before.
        let era_before_counts = !self.is_over(head.tick(), ERA_TICKS, now);
        if self.is_over(head.tick(), TICKS, now) {
            return (counts, total);
        }
        for (word, counts) in self.words.iter().zip(&mut counts) {
            let word = Word(word.load(Ordering::Acquire)); // M3-read
            let is_current = word.is_of(head.era());
            for (bucket, sum) in counts.iter_mut().enumerate() {
                let (count, before) = match word.at(head.era()) {
                    word if era_before_counts => (word.count(bucket), word.count_before(bucket)),
                    word if is_current => (word.count(bucket), 0),
                    _ => (0, 0),
                };
                *sum = (count + before) as u16;
                total += u32::from(*sum);
            }
        }
        (counts, total)
    }

    /// Counts one in `bucket` in the era of `head`.
    #[inline]
    fn add(&self, head: Head, bucket: usize) -> Result<(), Missed> {
        let word = &self.words[bucket / PER_WORD];
        let old = Word(word.load(Ordering::Acquire)); // M3-count
        // The word is brought on by `head`'s light, so `head` must still hold.
        // E4, M3-check-count
        if !old.is_of(head.era()) && self.head() != head {
            return Err(Missed::Raced);
        }
        let new = old.at(head.era()).with(bucket % PER_WORD).ok_or(Missed::Full)?; // E2
        if swap(word, old, new) { Ok(()) } else { Err(Missed::Raced) }
    }

    /// Begins the era that `now` asks for, or the next one if that of `from` still lasts (E1).
    #[cold]
    fn turn(&self, from: Head, now: Instant) {
        let tick = self.tick(now);
        let (eras, tick) = if self.is_over(from.tick(), TICKS, now) {
            (2, tick)
        } else if self.is_over(from.tick(), ERA_TICKS, now) {
            (1, from.tick() + ERA_TICKS)
        } else {
            (1, tick.max(from.tick()))
        };
        self.begin(from, eras, tick);
    }

    /// Begins the next era at `now`, if that is more than half a window before `from`: the clock
    /// was set back (E6).
    #[cold]
    fn turn_back(&self, from: Head, now: Instant) {
        if self.is_long_before(from.tick(), now) {
            self.begin(from, 1, self.tick(now));
        }
    }

    /// Begins the era that is `eras` after that of `from`, with `tick`.
    fn begin(&self, from: Head, eras: u16, tick: u64) {
        for ahead in 1..=eras {
            if !self.bring_on(from, usize::from(from.era().wrapping_add(ahead)) % WORDS) {
                return;
            }
        }
        let to = Head::new(from.era().wrapping_add(eras), tick);
        // Whoever won, there is another head now.
        // M2
        let _ = self.head.compare_exchange(from.0, to.0, Ordering::Release, Ordering::Relaxed);
    }

    /// Brings the word at `place` to the era of `head`, as long as that is the head (E3).
    fn bring_on(&self, head: Head, place: usize) -> bool {
        let word = &self.words[place];
        loop {
            let old = Word(word.load(Ordering::Acquire)); // M3-bring-on
            // M3-check-bring-on
            if self.head() != head {
                return false;
            }
            let new = old.at(head.era());
            if new == old || swap(word, old, new) {
                return true;
            }
        }
    }

    #[inline]
    fn head(&self) -> Head {
        Head(self.head.load(Ordering::Acquire)) // M1
    }
}

#[inline]
fn swap(word: &AtomicU64, old: Word, new: Word) -> bool {
    word.compare_exchange(old.0, new.0, Ordering::Release, Ordering::Relaxed).is_ok() // M4
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::word::FULL;
    use super::*;

    const TICK: u64 = 1_000;

    fn at(tick: u64) -> Instant {
        Instant::from_nanos(tick * TICK)
    }

    fn count<const WORDS: usize>(eras: &Eras<WORDS>, bucket: usize, now: Instant) {
        eras.count(bucket, now, || now);
    }

    fn read<const WORDS: usize>(eras: &Eras<WORDS>, now: Instant) -> Counts<WORDS> {
        eras.read(now, || now)
    }

    fn total<const WORDS: usize>(eras: &Eras<WORDS>, tick: u64) -> u32 {
        read(eras, at(tick)).1
    }

    #[test]
    fn what_is_counted_is_seen_for_half_a_window_and_never_longer_than_a_window() {
        for counted in 0..40 {
            for noise in 1..40 {
                let eras = Eras::<4>::new(TICK);
                count(&eras, 0, at(0));
                for tick in (1..counted).step_by(noise) {
                    count(&eras, 2, at(tick));
                }
                count(&eras, 5, at(counted));
                for later in counted..counted + 40 {
                    let seen = read(&eras, at(later)).0[2][1];
                    let age = later - counted;
                    assert!(age > ERA_TICKS || seen == 1, "{counted} {noise} {later}");
                    assert!(age < TICKS || seen == 0, "{counted} {noise} {later}");
                    if (later - counted) % 5 == 4 {
                        count(&eras, 7, at(later));
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_old_comes_back_after_any_idle_time() {
        for idle in [TICKS, TICKS + 1, 1 << 16, 1 << 20, (1 << 16) * ERA_TICKS, 1 << 46] {
            for filled in 1..20 {
                let eras = Eras::<4>::new(TICK);
                for tick in 0..filled {
                    count(&eras, 3, at(tick));
                }
                let later = filled - 1 + idle;
                assert_eq!(total(&eras, later), 0);
                count(&eras, 3, at(later));
                assert_eq!(read(&eras, at(later)), ([[0, 0], [0, 1], [0, 0], [0, 0]], 1));
            }
        }
    }

    #[test]
    fn a_word_that_is_skipped_for_ever_does_not_come_back_when_its_era_does() {
        fn check<const WORDS: usize>() {
            let eras = Eras::<WORDS>::new(TICK);
            count(&eras, 2 * WORDS - 1, at(0));
            // One count an era touches the first word alone, until the era of the last comes round.
            let lap = 1 << 16;
            for era in 1..=2 * lap + 1 {
                count(&eras, 0, at(era * ERA_TICKS));
                if era >= 2 && era % lap <= 2 {
                    assert_eq!(total(&eras, era * ERA_TICKS), 2, "{era}");
                }
            }
        }
        check::<2>();
        check::<100>();
        check::<128>();
    }

    #[test]
    fn a_word_that_is_skipped_while_eras_are_left_out_does_not_come_back_either() {
        let eras = Eras::<128>::new(TICK);
        for word in 0..128 {
            count(&eras, 2 * word, at(0));
        }
        // Each count is a window after the last one, so the eras go by two at a time.
        for era in 1..=1 << 15 {
            count(&eras, 1, at(era * TICKS));
            assert_eq!(total(&eras, era * TICKS), 1);
        }
    }

    #[test]
    fn a_full_bucket_ends_its_era_early_and_the_next_lasts_as_long_as_any() {
        let eras = Eras::<4>::new(TICK);
        for _ in 0..FULL {
            count(&eras, 0, at(3));
        }
        assert_eq!(u64::from(total(&eras, 3)), FULL);
        count(&eras, 0, at(3));
        assert_eq!(u64::from(total(&eras, 3)), FULL + 1, "nothing has left");
        assert_eq!(u64::from(total(&eras, 3 + ERA_TICKS - 1)), FULL + 1);
        assert_eq!(total(&eras, 3 + ERA_TICKS), 1);
        for _ in 0..FULL {
            count(&eras, 0, at(3));
        }
        assert_eq!(u64::from(total(&eras, 3)), FULL + 1, "the first of them have left");
    }

    #[test]
    fn a_step_back_of_up_to_half_a_window_counts_in_the_newest_era() {
        for back in 0..=ERA_TICKS {
            let eras = Eras::<4>::new(TICK);
            count(&eras, 0, at(100));
            count(&eras, 0, at(100 - back));
            assert_eq!((total(&eras, 100 - back), total(&eras, 100)), (2, 2));
            assert_eq!(total(&eras, 100 + ERA_TICKS - 1), 2);
            for _ in 0..FULL {
                count(&eras, 0, at(100 - back));
            }
            assert_eq!(total(&eras, 100 + ERA_TICKS), 2, "an era begins no earlier than the last");
        }
    }

    #[test]
    fn a_step_back_of_more_than_half_a_window_begins_the_next_era() {
        for to in [0, 50, 100 - ERA_TICKS - 1] {
            let eras = Eras::<4>::new(TICK);
            count(&eras, 0, at(100));
            count(&eras, 2, at(to));
            for later in 0..ERA_TICKS {
                assert_eq!(total(&eras, to + later), 2, "nothing is lost at once");
            }
            for later in ERA_TICKS..TICKS {
                assert_eq!(total(&eras, to + later), 1, "what was before has left");
            }
            assert_eq!(total(&eras, to + TICKS), 0);
        }
    }

    #[test]
    fn who_was_held_up_with_an_old_reading_begins_no_era() {
        let eras = Eras::<4>::new(TICK);
        count(&eras, 0, at(100));
        eras.count(0, at(10), || at(100));
        assert_eq!(eras.read(at(10), || at(100)).1, 2);
        assert_eq!(total(&eras, 100), 2);
        assert_eq!(total(&eras, 107), 2);
    }

    #[test]
    fn the_end_of_time_is_a_tick_like_any_other() {
        let eras = Eras::<4>::new(MIN_TICK);
        let end = Instant::from_nanos(u64::MAX);
        assert!(eras.tick(end) < 1 << 46);
        count(&eras, 0, end);
        count(&eras, 0, end);
        assert_eq!(read(&eras, end).1, 2);
    }
}
