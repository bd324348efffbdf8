//! What the routes answer, and what they leave alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use cutout_service::{Action, Behaviour, Health, Hosts, serve, service, upstream};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

async fn ask(app: &Router, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(app: &Router, path: &str) -> (StatusCode, String) {
    ask(app, Method::GET, path).await
}

async fn post(app: &Router, path: &str) -> (StatusCode, String) {
    ask(app, Method::POST, path).await
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A service in front of two hosts, on a free port each, and their names.
async fn both(protected: bool) -> (Router, [(Router, String); 2]) {
    let (one, other) = (upstream(), upstream());
    let one_at = serve(one.clone(), "127.0.0.1:0").await.unwrap();
    let other_at = serve(other.clone(), "127.0.0.1:0").await.unwrap();
    let hosts = Hosts::new([one_at.clone(), other_at.clone()], protected).unwrap();
    (service(Arc::new(hosts), 64), [(one, one_at), (other, other_at)])
}

#[tokio::test]
async fn a_page_comes_from_its_host() {
    for protected in [true, false] {
        let (app, [(_, one), _]) = both(protected).await;
        let answer = get(&app, &format!("/pages/{one}")).await;
        assert_eq!(answer, (StatusCode::OK, "a page\n".into()));
    }
}

#[tokio::test]
async fn what_users_ask_for_becomes_no_host_and_no_breaker() {
    let (app, _) = both(true).await;
    assert_eq!(get(&app, "/pages/127.0.0.1:1").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "/breakers").await.1, "[]");
}

#[tokio::test]
async fn a_host_that_fails_is_left_alone_and_the_other_is_not() {
    let (app, [(host, one), (_, other)]) = both(true).await;
    post(&host, "/behave/fail").await;
    let (failing, well) = (format!("/pages/{one}"), format!("/pages/{other}"));
    for _ in 0..20 {
        assert_eq!(get(&app, &failing).await.0, StatusCode::BAD_GATEWAY);
    }
    let request = Request::get(&failing).body(Body::empty()).unwrap();
    let refused = app.clone().oneshot(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "30");
    assert_eq!(get(&app, &well).await.0, StatusCode::OK);

    let (status, health) = get(&app, "/health").await;
    let hosts = json!({ one: "open", other: "closed" });
    assert_eq!(read(&health), json!({ "health": "degraded", "hosts": hosts }));
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn without_protection_a_host_that_fails_is_asked_for_ever() {
    let (app, [(host, one), _]) = both(false).await;
    post(&host, "/behave/fail").await;
    for _ in 0..50 {
        assert_eq!(get(&app, &format!("/pages/{one}")).await.0, StatusCode::BAD_GATEWAY);
    }
    assert_eq!(get(&app, "/breakers").await.1, "[]");
}

#[tokio::test]
async fn a_breaker_is_forced_and_released_by_hand() {
    let (app, [(_, one), _]) = both(true).await;
    let page = format!("/pages/{one}");
    assert_eq!(get(&app, &page).await.0, StatusCode::OK);
    for (action, state, mode, page_is) in [
        ("force-open", "open", "forced_open", StatusCode::SERVICE_UNAVAILABLE),
        ("force-closed", "closed", "forced_closed", StatusCode::OK),
        ("release", "closed", "auto", StatusCode::OK),
        ("reset", "closed", "auto", StatusCode::OK),
    ] {
        let (status, shown) = post(&app, &format!("/breakers/{one}/{action}")).await;
        let shown = read(&shown);
        assert_eq!(status, StatusCode::OK, "{action}");
        assert_eq!((&shown["state"], &shown["mode"]), (&json!(state), &json!(mode)), "{action}");
        assert_eq!(read(&get(&app, "/breakers").await.1), json!([shown]), "{action}");
        assert_eq!(get(&app, &page).await.0, page_is, "{action}");
    }
}

#[tokio::test]
async fn the_page_of_metrics_has_the_breaker_and_the_bulkhead_of_both_hosts() {
    let (app, [(host, one), (_, other)]) = both(true).await;
    // More successes than failures, so that the failure rate is not reached before the failures in
    // a row.
    for _ in 0..21 {
        get(&app, &format!("/pages/{one}")).await;
    }
    post(&host, "/behave/fail").await;
    for _ in 0..21 {
        get(&app, &format!("/pages/{one}")).await;
    }
    get(&app, &format!("/pages/{other}")).await;

    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let head = app.clone().oneshot(request).await.unwrap().into_parts().0;
    assert_eq!(head.headers["content-type"], "text/plain; version=0.0.4");
    let (_, page) = get(&app, "/metrics").await;
    let opened = r#"from="closed",to="open",reason="consecutive_failures""#;
    for line in [
        format!(r#"circuit_breaker_state{{name="{one}",state="open"}} 1"#),
        format!(r#"circuit_breaker_state{{name="{other}",state="closed"}} 1"#),
        format!(r#"circuit_breaker_transitions_total{{name="{one}",{opened}}} 1"#),
        format!(r#"circuit_breaker_calls_total{{name="{one}",outcome="failure"}} 20"#),
        format!(r#"circuit_breaker_calls_total{{name="{one}",outcome="rejected"}} 1"#),
        format!(r#"circuit_breaker_calls_total{{name="{other}",outcome="success"}} 1"#),
        format!(r#"bulkhead_limit{{name="{one}"}} 32"#),
        format!(r#"bulkhead_limit{{name="{other}"}} 32"#),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn a_host_that_hangs_is_given_up_and_then_left_alone_and_the_other_is_not() {
    let (app, [(host, one), (_, other)]) = both(true).await;
    post(&host, "/behave/hang").await;
    let hanging = format!("/pages/{one}");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..33 {
        let (app, hanging) = (app.clone(), hanging.clone());
        calls.spawn(async move { get(&app, &hanging).await.0 });
    }
    // One may have no place, and those that come after twenty have timed out are refused.
    let answers = calls.join_all().await;
    let timed_out = answers.iter().filter(|status| **status == StatusCode::GATEWAY_TIMEOUT).count();
    let refused =
        answers.iter().filter(|status| **status == StatusCode::SERVICE_UNAVAILABLE).count();
    assert!(timed_out >= 20 && timed_out + refused == 33, "{answers:?}");
    assert_eq!(get(&app, &hanging).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&app, &format!("/pages/{other}")).await.0, StatusCode::OK);
    let health = read(&get(&app, "/health").await.1);
    assert_eq!(health["hosts"], json!({ one: "open", other: "closed" }));
}

#[tokio::test]
async fn neither_the_admin_routes_nor_a_scrape_make_a_breaker() {
    let (app, [(_, one), _]) = both(true).await;
    assert_eq!(get(&app, "/breakers").await, (StatusCode::OK, "[]".into()));
    assert!(!get(&app, "/metrics").await.1.contains("circuit_breaker_state"));
    for action in ["force-open", "force-closed", "release", "reset"] {
        let (status, why) = post(&app, &format!("/breakers/{one}/{action}")).await;
        assert_eq!((status, why), (StatusCode::NOT_FOUND, format!("host: no breaker of {one}\n")));
    }
    assert_eq!(get(&app, "/health").await.1, r#"{"health":"up","hosts":{}}"#);
    assert_eq!(get(&app, "/breakers").await.1, "[]");
}

#[tokio::test]
async fn a_breaker_is_forced_by_post_alone_and_by_known_words() {
    let (app, [(_, one), _]) = both(true).await;
    get(&app, &format!("/pages/{one}")).await;
    let forced = format!("/breakers/{one}/force-open");
    assert_eq!(get(&app, &forced).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let (status, why) = post(&app, &format!("/breakers/{one}/open")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(why, "action: must be force-open, force-closed, release or reset, got open\n");
    assert_eq!(read(&get(&app, "/breakers").await.1)[0]["mode"], "auto");
}

#[test]
fn the_service_is_down_only_if_all_circuits_are_open() {
    use cutout::State::{Closed, HalfOpen, Open};
    for (states, health, status) in [
        (&[] as &[_], Health::Up, StatusCode::OK),
        (&[Closed, Closed], Health::Up, StatusCode::OK),
        (&[Closed, Open], Health::Degraded, StatusCode::OK),
        (&[HalfOpen, Open], Health::Degraded, StatusCode::OK),
        (&[HalfOpen], Health::Degraded, StatusCode::OK),
        (&[Open, Open], Health::Down, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        assert_eq!(Health::of(states), health, "{states:?}");
        assert_eq!(health.status(), status, "{states:?}");
    }
}

#[test]
fn a_circuit_that_is_due_does_not_keep_the_service_down() {
    use core::time::Duration;
    use cutout::{CircuitBreaker, Config};
    let (one, other) = (CircuitBreaker::new(Config::new()), CircuitBreaker::new(Config::new()));
    let health = || Health::of_snapshots(&[one.snapshot(), other.snapshot()]);
    one.open_for(Duration::from_secs(3_600));
    other.open_for(Duration::from_secs(3_600));
    assert_eq!(health(), Health::Down);
    other.open_for(Duration::ZERO);
    assert_eq!(health(), Health::Degraded, "its next call will try");
    one.open_for(Duration::ZERO);
    assert_eq!(health(), Health::Degraded);
    one.force_open();
    other.force_open();
    assert_eq!(health(), Health::Down, "what is forced is never due");
}

#[test]
fn what_hosts_and_breakers_are_told_is_read_strictly() {
    assert_eq!("hang".parse(), Ok(Behaviour::Hang));
    assert_eq!("force-closed".parse(), Ok(Action::ForceClosed));
    let error = "Hang".parse::<Behaviour>().unwrap_err();
    assert_eq!(error, "behaviour: must be well, fail or hang, got Hang\n");
    assert!("".parse::<Action>().is_err());
}
