//! Requests outside AWS's protocols: instance metadata, the control path, the page.
//!
//! They are unsigned and small. What answers them sees no hyper type, so that it can be tested as
//! a function.

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
