//! What headers say: numbers, and how long a server asks its callers to wait.

use core::time::Duration;
use std::time::SystemTime;

use ::http::HeaderMap;
use ::http::header::{AsHeaderName, DATE, RETRY_AFTER};

/// How long the server asks to wait, if it does and that is not over.
///
/// A date is measured from the response's own `Date`, so that no two clocks need to agree; without
/// one, from the wall clock here.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, RETRY_AFTER)?;
    if let Some(seconds) = digits(asked) {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let sent = text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    until.duration_since(sent.unwrap_or_else(SystemTime::now)).ok()
}

/// The text of a header, without the white space around it; of the first, if there are several.
pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The number that `text` is, if it is digits and nothing else. What is too long for a number is
/// the greatest: it is too long for any cap.
pub(super) fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}
