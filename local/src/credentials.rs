//! Who may call: one static pair, and the temporary credentials that instance metadata and STS
//! hand out.
//!
//! The secrets are worth nothing outside the stand-in. They are checked all the same, so that a
//! client that signs wrongly, or keeps expired credentials, finds out here and not at AWS.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

/// Temporary credentials that are remembered; the oldest are forgotten first.
const ISSUED_MAX: usize = 1024;
/// How long temporary credentials last. Instance profiles get about six hours.
/// Source: Amazon EC2 user guide, retrieve security credentials from instance metadata.
pub const LIFETIME: Duration = Duration::from_hours(6);

/// Credentials as a client holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The access key's id; temporary ones start with `ASIA`.
    pub key_id: String,
    /// The secret key.
    pub secret: String,
    /// The session token.
    pub token: String,
    /// When they end.
    pub expires: UnixMillis,
}

/// What a signature is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The secret key.
    pub secret: String,
    /// The session token that must come along; `None` for the static pair.
    pub token: Option<String>,
    /// When they end; `None` for the static pair.
    pub expires: Option<UnixMillis>,
}

/// The registry. Share it with an `Arc`.
#[derive(Debug)]
pub struct Credentials {
    key_id: String,
    secret: String,
    issued: Mutex<Hand>,
}

#[derive(Debug)]
struct Hand {
    random: fastrand::Rng,
    issued: VecDeque<Issued>,
}

impl Credentials {
    /// A registry that knows one static pair. `seed` decides the temporary ones.
    #[must_use]
    pub fn new(key_id: impl Into<String>, secret: impl Into<String>, seed: u64) -> Self {
        Self {
            key_id: key_id.into(),
            secret: secret.into(),
            issued: Mutex::new(Hand {
                random: fastrand::Rng::with_seed(seed),
                issued: VecDeque::new(),
            }),
        }
    }

    /// Makes temporary credentials that are good for [`LIFETIME`] from `now`.
    pub fn issue(&self, now: UnixMillis) -> Issued {
        self.issue_for(now, LIFETIME)
    }

    /// Makes temporary credentials that are good for `lifetime` from `now`.
    pub fn issue_for(&self, now: UnixMillis, lifetime: Duration) -> Issued {
        let mut hand = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let Hand { random, issued } = &mut *hand;
        let mut letters =
            |count: usize| -> String { (0..count).map(|_| random.alphanumeric()).collect() };
        let fresh = Issued {
            key_id: format!("ASIA{}", letters(16).to_uppercase()),
            secret: letters(40),
            token: format!("local-session-{}", letters(64)),
            expires: now + lifetime,
        };
        issued.retain(|old| old.expires > now);
        if issued.len() >= ISSUED_MAX {
            issued.pop_front();
        }
        issued.push_back(fresh.clone());
        fresh
    }

    /// What is known of an access key's id, expired or not.
    #[must_use]
    pub fn find(&self, key_id: &str) -> Option<Known> {
        if key_id == self.key_id {
            return Some(Known {
                secret: self.secret.clone(),
                token: None,
                expires: None,
            });
        }
        let hand = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        hand.issued
            .iter()
            .find(|issued| issued.key_id == key_id)
            .map(|issued| Known {
                secret: issued.secret.clone(),
                token: Some(issued.token.clone()),
                expires: Some(issued.expires),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issued_credentials_are_known_with_their_token_and_end() {
        let credentials = Credentials::new("local", "local", 7);
        let now = UnixMillis(1_000);
        let first = credentials.issue(now);
        let second = credentials.issue(now);
        assert_ne!(first.key_id, second.key_id);
        let known = credentials.find(&first.key_id).unwrap();
        assert_eq!(known.token.as_deref(), Some(first.token.as_str()));
        assert_eq!(known.expires, Some(now + LIFETIME));
        assert!(credentials.find("nobody").is_none());
        assert_eq!(credentials.find("local").unwrap().token, None);
    }

    #[test]
    fn the_registry_forgets_the_oldest_first() {
        let credentials = Credentials::new("local", "local", 7);
        let first = credentials.issue(UnixMillis(0));
        for _ in 0..ISSUED_MAX {
            credentials.issue(UnixMillis(0));
        }
        assert!(credentials.find(&first.key_id).is_none());
    }
}
