//! The grid that time is cut into, and where each of its ticks belongs in the ring.

use crate::divisor::Divisor;
use crate::time::Instant;

/// Cuts time into ticks of `width` nanoseconds, of which a window spans `buckets`.
///
/// A healthy call would feel a division, so the grid keeps what it takes to multiply instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    width: Divisor,
    buckets: Divisor,
}

impl Grid {
    #[inline]
    pub(crate) const fn new(width: u64, buckets: u32) -> Self {
        Self { width: Divisor::new(width), buckets: Divisor::new(buckets as u64) }
    }

    /// The tick of `now`.
    pub(super) const fn tick(&self, now: Instant) -> u64 {
        self.width.divide(now.as_nanos()).0
    }

    /// Nanoseconds of a tick.
    pub(crate) const fn width(&self) -> u64 {
        self.width.number()
    }

    /// How many buckets a window spans.
    #[allow(clippy::cast_possible_truncation)] // made of 32 bits
    pub(crate) const fn buckets(&self) -> u32 {
        self.buckets.number() as u32
    }

    /// Whether `now` is after `tick`; it may be before it (W3).
    #[inline]
    pub(super) const fn is_over(&self, tick: u64, now: Instant) -> bool {
        now.as_nanos().saturating_sub(tick * self.width.number()) >= self.width.number()
    }

    /// The place of the bucket of `tick`.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // below `buckets`
    pub(super) const fn place(&self, tick: u64) -> usize {
        self.buckets.divide(tick).1 as usize
    }

    /// The place before the first, as the ring goes round.
    #[allow(clippy::cast_possible_truncation)] // no more buckets than places
    pub(super) const fn last_place(&self) -> usize {
        (self.buckets.number() - 1) as usize
    }

    /// The newest tick up to `newest` that belongs to `place`, if there was one.
    pub(super) const fn tick_at(&self, place: usize, newest: u64) -> Option<u64> {
        let (place, latest) = (place as u64, self.buckets.divide(newest).1);
        let back =
            if latest < place { latest + self.buckets.number() - place } else { latest - place };
        newest.checked_sub(back)
    }

    /// Whether a window that ends at `newest` spans `tick`.
    pub(super) const fn spans(&self, tick: u64, newest: u64) -> bool {
        newest - tick < self.buckets.number()
    }
}
