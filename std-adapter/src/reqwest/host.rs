//! `PerHost` and `host`: which breaker is a request's.

use std::sync::Arc;

use ::reqwest::Request;
use cutout_core::{Clock, Observer, Rejected};

use crate::tower::{Breakers, CallPermit};
use crate::{Handle, Registry, StdClock};

/// A breaker per host, of a registry.
#[derive(Debug)]
pub struct PerHost<C: Clock = StdClock, O: Observer = ()>(pub(super) Arc<Registry<String, C, O>>);

impl<C: Clock, O: Observer> Clone for PerHost<C, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Clock + Clone, O: Observer> Breakers<Request> for PerHost<C, O> {
    type Share = Handle<C, O>;

    fn admit(&self, request: &Request) -> Result<CallPermit<Self::Share>, Rejected> {
        let breaker = self.0.get(host(request));
        let ticket = breaker.admit()?;
        Ok(CallPermit::new(breaker, ticket))
    }

    fn refusal(&self) -> Option<Rejected> {
        None
    }

    fn admit_any(&self) -> Option<CallPermit<Self::Share>> {
        None
    }
}

/// The host that a request is for, with its port unless that is the scheme's own; empty for a URL
/// that has none.
///
/// # Examples
///
/// ```
/// use cutout::reqwest::host;
/// use reqwest::{Method, Request};
///
/// for (url, is) in [
///     ("https://API.example.com:443/orders", "api.example.com"),
///     ("http://user:secret@10.0.0.7:8080/", "10.0.0.7:8080"),
///     ("data:,text", ""),
/// ] {
///     assert_eq!(host(&Request::new(Method::GET, url.parse().unwrap())), is);
/// }
/// ```
#[must_use]
pub fn host(request: &Request) -> &str {
    // What stands before it are credentials.
    request.url().authority().rsplit('@').next().unwrap_or_default()
}
