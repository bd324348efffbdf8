//! `Authority`: the host and the port of a request, brought to one form.

use core::fmt::{self, Write as _};
use core::net::Ipv6Addr;
use std::borrow::Cow;

/// A host and its port, as somebody wrote them, and the parts of that.
pub(crate) struct Authority<'a> {
    written: &'a str,
    /// `None` where it is not a host with or without a port.
    parts: Option<(&'a str, Option<u16>)>,
}

impl<'a> Authority<'a> {
    /// The parts of `written`, which may have credentials before the host.
    pub(crate) fn of(written: &'a str) -> Self {
        // What stands before it are credentials.
        let written = written.rsplit('@').next().unwrap_or_default();
        let parts = match written.rsplit_once(':') {
            // A colon inside of brackets is none of a port.
            _ if written.ends_with(']') => Some((written, None)),
            // An address without brackets: where it ends cannot be told.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => None,
            Some((host, "")) => Some((host, None)),
            Some((_, port)) if port.starts_with('+') => None,
            Some((host, port)) => port.parse().ok().map(|port| (host, Some(port))),
            None => Some((written, None)),
        };
        Self { written, parts }
    }

    /// One text for one dependency: in lower case, an IPv6 address in its shortest form, without
    /// the dot at the end of a full name, and with the port of `scheme` where none is written. What
    /// is written with something else than a port in its place is only brought to lower case.
    pub(crate) fn key(&self, scheme: Option<&str>) -> Cow<'a, str> {
        let Some((written_host, port)) = self.parts else {
            return lower(self.written);
        };
        let host = one_form(written_host);
        let port = match port {
            None if host.is_empty() => None,
            None => scheme.and_then(port_of),
            port => port,
        };
        let Some(port) = port else {
            return host;
        };
        let digits = match &host {
            Cow::Borrowed(host) => {
                self.written.strip_prefix(host).and_then(|at| at.strip_prefix(':'))
            }
            Cow::Owned(_) => None,
        };
        match digits.and_then(|digits| digits.bytes().next()) {
            Some(b'1'..=b'9') => self.written.into(),
            _ => format!("{host}:{port}").into(),
        }
    }
}

/// The port that `scheme` has where none is written.
fn port_of(scheme: &str) -> Option<u16> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}

/// One text for one host.
fn one_form(host: &str) -> Cow<'_, str> {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inside.and_then(|address| Some((address, address.parse::<Ipv6Addr>().ok()?))) {
        Some((address, parsed)) if reads(address, &parsed) => host.into(),
        Some((_, parsed)) => format!("[{parsed}]").into(),
        None => lower(host.strip_suffix('.').unwrap_or(host)),
    }
}

/// Whether `address` is written as `parsed` is shown. It allocates nothing.
fn reads(address: &str, parsed: &Ipv6Addr) -> bool {
    /// What is left to be compared.
    struct Rest<'a>(&'a str);

    impl fmt::Write for Rest<'_> {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut rest = Rest(address);
    write!(rest, "{parsed}").is_ok() && rest.0.is_empty()
}

fn lower(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => text.to_ascii_lowercase().into(),
        false => text.into(),
    }
}
