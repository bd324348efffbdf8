//! The time of a monotonic of RTIC.

use core::marker::PhantomData;

use cutout_core::{Clock, Instant, Ticks64};
use fugit::{MonotonicTimerInstantU32, MonotonicTimerInstantU64};
use rtic_time::Timebase;

/// Reads a monotonic `M` with 64 bits of ticks, as most are.
#[derive(Debug)]
pub struct RticClock<M>(PhantomData<fn() -> M>);

impl<M> RticClock<M> {
    /// It has no state.
    #[must_use]
    #[allow(clippy::new_without_default)] // for a `static`
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M, const HERTZ: u64> Clock for RticClock<M>
where
    M: Timebase<Instant = MonotonicTimerInstantU64<HERTZ>>,
{
    fn now(&self) -> Instant {
        Instant::from_ticks::<HERTZ>(M::now().as_ticks())
    }
}

/// Reads a monotonic `M` with 32 bits of ticks, as that of SysTick is. A task [keeps it
/// up](Self::update).
#[derive(Debug)]
pub struct RticClock32<M> {
    ticks: Ticks64,
    monotonic: PhantomData<fn() -> M>,
}

impl<M, const HERTZ: u64> RticClock32<M>
where
    M: Timebase<Instant = MonotonicTimerInstantU32<HERTZ>>,
{
    /// For a monotonic that starts with the program.
    #[must_use]
    #[allow(clippy::new_without_default)] // for a `static`
    pub const fn new() -> Self {
        Self { ticks: Ticks64::new(), monotonic: PhantomData }
    }

    /// To be called by one task, from the start on, in less than 2^31 ticks each time: within 24
    /// days at 1,000 ticks a second, so once an hour will do.
    pub fn update(&self) {
        self.ticks.update(M::now().as_ticks());
    }
}

impl<M, const HERTZ: u64> Clock for RticClock32<M>
where
    M: Timebase<Instant = MonotonicTimerInstantU32<HERTZ>>,
{
    fn now(&self) -> Instant {
        Instant::from_ticks::<HERTZ>(self.ticks.read(|| M::now().as_ticks()))
    }
}
