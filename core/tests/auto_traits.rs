//! What may cross threads and unwinding, so that a change of it is noticed.

use core::future::{Future, ready};
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::time::Duration;

use cutout_core::{
    AdaptiveTimeout, CircuitBreaker, Config, ConfigError, Error, Latency, LatencySnapshot,
    ManualClock, Permit, Rejected, Snapshot, Ticket, Ticks64, TimedCall, TimeoutConfig,
};

type Breaker = CircuitBreaker<ManualClock>;

const fn is_shared<T: Send + Sync + Unpin>() {}
const fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

#[test]
fn everything_may_be_shared_between_threads() {
    is_shared::<Breaker>();
    is_shared::<Permit<'static, ManualClock>>();
    is_shared::<Ticket>();
    is_shared::<Config>();
    is_shared::<Snapshot>();
    is_shared::<Error<()>>();
    is_shared::<Ticks64>();
    is_shared::<Latency<ManualClock>>();
    is_shared::<LatencySnapshot>();
    is_shared::<AdaptiveTimeout<ManualClock>>();
    is_shared::<TimedCall<'static, ManualClock>>();
    is_shared::<TimeoutConfig>();
    is_unwind_safe::<Breaker>();
    is_unwind_safe::<Ticket>();
    is_unwind_safe::<AdaptiveTimeout<ManualClock>>();
}

#[cfg(feature = "heapless")]
#[test]
fn a_table_may_be_shared_and_is_as_large_as_its_entries() {
    use cutout_core::Table;
    is_shared::<Table<u8, Breaker, 3>>();
    is_unwind_safe::<Table<u8, Breaker, 3>>();
    assert_eq!(size_of::<Table<u64, u64, 3>>(), 3 * 16 + size_of::<usize>());
}

#[test]
fn a_ring_of_transitions_may_be_shared_and_its_size_is_known() {
    use cutout_core::LastTransitions;
    is_shared::<LastTransitions<8>>();
    is_unwind_safe::<LastTransitions<8>>();
    if cfg!(target_has_atomic = "64") {
        assert_eq!(size_of::<LastTransitions<8>>(), 8 * 56 + 16);
    }
}

#[test]
fn the_future_of_a_call_is_send_if_the_call_is() {
    fn is_send<F: Future + Send>(_: F) {}
    let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    is_send(breaker.call_async(ready(Ok::<_, ()>(()))));
    let latency = Latency::with_clock(ManualClock::new());
    is_send(latency.measure_async(ready(Ok::<_, ()>(()))));
    let limits = TimeoutConfig::between(Duration::from_millis(1), Duration::from_secs(1));
    let timeout = AdaptiveTimeout::with_clock(limits, ManualClock::new());
    is_send(timeout.measure_async(|_| ready(Ok::<_, ()>(()))));
}

#[test]
fn errors_are_errors() {
    fn is_error<E: core::error::Error>() {}
    is_error::<Rejected>();
    is_error::<ConfigError>();
    is_error::<Error<std::io::Error>>();
    let inner = Error::Inner(std::io::Error::other("broken pipe"));
    let source = core::error::Error::source(&inner).expect("the call's own error");
    assert_eq!(source.to_string(), "broken pipe");
}

#[test]
fn a_breaker_is_not_larger_than_it_was() {
    // On 64-bit targets; a change here is worth a line in the changelog.
    let most = if cfg!(feature = "alloc") { 256 } else { 552 };
    assert_eq!(size_of::<Breaker>() - size_of::<ManualClock>(), most);
    assert_eq!(size_of::<Ticket>(), 16);
}

#[test]
fn a_breaker_is_lock_free_where_the_target_has_64_bit_atomics() {
    assert_eq!(Breaker::is_lock_free(), cfg!(target_has_atomic = "64"));
}
