//! What the caller of a refused request gets.

use core::error::Error as StdError;
use core::time::Duration;
use std::sync::Arc;

use cutout::reqwest::{CircuitBreakerMiddleware, Refused, rejected};
use cutout::{CircuitBreaker, Config, RejectReason, Rejected};
use reqwest_middleware::{ClientBuilder, Error};

use crate::support::{StopReason, Then, ask, bare, client, hosts, nobody, per_host, server};

#[tokio::test]
async fn a_refusal_knows_the_host_the_reason_and_the_time() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    ask(&client, &server, "/fail").await.unwrap();
    ask(&client, &server, "/down").await.unwrap();
    let error = ask(&client, &server, "/ok").await.unwrap_err();
    let refused = Refused::find(&error).unwrap();
    assert_eq!(refused.host(), server);
    assert_eq!(refused.rejected().reason(), RejectReason::Open);
    assert_eq!(refused.rejected().retry_after(), Some(Duration::from_secs(9)), "as it asked");
    assert_eq!(error.to_string(), format!("{server}: {}", refused.rejected()));
    let source = StdError::source(refused).unwrap().downcast_ref::<Rejected>();
    assert_eq!(source, Some(&refused.rejected()));
}

#[tokio::test]
async fn a_refusal_is_a_refused_found_by_downcast() {
    let (hosts, server) = (hosts(), server().await);
    hosts.get(&server).force_open();
    match ask(&per_host(&hosts), &server, "/ok").await.unwrap_err() {
        Error::Middleware(error) => assert!(error.downcast_ref::<Refused>().is_some()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_refusal_of_a_breaker_for_all_hosts_knows_which_was_asked() {
    static ALL: CircuitBreaker = CircuitBreaker::new(Config::new());
    ALL.force_open();
    let client = client(CircuitBreakerMiddleware::new(&ALL));
    let error = ask(&client, "one.example:81", "/").await.unwrap_err();
    assert_eq!(Refused::find(&error).unwrap().host(), "one.example:81");
}

#[tokio::test]
async fn a_refusal_is_found_though_other_middleware_has_wrapped_it() {
    let hosts = hosts();
    hosts.get("host:80").force_open();
    let on_the_way = Then(|result| match result {
        Err(Error::Middleware(error)) => Err(Error::Middleware(error.context("on the way"))),
        other => other,
    });
    let gave_up =
        Then(|result: Result<_, _>| result.map_err(|error| Error::middleware(StopReason(error))));
    let client = ClientBuilder::new(bare())
        .with(on_the_way)
        .with(gave_up)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .build();
    let error = ask(&client, "host", "/").await.unwrap_err();
    assert_eq!(error.to_string(), "on the way");
    assert_eq!(Refused::find(&error).unwrap().host(), "host:80");
    assert_eq!(rejected(&error).unwrap().reason(), RejectReason::ForcedOpen);
}

#[tokio::test]
async fn what_was_asked_and_failed_is_no_refusal() {
    let hosts = hosts();
    let error = ask(&per_host(&hosts), &nobody().await, "/").await.unwrap_err();
    assert!(Refused::find(&error).is_none() && rejected(&error).is_none());
}
