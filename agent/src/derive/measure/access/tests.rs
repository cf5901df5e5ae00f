//! Lines of access logs as their servers write them.

use super::*;
use crate::aggregate::{Intake, SeriesGuard};
use crate::derive::measure::{Measures, Rule};
use plimsoll_core::clock::UnixMillis;
use std::time::Duration;

const NGINX: &str = r#"203.0.113.9 - anna [24/Nov/2026:10:00:00 +0000] "GET /a?b=\x22 HTTP/1.1" 200 5120 "https://x.example/ \"q\"" "Mozilla/5.0 (X11)""#;
const ALB: &str = r#"https 2026-11-24T10:00:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 57 15173 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/t/73 "Root=1-58337281-1d84" "shop.example.com" "arn:aws:acm:us-east-2:1:certificate/1" 1 2026-11-24T10:00:00.000000Z "waf,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234"#;

fn access(method: &'static str, host: &'static str, status: u16) -> Access<'static> {
    Access {
        method: method.as_bytes(),
        host: host.as_bytes(),
        status,
        ..Access::default()
    }
}

#[test]
fn lines_of_every_format_tell_what_they_say() {
    let nginx = |rest: &str| format!("{NGINX}{rest}");
    let combined = |seconds: Option<f64>| Access {
        response_bytes: Some(5120.0),
        seconds,
        ..access("GET", "", 200)
    };
    for (line, expected) in [
        (nginx(""), combined(None)),
        (nginx(" 0.250"), combined(Some(0.25))),
        (
            nginx(r#" "10.1.2.3, 10.2.3.4" 0.250 0.100 ."#),
            combined(Some(0.25)),
        ),
        (nginx(" rt=0.250 uct=0.000"), combined(Some(0.25))),
        (nginx(" request_time=0.250"), combined(Some(0.25))),
        (nginx(" pipe"), combined(None)),
    ] {
        assert_eq!(
            Format::Nginx.read(line.as_bytes()),
            Some(expected),
            "{line}"
        );
    }
    let common =
        r#"shop.example.com:443 ::1 - - [24/Nov/2026:10:00:00 +0000] "POST / HTTP/2.0" 503 -"#;
    let expected = Access {
        response_bytes: Some(0.0),
        ..access("POST", "shop.example.com", 503)
    };
    assert_eq!(Format::Apache.read(common.as_bytes()), Some(expected));
    let timed = format!("{NGINX} 250000");
    let seconds = Format::Apache.read(timed.as_bytes()).unwrap().seconds;
    assert_eq!(seconds, Some(0.25), "microseconds");
    let balanced = Format::Alb.read(ALB.as_bytes()).unwrap();
    let seconds = balanced.seconds.unwrap();
    assert!((seconds - 0.171).abs() < 1e-12, "{seconds}");
    let expected = Access {
        response_bytes: Some(15173.0),
        request_bytes: Some(57.0),
        seconds: balanced.seconds,
        ..access("GET", "shop.example.com", 200)
    };
    assert_eq!(balanced, expected);
    let refused = ALB
        .replace("0.086 0.048 0.037 200 200", "-1 -1 -1 503 -")
        .replace("\"shop.example.com\"", "\"-\"");
    let refused = Format::Alb.read(refused.as_bytes()).unwrap();
    assert_eq!((refused.seconds, refused.status), (None, 503));
    assert_eq!(refused.host, b"www.example.com");
}

#[test]
fn what_is_no_line_of_the_format_is_not_guessed_at() {
    for line in [
        "",
        "started",
        r#"1.2.3.4 - - [x] "GET /"#,
        r#"1.2.3.4 - - [x] "GET /" 20 5"#,
        r#"1.2.3.4 - - [x] "GET /" 999 5"#,
        r#"1.2.3.4 - - [x] "GET /" 200 five"#,
        r#"1.2.3.4 - - [x] "GET /\"#,
    ] {
        for format in [Format::Nginx, Format::Apache, Format::Alb] {
            assert_eq!(format.read(line.as_bytes()), None, "{line}");
        }
    }
}

fn measures(by: (bool, bool)) -> Measures {
    let access = AccessLog::new(Format::Nginx, by, Vec::new(), None);
    Measures {
        rules: vec![Rule::Access(access)],
        json: None,
    }
}

/// Every series of one interval, by name and dimensions, with its sum.
fn sums(by: (bool, bool), lines: &[String]) -> Vec<(String, f64)> {
    let mut measured = Measured::default();
    let rules = measures(by);
    for line in lines {
        let time = UnixMillis(1_800_000_000_000);
        rules.measure(line.as_bytes(), time, None, &mut measured);
    }
    let minute = Duration::from_mins(1);
    let intake = Intake::new(minute, SeriesGuard::new(100, 100));
    measured.hand_in(&intake, &intake);
    let taken = intake.take(UnixMillis(0), true);
    let samples = taken.windows.iter().flat_map(|(_, samples)| samples);
    let told = samples.map(|sample| {
        let labels = sample.labels.iter();
        let labels: Vec<String> = labels.map(|(n, v)| format!(" {n}={v}")).collect();
        (sample.name().to_owned() + &labels.concat(), sample.number())
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told
}

fn line(method: &str, status: u16, seconds: f64) -> String {
    format!(r#"1.2.3.4 - - [x] "{method} / HTTP/1.1" {status} 100 "-" "-" {seconds}"#)
}

#[test]
fn requests_are_counted_by_class_and_a_class_without_any_is_zero() {
    let lines = [
        line("GET", 200, 0.5),
        line("GET", 201, 0.5),
        line("GET", 404, 1.0),
    ];
    let expected = [
        ("Latency", 2.0),
        ("Requests", 3.0),
        ("ResponseBytes", 300.0),
        ("Responses2xx", 2.0),
        ("Responses3xx", 0.0),
        ("Responses4xx", 1.0),
        ("Responses5xx", 0.0),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(sums((false, false), &lines), expected);
}

#[test]
fn methods_are_told_apart_but_not_those_that_attackers_invent() {
    let lines = [
        line("GET", 200, 0.5),
        line("X1", 400, 0.5),
        line("X2", 400, 0.5),
    ];
    let told = sums((true, false), &lines);
    let requests: Vec<_> = told
        .iter()
        .filter(|(name, _)| name.starts_with("Requests"))
        .collect();
    let expected = [("Requests Method=GET", 1.0), ("Requests Method=other", 2.0)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(requests, expected.iter().collect::<Vec<_>>());
}

/// Not a test of time but the bench behind the figure of the manual; see docs/performance.md.
#[test]
#[ignore = "a bench: cargo test --release -p plimsoll-agent --lib access_logs_are -- --ignored --nocapture"]
fn access_logs_are_measured_fast() {
    let lines: Vec<String> = (0..700u16)
        .map(|n| format!("{NGINX} 0.{n:03}").replace(" 200 ", &format!(" {} ", 200 + n % 300)))
        .collect();
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    let rules = measures((false, false));
    let intake = Intake::new(Duration::from_mins(1), SeriesGuard::new(100, 100));
    let begun = std::time::Instant::now();
    let rounds = 2_000u32;
    for _ in 0..rounds {
        let mut measured = Measured::default();
        for line in &lines {
            let time = UnixMillis(1_800_000_000_000);
            rules.measure(line.as_bytes(), time, None, &mut measured);
        }
        measured.hand_in(&intake, &intake);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let megabytes = crate::sample::as_value((bytes * rounds as usize) as u64) / 1e6;
    eprintln!("{:.0} MB/s", megabytes / seconds);
}
