//! `PerHost` and `host`: which breaker is a request's.

use std::borrow::Cow;
use std::sync::Arc;

use ::reqwest::Request;
use cutout_core::{Clock, Observer, Rejected};

use crate::adapters::tower::{Authority, CallPermit, SelectBreaker};
use crate::breaker::StdClock;
use crate::registry::{Handle, Registry};

/// A breaker per host, of a registry.
#[derive(Debug)]
pub struct PerHost<C: Clock = StdClock, O: Observer = ()>(pub(super) Arc<Registry<String, C, O>>);

impl<C: Clock, O: Observer> Clone for PerHost<C, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Clock + Clone, O: Observer> SelectBreaker<Request> for PerHost<C, O> {
    type Share = Handle<C, O>;

    fn admit(&self, request: &Request) -> Result<CallPermit<Self::Share>, Rejected> {
        let breaker = self.0.get(&*host(request));
        let ticket = breaker.admit()?;
        Ok(CallPermit::new(breaker, ticket))
    }

    fn would_reject(&self) -> Option<Rejected> {
        None
    }

    fn admit_without_request(&self) -> Option<CallPermit<Self::Share>> {
        None
    }
}

/// The host that a request is for and its port; empty for a URL that has none.
///
/// One host has one key: without credentials, without the dot that may end a full name, and an IPv6
/// address in its shortest form, as [`tower::http::host`](crate::tower::http::host) has it. The
/// port is that of the scheme where the URL names none: `http://h` and `https://h` are two
/// dependencies, `h:80` and `h:443`.
///
/// # Examples
///
/// ```
/// use cutout::reqwest::host;
/// use reqwest::{Method, Request};
///
/// for (url, is) in [
///     ("https://API.example.com./orders", "api.example.com:443"),
///     ("http://api.example.com/orders", "api.example.com:80"),
///     ("http://user:secret@10.0.0.7:8080/", "10.0.0.7:8080"),
///     ("data:,text", ""),
/// ] {
///     assert_eq!(host(&Request::new(Method::GET, url.parse().unwrap())), is);
/// }
/// ```
#[must_use]
pub fn host(request: &Request) -> Cow<'_, str> {
    let url = request.url();
    Authority::of(url.authority()).key(Some(url.scheme()))
}
