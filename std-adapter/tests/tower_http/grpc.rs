//! gRPC statuses, wherever they come.

use core::panic::AssertUnwindSafe;
use core::task::Poll;
use core::time::Duration;
use std::panic::catch_unwind;

use ::http::{HeaderMap, Response, StatusCode};
use cutout::tower::Refusal;
use cutout::tower::grpc::{self, GrpcStatus};
use cutout::{Outcome, Report, State};

use crate::support::{Scripted, Step, breaker, call, ends, poll, read};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn status(code: &str) -> HeaderMap {
    headers(&[("grpc-status", code)])
}

fn report_of(pairs: &[(&'static str, &str)]) -> Option<Report> {
    grpc::report(&headers(pairs))
}

#[test]
fn five_codes_are_failures_and_one_is_none_in_a_row() {
    let failures = [2, 4, 13, 14, 15];
    for code in 0..=16 {
        let expected: Report = match code {
            1 => Outcome::Ignored.into(),
            8 => Outcome::Failure.not_consecutive(),
            code if failures.contains(&code) => Outcome::Failure.into(),
            _ => Outcome::Success.into(),
        };
        assert_eq!(grpc::report(&status(&code.to_string())), Some(expected), "{code}");
    }
}

#[test]
fn what_is_no_code_is_unknown_and_no_status_is_none() {
    for code in
        ["17", "255", "256", "272", "4294967296", "18446744073709551616", "-1", "+0", "", "OK"]
            .into_iter()
            .chain(["\u{e9}", "0 0", "0x0"])
    {
        assert_eq!(grpc::report(&status(code)), Some(Outcome::Failure.into()), "{code:?}");
    }
    assert_eq!(grpc::report(&status(" 0 ")), Some(Outcome::Success.into()));
    assert_eq!(grpc::report(&HeaderMap::new()), None);
}

#[test]
fn a_pushback_says_how_long_to_wait_or_not_to_retry() {
    let wait = |code, pushback| {
        report_of(&[("grpc-status", code), ("grpc-retry-pushback-ms", pushback)]).unwrap()
    };
    let millis = Duration::from_millis;
    assert_eq!(wait("14", "1500"), Outcome::Failure.retry_after(millis(1_500)));
    assert_eq!(wait("8", "20"), Outcome::Failure.not_consecutive().retry_after(millis(20)));
    for (huge, is) in [
        ("18446744073709551615", u64::MAX),
        ("18446744073709551616", u64::MAX),
        ("999999999999999999999999999999", u64::MAX),
        (" 45000 ", 45_000),
        ("0", 0),
    ] {
        assert_eq!(wait("14", huge), Outcome::Failure.retry_after(millis(is)), "{huge:?}");
    }
    for no_time in ["-1", "", "soon", "1.5", "+45000", "0x10", "1_000", "4 5"] {
        assert_eq!(wait("14", no_time), Outcome::Failure.into(), "{no_time:?}");
    }
    assert_eq!(wait("0", "1500"), Outcome::Success.into());
    assert_eq!(wait("5", "1500"), Outcome::Success.into());
}

/// A response that starts as a stream of messages does.
fn streaming(steps: impl IntoIterator<Item = Step>) -> Response<Scripted> {
    Response::new(Scripted::new(steps))
}

/// A response with these headers.
fn with_head(pairs: &[(&'static str, &str)], body: Scripted) -> Response<Scripted> {
    let mut response = Response::new(body);
    *response.headers_mut() = headers(pairs);
    response
}

#[test]
fn a_status_in_a_head_without_a_body_settles_at_once() {
    let breaker = breaker();
    let pairs = [("grpc-status", "14"), ("grpc-retry-pushback-ms", "9000")];
    let response = with_head(&pairs, Scripted::default().that_says_so());
    let response = call(&breaker, GrpcStatus, Ok(response)).unwrap();
    assert_eq!((ends(&breaker), breaker.state()), ([0, 1, 0, 0], State::Open));
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(9)));
    drop(response);
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

#[test]
fn the_status_of_the_trailers_counts_or_else_the_heads() {
    let none = Step::Trailers(HeaderMap::new());
    for (head, steps, expected) in [
        ("0", vec![Step::Data, Step::Trailers(status("14"))], [0, 1, 0, 0]),
        ("14", vec![Step::Data, Step::Trailers(status("0"))], [1, 0, 0, 0]),
        ("14", vec![Step::Trailers(status("1"))], [0, 0, 1, 0]),
        ("0", vec![Step::Data, none.clone()], [1, 0, 0, 0]),
        ("14", vec![Step::Data, none], [0, 1, 0, 0]),
        ("0", vec![Step::Data], [1, 0, 0, 0]),
        ("14", vec![], [0, 1, 0, 0]),
        ("0", vec![Step::Data, Step::BreakOff], [0, 1, 0, 0]),
    ] {
        for status in [200, 503] {
            let breaker = breaker();
            let mut response = with_head(&[("grpc-status", head)], Scripted::new(steps.clone()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let mut body = call(&breaker, GrpcStatus, Ok(response)).unwrap().into_body();
            assert_eq!(ends(&breaker), [0; 4], "{head}, {steps:?}: the head is not the end");
            let _ = read(&mut body);
            assert_eq!(ends(&breaker), expected, "{head}, {status}, {steps:?}");
            drop(body);
            assert_eq!(ends(&breaker), expected, "{head}, {status}, {steps:?}: once");
        }
    }
}

#[test]
fn what_the_head_asks_for_is_heard_if_no_other_status_comes() {
    let breaker = breaker();
    let pairs = [("grpc-status", "14"), ("grpc-retry-pushback-ms", "9000")];
    let mut body =
        call(&breaker, GrpcStatus, Ok(with_head(&pairs, Scripted::default()))).unwrap().into_body();
    assert_eq!(read(&mut body), Ok(0));
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(9)));
}

#[test]
fn a_call_dropped_before_its_end_is_cancelled_despite_its_head() {
    let breaker = breaker();
    for head in ["0", "14"] {
        let response = with_head(&[("grpc-status", head)], Scripted::new([Step::Data]));
        drop(call(&breaker, GrpcStatus, Ok(response)).unwrap());
    }
    assert_eq!(ends(&breaker), [0, 0, 0, 2]);
}

#[test]
fn a_call_that_is_dropped_by_a_panic_elsewhere_is_cancelled() {
    let breaker = breaker();
    let body = call(&breaker, GrpcStatus, Ok(streaming([Step::Data]))).unwrap().into_body();
    let panics = AssertUnwindSafe(move || {
        let _body = body;
        panic!("elsewhere")
    });
    assert!(catch_unwind(panics).is_err());
    assert_eq!((ends(&breaker), breaker.state()), ([0, 0, 0, 1], State::Closed));
}

#[test]
fn a_status_in_the_trailers_settles_when_they_come() {
    for (code, expected) in [
        ("0", [1, 0, 0, 0]),
        ("5", [1, 0, 0, 0]),
        ("14", [0, 1, 0, 0]),
        ("8", [0, 1, 0, 0]),
        ("1", [0, 0, 1, 0]),
    ] {
        let breaker = breaker();
        let steps = [Step::Data, Step::Wait, Step::Data, Step::Trailers(status(code))];
        let mut body = call(&breaker, GrpcStatus, Ok(streaming(steps))).unwrap().into_body();
        for _ in 0..3 {
            let _ = poll(&mut body);
            assert_eq!(ends(&breaker), [0; 4], "{code}: a message is no status");
        }
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else { panic!("{code}") };
        assert_eq!(frame.trailers_ref(), Some(&status(code)), "they are passed on");
        assert_eq!(ends(&breaker), expected, "{code}");
        assert_eq!(read(&mut body), Ok(0));
        drop(body);
        assert_eq!(ends(&breaker), expected, "{code}: once");
    }
}

#[test]
fn a_pushback_in_the_trailers_is_heard() {
    let breaker = breaker();
    let trailers = headers(&[("grpc-status", "8"), ("grpc-retry-pushback-ms", "2500")]);
    let answer = streaming([Step::Trailers(trailers)]);
    let mut body = call(&breaker, GrpcStatus, Ok(answer)).unwrap().into_body();
    assert_eq!(read(&mut body), Ok(1));
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_millis(2_500)));
}

#[test]
fn a_body_that_ends_without_a_status_is_a_failure() {
    let no_status = Step::Trailers(HeaderMap::new());
    for steps in [vec![], vec![Step::Data], vec![no_status], vec![Step::Data, Step::BreakOff]] {
        let breaker = breaker();
        let mut body =
            call(&breaker, GrpcStatus, Ok(streaming(steps.clone()))).unwrap().into_body();
        let _ = read(&mut body);
        assert_eq!(ends(&breaker), [0, 1, 0, 0], "{steps:?}");
    }
    for steps in [vec![], vec![Step::Data]] {
        let breaker = breaker();
        let answer = Response::new(Scripted::new(steps).that_says_so());
        let mut body = call(&breaker, GrpcStatus, Ok(answer)).unwrap().into_body();
        if !http_body::Body::is_end_stream(&body) {
            let _ = poll(&mut body);
        }
        assert_eq!(ends(&breaker), [0, 1, 0, 0], "it said that nothing more will come");
    }
}

#[test]
fn a_call_that_is_dropped_before_its_status_came_is_cancelled() {
    let breaker = breaker();
    let mut body = call(&breaker, GrpcStatus, Ok(streaming([Step::Data]))).unwrap().into_body();
    assert!(poll(&mut body).is_ready());
    drop(body);
    assert_eq!(ends(&breaker), [0, 0, 0, 1]);
}

#[test]
fn a_body_that_panics_is_a_failure() {
    let breaker = breaker();
    let mut body = call(&breaker, GrpcStatus, Ok(streaming([Step::Panic]))).unwrap().into_body();
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut body))).is_err());
    drop(body);
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

#[test]
fn without_a_grpc_status_the_http_status_speaks() {
    let success = Outcome::Success;
    for (code, expected) in [
        (401, [1, 0, 0, 0]),
        (403, [1, 0, 0, 0]),
        (404, [1, 0, 0, 0]),
        (400, [0, 1, 0, 0]),
        (429, [0, 1, 0, 0]),
        (502, [0, 1, 0, 0]),
        (503, [0, 1, 0, 0]),
        (302, [0, 1, 0, 0]),
    ] {
        let breaker = breaker();
        breaker.try_acquire().unwrap().settle(success);
        let mut answer = streaming([Step::Wait]);
        *answer.status_mut() = StatusCode::from_u16(code).unwrap();
        *answer.headers_mut() = headers(&[("retry-after", "3")]);
        let _response = call(&breaker, GrpcStatus, Ok(answer)).unwrap();
        let mut ends = ends(&breaker);
        ends[0] -= 1;
        assert_eq!(ends, expected, "{code}");
        if expected[1] == 1 {
            assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(3)), "{code}");
        }
    }
}

#[test]
fn a_429_without_a_grpc_status_adds_to_no_row() {
    for (code, in_a_row) in [(503, 1), (429, 0)] {
        let breaker = breaker();
        breaker.force_closed();
        let mut answer = streaming([]);
        *answer.status_mut() = StatusCode::from_u16(code).unwrap();
        let _response = call(&breaker, GrpcStatus, Ok(answer)).unwrap();
        assert_eq!(breaker.snapshot().consecutive_failures, in_a_row, "{code}");
    }
}

#[test]
fn an_error_of_the_transport_is_a_failure() {
    let breaker = breaker();
    assert!(call(&breaker, GrpcStatus, Err("no connection")).is_err());
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

#[test]
fn a_refusal_is_answered_as_unavailable_with_a_pushback() {
    let breaker = breaker();
    breaker.try_acquire().unwrap().settle(Outcome::Failure);
    breaker.clock().advance(Duration::from_nanos(1));
    let answer: Response<String> =
        grpc::unavailable(Refusal::Circuit(breaker.would_reject().unwrap()));
    let expected = Outcome::Failure.retry_after(Duration::from_secs(1));
    assert_eq!(grpc::report(answer.headers()), Some(expected), "rounded up to a millisecond");
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    breaker.force_open();
    let answer: Response<String> =
        grpc::unavailable(Refusal::Circuit(breaker.would_reject().unwrap()));
    assert_eq!(grpc::report(answer.headers()), Some(Outcome::Failure.into()));
}
