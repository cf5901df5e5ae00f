//! Instance metadata, version 2 only: a token first, then the values.
//!
//! Paths, listings and status codes are those of the Amazon EC2 user guide, "Access instance
//! metadata". Version 1 (no token) is refused as on an instance that requires tokens. What the
//! instance is comes from an [`InstanceProfile`]; Spot, rebalance and lifecycle notices are set
//! later, as they happen.

mod profile;
mod steer;
mod tree;

use std::collections::VecDeque;

use fastrand::Rng;
use plimsoll_core::clock::UnixMillis;

pub use profile::{InstanceProfile, SpotAction};
pub use steer::InstanceChangeError;

/// How long a token may live, in seconds.
const TTL_SECONDS: std::ops::RangeInclusive<i64> = 1..=21_600;
/// Tokens that are remembered; the oldest are forgotten first.
const TOKENS_MAX: usize = 1024;
/// Keeps tokens from being the same letters as other secrets that are made from the same seed.
const SALT: u64 = 0x746f_6b65_6e73;
/// The header that asks for a token.
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// The header that carries it.
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// The metadata service of one instance.
#[derive(Debug)]
pub struct Imds {
    /// What the instance is; may be changed at any time.
    pub instance: InstanceProfile,
    /// Tags that metadata was told not to show.
    pub hidden_tags: Option<std::collections::BTreeMap<String, String>>,
    tokens: VecDeque<Token>,
    random: Rng,
    counts: ImdsCounts,
}

/// What was asked since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImdsCounts {
    /// Tokens handed out.
    pub tokens: u64,
    /// Values and listings read.
    pub reads: u64,
    /// Requests without a valid token.
    pub unauthorized: u64,
}

#[derive(Debug)]
struct Token {
    text: String,
    expires: UnixMillis,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `text/plain` or `application/json`.
    pub content_type: &'static str,
    /// The seconds that a token lives; sent back in the header of the same name as asked.
    pub ttl_seconds: Option<i64>,
    /// The body.
    pub body: String,
}

/// Temporary credentials of the instance's role, as somebody else issues them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleCredentials {
    /// The access key's id.
    pub key_id: String,
    /// The secret key.
    pub secret: String,
    /// The session token.
    pub token: String,
    /// When they end.
    pub expires: UnixMillis,
}

/// One request.
pub struct MetadataRequest<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The path, beginning with `/latest`.
    pub path: &'a str,
    /// Gives a header by its name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The time.
    pub now: UnixMillis,
}

impl std::fmt::Debug for MetadataRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetadataRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Imds {
    /// The service of `instance`; `seed` decides the tokens.
    #[must_use]
    pub fn new(instance: InstanceProfile, seed: u64) -> Self {
        Self {
            instance,
            hidden_tags: None,
            tokens: VecDeque::new(),
            random: Rng::with_seed(seed ^ SALT),
            counts: ImdsCounts::default(),
        }
    }

    /// Answers one request. `issue` gives credentials of the role when they are asked for.
    pub fn handle(
        &mut self,
        request: &MetadataRequest<'_>,
        issue: &mut dyn FnMut() -> RoleCredentials,
    ) -> MetadataAnswer {
        match (request.method, request.path) {
            ("PUT", "/latest/api/token") => self.token(request),
            ("GET" | "HEAD", _) => self.read(request, issue),
            _ => failed(405, "Method Not Allowed"),
        }
    }

    /// What was asked since the start.
    #[must_use]
    pub fn counts(&self) -> ImdsCounts {
        self.counts
    }

    fn token(&mut self, request: &MetadataRequest<'_>) -> MetadataAnswer {
        if (request.header)("x-forwarded-for").is_some() {
            return failed(403, "Forbidden");
        }
        let asked = (request.header)(TTL_HEADER).and_then(|ttl| ttl.trim().parse::<i64>().ok());
        let Some(ttl) = asked.filter(|ttl| TTL_SECONDS.contains(ttl)) else {
            return failed(400, "Bad Request");
        };
        let random = &mut self.random;
        // Real tokens are 56 characters and end in two equals signs.
        let mut text: String = (0..54).map(|_| random.alphanumeric()).collect();
        text.push_str("==");
        self.tokens.retain(|held| held.expires > request.now);
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.pop_front();
        }
        self.tokens.push_back(Token {
            text: text.clone(),
            expires: UnixMillis(request.now.0.saturating_add(ttl * 1000)),
        });
        self.counts.tokens += 1;
        MetadataAnswer {
            status: 200,
            content_type: "text/plain",
            ttl_seconds: Some(ttl),
            body: text,
        }
    }

    fn read(
        &mut self,
        request: &MetadataRequest<'_>,
        issue: &mut dyn FnMut() -> RoleCredentials,
    ) -> MetadataAnswer {
        let token = (request.header)(TOKEN_HEADER);
        let valid = token.is_some_and(|token| {
            self.tokens
                .iter()
                .any(|held| held.text == token && held.expires > request.now)
        });
        if !valid {
            self.counts.unauthorized += 1;
            return failed(401, "Unauthorized");
        }
        let tree = tree::of(&self.instance, request.now, request.path, issue);
        match tree::answer(&tree, request.path) {
            Some(body) => {
                self.counts.reads += 1;
                let json = body.starts_with('{');
                MetadataAnswer {
                    status: 200,
                    content_type: if json {
                        "application/json"
                    } else {
                        "text/plain"
                    },
                    ttl_seconds: None,
                    body,
                }
            }
            None => failed(404, "Not Found"),
        }
    }
}

/// A refusal looks like a small web page, as it does on an instance.
fn failed(status: u16, title: &str) -> MetadataAnswer {
    MetadataAnswer {
        status,
        content_type: "text/html",
        ttl_seconds: None,
        body: format!(
            "<html><head><title>{status} - {title}</title></head><body><h1>{status} - \
             {title}</h1></body></html>\n"
        ),
    }
}

#[cfg(test)]
mod tests;
