//! Signatures against AWS's published example and against every way to get one wrong.

use super::*;

/// The key pair, time and signature of the example "get-vanilla" of AWS's Signature Version 4
/// test suite.
const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const STAMP: &str = "20150830T123600Z";
const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

fn now() -> UnixMillis {
    parse_stamp(STAMP).unwrap()
}

fn headers(extra: &[(&str, &str)]) -> Vec<(String, String)> {
    [("host", "example.amazonaws.com"), ("x-amz-date", STAMP)]
        .iter()
        .chain(extra)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn authorization(key_id: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key_id}/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}"
    )
}

/// Names of the headers that must be signed, sorted.
fn to_sign(headers: &[(String, String)]) -> String {
    let mut names: Vec<_> = headers
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| *name == "host" || name.starts_with("x-amz-"))
        .collect();
    names.sort_unstable();
    names.join(";")
}

fn get(headers: &[(String, String)]) -> Request<'_> {
    Request {
        method: "GET",
        path: "/",
        query: "",
        headers,
        body: b"",
    }
}

fn check(headers: &[(String, String)], at: UnixMillis) -> Result<Scope, &'static str> {
    let credentials = Credentials::new(KEY_ID, SECRET, 1);
    verify(&get(headers), &credentials, at).map_err(|refusal| refusal.shape)
}

#[test]
fn the_published_example_verifies() {
    let text = authorization(KEY_ID, VANILLA);
    let scope = check(&headers(&[("authorization", &text)]), now()).unwrap();
    assert_eq!(scope.service, "service");
    assert_eq!(scope.region, "us-east-1");
}

#[test]
fn wrong_signatures_are_refused_by_name() {
    let good = authorization(KEY_ID, VANILLA);
    let flipped = authorization(KEY_ID, &VANILLA.replace('5', "6"));
    let stranger = authorization("AKIDSTRANGER", VANILLA);
    let sign = |extra| sign_request(&get(&headers(&[extra])), KEY_ID, SECRET, "service");
    let tokened = sign(("x-amz-security-token", "t"));
    let hashed = sign(("x-amz-content-sha256", "00"));
    let no_host = good.replace("host;", "");
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[], "MissingAuthenticationTokenException"),
        (
            &[("authorization", "Basic abc")],
            "IncompleteSignatureException",
        ),
        (
            &[("authorization", "AWS4-HMAC-SHA256 Credential=a")],
            "IncompleteSignatureException",
        ),
        (
            &[("authorization", &no_host)],
            "IncompleteSignatureException",
        ),
        (&[("authorization", &flipped)], "InvalidSignatureException"),
        (
            &[("authorization", &stranger)],
            "UnrecognizedClientException",
        ),
        (
            &[("authorization", &tokened), ("x-amz-security-token", "t")],
            "UnrecognizedClientException",
        ),
        (
            &[("authorization", &good), ("x-amz-target", "unsigned")],
            "InvalidSignatureException",
        ),
        (
            &[("authorization", &hashed), ("x-amz-content-sha256", "00")],
            "InvalidSignatureException",
        ),
    ];
    for (extra, expected) in cases {
        assert_eq!(check(&headers(extra), now()), Err(expected), "{extra:?}");
    }
}

#[test]
fn a_clock_may_be_off_by_five_minutes_and_no_more() {
    let text = authorization(KEY_ID, VANILLA);
    let headers = headers(&[("authorization", &text)]);
    let second = Duration::from_secs(1);
    assert!(check(&headers, now() + SKEW_MAX).is_ok());
    assert!(check(&headers, now() - SKEW_MAX).is_ok());
    let off = Err("InvalidSignatureException");
    assert_eq!(check(&headers, now() + SKEW_MAX + second), off);
    assert_eq!(check(&headers, now() - SKEW_MAX - second), off);
}

#[test]
fn a_body_that_changed_on_the_way_does_not_verify() {
    let text = authorization(KEY_ID, VANILLA);
    let headers = headers(&[("authorization", &text)]);
    let request = Request {
        body: b"x",
        ..get(&headers)
    };
    let credentials = Credentials::new(KEY_ID, SECRET, 1);
    assert!(verify(&request, &credentials, now()).is_err());
}

#[test]
fn temporary_credentials_need_their_token_and_end() {
    let credentials = Credentials::new(KEY_ID, SECRET, 1);
    let issued = credentials.issue_for(now(), Duration::from_mins(1));
    let token = ("x-amz-security-token", issued.token.as_str());
    let text = sign_request(
        &get(&headers(&[token])),
        &issued.key_id,
        &issued.secret,
        "any",
    );
    let signed = headers(&[("authorization", &text), token]);
    assert!(verify(&get(&signed), &credentials, now()).is_ok());

    let text = sign_request(&get(&headers(&[])), &issued.key_id, &issued.secret, "any");
    let without = headers(&[("authorization", &text)]);
    let refusal = verify(&get(&without), &credentials, now()).unwrap_err();
    assert_eq!(refusal.shape, "UnrecognizedClientException");
    let later = now() + Duration::from_mins(1);
    let refusal = verify(&get(&signed), &credentials, later).unwrap_err();
    assert_eq!(
        (refusal.shape, refusal.code),
        ("ExpiredTokenException", "ExpiredToken")
    );
}

#[test]
fn paths_are_encoded_twice_and_queries_sorted() {
    assert_eq!(escape("/a%20b/ü", true), "/a%2520b/%C3%BC");
    assert_eq!(canonical_query("b=2&a=%2F&a=+1&c"), "a=%2B1&a=%2F&b=2&c=");
}

/// The `Authorization` header of a request, also for other modules' tests.
pub(crate) fn sign_request(
    request: &Request<'_>,
    key_id: &str,
    secret: &str,
    service: &str,
) -> String {
    let stamp = header(request.headers, "x-amz-date").unwrap();
    let scope = Scope {
        key_id: key_id.to_owned(),
        date: stamp.split('T').next().unwrap().to_owned(),
        region: "us-east-1".to_owned(),
        service: service.to_owned(),
    };
    let names = to_sign(request.headers);
    let canonical = canonical(request, &names, &digest(request.body));
    let place = format!("{}/us-east-1/{service}/aws4_request", scope.date);
    let to_sign = format!(
        "{ALGORITHM}\n{stamp}\n{place}\n{}",
        digest(canonical.as_bytes())
    );
    let signature = sign(&signing_key(secret, &scope), to_sign.as_bytes());
    format!("{ALGORITHM} Credential={key_id}/{place}, SignedHeaders={names}, Signature={signature}")
}
