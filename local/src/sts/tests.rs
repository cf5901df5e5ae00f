//! Who is calling, roles, and web identity tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);
const ROLE: &str = "arn:aws:iam::123456789012:role/path/reader";

struct Bench {
    sts: Sts,
    credentials: Credentials,
}

impl Bench {
    fn new() -> Self {
        Self {
            sts: Sts::new("123456789012"),
            credentials: Credentials::new("local", "local", 7),
        }
    }

    fn call(&mut self, key_id: &str, operation: &str, input: &[(&str, &str)]) -> Answer {
        let call = Call {
            operation: operation.to_owned(),
            input: Value::Map(
                input
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                    .collect(),
            ),
            now: NOW,
            region: "us-east-1".to_owned(),
            key_id: key_id.to_owned(),
        };
        self.sts.call(&call, &self.credentials)
    }
}

#[test]
fn an_assumed_role_is_who_it_says_it_is() {
    let mut bench = Bench::new();
    let user = bench
        .call("local", "GetCallerIdentity", &[])
        .expect("known");
    assert_eq!(
        user.member("Arn").text(),
        Some("arn:aws:iam::123456789012:user/local")
    );
    let input = [
        ("RoleArn", ROLE),
        ("RoleSessionName", "s"),
        ("DurationSeconds", "900"),
    ];
    assert!(
        bench.call("local", "AssumeRole", &input).is_err(),
        "one letter is too short"
    );
    let input = [
        ("RoleArn", ROLE),
        ("RoleSessionName", "session"),
        ("DurationSeconds", "900"),
    ];
    let answer = bench.call("local", "AssumeRole", &input).expect("valid");
    let key = answer
        .member("Credentials")
        .member("AccessKeyId")
        .text()
        .expect("a key")
        .to_owned();
    let known = bench.credentials.find(&key).expect("registered");
    assert_eq!(known.expires, Some(UnixMillis(NOW.0 + 900_000)));
    let role = bench.call(&key, "GetCallerIdentity", &[]).expect("known");
    assert_eq!(
        role.member("Arn").text(),
        Some("arn:aws:sts::123456789012:assumed-role/reader/session")
    );
    assert_eq!(
        role.member("UserId"),
        answer.member("AssumedRoleUser").member("AssumedRoleId")
    );
}

#[test]
fn bad_roles_names_and_durations_are_refused() {
    for (role, session, seconds, code) in [
        ("short", "session", "3600", "ValidationError"),
        (ROLE, "s p", "3600", "ValidationError"),
        (ROLE, "session", "899", "ValidationError"),
        (ROLE, "session", "43201", "ValidationError"),
        (ROLE, "session", "soon", "ValidationError"),
        (
            "arn:aws:iam::999999999999:role/reader",
            "session",
            "3600",
            "AccessDenied",
        ),
        (
            "arn:aws:iam::123456789012:user/reader",
            "session",
            "3600",
            "AccessDenied",
        ),
    ] {
        let input = [
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("DurationSeconds", seconds),
        ];
        let refused = Bench::new()
            .call("local", "AssumeRole", &input)
            .expect_err(code);
        assert_eq!(refused.code, code, "{role} {session} {seconds}");
    }
}

#[test]
fn a_web_identity_token_must_be_one_and_not_expired() {
    let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    let good =
        r#"{"iss":"https://oidc.test","sub":"pod","aud":["sts.amazonaws.com"],"exp":4102444800}"#;
    let old = r#"{"iss":"https://oidc.test","sub":"pod","exp":1000}"#;
    for (token, code) in [
        (token(good), None),
        (token(old), Some("ExpiredTokenException")),
        ("nonsense".to_owned(), Some("InvalidIdentityToken")),
        ("a.!!.c".to_owned(), Some("InvalidIdentityToken")),
        (token("[]"), Some("InvalidIdentityToken")),
    ] {
        let input = [
            ("RoleArn", ROLE),
            ("RoleSessionName", "session"),
            ("WebIdentityToken", token.as_str()),
        ];
        let answer = Bench::new().call("", "AssumeRoleWithWebIdentity", &input);
        match (answer, code) {
            (Ok(answer), None) => {
                assert_eq!(
                    answer.member("SubjectFromWebIdentityToken").text(),
                    Some("pod")
                );
                assert_eq!(answer.member("Audience").text(), Some("sts.amazonaws.com"));
            }
            (Err(refused), Some(code)) => assert_eq!(refused.code, code, "{token}"),
            (answer, code) => panic!("{code:?}: {answer:?}"),
        }
    }
}
