//! A call through the layer does not allocate.

use core::future::ready;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::pin::pin;
use std::sync::Arc;

use allocation_counter::measure;
use cutout::tower::CircuitBreakerLayer;
use cutout::{CircuitBreaker, Config, ManualClock, State};
use tower::{Layer, Service, service_fn};

type Breaker = CircuitBreaker<ManualClock>;

fn breaker() -> Arc<Breaker> {
    let config = Config::new().slow_call_duration(Duration::from_millis(1)).trials(2);
    Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()))
}

/// Makes calls one after the other, and says how often that allocated.
fn allocations<S: Service<bool>>(service: &mut S, calls: u32, fail: impl Fn(u32) -> bool) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let counted = measure(|| {
        for number in 0..calls {
            assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
            let call = pin!(service.call(fail(number)));
            assert!(call.poll(&mut cx).is_ready());
        }
    });
    counted.count_total
}

fn serve(fail: bool) -> core::future::Ready<Result<u32, u32>> {
    ready(if fail { Err(5) } else { Ok(7) })
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(core::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn c11_a_call_does_not_allocate() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker));
    let mut service = layer.layer(service_fn(serve));
    assert_eq!(allocations(&mut service, 1_000, |number| number % 3 == 0), 0, "closed");
    assert_eq!(allocations(&mut service, 1_000, |_| true), 1, "the breaker's first trip, alone");
    assert_eq!(breaker.state(), State::Open);

    breaker.clock().advance(Duration::from_secs(30));
    assert_eq!(allocations(&mut service, 1, |_| true), 0, "a trial");
    breaker.clock().advance(Duration::from_secs(3_600));
    assert_eq!(allocations(&mut service, 2, |_| false), 0, "its trials");
    assert_eq!(breaker.state(), State::Closed);

    let modes: [fn(&Breaker); 4] = [
        |breaker| breaker.force_open(),
        |breaker| breaker.force_closed(),
        |breaker| breaker.disable(),
        |breaker| breaker.shadow(),
    ];
    for mode in modes {
        mode(&breaker);
        assert_eq!(allocations(&mut service, 100, |number| number % 2 == 0), 0);
    }
}

#[test]
fn answered_refusals_and_keyed_calls_do_not_allocate() {
    static BREAKERS: [CircuitBreaker; 2] = [const { CircuitBreaker::new(Config::new()) }; 2];
    let find = |fail: &bool| &BREAKERS[usize::from(*fail)];
    let judge = |result: Result<&u32, &u32>| {
        cutout::Outcome::Failure
            .retry_after(Duration::from_secs(u64::from(result.map_or(1, |number| *number))))
    };
    let layer = CircuitBreakerLayer::keyed(find).classify_with(judge).map_rejection(|_| 503);
    let mut service = layer.layer(service_fn(serve));
    // Nor does a trip, after this. The first reading of the clock in a process is not a call's own.
    BREAKERS.iter().for_each(|breaker| breaker.preallocate());
    let _ = BREAKERS[0].snapshot();
    assert_eq!(allocations(&mut service, 1_000, |number| number % 2 == 0), 0);
    assert!(BREAKERS.iter().all(|breaker| breaker.state() == State::Open));
}
