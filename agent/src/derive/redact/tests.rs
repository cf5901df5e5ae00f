//! What is replaced, and what only looks like it.

use super::*;
use proptest::prelude::*;

/// Compiled once: that is what takes long.
fn all() -> &'static Redactor {
    static ALL: std::sync::LazyLock<Redactor> = std::sync::LazyLock::new(|| {
        let kinds = KINDS.iter().map(|(_, kind)| *kind).collect();
        Redactor::new(kinds, Vec::new()).unwrap()
    });
    &ALL
}

/// What becomes of `text`.
fn redacted(redactor: &Redactor, text: &str) -> String {
    let mut replaced = Replaced::default();
    let found = redactor.redact(text.as_bytes(), &mut replaced);
    let counted = replaced.counts().map(|(_, count)| count).sum::<u64>();
    assert_eq!(found.is_some(), counted > 0, "{text}");
    String::from_utf8(found.unwrap_or_else(|| text.as_bytes().to_vec())).unwrap()
}

/// Made-up values of the right shape; keys are those of AWS's own documentation.
const SECRETS: [(&str, &str); 18] = [
    (
        "key AKIAIOSFODNN7EXAMPLE used",
        "key [redacted:aws_key] used",
    ),
    (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws_secret_access_key = [redacted:aws_key]",
    ),
    (
        r#"{"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY","x":1}"#,
        r#"{"SecretAccessKey":"[redacted:aws_key]","x":1}"#,
    ),
    (
        r#"AWS_SECRET_ACCESS_KEY=\"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\""#,
        r#"AWS_SECRET_ACCESS_KEY=\"[redacted:aws_key]\""#,
    ),
    (
        "Authorization: Bearer abcDEF0123456789._~+/-==",
        "Authorization: Bearer [redacted:bearer_token]",
    ),
    (
        "authorization: Basic dXNlcjpwYXNzd29yZDEyMw==",
        "authorization: Basic [redacted:bearer_token]",
    ),
    (
        "t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl end",
        "t=[redacted:jwt] end",
    ),
    (
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "Bearer [redacted:bearer_token]",
    ),
    ("card 4111111111111111.", "card [redacted:card_number]."),
    ("card=4111 1111 1111 1111,", "card=[redacted:card_number],"),
    ("5555-5555-5555-4444", "[redacted:card_number]"),
    ("amex 378282246310005 ok", "amex [redacted:card_number] ok"),
    ("12 4111111111111111 34", "12 [redacted:card_number] 34"),
    ("from <a.b+c@mail.example.com>", "from <[redacted:email]>"),
    (
        "postgres://app:p%40ss@db:5432/x",
        "postgres://app:[redacted:password]@db:5432/x",
    ),
    (
        "k -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY----- z",
        "k [redacted:private_key] z",
    ),
    (
        r"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
        r"[redacted:private_key]\n",
    ),
    (
        "a@example.com and AKIAIOSFODNN7EXAMPLE",
        "[redacted:email] and [redacted:aws_key]",
    ),
];

#[test]
fn secrets_of_every_kind_are_replaced_and_nothing_around_them() {
    let redactor = all();
    for (text, expected) in SECRETS {
        assert_eq!(redacted(redactor, text), expected);
    }
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let redactor = all();
    for text in [
        "AKIAIOSFODNN7EXAMPL is one short",
        "XAKIAIOSFODNN7EXAMPLE is within a word",
        "secret santa brings 4000 gifts",
        "secret_access_key = tooshort",
        "commit wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY has no name",
        "bearer of unsurprisingly-long-words",
        "eyJhbGciOiJIUzI1NiJ9 is one part of three",
        "4111111111111112 has a wrong check digit",
        "1700000000000000 is a time",
        "id 94111111111111111 is longer",
        "x4111111111111111y is within a word",
        "4111.1111.1111.1111 is no number of a card",
        "root@localhost has no domain",
        "a @ b.com",
        "http://host:8080/a@b",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    ] {
        assert_eq!(redacted(redactor, text), text);
    }
}

#[test]
fn a_kind_that_is_not_wanted_stays() {
    let redactor = Redactor::new(vec![Kind::Jwt], Vec::new()).unwrap();
    assert_eq!(redacted(&redactor, "a@example.com"), "a@example.com");
}

#[test]
fn own_patterns_are_replaced_with_their_groups() {
    let custom = Custom {
        pattern: Regex::new(r"user=(\w)\w+").unwrap(),
        replace: b"user=$1**".to_vec(),
    };
    let redactor = Redactor::new(vec![Kind::Emails], vec![custom]).unwrap();
    assert_eq!(
        redacted(&redactor, "user=frank a@b.example"),
        "user=f** [redacted:email]"
    );
}

#[test]
fn an_event_never_grows_beyond_the_limit_and_is_replaced_whole_rather_than_sent_as_it_is() {
    let redactor = all();
    let text = "a@b.co ".repeat(EVENT_BYTES_MAX / 7);
    let mut replaced = Replaced::default();
    let short = redactor.redact(text.as_bytes(), &mut replaced).unwrap();
    assert!(short.starts_with(b"* * *") && replaced.whole == 0);

    let custom = Custom {
        pattern: Regex::new("a").unwrap(),
        replace: b"much longer".to_vec(),
    };
    let redactor = Redactor::new(Vec::new(), vec![custom]).unwrap();
    let whole = redactor.redact(text.as_bytes(), &mut replaced).unwrap();
    assert_eq!((whole.as_slice(), replaced.whole), (WHOLE, 1));
}

proptest! {
    #[test]
    fn a_card_is_found_wherever_it_stands(
        before in "[a-z .,:]{0,40}",
        behind in "[a-z .,:]{0,40}",
        spaced: bool,
    ) {
        prop_assume!(!before.ends_with(|c: char| c.is_ascii_alphanumeric()));
        prop_assume!(!behind.starts_with(|c: char| c.is_ascii_alphanumeric()));
        let card = if spaced { "4111 1111 1111 1111" } else { "4111111111111111" };
        let text = format!("{before}{card}{behind}");
        prop_assert_eq!(
            redacted(all(), &text),
            format!("{before}[redacted:card_number]{behind}")
        );
    }

    #[test]
    fn the_prefilter_lets_nothing_pass_that_the_patterns_would_find(
        text in "(AKIA|ASIA|eyJ|[Bb]earer |@|://|4111111111111111|[a-zA-Z0-9 .:=-]{0,6}){0,12}",
    ) {
        let redactor = all();
        let found = !redactor.spans(text.as_bytes()).is_empty();
        prop_assert!(!found || redactor.suspects(text.as_bytes()), "{}", text);
    }
}

/// What redaction costs on clean lines: run with `--ignored --nocapture`.
#[test]
#[ignore = "prints figures and proves nothing"]
fn what_redaction_costs() {
    let line = "2026-11-24T10:00:00.123Z INFO web: GET https://shop.example/cart took 12 ms for user 4711 trace 8f14e45fceea167a5a36dedd4bea2543 ".repeat(2);
    let redactor = all();
    let (rounds, mut replaced) = (200_000, Replaced::default());
    let begun = std::time::Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(redactor.redact(line.as_bytes(), &mut replaced));
    }
    let nanos = begun.elapsed().as_nanos() / rounds;
    println!(
        "{} bytes: {nanos} ns, {} MB/s",
        line.len(),
        line.len() as u128 * 1000 / nanos
    );
}
