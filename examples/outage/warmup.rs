//! A server that has just come back: cold caches, and so a capacity that has to grow.

use core::time::Duration;

/// What the server can carry at once.
///
/// The capacity grows while the requests keep within it; while they are more, everything goes into
/// them and nothing into growing. Hence a stampede prolongs the very weakness that it meets: left
/// alone, the server is as good as new after a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WarmUp {
    capacity: f64,
    full: f64,
}

/// What becomes of a request that arrives now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200 after this long.
    Good(Duration),
    /// 503 after this long.
    Overloaded(Duration),
}

/// A request on a cold cache, when there is room for it.
const COLD: Duration = Duration::from_millis(20);

/// To find out that there is no room costs, too.
const TURNED_AWAY: Duration = Duration::from_millis(100);

/// Requests beyond this many times the capacity are turned away.
const QUEUE: f64 = 2.0;

impl WarmUp {
    /// A server that is sized for `clients` and cold: it can carry a tenth of them at once. When
    /// it can carry half of them, it is warm.
    pub(crate) fn cold(clients: u32) -> Self {
        let clients = f64::from(clients);
        Self { capacity: clients / 10.0, full: clients / 2.0 }
    }

    /// Lets time go by with `in_flight` requests.
    pub(crate) fn pass(&mut self, time: Duration, in_flight: u32) {
        if f64::from(in_flight) <= self.capacity {
            self.capacity = self.full.min(self.capacity + 0.8 * self.full * time.as_secs_f64());
        }
    }

    /// Whether the server is as good as new.
    pub(crate) fn is_over(&self) -> bool {
        self.capacity >= self.full
    }

    /// What becomes of a request that arrives as one of `in_flight`.
    pub(crate) fn answer(&self, in_flight: u32) -> Answer {
        let load = f64::from(in_flight) / self.capacity;
        if load <= 1.0 {
            Answer::Good(COLD)
        } else if load <= QUEUE {
            Answer::Good(COLD.mul_f64(load * load))
        } else {
            Answer::Overloaded(TURNED_AWAY)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    #[test]
    fn capacity_grows_under_a_light_load_and_stands_still_under_a_stampede() {
        let mut light = WarmUp::cold(64);
        let mut crowded = WarmUp::cold(64);
        for _ in 0..200 {
            light.pass(TICK, 5);
            crowded.pass(TICK, 30);
        }
        assert!(light.is_over());
        assert!(!crowded.is_over());
        assert_eq!(light.answer(30), Answer::Good(COLD));
        assert_eq!(crowded.answer(30), Answer::Overloaded(TURNED_AWAY));
    }
}
