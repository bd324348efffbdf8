//! The layer of tower on a client of reqwest as it is.

use core::time::Duration;
use std::sync::Arc;

use cutout::reqwest::{host, report};
use cutout::tower::CircuitBreakerLayer;
use cutout::{CircuitBreaker, Config};
use reqwest::{Method, Request};
use tower::{ServiceBuilder, ServiceExt};

use crate::support::{Part, Parts, bare, ends, hosts, nobody, server};

#[tokio::test]
async fn the_layer_works_on_the_client_as_a_tower_service() {
    let (hosts, ill, well) = (hosts(), server().await, server().await);
    let layer = {
        let hosts = Arc::clone(&hosts);
        CircuitBreakerLayer::keyed(move |request: &Request| hosts.get(&*host(request)))
            .classify_with(report)
    };
    let client = ServiceBuilder::new().layer(layer).service(bare());
    let ask = async |host: &str, path: &str| {
        let request = Request::new(Method::GET, format!("http://{host}{path}").parse().unwrap());
        client.clone().oneshot(request).await.map(|response| response.status().as_u16())
    };
    for path in ["/fail", "/down"] {
        assert!(ask(&ill, path).await.unwrap() >= 500);
    }
    let refused = ask(&ill, "/ok").await.unwrap_err();
    assert_eq!(refused.rejected().unwrap().retry_after(), Some(Duration::from_secs(9)));
    assert_eq!(ask(&well, "/ok").await.unwrap(), 200);
    assert!(ask(&nobody().await, "/ok").await.unwrap_err().into_inner().unwrap().is_connect());
    hosts.clock().advance(Duration::from_secs(9));
    assert_eq!(ask(&ill, "/ok").await.unwrap(), 200);
    assert_eq!((ends(&hosts, &ill), ends(&hosts, &well)), ([1, 2, 0, 0], [1, 0, 0, 0]));
}

#[tokio::test]
async fn a_body_broken_off_by_the_caller_is_no_failure_of_the_host() {
    let (breaker, server) = (Arc::new(CircuitBreaker::new(Config::new())), server().await);
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(Arc::clone(&breaker)).classify_with(report))
        .service(bare());
    let mut request =
        Request::new(Method::POST, format!("http://{server}/upload").parse().unwrap());
    *request.body_mut() = Some(reqwest::Body::wrap(Parts::new([Part::Data, Part::BreakOff])));
    assert!(client.oneshot(request).await.is_err());
    assert_eq!((breaker.totals().ignored, breaker.totals().failures), (1, 0));
}
