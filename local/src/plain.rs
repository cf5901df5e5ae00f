//! Requests outside AWS's protocols: instance metadata, the control path, the page.
//!
//! They are unsigned and small. What answers them sees no hyper type, so that it can be tested as
//! a function.

use std::net::Ipv4Addr;

use bytes::Bytes;
use plimsoll_core::clock::UnixMillis;

/// One unsigned request with its whole body.
#[derive(Clone, Debug, Default)]
pub struct PlainRequest {
    /// `GET`, `PUT`, `POST`, `DELETE`. A `HEAD` comes in as `GET`; the server drops the body.
    pub method: String,
    /// The path as sent, without the query: `/latest/meta-data/instance-id`.
    pub path: String,
    /// The query parameters, percent-decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The time of the stand-in's clock.
    pub now: UnixMillis,
}

impl PlainRequest {
    /// The value of the header `name` (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The value of the query parameter `name`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// Whether a page of another site had a browser send this. Then it comes with an `Origin`
    /// other than the address that was asked, or with the site's own name as `Host`, which that
    /// site let point to this machine. The data here is the machine's own log lines.
    #[must_use]
    pub fn is_from_another_site(&self) -> bool {
        let host = self.header("host").unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        // Names without a dot are those of this machine or of a container network.
        let is_public = name.contains('.')
            && name.parse::<Ipv4Addr>().is_err()
            && !name.starts_with('[')
            && !name.ends_with(".localhost");
        let origin = self.header("origin");
        is_public || origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host))
    }
}

/// What goes back.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The content type; empty for none.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl PlainAnswer {
    /// Status 200 with a body.
    #[must_use]
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            content_type,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// JSON with status 200.
    #[must_use]
    pub fn json(value: &serde_json::Value) -> Self {
        Self::new("application/json", value.to_string())
    }

    /// A line of text with another status.
    #[must_use]
    pub fn refused(status: u16, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        Self {
            status,
            ..Self::new("text/plain; charset=utf-8", text)
        }
    }

    /// Status 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::refused(404, "not found")
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_of_other_sites_are_told_apart() {
        let check = |host: &str, origin: Option<&str>, expected: bool| {
            let mut headers = vec![("host".to_owned(), host.to_owned())];
            headers.extend(origin.map(|origin| ("origin".to_owned(), origin.to_owned())));
            let request = PlainRequest {
                headers,
                ..PlainRequest::default()
            };
            assert_eq!(
                request.is_from_another_site(),
                expected,
                "{host} {origin:?}"
            );
        };
        check("127.0.0.1:4566", None, false);
        check("127.0.0.1:4566", Some("http://127.0.0.1:4566"), false);
        check("localhost:4566", None, false);
        check("plimsoll.localhost", None, false);
        check("[::1]:4566", None, false);
        check("local", None, false);
        check("attacker.example:4566", None, true);
        check("127.0.0.1.attacker.example", None, true);
        check("127.0.0.1:4566", Some("http://attacker.example"), true);
        check("127.0.0.1:4566", Some("http://127.0.0.1:8080"), true);
        check("127.0.0.1:4566", Some("null"), true);
    }
}
