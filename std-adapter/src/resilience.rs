//! What stands around a call: bulkhead, retry, timeout, fallback, rate limit, and the policy that
//! joins them.

pub(crate) mod bulkhead;
#[cfg(feature = "policy")]
pub(crate) mod fallback;
#[cfg(feature = "policy")]
pub(crate) mod policy;
#[cfg(feature = "rate-limit")]
pub(crate) mod rate_limit;
#[cfg(feature = "policy")]
pub(crate) mod retry;
#[cfg(feature = "policy")]
pub(crate) mod timeout;
