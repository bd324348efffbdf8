//! Which durations are counted together, and what such a bucket stands for.
//!
//! Each doubling of the time from 2^10 ns on is cut into eight equal steps. So a bucket is at most
//! an eighth wider than its lower edge, and the duration that stands for it, the harmonic mean of
//! its edges, is within a seventeenth of all that are counted in it.

/// As a power of two, in nanoseconds: whatever is shorter is counted in the first bucket.
const SHORTEST: u32 = 10;

const STEP_BITS: u32 = 3;
const STEPS: u32 = 1 << STEP_BITS;

/// The bucket of `nanos` among `buckets`; the last one also takes whatever is longer.
#[inline]
#[allow(clippy::cast_possible_truncation)] // below 2^(64 - SHORTEST)
pub(crate) const fn bucket(nanos: u64, buckets: usize) -> usize {
    if nanos < 1 << SHORTEST {
        return 0;
    }
    let doubling = nanos.ilog2();
    let step = (nanos >> (doubling - STEP_BITS)) as u32 % STEPS;
    let bucket = ((doubling - SHORTEST) * STEPS + step) as usize;
    if bucket < buckets { bucket } else { buckets - 1 }
}

/// The duration that stands for those of `bucket`, in nanoseconds.
pub(crate) const fn middle(bucket: u32) -> u64 {
    let (low, shift) = edge(bucket);
    let high = low + 1;
    ((2 * low * high) << shift) / (low + high)
}

/// The end of `bucket`, in nanoseconds: the shortest duration that is longer than all of its own.
pub(crate) const fn end(bucket: u32) -> u64 {
    let (low, shift) = edge(bucket + 1);
    low << shift
}

/// The lower edge of `bucket`, as a number of steps, and the width of a step as a power of two.
const fn edge(bucket: u32) -> (u64, u32) {
    ((STEPS + bucket % STEPS) as u64, bucket / STEPS + SHORTEST - STEP_BITS)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const ALL: usize = 256;

    #[test]
    fn every_bucket_begins_where_the_one_before_it_ends() {
        assert_eq!(bucket(0, ALL), 0);
        assert_eq!(bucket((1 << SHORTEST) - 1, ALL), 0);
        for at in 0..255 {
            assert_eq!(bucket(end(at) - 1, ALL), at as usize);
            assert_eq!(bucket(end(at), ALL), at as usize + 1);
        }
        assert_eq!(end(255), 1 << 42);
        assert_eq!(bucket(1 << 42, ALL), 255);
        assert_eq!(bucket(u64::MAX, ALL), 255);
        assert_eq!(bucket(u64::MAX, 8), 7, "a shorter scale ends sooner");
    }

    #[test]
    fn the_middle_of_a_bucket_is_within_a_seventeenth_of_both_its_edges() {
        for at in 0..256 {
            let (low, shift) = edge(at);
            let (low, middle, last) = (low << shift, middle(at), end(at) - 1);
            // One nanosecond more for the division, which rounds down.
            assert!((middle - low) * 17 <= low, "{at}");
            assert!((last - middle - 1) * 17 <= last, "{at}");
        }
    }
}
