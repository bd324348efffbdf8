//! `Authority`: the host and the port of a request, brought to one form.

use std::borrow::Cow;

/// A host and its port, as somebody wrote them, and the parts of that.
pub(crate) struct Authority<'a> {
    written: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// The parts of `written`, which may have credentials before the host.
    pub(crate) fn of(written: &'a str) -> Self {
        // What stands before it are credentials.
        let written = written.rsplit('@').next().unwrap_or_default();
        let (host, port) = match written.rsplit_once(':') {
            // A colon inside of an address is none of a port.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => (written, None),
            Some((host, "")) => (host, None),
            Some((host, port)) => match port.parse() {
                Ok(number) if !port.starts_with('+') => (host, Some(number)),
                _ => (written, None),
            },
            None => (written, None),
        };
        Self { written, host, port }
    }

    /// One text for one dependency: in lower case, without the dot at the end of a full name, and with
    /// the port of `scheme` where none is written.
    pub(crate) fn key(&self, scheme: Option<&str>) -> Cow<'a, str> {
        let host = self.host.strip_suffix('.').unwrap_or(self.host);
        let port = self.port.or(match scheme {
            Some("http" | "ws") if !host.is_empty() => Some(80),
            Some("https" | "wss") if !host.is_empty() => Some(443),
            _ => None,
        });
        let port = match port {
            Some(port) => port,
            None if is_upper(host) => return host.to_ascii_lowercase().into(),
            None => return host.into(),
        };
        let is_written_so = self.written.strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
        match is_written_so.and_then(|digits| digits.bytes().next()) {
            Some(b'1'..=b'9') if !is_upper(host) => self.written.into(),
            _ => format!("{}:{port}", host.to_ascii_lowercase()).into(),
        }
    }
}

fn is_upper(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}
