//! AWS Signature Version 4, verified for real.
//!
//! The signature is computed again from the request as it came in and compared in constant time.
//! So a client that signs a header it does not send, forgets the session token or lets its clock
//! drift finds out here. Only the `Authorization` header is read; no presigned URLs.
//! Source: AWS IAM user guide, "Create a signed AWS API request".

use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use plimsoll_core::clock::UnixMillis;
use sha2::{Digest, Sha256};

use crate::codec::query::unescape;
use crate::credentials::{Credentials, Known};
use crate::service::Refusal;

/// The only algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far the client's clock may be off. Source: the same page.
const SKEW_MAX: Duration = Duration::from_mins(5);

/// A request as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The query as sent, without the question mark.
    pub query: &'a str,
    /// The headers in order; names in lower case.
    pub headers: &'a [(String, String)],
    /// The body as sent, still compressed.
    pub body: &'a [u8],
}

/// What a signature was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The access key's id.
    pub key_id: String,
    /// `YYYYMMDD`.
    pub date: String,
    /// The Region.
    pub region: String,
    /// The service's signing name.
    pub service: String,
}

/// Reads the scope without verifying anything.
#[must_use]
pub fn scope(headers: &[(String, String)]) -> Option<Scope> {
    Some(Authorization::read(header(headers, "authorization")?)?.scope)
}

/// Verifies the signature.
///
/// # Errors
/// A refusal in AWS's words when there is no signature, it cannot be read, its key is not known,
/// its token is wrong or has expired, its time is off or it does not match.
pub fn verify(
    request: &Request<'_>,
    credentials: &Credentials,
    now: UnixMillis,
) -> Result<Scope, Refusal> {
    let Some(text) = header(request.headers, "authorization") else {
        return Err(missing());
    };
    let Some(authorization) = Authorization::read(text) else {
        return Err(incomplete(
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' \
             parameters.",
        ));
    };
    let Some(stamp) = header(request.headers, "x-amz-date") else {
        return Err(incomplete(
            "Authorization header requires existence of an 'X-Amz-Date' header.",
        ));
    };
    check_signed(request.headers, &authorization.signed_headers)?;
    let scope = &authorization.scope;
    if !stamp.starts_with(&scope.date) {
        return Err(mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ));
    }
    let known = known(request.headers, credentials, scope, now)?;
    check_time(stamp, now)?;
    let payload = payload_hash(request)?;
    let canonical = canonical(request, &authorization.signed_headers, &payload);
    let to_sign = format!(
        "{ALGORITHM}\n{stamp}\n{}/{}/{}/aws4_request\n{}",
        scope.date,
        scope.region,
        scope.service,
        digest(canonical.as_bytes())
    );
    let expected = sign(&signing_key(&known.secret, scope), to_sign.as_bytes());
    if !equal(expected.as_bytes(), authorization.signature.as_bytes()) {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for \
             details.",
        ));
    }
    Ok(authorization.scope)
}

/// The host and all of AWS's own headers must be signed.
fn check_signed(headers: &[(String, String)], signed: &str) -> Result<(), Refusal> {
    let is_signed = |wanted: &str| signed.split(';').any(|name| name == wanted);
    if !is_signed("host") {
        return Err(incomplete(
            "'Host' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let mut unsigned = headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-") && !is_signed(name));
    match unsigned.next() {
        Some((name, _)) => Err(mismatch(&format!(
            "There were headers present in the request which were not signed: {name}"
        ))),
        None => Ok(()),
    }
}

/// What is known of the caller, if the token is right and has not expired.
fn known(
    headers: &[(String, String)],
    credentials: &Credentials,
    scope: &Scope,
    now: UnixMillis,
) -> Result<Known, Refusal> {
    let known = credentials.find(&scope.key_id).ok_or_else(unknown)?;
    if known.token.as_deref() != header(headers, "x-amz-security-token") {
        return Err(unknown());
    }
    if known.expires.is_some_and(|expires| expires <= now) {
        return Err(forbidden(
            "ExpiredTokenException",
            "ExpiredToken",
            "The security token included in the request is expired",
        ));
    }
    Ok(known)
}

/// The parts of an `Authorization` header.
struct Authorization {
    scope: Scope,
    signed_headers: String,
    signature: String,
}

impl Authorization {
    fn read(text: &str) -> Option<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in text.strip_prefix(ALGORITHM)?.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => {}
            }
        }
        let mut parts = credential?.rsplit('/');
        if parts.next()? != "aws4_request" {
            return None;
        }
        let (service, region, date) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            scope: Scope {
                key_id: parts.next()?.to_owned(),
                date: date.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            },
            signed_headers: signed_headers?.to_owned(),
            signature: signature?.to_owned(),
        })
    }
}

fn check_time(stamp: &str, now: UnixMillis) -> Result<(), Refusal> {
    let Some(signed) = parse_stamp(stamp) else {
        return Err(incomplete(&format!(
            "Date must be in ISO-8601 'basic format'. Got '{stamp}'."
        )));
    };
    if signed.since(now).max(now.since(signed)) <= SKEW_MAX {
        return Ok(());
    }
    let (word, bound) = if signed < now {
        ("expired: {} is now earlier than", now - SKEW_MAX)
    } else {
        ("not yet current: {} is still later than", now + SKEW_MAX)
    };
    let word = word.replace("{}", stamp);
    Err(mismatch(&format!(
        "Signature {word} {bound} ({now} is the time here.)"
    )))
}

/// `20150830T123600Z`.
fn parse_stamp(stamp: &str) -> Option<UnixMillis> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?;
    Some(UnixMillis(at.as_millisecond()))
}

/// The hash that goes into the canonical request. If the client names one, it must be right.
fn payload_hash(request: &Request<'_>) -> Result<String, Refusal> {
    let actual = digest(request.body);
    match header(request.headers, "x-amz-content-sha256") {
        Some("UNSIGNED-PAYLOAD") => Ok("UNSIGNED-PAYLOAD".to_owned()),
        Some(named) if !named.eq_ignore_ascii_case(&actual) => Err(mismatch(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )),
        _ => Ok(actual),
    }
}

fn canonical(request: &Request<'_>, signed_headers: &str, payload: &str) -> String {
    let mut text = format!(
        "{}\n{}\n{}\n",
        request.method,
        escape(request.path, true),
        canonical_query(request.query)
    );
    for name in signed_headers.split(';') {
        let values: Vec<_> = request
            .headers
            .iter()
            .filter(|(header, _)| header == name)
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        // Writing to a String cannot fail.
        writeln!(text, "{name}:{}", values.join(",")).ok();
    }
    write!(text, "\n{signed_headers}\n{payload}").ok();
    text
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let part = |text: &str| escape(&unescape(&text.replace('+', "%2B")), false);
            (part(name), part(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Percent-encodes all but unreserved characters.
fn escape(text: &str, keep_slash: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            b'/' if keep_slash => escaped.push('/'),
            other => {
                write!(escaped, "%{other:02X}").ok();
            }
        }
    }
    escaped
}

fn signing_key(secret: &str, scope: &Scope) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [
        scope.date.as_str(),
        &scope.region,
        &scope.service,
        "aws4_request",
    ] {
        key = mac(&key, part.as_bytes());
    }
    key
}

fn sign(key: &[u8], text: &[u8]) -> String {
    hex(&mac(key, text))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length; the error is of other algorithms of the trait.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// Compares in a time that does not depend on where the difference is.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(header, _)| header == name);
    found.next().map(|(_, value)| value.as_str())
}

fn forbidden(shape: &'static str, code: &'static str, message: &str) -> Refusal {
    Refusal {
        status: 403,
        ..Refusal::new(shape, message).with_code(code)
    }
}

fn missing() -> Refusal {
    forbidden(
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
        "Missing Authentication Token",
    )
}

fn incomplete(message: &str) -> Refusal {
    forbidden(
        "IncompleteSignatureException",
        "IncompleteSignature",
        message,
    )
}

fn mismatch(message: &str) -> Refusal {
    forbidden(
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        message,
    )
}

fn unknown() -> Refusal {
    forbidden(
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )
}

#[cfg(test)]
pub(crate) mod tests;
