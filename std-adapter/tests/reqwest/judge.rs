//! What ends of calls count as.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use cutout::reqwest::{CircuitBreakerMiddleware, judge, rejected};
use cutout::{Bulkhead, CircuitBreaker, Config, Outcome, State};
use reqwest::{Client, Method, Request, Response};
use reqwest_middleware::{ClientBuilder, Error};

use crate::support::{
    GaveUp, Instead, Then, ask, client, ends, hosts, in_front_of, nobody, per_host, server,
};

#[tokio::test]
async fn an_answer_is_judged_by_its_status() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for (path, failures, in_a_row) in
        [("/missing", 0, 0), ("/fail", 1, 1), ("/busy", 2, 1), ("/bad", 2, 0)]
    {
        ask(&client, &server, path).await.unwrap();
        let snapshot = hosts.get(&server).snapshot();
        let seen = (snapshot.totals.failures, snapshot.consecutive_failures);
        assert_eq!(seen, (failures, in_a_row), "after {path}");
    }
}

#[tokio::test]
async fn a_server_that_is_busy_fails_but_not_in_a_row() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..5 {
        assert_eq!(ask(&client, &server, "/busy").await.unwrap(), 429);
    }
    assert_eq!(ends(&hosts, &server), [0, 5, 0, 0]);
    assert_eq!(hosts.peek(&server).unwrap().state(), State::Closed);
}

#[tokio::test]
async fn what_is_the_fault_of_the_request_is_no_failure_of_the_server() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..3 {
        assert_eq!(ask(&client, &server, "/missing").await.unwrap(), 404);
    }
    assert_eq!(ends(&hosts, &server), [3, 0, 0, 0]);

    let unknown = Request::new(Method::GET, format!("ftp://{server}/ok").parse().unwrap());
    assert!(client.execute(unknown).await.unwrap_err().is_builder());
    assert_eq!(ends(&hosts, &server), [3, 0, 1, 0]);
}

#[tokio::test]
async fn a_server_to_which_there_is_no_connection_fails() {
    let (hosts, server) = (hosts(), nobody().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        let error = ask(&client, &server, "/ok").await.unwrap_err();
        assert!(error.is_connect() && rejected(&error).is_none());
    }
    assert_eq!((ends(&hosts, &server), hosts.get(&server).state()), ([0, 2, 0, 0], State::Open));
}

#[tokio::test]
async fn a_server_that_does_not_answer_within_the_timeout_fails() {
    let (hosts, server) = (hosts(), server().await);
    let client = Client::builder().no_proxy().timeout(Duration::from_millis(20)).build().unwrap();
    let client = ClientBuilder::new(client)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .build();
    for _ in 0..2 {
        assert!(ask(&client, &server, "/hang").await.unwrap_err().is_timeout());
    }
    assert_eq!((ends(&hosts, &server), hosts.get(&server).state()), ([0, 2, 0, 0], State::Open));
}

#[tokio::test]
async fn a_status_that_was_made_an_error_is_judged_as_the_status() {
    let (hosts, server) = (hosts(), server().await);
    let client =
        in_front_of(&hosts, Then(|result: Result<Response, _>| Ok(result?.error_for_status()?)));
    for (path, ended) in [("/missing", [1, 0, 0, 0]), ("/fail", [1, 1, 0, 0])] {
        assert!(ask(&client, &server, path).await.unwrap_err().is_status());
        assert_eq!(ends(&hosts, &server), ended, "after {path}");
    }
}

#[tokio::test]
async fn an_error_of_reqwest_is_judged_though_other_middleware_has_wrapped_it() {
    let (hosts, server) = (hosts(), server().await);
    let gave_up = |result: Result<Response, Error>| {
        let result = result.and_then(|response| Ok(response.error_for_status()?));
        result.map_err(|error| Error::middleware(GaveUp(error)))
    };
    let client = in_front_of(&hosts, Then(gave_up));
    for (path, ended) in [("/missing", [1, 0, 0, 0]), ("/fail", [1, 1, 0, 0])] {
        assert_eq!(ask(&client, &server, path).await.unwrap_err().to_string(), "gave up");
        assert_eq!(ends(&hosts, &server), ended, "after {path}");
    }
}

#[tokio::test]
async fn what_a_breaker_further_inside_refuses_says_nothing_about_the_host() {
    let (hosts, part) = (hosts(), CircuitBreaker::new(Config::new()));
    part.force_open();
    let client = in_front_of(&hosts, Instead(move || Error::middleware(part.admit().unwrap_err())));
    for _ in 0..3 {
        assert!(rejected(&ask(&client, "host", "/").await.unwrap_err()).is_some());
    }
    assert_eq!(ends(&hosts, "host"), [0, 0, 3, 0]);
}

#[tokio::test]
async fn what_a_bulkhead_further_inside_refuses_says_nothing_about_the_host() {
    let (hosts, places) = (hosts(), Arc::new(Bulkhead::new(1)));
    let held = places.try_acquire_owned();
    let inner = Arc::clone(&places);
    let refuse = move || Error::middleware(inner.try_acquire().map(drop).unwrap_err());
    let client = in_front_of(&hosts, Instead(refuse));
    for _ in 0..3 {
        assert!(ask(&client, "host", "/").await.is_err());
    }
    assert_eq!(ends(&hosts, "host"), [0, 0, 3, 0]);
    drop(held);
}

#[tokio::test]
async fn an_error_of_other_middleware_is_a_failure() {
    let hosts = hosts();
    let client = in_front_of(&hosts, Instead(|| Error::middleware(io::Error::other("no token"))));
    let error = ask(&client, "host", "/").await.unwrap_err();
    assert!(rejected(&error).is_none());
    assert_eq!(ends(&hosts, "host"), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_judge_that_panics_is_a_failure() {
    let (hosts, server) = (hosts(), server().await);
    let broken = CircuitBreakerMiddleware::per_host(Arc::clone(&hosts))
        .classify_with(|_: Result<&Response, &Error>| -> Outcome { panic!("on purpose") });
    let (client, at) = (client(broken), server.clone());
    let call = tokio::spawn(async move { ask(&client, &at, "/ok").await.map_err(drop) });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(ends(&hosts, &server), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_judge_of_ones_own_may_start_from_ours() {
    let (hosts, server) = (hosts(), server().await);
    let strict = CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)).classify_with(
        |result: Result<&Response, &Error>| match result {
            Ok(response) if response.status() == 404 => Outcome::Failure.into(),
            other => judge(other),
        },
    );
    let client = client(strict);
    ask(&client, &server, "/missing").await.unwrap();
    ask(&client, &server, "/ok").await.unwrap();
    assert_eq!(ends(&hosts, &server), [1, 1, 0, 0]);
}
