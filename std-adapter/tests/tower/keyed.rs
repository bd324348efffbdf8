//! A breaker for each key.

use std::collections::HashMap;
use std::sync::Arc;

use cutout::tower::CircuitBreakerLayer;
use cutout::{Error, State};
use tokio_test::task;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};

use crate::support::{Breaker, breaker, ends, spawn, tripped};

/// Even requests go to one host and odd ones to another.
fn hosts(even: &Arc<Breaker>, odd: &Arc<Breaker>) -> impl Fn(&u32) -> Arc<Breaker> + Clone + use<> {
    let hosts = HashMap::from([(0, Arc::clone(even)), (1, Arc::clone(odd))]);
    move |request: &u32| Arc::clone(&hosts[&(request % 2)])
}

#[test]
fn only_the_circuit_of_its_key_refuses_a_request() {
    let (even, odd) = (tripped(), breaker());
    let (mut service, mut handle, asked) = spawn(&CircuitBreakerLayer::keyed(hosts(&even, &odd)));
    for request in 0..4 {
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(request));
        if request % 2 == 0 {
            assert!(matches!(assert_ready_err!(call.poll()), Error::Rejected(_)));
        } else {
            assert_ready!(handle.poll_request()).unwrap().1.send_response(0);
            assert_ready_ok!(call.poll());
        }
    }
    assert_eq!((ends(&odd), even.totals().rejected, asked.called()), ([2, 0, 0, 0], 2, 2));
}

#[test]
fn the_failures_of_one_key_open_its_circuit_alone() {
    let (even, odd) = (breaker(), breaker());
    let (mut service, mut handle, _) = spawn(&CircuitBreakerLayer::keyed(hosts(&even, &odd)));
    for request in 0..4 {
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(request));
        let answer = assert_ready!(handle.poll_request()).unwrap().1;
        if request % 2 == 0 {
            answer.send_error("down");
        } else {
            answer.send_response(1);
        }
        assert!(call.poll().is_ready());
    }
    assert_eq!((even.state(), odd.state()), (State::Open, State::Closed));
}

#[test]
fn a_keyed_layer_is_as_ready_as_the_inner_service() {
    let (even, odd) = (tripped(), breaker());
    let (mut service, mut handle, _) = spawn(&CircuitBreakerLayer::keyed(hosts(&even, &odd)));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    handle.send_error("no connection");
    assert_ready_err!(service.poll_ready());
    assert_eq!((ends(&even), ends(&odd)), ([0, 2, 0, 0], [0; 4]), "it is nobody's failure");
}

#[cfg(feature = "registry")]
#[tokio::test]
async fn a_registry_makes_a_breaker_at_the_first_request() {
    use cutout::{Config, Registry};
    use tower::{Layer, ServiceExt, service_fn};

    let hosts: Arc<Registry<String>> =
        Arc::new(Registry::new(Config::new().consecutive_failures(1)));
    let find = {
        let hosts = Arc::clone(&hosts);
        move |(host, _): &(&str, bool)| hosts.get(*host)
    };
    let service = CircuitBreakerLayer::keyed(find)
        .layer(service_fn(async |(_, fails)| if fails { Err("down") } else { Ok(()) }));
    assert!(hosts.is_empty());
    assert_eq!(service.clone().oneshot(("a", false)).await, Ok(()));
    assert_eq!(service.clone().oneshot(("b", true)).await, Err(Error::Inner("down")));
    let refused = service.clone().oneshot(("b", false)).await;
    assert!(matches!(refused, Err(Error::Rejected(_))));
    assert_eq!(service.oneshot(("a", false)).await, Ok(()));
    assert_eq!((hosts.len(), hosts.get("a").totals().successes), (2, 2));
}
