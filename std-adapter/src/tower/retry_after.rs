//! `Retry-After`: how long a server asks its callers to wait.

use core::time::Duration;
use std::time::SystemTime;

use ::http::HeaderMap;
use ::http::header::{DATE, HeaderName, RETRY_AFTER};

/// How long the server asks to wait, if it does and that is not over.
///
/// A date is measured from the response's own `Date`, so that no two clocks need to agree; without
/// one, from the wall clock here.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, &RETRY_AFTER)?;
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too long for a number is too long for any cap.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let sent = text(headers, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    until.duration_since(sent.unwrap_or_else(SystemTime::now)).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
