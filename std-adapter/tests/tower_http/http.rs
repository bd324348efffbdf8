//! HTTP responses.

use core::panic::AssertUnwindSafe;
use core::task::Poll;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::SystemTime;

use ::http::{Request, Response, StatusCode};
use cutout::tower::Refusal;
use cutout::tower::http::{self, HttpStatus, HttpStatusAndBody};
use cutout::{CircuitBreaker, Config, Error, ManualClock, Outcome, State};
use http_body::Body;

use crate::support::{Breaker, Scripted, Step, breaker, call, ends, poll, read};

fn response(status: u16) -> Response<Scripted> {
    let mut response = Response::new(Scripted::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn asking(status: u16, headers: &[(&'static str, &str)]) -> Response<Scripted> {
    let mut response = response(status);
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

fn refusal(breaker: &Breaker) -> Refusal {
    Refusal::Circuit(breaker.would_reject().unwrap())
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn server_errors_fail_and_other_statuses_are_successes() {
    for status in [100, 200, 204, 301, 304, 400, 401, 403, 404, 408, 409, 422, 499] {
        assert_eq!(http::report(&response(status)), Outcome::Success.into(), "{status}");
    }
    for status in [500, 501, 502, 503, 504, 507, 599] {
        assert_eq!(http::report(&response(status)), Outcome::Failure.into(), "{status}");
    }
}

#[test]
fn too_many_requests_is_a_failure_but_none_in_a_row() {
    assert_eq!(http::report(&response(429)), Outcome::Failure.not_consecutive());
    assert_eq!(
        http::report(&asking(429, &[("retry-after", "7")])),
        Outcome::Failure.not_consecutive().retry_after(secs(7))
    );
}

#[test]
fn retry_after_is_read_in_seconds_and_as_a_date() {
    let asked = |headers: &[(&'static str, &str)]| http::report(&asking(503, headers));
    let waits = |duration| Outcome::Failure.retry_after(duration);
    assert_eq!(asked(&[("retry-after", "120")]), waits(secs(120)));
    assert_eq!(asked(&[("retry-after", " 0 ")]), waits(secs(0)));
    assert_eq!(asked(&[("retry-after", "99999999999999999999999")]), waits(secs(u64::MAX)));

    let (sent, until) = ("Tue, 15 Nov 1994 08:12:31 GMT", "Tue, 15 Nov 1994 08:13:01 GMT");
    assert_eq!(asked(&[("date", sent), ("retry-after", until)]), waits(secs(30)));
    let (rfc850, asctime) = ("Tuesday, 15-Nov-94 08:13:01 GMT", "Tue Nov 15 08:13:01 1994");
    assert_eq!(asked(&[("date", sent), ("retry-after", rfc850)]), waits(secs(30)));
    assert_eq!(asked(&[("date", sent), ("retry-after", asctime)]), waits(secs(30)));
    assert_eq!(asked(&[("date", sent), ("retry-after", sent)]), waits(secs(0)));
}

#[test]
fn a_lone_retry_date_is_measured_by_the_wall_clock() {
    let until = httpdate::fmt_http_date(SystemTime::now() + secs(3_600));
    let report = http::report(&asking(503, &[("retry-after", &until)]));
    let breaker = breaker();
    breaker.try_acquire().unwrap().settle(report);
    // As the cap without a backoff says.
    assert_eq!(breaker.snapshot().retry_after, Some(secs(300)));
}

#[test]
fn what_is_no_retry_after_or_is_over_is_none() {
    let past = "Tue, 15 Nov 1994 08:12:31 GMT";
    for value in ["", "-1", "+5", "1.5", "soon", "12 s", "Tue, 15 Nov", past, "\u{e9}"] {
        let response = asking(503, &[("retry-after", value)]);
        assert_eq!(http::report(&response), Outcome::Failure.into(), "{value:?}");
    }
    let later = "Tue, 15 Nov 1994 08:12:32 GMT";
    let response = asking(503, &[("retry-after", past), ("date", later)]);
    assert_eq!(http::report(&response), Outcome::Failure.into());
}

#[test]
fn a_success_asks_for_nothing() {
    assert_eq!(http::report(&asking(200, &[("retry-after", "7")])), Outcome::Success.into());
    assert_eq!(http::report(&asking(301, &[("retry-after", "7")])), Outcome::Success.into());
}

#[test]
fn a_server_that_says_until_when_is_left_alone_until_then() {
    let breaker = breaker();
    call(&breaker, HttpStatus, Ok(asking(503, &[("retry-after", "20")]))).unwrap();
    assert_eq!(breaker.snapshot().retry_after, Some(secs(20)));
    breaker.clock().advance(secs(20));
    call(&breaker, HttpStatus, Ok(asking(429, &[("retry-after", "40")]))).unwrap();
    assert_eq!(breaker.state(), State::Open, "it fails a trial");
    assert_eq!(breaker.snapshot().retry_after, Some(secs(40)));
}

#[test]
fn by_status_a_call_is_settled_when_the_head_is_there() {
    let breaker = breaker();
    let waiting = Response::new(Scripted::new([Step::Wait, Step::BreakOff]));
    let answered = call(&breaker, HttpStatus, Ok(waiting)).unwrap();
    assert_eq!(ends(&breaker), [1, 0, 0, 0]);
    drop(answered);
    let failed = call(&breaker, HttpStatus, Err("no connection"));
    assert_eq!(failed.unwrap_err(), Error::Inner("no connection"));
    assert_eq!(ends(&breaker), [1, 1, 0, 0]);
}

#[test]
fn with_the_body_a_call_is_settled_when_that_ends() {
    let breaker = breaker();
    let steps = [Step::Data, Step::Wait, Step::Data];
    let mut body = call(&breaker, HttpStatusAndBody, Ok(Response::new(Scripted::new(steps))))
        .unwrap()
        .into_body();
    for _ in 0..3 {
        assert!(!matches!(poll(&mut body), Poll::Ready(None)));
        assert_eq!(ends(&breaker), [0; 4]);
    }
    assert_eq!(read(&mut body), Ok(0));
    assert_eq!(ends(&breaker), [1, 0, 0, 0]);
    assert_eq!(read(&mut body), Ok(0));
    drop(body);
    assert_eq!(ends(&breaker), [1, 0, 0, 0], "once");
}

#[test]
fn with_the_body_one_that_breaks_off_is_a_failure() {
    let breaker = breaker();
    let steps = [Step::Data, Step::BreakOff];
    let mut body = call(&breaker, HttpStatusAndBody, Ok(Response::new(Scripted::new(steps))))
        .unwrap()
        .into_body();
    assert_eq!(read(&mut body), Err("the connection is gone"));
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

#[test]
fn with_the_body_a_failing_status_settles_at_once() {
    let breaker = breaker();
    let answer = asking(503, &[("retry-after", "9")]).map(|_| Scripted::new([Step::Wait]));
    let response = call(&breaker, HttpStatusAndBody, Ok(answer)).unwrap();
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
    assert_eq!(breaker.snapshot().retry_after, Some(secs(9)));
    drop(response);
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
    breaker.reset();
    assert!(call(&breaker, HttpStatusAndBody, Err("no connection")).is_err());
    assert_eq!(ends(&breaker), [0, 2, 0, 0]);
}

#[test]
fn with_the_body_one_that_says_it_is_at_its_end_is_believed() {
    let breaker = breaker();
    let empty = Response::new(Scripted::default().that_says_so());
    let _response = call(&breaker, HttpStatusAndBody, Ok(empty)).unwrap();
    assert_eq!(ends(&breaker), [1, 0, 0, 0], "nobody has to poll it");

    let short = Response::new(Scripted::new([Step::Data]).that_says_so());
    let mut body = call(&breaker, HttpStatusAndBody, Ok(short)).unwrap().into_body();
    assert!(poll(&mut body).is_ready());
    assert!(body.is_end_stream());
    assert_eq!(ends(&breaker), [2, 0, 0, 0], "nor to poll it once more");
}

#[test]
fn with_the_body_trailers_are_its_end() {
    let breaker = breaker();
    let steps = [Step::Data, Step::Trailers(Default::default())];
    let mut body = call(&breaker, HttpStatusAndBody, Ok(Response::new(Scripted::new(steps))))
        .unwrap()
        .into_body();
    assert!(poll(&mut body).is_ready());
    assert!(poll(&mut body).is_ready());
    assert_eq!(ends(&breaker), [1, 0, 0, 0]);
}

#[test]
fn with_the_body_unread_succeeds_and_a_panic_fails() {
    let breaker = breaker();
    let unread = Response::new(Scripted::new([Step::Data]));
    drop(call(&breaker, HttpStatusAndBody, Ok(unread)).unwrap());
    assert_eq!(ends(&breaker), [1, 0, 0, 0]);

    let panicking = Response::new(Scripted::new([Step::Data, Step::Panic]));
    let mut body = call(&breaker, HttpStatusAndBody, Ok(panicking)).unwrap().into_body();
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut body))).is_err());
    drop(body);
    assert_eq!(ends(&breaker), [1, 1, 0, 0]);
}

/// Has somebody panic who holds `held`, and so drops it.
fn panics_elsewhere_with<T>(held: T) {
    panics_with("elsewhere", move || {
        let _held = held;
        panic!("elsewhere")
    });
}

/// Has `code` panic with `message`.
fn panics_with(message: &str, code: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(code)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&message));
}

#[test]
fn with_the_body_one_dropped_by_anothers_panic_is_cancelled() {
    let breaker = breaker();
    for polls in 0..3 {
        let response = Response::new(Scripted::new([Step::Data, Step::Wait, Step::Data]));
        let mut body = call(&breaker, HttpStatusAndBody, Ok(response)).unwrap().into_body();
        for _ in 0..polls {
            let _ = poll(&mut body);
        }
        panics_elsewhere_with(body);
        assert_eq!(ends(&breaker), [0, 0, 0, polls + 1], "after {polls} polls");
    }
    // Five handlers that panic with an answer in their hands do not open a healthy circuit.
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_condition_that_panics_in_a_panic_aborts_nothing() {
    let second = Duration::from_secs(1);
    let config = Config::new().slow_call_duration(second).trip_when(|_| panic!("in the condition"));
    let breaker = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
    for steps in [vec![Step::Data], vec![Step::Panic]] {
        let response = Response::new(Scripted::new(steps));
        let mut body = call(&breaker, HttpStatusAndBody, Ok(response)).unwrap().into_body();
        breaker.clock().advance(2 * second); // given up by now, it is a failure
        panics_with("in the body", move || {
            let _ = poll(&mut body);
            panic!("in the body") // of the caller's code
        });
    }
    assert_eq!(ends(&breaker), [0, 2, 0, 0]);
}

#[test]
fn with_the_body_one_that_hangs_until_dropped_is_cancelled() {
    let breaker = breaker();
    for steps in [vec![Step::Wait], vec![Step::Data, Step::Wait]] {
        let mut body = call(&breaker, HttpStatusAndBody, Ok(Response::new(Scripted::new(steps))))
            .unwrap()
            .into_body();
        while poll(&mut body).is_ready() {}
    }
    assert_eq!(ends(&breaker), [0, 0, 0, 2]);

    let steps = [Step::Wait, Step::Data, Step::Data];
    let mut body = call(&breaker, HttpStatusAndBody, Ok(Response::new(Scripted::new(steps))))
        .unwrap()
        .into_body();
    assert!(poll(&mut body).is_pending());
    assert!(poll(&mut body).is_ready());
    drop(body);
    assert_eq!(ends(&breaker), [1, 0, 0, 2], "it came after all, and was enough");
}

#[test]
fn with_the_body_a_trial_that_hangs_does_not_close_the_circuit() {
    let breaker = breaker();
    breaker.try_acquire().unwrap().settle(Outcome::Failure);
    breaker.clock().advance(secs(1));
    for _ in 0..3 {
        let hangs = Response::new(Scripted::new([Step::Data, Step::Wait]));
        let mut body = call(&breaker, HttpStatusAndBody, Ok(hangs)).unwrap().into_body();
        while poll(&mut body).is_ready() {}
        assert_eq!(breaker.snapshot().trials_in_flight, 1);
        drop(body);
        assert_eq!((breaker.state(), breaker.snapshot().trials_in_flight), (State::HalfOpen, 0));
    }
    let whole = Response::new(Scripted::new([Step::Data]));
    let mut body = call(&breaker, HttpStatusAndBody, Ok(whole)).unwrap().into_body();
    assert_eq!(read(&mut body), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn with_the_body_one_that_hangs_too_long_is_a_slow_failure() {
    let config = cutout::Config::new().slow_call_duration(secs(1)).failure_count(2);
    let breaker = std::sync::Arc::new(Breaker::with_clock(config, cutout::ManualClock::new()));
    for _ in 0..2 {
        let hangs = Response::new(Scripted::new([Step::Wait]));
        let mut body = call(&breaker, HttpStatusAndBody, Ok(hangs)).unwrap().into_body();
        assert!(poll(&mut body).is_pending());
        breaker.clock().advance(secs(2));
        drop(body);
    }
    assert_eq!((ends(&breaker), breaker.totals().slow), ([0, 2, 0, 0], 2));
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_wrapped_body_says_of_itself_what_the_inner_one_says() {
    let full = http_body_util::Full::new(bytes::Bytes::from_static(b"four"));
    let wrapped: cutout::tower::SettlingBody<_, std::sync::Arc<Breaker>> = full.into();
    assert_eq!(wrapped.size_hint().exact(), Some(4));
    assert!(!wrapped.is_end_stream());
}

#[test]
fn the_host_is_that_of_the_uri_or_else_of_the_header() {
    let host = |uri: &str, header: Option<&str>| {
        let mut request = Request::new(());
        *request.uri_mut() = uri.parse().unwrap();
        if let Some(header) = header {
            request.headers_mut().insert("host", header.parse().unwrap());
        }
        http::host(&request).to_string()
    };
    assert_eq!(host("http://example.com:8080/a", Some("other")), "example.com:8080");
    assert_eq!(host("http://[::1]:80/", None), "[::1]:80");
    assert_eq!(host("/a", Some("example.com:8080")), "example.com:8080");
    assert_eq!(host("/a", Some("[::1]")), "[::1]");
    assert_eq!(host("/a", None), "");
    assert_eq!(host("/a", Some("\u{e9}")), "");

    // Each line is one dependency, however it is written.
    for (uris, headers, is) in [
        (
            &["http://h/", "http://H./a", "http://u:w@h/", "http://h:80/", "http://h:/", "ws://h/"]
                [..],
            &["h:80", "H.:80", "u:w@h:080"][..],
            "h:80",
        ),
        (&["https://h/", "https://h.:443", "https://u@H:0443/"], &["h:443", "u:w@h.:443"], "h:443"),
        (&["https://[::1]/", "https://u:w@[::1]:443/"], &["[::1]:443"], "[::1]:443"),
        (&["other://h/", "other://u@H./"], &["h", "h:", "H.", "user:pw@h", " h "], "h"),
        (&["https://h:80/"], &["u@w@h:80"], "h:80"),
    ] {
        for uri in uris {
            assert_eq!(host(uri, None), is, "{uri}");
        }
        for header in headers {
            assert_eq!(host("/a", Some(header)), is, "{header:?}");
        }
    }
    for odd in ["", ".", ":", "@", "::1", "h:99999", "h:+80", "h:p", "a:b:c", "[::1", "u@"] {
        let key = host("/a", Some(odd));
        assert!(!key.contains('@'), "{odd:?} has the key {key:?}");
    }
}

/// The key of a request with this URI, or with this `Host` header.
fn key(uri: &str, header: &str) -> String {
    let mut request = Request::new(());
    *request.uri_mut() = uri.parse().unwrap();
    request.headers_mut().insert("host", header.parse().unwrap());
    http::host(&request).to_string()
}

#[test]
fn a_scheme_has_its_port_in_whatever_case_it_is_written() {
    for (uris, is) in [
        (["http://h/", "HTTP://h/", "Http://h/"], "h:80"),
        (["https://h/", "HTTPS://h/", "hTTps://h/"], "h:443"),
        (["ws://h/", "WS://h/", "Ws://h/"], "h:80"),
        (["wss://h/", "WSS://h/", "wSs://h/"], "h:443"),
        (["other://h/", "OTHER://h/", "wsss://h/"], "h"),
    ] {
        for uri in uris {
            assert_eq!(key(uri, "none"), is, "{uri}");
        }
    }
}

#[test]
fn an_invalid_port_stays_as_it_is_written() {
    for (uri, is) in [
        ("https://h:99999/", "h:99999"),
        ("https://H:65536/", "h:65536"),
        ("http://u:w@H:99999/", "h:99999"),
        ("ws://h:99999/", "h:99999"),
        ("https://[::1]:99999/", "[::1]:99999"),
        ("https://h:65535/", "h:65535"),
    ] {
        assert_eq!(key(uri, "none"), is, "{uri}");
    }
    for (header, is) in [("H:99999", "h:99999"), ("h:+80", "h:+80"), ("H:P", "h:p")] {
        assert_eq!(key("/a", header), is, "{header}");
    }
}

#[test]
fn an_address_has_one_key_however_it_is_written() {
    for (addresses, is) in [
        (&["[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[0000::0001]", "[::0.0.0.1]"][..], "[::1]"),
        (&["[2001:db8::a]", "[2001:DB8::A]", "[2001:0db8:0:0:0:0:0:a]"], "[2001:db8::a]"),
        (&["[::ffff:1.2.3.4]", "[::FFFF:102:304]"], "[::ffff:1.2.3.4]"),
        (&["[1:0:0:2::3]", "[1::2:0:0:0:3]"], "[1:0:0:2::3]"),
        (&["[::]", "[0::]", "[0:0:0:0:0:0:0:0]"], "[::]"),
    ] {
        for address in addresses {
            assert_eq!(key("/a", address), is, "{address}");
            assert_eq!(key("/a", &format!("u:w@{address}:")), is, "{address}");
            assert_eq!(key("/a", &format!("{address}:8080")), format!("{is}:8080"), "{address}");
            for uri in [format!("https://{address}/"), format!("https://{address}:0443/")] {
                assert_eq!(key(&uri, "none"), format!("{is}:443"), "{uri}");
            }
        }
    }
    for (odd, is) in
        [("[FE80::1%eth0]", "[fe80::1%eth0]"), ("[1::2::3]", "[1::2::3]"), ("[]", "[]")]
    {
        assert_eq!(key("/a", odd), is, "what is no address stays as it is written");
    }
}

#[test]
fn a_key_that_is_written_as_it_is_takes_no_allocation() {
    use std::borrow::Cow;

    for (header, is_borrowed) in [
        ("h", true),
        ("h.", true),
        ("h:80", true),
        ("h:99999", true),
        ("[::1]", true),
        ("[::1]:80", true),
        ("[2001:db8::a]:80", true),
        ("u:w@[::ffff:1.2.3.4]:80", true),
        ("[0::1]", false),
        ("[::1]:080", false),
        ("H", false),
        ("H:99999", false),
        ("h.:80", false),
    ] {
        let request = Request::builder().header("host", header).body(()).unwrap();
        assert_eq!(matches!(http::host(&request), Cow::Borrowed(_)), is_borrowed, "{header}");
    }
}

#[test]
fn a_refusal_is_answered_with_503_and_whole_seconds() {
    let breaker = breaker();
    breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(secs(5)));
    breaker.clock().advance(Duration::from_nanos(1));
    let answer: Response<String> = http::unavailable(refusal(&breaker));
    assert_eq!(
        (answer.status(), answer.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "5")
    );
    breaker.force_open();
    let answer: Response<String> = http::unavailable(refusal(&breaker));
    assert!(answer.headers().is_empty(), "only the operator knows");
}
