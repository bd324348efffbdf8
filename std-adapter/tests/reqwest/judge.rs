//! What ends of calls count as.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use cutout::reqwest::{CircuitBreakerMiddleware, judge, rejected};
use cutout::{Bulkhead, CircuitBreaker, Config, Outcome, State};
use reqwest::{Client, Method, Request, Response, redirect};
use reqwest_middleware::{ClientBuilder, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    Instead, Part, Parts, StopReason, Then, ask, client, ends, hosts, in_front_of, nobody,
    per_host, server,
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
async fn an_error_of_the_request_is_no_failure_of_the_server() {
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
async fn an_error_wrapped_by_other_middleware_is_judged() {
    let (hosts, server) = (hosts(), server().await);
    let gave_up = |result: Result<Response, Error>| {
        let result = result.and_then(|response| Ok(response.error_for_status()?));
        result.map_err(|error| Error::middleware(StopReason(error)))
    };
    let client = in_front_of(&hosts, Then(gave_up));
    for (path, ended) in [("/missing", [1, 0, 0, 0]), ("/fail", [1, 1, 0, 0])] {
        assert_eq!(ask(&client, &server, path).await.unwrap_err().to_string(), "gave up");
        assert_eq!(ends(&hosts, &server), ended, "after {path}");
    }
}

#[tokio::test]
async fn a_breakers_refusal_further_inside_is_ignored() {
    let (hosts, part) = (hosts(), CircuitBreaker::new(Config::new()));
    part.force_open();
    let client = in_front_of(&hosts, Instead(move || Error::middleware(part.admit().unwrap_err())));
    for _ in 0..3 {
        assert!(rejected(&ask(&client, "host", "/").await.unwrap_err()).is_some());
    }
    assert_eq!(ends(&hosts, "host:80"), [0, 0, 3, 0]);
}

#[tokio::test]
async fn a_bulkheads_refusal_further_inside_is_ignored() {
    let (hosts, places) = (hosts(), Arc::new(Bulkhead::new(1)));
    let held = places.try_acquire_owned();
    let inner = Arc::clone(&places);
    let refuse = move || Error::middleware(inner.try_acquire().map(drop).unwrap_err());
    let client = in_front_of(&hosts, Instead(refuse));
    for _ in 0..3 {
        assert!(ask(&client, "host", "/").await.is_err());
    }
    assert_eq!(ends(&hosts, "host:80"), [0, 0, 3, 0]);
    drop(held);
}

#[tokio::test]
async fn an_error_of_other_middleware_is_a_failure() {
    let hosts = hosts();
    let client = in_front_of(&hosts, Instead(|| Error::middleware(io::Error::other("no token"))));
    let error = ask(&client, "host", "/").await.unwrap_err();
    assert!(rejected(&error).is_none());
    assert_eq!(ends(&hosts, "host:80"), [0, 1, 0, 0]);
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

#[tokio::test]
async fn a_redirect_the_client_refuses_is_no_failure_of_the_host() {
    let (hosts, server) = (hosts(), server().await);
    let refusing = [
        redirect::Policy::custom(|attempt| attempt.error("not there")),
        redirect::Policy::limited(3), // it goes in circles
    ];
    for policy in refusing {
        let client = Client::builder().no_proxy().redirect(policy).build().unwrap();
        let client = ClientBuilder::new(client)
            .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
            .build();
        for _ in 0..2 {
            assert!(ask(&client, &server, "/circle").await.unwrap_err().is_redirect());
        }
    }
    assert_eq!(ends(&hosts, &server), [4, 0, 0, 0]);
    assert_eq!(hosts.get(&server).state(), State::Closed);
    // Where nobody can go, the request cannot be built.
    assert!(ask(&per_host(&hosts), &server, "/elsewhere").await.is_err());
    assert_eq!(ends(&hosts, &server)[1], 0);
}

/// A request whose body does what `body` does.
fn with_body<B>(at: &str, body: B) -> Request
where
    B: http_body::Body<Data = bytes::Bytes, Error = &'static str> + Send + Sync + 'static,
{
    let mut request = Request::new(Method::POST, format!("http://{at}/upload").parse().unwrap());
    *request.body_mut() = Some(reqwest::Body::wrap(body));
    request
}

#[tokio::test]
async fn a_body_broken_off_by_the_caller_is_no_failure_of_the_host() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for steps in [vec![Part::BreakOff], vec![Part::Data, Part::BreakOff]] {
        let error = client.execute(with_body(&server, Parts::new(steps))).await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
    }
    assert_eq!((ends(&hosts, &server), hosts.get(&server).state()), ([0, 0, 2, 0], State::Closed));
    let whole = with_body(&server, Parts::new([Part::Data, Part::Data]));
    assert_eq!(client.execute(whole).await.unwrap().text().await.unwrap(), "8 bytes");
    assert_eq!(ends(&hosts, &server), [1, 0, 2, 0]);
}

#[tokio::test]
async fn a_callers_body_that_panics_is_no_failure_of_the_host() {
    let (hosts, server) = (hosts(), server().await);
    let request = with_body(&server, Parts::new([Part::Panic]));
    assert!(per_host(&hosts).execute(request).await.is_err());
    assert_eq!(ends(&hosts, &server), [0, 0, 1, 0]);
}

#[tokio::test]
async fn a_callers_late_body_is_no_failure_of_the_host() {
    let (hosts, server) = (hosts(), server().await);
    let limit = Duration::from_secs(3_600);
    let client = Client::builder().no_proxy().timeout(limit).build().unwrap();
    let client = ClientBuilder::new(client)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .build();
    for steps in [vec![Part::Hang], vec![Part::Data, Part::Hang]] {
        let parts = Parts::new(steps);
        let hangs = parts.hangs();
        let call = client.execute(with_body(&server, parts));
        let in_time = async {
            hangs.notified().await;
            tokio::time::pause();
            tokio::time::advance(limit).await;
        };
        let (ended, ()) = tokio::join!(call, in_time);
        tokio::time::resume();
        assert!(ended.unwrap_err().is_timeout());
    }
    assert_eq!((ends(&hosts, &server), hosts.get(&server).state()), ([0, 0, 2, 0], State::Closed));
}

#[tokio::test]
async fn a_host_that_hangs_up_during_the_body_fails() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let hosts = hosts();
    let client = per_host(&hosts);
    for steps in [vec![Part::Hang], vec![Part::Data, Part::Hang]] {
        let parts = Parts::new(steps);
        let hangs = parts.hangs();
        let call = client.execute(with_body(&at, parts));
        let hangs_up = async {
            let (stream, _) = listener.accept().await.unwrap();
            hangs.notified().await;
            drop(stream);
        };
        let (ended, ()) = tokio::join!(call, hangs_up);
        let error = ended.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    }
    assert_eq!((ends(&hosts, &at), hosts.get(&at).state()), ([0, 2, 0, 0], State::Open));
}

#[tokio::test]
async fn a_host_that_has_the_whole_body_and_does_not_answer_fails() {
    let (hosts, server) = (hosts(), server().await);
    let client = Client::builder().no_proxy().timeout(Duration::from_millis(20)).build().unwrap();
    let client = ClientBuilder::new(client)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .build();
    let mut request = with_body(&server, Parts::new([Part::Data]));
    request.url_mut().set_path("/hang-up");
    assert!(client.execute(request).await.unwrap_err().is_timeout());
    assert_eq!(ends(&hosts, &server), [0, 1, 0, 0]);
}

#[tokio::test]
async fn an_absent_host_fails_whatever_the_body_does() {
    let (hosts, nobody) = (hosts(), nobody().await);
    let client = per_host(&hosts);
    for steps in [vec![Part::BreakOff], vec![Part::Hang]] {
        let request = with_body(&nobody, Parts::new(steps));
        assert!(client.execute(request).await.unwrap_err().is_connect());
    }
    assert_eq!(ends(&hosts, &nobody), [0, 2, 0, 0]);
}

#[tokio::test]
async fn a_trial_whose_body_breaks_off_gives_its_place_back() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        ask(&client, &server, "/fail").await.unwrap();
    }
    hosts.clock().advance(Duration::from_secs(5));
    let broken = with_body(&server, Parts::new([Part::BreakOff]));
    assert!(client.execute(broken).await.is_err());
    assert_eq!(hosts.get(&server).state(), State::HalfOpen);
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
    assert_eq!(hosts.get(&server).state(), State::Closed);
}

#[tokio::test]
async fn no_judge_is_asked_about_a_request_whose_own_body_failed() {
    let (hosts, server) = (hosts(), server().await);
    let strict = CircuitBreakerMiddleware::per_host(Arc::clone(&hosts))
        .classify_with(|_: Result<&Response, &Error>| Outcome::Failure);
    let broken = with_body(&server, Parts::new([Part::BreakOff]));
    assert!(client(strict).execute(broken).await.is_err());
    assert_eq!(ends(&hosts, &server), [0, 0, 1, 0]);
}

#[tokio::test]
async fn the_body_of_a_response_that_breaks_off_is_the_hosts_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        }
    });
    let hosts = hosts();
    // A timeout puts one error of the body around another.
    let bare = Client::builder().no_proxy().timeout(Duration::from_secs(3_600)).build().unwrap();
    let client = ClientBuilder::new(bare)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .with(Reads)
        .build();
    let whole = with_body(&at, Parts::new([Part::Data]));
    assert!(client.execute(whole).await.is_err());
    assert_eq!(ends(&hosts, &at), [0, 1, 0, 0]);
}

/// Middleware that reads answers whole.
struct Reads;

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for Reads {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut http::Extensions,
        next: reqwest_middleware::Next<'_>,
    ) -> Result<Response, Error> {
        let body = next.run(request, extensions).await?.bytes().await?;
        Ok(http::Response::new(body).into())
    }
}
