//! Which breaker a request has, and what it is told of calls that end, are given up, or panic.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use cutout::reqwest::{CircuitBreakerMiddleware, host};
use cutout::{CircuitBreaker, Clock, Config, Instant, State};
use reqwest::{Method, Request};
use reqwest_middleware::{ClientBuilder, Error};
use tokio::net::TcpListener;

use crate::support::{Instead, ask, bare, ends, hosts, in_front_of, per_host, retry_after, server};
use cutout::reqwest::rejected;

#[tokio::test]
async fn each_host_has_a_breaker_of_its_own() {
    let (hosts, ill, well) = (hosts(), server().await, server().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        assert_eq!(ask(&client, &ill, "/fail").await.unwrap(), 500);
    }
    let error = ask(&client, &ill, "/ok").await.unwrap_err();
    assert_eq!(rejected(&error).unwrap().retry_after(), Some(Duration::from_secs(5)));
    assert_eq!(ask(&client, &well, "/ok").await.unwrap(), 200);
    assert_eq!(ends(&hosts, &ill), [0, 2, 0, 0], "the refused request did not run");
    assert_eq!(ends(&hosts, &well), [1, 0, 0, 0]);

    hosts.clock().advance(Duration::from_secs(5));
    assert_eq!(ask(&client, &ill, "/ok").await.unwrap(), 200);
    assert_eq!(hosts.peek(&ill).unwrap().state(), State::Closed);
}

#[tokio::test]
async fn a_server_is_left_alone_for_as_long_as_it_asks() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    ask(&client, &server, "/fail").await.unwrap();
    assert_eq!(ask(&client, &server, "/down").await.unwrap(), 503);
    assert_eq!(retry_after(&hosts, &server), Some(Duration::from_secs(9)));
    hosts.clock().advance(Duration::from_secs(8));
    let error = ask(&client, &server, "/ok").await.unwrap_err();
    assert_eq!(rejected(&error).unwrap().retry_after(), Some(Duration::from_secs(1)));
    hosts.clock().advance(Duration::from_secs(1));
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
}

#[tokio::test]
async fn the_user_and_the_word_of_a_url_are_in_no_key() {
    let (hosts, server) = (hosts(), server().await);
    let url = format!("http://user:word@{server}/ok").parse().unwrap();
    // The client's own methods take them off; a request that is made by hand keeps them.
    per_host(&hosts).execute(Request::new(Method::GET, url)).await.unwrap();
    assert_eq!((hosts.len(), ends(&hosts, &server)), (1, [1, 0, 0, 0]));
}

#[tokio::test]
async fn a_breaker_may_be_chosen_otherwise_than_by_host() {
    static READS: CircuitBreaker = CircuitBreaker::new(Config::new());
    static WRITES: CircuitBreaker = CircuitBreaker::new(Config::new());
    static ALL: CircuitBreaker = CircuitBreaker::new(Config::new());
    let server = server().await;
    let by_method = CircuitBreakerMiddleware::keyed(|request: &Request| {
        if request.method() == Method::GET { &READS } else { &WRITES }
    });
    let client = ClientBuilder::new(bare())
        .with(by_method)
        .with(CircuitBreakerMiddleware::new(&ALL))
        .build();
    WRITES.force_open();
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
    let error = client.post(format!("http://{server}/ok")).send().await.unwrap_err();
    assert!(rejected(&error).is_some());
    assert_eq!((READS.totals().successes, ALL.totals().successes), (1, 1));
}

#[tokio::test]
async fn a_request_that_is_given_up_on_its_way_is_cancelled() {
    let hosts = hosts();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let client = per_host(&hosts);
    let mut call = Box::pin(ask(&client, &at, "/"));
    // It is sent, and nobody answers.
    tokio::select! {
        _ = &mut call => panic!("nobody answers"),
        accepted = listener.accept() => { accepted.unwrap(); }
    }
    assert_eq!(ends(&hosts, &at), [0, 0, 0, 0]);
    drop(call);
    assert_eq!(ends(&hosts, &at), [0, 0, 0, 1]);
}

/// Polls once, and drops.
async fn give_up<F: Future>(future: F) {
    tokio::select! {
        biased;
        _ = future => panic!("it was to be given up"),
        () = core::future::ready(()) => {}
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_at_once_is_cancelled() {
    let (hosts, server) = (hosts(), server().await);
    give_up(ask(&per_host(&hosts), &server, "/hang")).await;
    assert_eq!(ends(&hosts, &server), [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_trial_that_is_given_up_gives_its_place_back() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        ask(&client, &server, "/fail").await.unwrap();
    }
    hosts.clock().advance(Duration::from_secs(5));
    give_up(ask(&client, &server, "/hang")).await;
    assert_eq!(hosts.get(&server).state(), State::HalfOpen);
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
    assert_eq!(hosts.get(&server).state(), State::Closed);
}

#[tokio::test]
async fn a_panic_further_inside_is_a_failure() {
    let hosts = hosts();
    let client = in_front_of(&hosts, Instead(|| -> Error { panic!("on purpose") }));
    let call = tokio::spawn(async move { ask(&client, "host", "/").await.map_err(drop) });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(ends(&hosts, "host:80"), [0, 1, 0, 0]);
}

/// A clock that panics once it is told to.
#[derive(Debug, Default)]
struct BreaksDown(AtomicBool);

impl Clock for BreaksDown {
    fn now(&self) -> Instant {
        assert!(!self.0.load(Ordering::Relaxed), "in the clock");
        Instant::ORIGIN
    }
}

#[tokio::test]
async fn a_condition_or_clock_that_panics_in_a_panic_aborts_nothing() {
    let config = Config::new().slow_call_duration(Duration::from_secs(1));
    let conditions = config.trip_when(|_| panic!("in the condition"));
    for (config, clock_breaks) in [(conditions, false), (config, true)] {
        let clock: &'static BreaksDown = Box::leak(Box::default());
        let breaker = Arc::new(CircuitBreaker::with_clock(config, clock));
        let inner = move || -> Error {
            clock.0.store(clock_breaks, Ordering::Relaxed);
            panic!("in the call")
        };
        let client = ClientBuilder::new(bare())
            .with(CircuitBreakerMiddleware::new(Arc::clone(&breaker)))
            .with(Instead(inner))
            .build();
        let call = tokio::spawn(async move { ask(&client, "host", "/").await.map_err(drop) });
        let panic = call.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&"in the call"));
        clock.0.store(false, Ordering::Relaxed);
        assert_eq!(breaker.totals().failures, u64::from(!clock_breaks));
    }
}

#[tokio::test]
async fn panics_of_siblings_do_not_open_the_hosts_circuit() {
    let (hosts, server) = (hosts(), server().await);
    for _ in 0..5 {
        let (client, at) = (per_host(&hosts), server.clone());
        let handler = tokio::spawn(async move {
            let broken = async {
                tokio::task::yield_now().await;
                panic!("the sibling")
            };
            tokio::join!(ask(&client, &at, "/hang"), broken).0.map_err(drop)
        });
        assert!(handler.await.unwrap_err().is_panic());
    }
    let host = hosts.get(&server);
    assert_eq!((ends(&hosts, &server), host.state()), ([0, 0, 0, 5], State::Closed));
}

#[tokio::test]
async fn a_host_has_one_key_per_scheme_however_written() {
    for (urls, key) in [
        (&["http://h", "http://H./a", "http://h:80", "http://h.:80/", "http://u:w@h."][..], "h:80"),
        (&["https://h", "https://h.:443/a", "https://u:w@H:443"], "h:443"),
        (&["http://h:443", "http://h.:443"], "h:443"),
        (&["http://h:8080", "https://u@h.:8080"], "h:8080"),
        (&["http://[::1]", "http://[0:0::1]:80/"], "[::1]:80"),
        (&["WS://h", "ws://H", "Ws://h:80"], "h:80"),
        (&["WSS://h", "wss://H.", "https://h"], "h:443"),
        (&["http://[::ffff:1.2.3.4]", "http://[::FFFF:102:304]:80"], "[::ffff:1.2.3.4]:80"),
        (&["http://127.1/", "http://0x7f000001", "http://127.0.0.1."], "127.0.0.1:80"),
        (&["data:,text"], ""),
    ] {
        for url in urls {
            assert_eq!(host(&Request::new(Method::GET, url.parse().unwrap())), key, "{url}");
        }
    }
}

#[tokio::test]
async fn who_is_down_without_tls_may_be_up_with_it() {
    let hosts = hosts();
    hosts.get("shop.example:80").force_open();
    let client = in_front_of(&hosts, Instead(|| Error::middleware(io::Error::other("asked"))));
    for (url, was_asked) in [("http://shop.example./", false), ("https://shop.example/", true)] {
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(rejected(&error).is_none(), was_asked, "{url}");
    }
    assert_eq!((hosts.len(), ends(&hosts, "shop.example:443")), (2, [0, 1, 0, 0]));
}
