//! Secrets and personal data that must not leave the host, replaced before an event is sent.
//!
//! A clean event is only looked at: for a few literals, for `@`, for runs of digits. What hits one
//! of them is matched exactly. It fails closed: an event whose text cannot be replaced as it should
//! is replaced whole. What is found is counted by kind and never shown.

mod card;
mod key;

use std::ops::Range;

use memchr::memchr;
use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;
use regex::bytes::Regex;

pub(crate) use key::rows as key_rows;

/// What is known without being told how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Access key ids, and secret keys and session tokens behind a word that names them.
    AwsKeys,
    /// What follows `Bearer`, or `Basic` in an authorization header.
    BearerTokens,
    /// Numbers of payment cards that pass their check digit.
    CardNumbers,
    /// Addresses.
    Emails,
    /// JSON web tokens, signed or encrypted.
    Jwt,
    /// PEM private keys.
    PrivateKeys,
    /// The password of a URL.
    UrlPasswords,
}

/// Every kind by the word that the configuration uses, which is also how it is counted.
pub(crate) const KINDS: [(&str, Kind); 7] = [
    ("aws_keys", Kind::AwsKeys),
    ("bearer_tokens", Kind::BearerTokens),
    ("card_numbers", Kind::CardNumbers),
    ("emails", Kind::Emails),
    ("jwt", Kind::Jwt),
    ("private_keys", Kind::PrivateKeys),
    ("url_passwords", Kind::UrlPasswords),
];

/// What an event becomes that could not be redacted as it should.
const WHOLE: &[u8] = b"[redacted:event]";
/// What stands for each match in an event that would otherwise grow beyond the limit.
const SHORT: &[u8] = b"*";
/// How each kind looks. The first group, if there is one, is what is replaced. ASCII only, so that
/// bytes that are not UTF-8 do not stop a match.
const PATTERNS: [(Kind, &str); 8] = [
    // Source: IAM user guide, unique identifiers: AKIA and ASIA name access keys.
    (Kind::AwsKeys, r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b"),
    (
        Kind::AwsKeys,
        r#"(?i)secret[ _-]?(?:access[ _-]?)?(?:key)?["'\s:=>\\]{1,8}([a-z0-9/+]{40})(?:[^a-z0-9/+=]|$)"#,
    ),
    (
        Kind::AwsKeys,
        r#"(?i)(?:session|security)[_-]?token["'\s:=>\\]{1,8}([a-z0-9/+=]{64,})"#,
    ),
    (
        Kind::BearerTokens,
        r#"(?i)(?:\bbearer|authorization["'\s:=]{1,6}basic)\s+([a-z0-9._~+/-]{16,}=*)"#,
    ),
    (
        Kind::Emails,
        r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b",
    ),
    (
        Kind::Jwt,
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*",
    ),
    (
        Kind::PrivateKeys,
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)",
    ),
    (Kind::UrlPasswords, r#"://[^\s/:@"'<>]*:([^\s/@"'<>]+)@"#),
];
/// One of these occurs in whatever the patterns of a kind match, `@` aside.
const LITERALS: [(Kind, &str); 6] = [
    (Kind::AwsKeys, "AKIA|ASIA|ecret|ECRET"),
    (Kind::AwsKeys, "ssion|SSION|curity|CURITY"),
    (Kind::BearerTokens, "earer|EARER|asic|ASIC"),
    (Kind::Jwt, "eyJ"),
    (Kind::PrivateKeys, "-----BEGIN "),
    (Kind::PrivateKeys, "-----END "),
];

/// A pattern of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    /// Never matches an empty text.
    pub(crate) pattern: Regex,
    /// What a match becomes; `$1` and `${name}` stand for its groups.
    pub(crate) replace: Vec<u8>,
}

/// What is replaced in the events of a target.
#[derive(Clone, Debug)]
pub(crate) struct Redactor {
    kinds: Vec<Kind>,
    literals: Option<Regex>,
    patterns: Vec<(Kind, Regex)>,
    custom: Vec<Custom>,
    at: bool,
    cards: bool,
}

/// How often what was replaced: the kinds in their order, then own patterns, then whole events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    kinds: [u64; KINDS.len()],
    custom: u64,
    /// Events that could not be redacted as they should and were replaced whole.
    pub(crate) whole: u64,
}

impl Replaced {
    /// Every kind with its count.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = KINDS.iter().map(|(name, _)| *name);
        let own = [("custom", self.custom), ("whole_event", self.whole)];
        names.zip(self.kinds).chain(own)
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, kind: Kind) {
        for (count, (_, known)) in self.kinds.iter_mut().zip(KINDS) {
            *count += u64::from(known == kind);
        }
    }
}

impl Redactor {
    /// Replaces `kinds` and what matches `custom`.
    ///
    /// # Errors
    /// Never: the patterns are constants, which a test compiles.
    pub(crate) fn new(kinds: Vec<Kind>, custom: Vec<Custom>) -> Result<Self, regex::Error> {
        let literals: Vec<&str> = LITERALS
            .iter()
            .filter(|(kind, _)| kinds.contains(kind))
            .map(|(_, literals)| *literals)
            .collect();
        let literals = match literals.as_slice() {
            [] => None,
            some => Some(Regex::new(&some.join("|"))?),
        };
        let mut patterns = Vec::new();
        for (kind, pattern) in PATTERNS {
            if kinds.contains(&kind) {
                patterns.push((kind, Regex::new(&format!("(?-u){pattern}"))?));
            }
        }
        Ok(Self {
            at: kinds.contains(&Kind::Emails) || kinds.contains(&Kind::UrlPasswords),
            cards: kinds.contains(&Kind::CardNumbers),
            kinds,
            literals,
            patterns,
            custom,
        })
    }

    /// Whether private keys are looked for, of which an event may be a row.
    pub(crate) fn wants_keys(&self) -> bool {
        self.kinds.contains(&Kind::PrivateKeys)
    }

    /// The text without what must not be sent; `None` if nothing was in it.
    pub(crate) fn redact(&self, text: &[u8], replaced: &mut Replaced) -> Option<Vec<u8>> {
        let spans = if self.suspects(text) {
            self.spans(text)
        } else {
            Vec::new()
        };
        let own = |custom: &&Custom| custom.pattern.is_match(text);
        if spans.is_empty() && !self.custom.iter().any(|custom| own(&custom)) {
            return None;
        }
        for (_, kind) in &spans {
            replaced.add(*kind);
        }
        let written = write(text, &spans, false)
            .filter(|written| written.len() <= EVENT_BYTES_MAX)
            .or_else(|| write(text, &spans, true))
            .map(|written| self.apply_custom(written, replaced))
            .filter(|written| written.len() <= EVENT_BYTES_MAX && !written.is_empty());
        Some(written.unwrap_or_else(|| {
            replaced.whole += 1;
            WHOLE.to_vec()
        }))
    }

    fn suspects(&self, text: &[u8]) -> bool {
        let literal = |literals: &Regex| literals.is_match(text);
        self.literals.as_ref().is_some_and(literal)
            || (self.at && memchr(b'@', text).is_some())
            || (self.cards && card::may_hold(text))
    }

    /// What is replaced, in order and without overlap.
    fn spans(&self, text: &[u8]) -> Vec<(Range<usize>, Kind)> {
        let mut spans = Vec::new();
        for (kind, pattern) in &self.patterns {
            for found in pattern.captures_iter(text) {
                let Some(span) = found.get(1).or_else(|| found.get(0)) else {
                    continue;
                };
                // A word behind `Bearer` is no token; tokens hold digits.
                let word =
                    *kind == Kind::BearerTokens && !span.as_bytes().iter().any(u8::is_ascii_digit);
                if !word {
                    spans.push((span.range(), *kind));
                }
            }
        }
        if self.cards {
            spans.extend(
                card::find(text)
                    .into_iter()
                    .map(|span| (span, Kind::CardNumbers)),
            );
        }
        spans.sort_by_key(|(span, _)| (span.start, usize::MAX - span.end));
        let mut kept: Vec<(Range<usize>, Kind)> = Vec::with_capacity(spans.len());
        for (span, kind) in spans {
            match kept.last_mut() {
                Some((last, _)) if span.start < last.end => last.end = last.end.max(span.end),
                _ => kept.push((span, kind)),
            }
        }
        kept
    }

    fn apply_custom(&self, mut text: Vec<u8>, replaced: &mut Replaced) -> Vec<u8> {
        for custom in &self.custom {
            let found = custom.pattern.find_iter(&text).count() as u64;
            if found > 0 {
                replaced.custom += found;
                let replace = custom.replace.as_slice();
                text = custom.pattern.replace_all(&text, replace).into_owned();
            }
        }
        text
    }
}

/// What a span of this kind becomes.
pub(crate) fn tag(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::AwsKeys => b"[redacted:aws_key]",
        Kind::BearerTokens => b"[redacted:bearer_token]",
        Kind::CardNumbers => b"[redacted:card_number]",
        Kind::Emails => b"[redacted:email]",
        Kind::Jwt => b"[redacted:jwt]",
        Kind::PrivateKeys => b"[redacted:private_key]",
        Kind::UrlPasswords => b"[redacted:password]",
    }
}

/// The text with every span replaced; `None` if a span does not lie in it.
fn write(text: &[u8], spans: &[(Range<usize>, Kind)], short: bool) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(text.len());
    let mut at = 0;
    for (span, kind) in spans {
        written.extend_from_slice(text.get(at..span.start)?);
        written.extend_from_slice(if short { SHORT } else { tag(*kind) });
        at = span.end;
    }
    written.extend_from_slice(text.get(at..)?);
    Some(written)
}

#[cfg(test)]
mod tests;
