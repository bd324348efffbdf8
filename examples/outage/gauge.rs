//! A gauge: how many there are at once, and how many there were at most.

use core::sync::atomic::{AtomicU32, Ordering};

/// Counts what is there.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicU32,
    peak: AtomicU32,
}

/// One that is there, until this is dropped.
pub(crate) struct Counted<'a>(&'a Gauge);

impl Gauge {
    pub(crate) fn count(&self) -> Counted<'_> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Counted(self)
    }

    /// The most that there were at once.
    pub(crate) fn peak(&self) -> u32 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_most_that_were_there_at_once() {
        let gauge = Gauge::default();
        let first = gauge.count();
        drop(gauge.count());
        drop(first);
        drop(gauge.count());
        assert_eq!(gauge.peak(), 2);
    }
}
