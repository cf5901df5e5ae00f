//! Masks credentials in text that is about to leave the program.

use std::borrow::Cow;

/// What stands in place of a secret.
const MASK: &str = "[secret]";

/// Prefixes of AWS key ids. Source: IAM user guide, "Unique identifiers" (AKIA long-term,
/// ASIA temporary); 16 upper-case letters or digits follow.
const KEY_ID_PREFIXES: [&str; 2] = ["AKIA", "ASIA"];
const KEY_ID_TAIL: usize = 16;

/// Names after which a value is a secret, in lower case, whatever stands between (`=`, `:`, quotes).
const SECRET_NAMES: [&str; 8] = [
    "secret_access_key",
    "secretaccesskey",
    "session_token",
    "sessiontoken",
    "x-amz-security-token",
    "signature",
    "password",
    "authorization",
];

/// Words after which the rest of an `Authorization` value follows behind a space.
const SCHEMES: [&str; 3] = ["bearer ", "basic ", "aws4-hmac-sha256 "];

/// Returns `text` with key ids, the values of secret names, and user and password in URLs masked.
/// Borrows when there are none.
#[must_use]
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for prefix in KEY_ID_PREFIXES {
        for (at, _) in text.match_indices(prefix) {
            let tail = text.as_bytes().get(at + prefix.len()..).unwrap_or_default();
            let run = tail
                .iter()
                .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                .count();
            if run == KEY_ID_TAIL {
                ranges.push((at, at + prefix.len() + run));
            }
        }
    }
    let lower = text.to_ascii_lowercase();
    for name in SECRET_NAMES {
        for (at, _) in lower.match_indices(name) {
            ranges.extend(value_after(text, at + name.len()));
        }
    }
    ranges.extend(user_infos(text));
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in ranges {
        if start >= done {
            clean.push_str(text.get(done..start).unwrap_or_default());
            clean.push_str(MASK);
        }
        done = done.max(end);
    }
    clean.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(clean)
}

/// The range of the value that follows a secret's name: after separators, up to a delimiter.
fn value_after(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let separators = rest.len() - rest.trim_start_matches(['"', '\'', '=', ':', ' ']).len();
    if !rest.get(..separators)?.contains(['=', ':']) {
        return None;
    }
    let value = rest.get(separators..)?;
    let scheme = SCHEMES
        .iter()
        .find(|scheme| {
            let head = value.get(..scheme.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
        })
        .map_or(0, |scheme| scheme.len());
    let length = value
        .get(scheme..)?
        .find(['"', '\'', '&', ',', ' ', '\n'])
        .map_or(value.len(), |at| scheme + at);
    (length > 0).then_some((from + separators, from + separators + length))
}

/// The ranges of `user:password` in URLs. Source: RFC 3986 §3.2; the authority ends at the first
/// `/`, `?` or `#`, and the last `@` in it ends the user.
fn user_infos(text: &str) -> impl Iterator<Item = (usize, usize)> {
    text.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let rest = text.get(start..)?;
        let end = rest
            .find(['/', '?', '#', '"', '\'', '`', ' ', '\n'])
            .unwrap_or(rest.len());
        let length = rest.get(..end)?.rfind('@')?;
        (length > 0).then_some((start, start + length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_never_leave() {
        let cases = [
            ("key AKIAIOSFODNN7EXAMPLE used", "key [secret] used"),
            (
                "aws_secret_access_key = wJalrXUtn/K7 ok",
                "aws_secret_access_key = [secret] ok",
            ),
            (
                "\"SecretAccessKey\" : \"abc\", x",
                "\"SecretAccessKey\" : \"[secret]\", x",
            ),
            (
                "?X-Amz-Security-Token=tok&a=b",
                "?X-Amz-Security-Token=[secret]&a=b",
            ),
            ("X-Amz-Signature=deadbeef", "X-Amz-Signature=[secret]"),
            ("password:hunter2", "password:[secret]"),
            (
                "Proxy-Authorization: Basic dTpwdw== ok",
                "Proxy-Authorization: [secret] ok",
            ),
            ("authorization=bearer abc", "authorization=[secret]"),
            (
                "no way to http://user:hunt@er2@proxy:3128/x?a@b",
                "no way to http://[secret]@proxy:3128/x?a@b",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(scrub(text), expected);
        }
    }

    #[test]
    fn ordinary_text_is_not_touched() {
        for text in [
            "",
            "AKIA",
            "AKIAshort",
            "the signature is wrong",
            "AKIAIOSFODNN7EXAMPLEXX",
            "see https://host/path@2x and mail a@b",
        ] {
            assert!(
                matches!(scrub(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }
}
