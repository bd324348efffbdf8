//! The clocks of the system, the default one here.

#[cfg(feature = "quanta")]
mod quanta;
mod system;

#[cfg(feature = "quanta")]
pub use quanta::QuantaClock;
pub use system::StdClock;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_of_the_bare_engine_that_a_panic_drops_is_a_failure_on_every_clock() {
        fn check<C: cutout_core::Clock + core::panic::RefUnwindSafe>(clock: C) {
            let engine = cutout_core::CircuitBreaker::with_clock(cutout_core::Config::new(), clock);
            let panicked = std::panic::catch_unwind(|| {
                let _permit = engine.try_acquire();
                panic!("while the permit is held");
            });
            assert!(panicked.is_err());
            assert_eq!((engine.totals().failures, engine.totals().cancelled), (1, 0));
        }
        check(StdClock);
        #[cfg(feature = "quanta")]
        check(QuantaClock);
        check(crate::timer::ManualTimer::new());
        check(crate::timer::ThreadTimer);
        #[cfg(feature = "timer")]
        check(crate::timer::FuturesTimer);
        #[cfg(feature = "tokio")]
        check(crate::timer::TokioTimer);
    }
}
