//! Metrics over HTTP: scraped targets and OTLP.

use std::time::Duration;

use super::{Config, check};

const TARGET: &str = "[[metrics.prometheus]]\nurl = \"http://127.0.0.1:9100/metrics\"\n";

#[test]
fn mistakes_about_urls_are_told_with_place_and_remedy() {
    let cases = [
        (
            "https://x/metrics",
            "metrics.prometheus[0].url: found https, expected http:",
        ),
        ("/metrics", "found no URL with a host"),
        (
            "http://me:word@x/",
            "found a user, expected no user; a bearer token goes into",
        ),
        (
            "a b",
            ":2:7: metrics.prometheus[0].url: found no URL, expected a URL such as",
        ),
    ];
    for (url, expected) in cases {
        check(
            "[[metrics.prometheus]]\nurl = ",
            &[(&format!("\"{url}\""), expected)],
        );
    }
    check(
        "",
        &[(
            "[[metrics.prometheus]]",
            "metrics.prometheus[0].url: missing",
        )],
    );
}

#[test]
fn mistakes_about_targets_and_otlp_are_told_with_place_and_remedy() {
    let short = "interval = \"5s\"\ntimeout = \"6s\"";
    let cases = [
        (
            "timeout = \"2m\"",
            "prometheus[0].timeout: found \"2m\", expected 100ms",
        ),
        (
            short,
            "prometheus[0].timeout: found 6s with an interval of 5s",
        ),
        ("socket = \"x\"", "expected an absolute path"),
        ("name = \"é\"", "prometheus[0].name: found \"é\""),
        (
            TARGET,
            "prometheus[1].name: found \"127.0.0.1:9100/metrics\" twice",
        ),
        (
            "labels.rename = { a = \":b\" }",
            "labels.rename: found \":b\"",
        ),
        ("labels.add = { a = \" \" }", "labels.add: found \" \""),
        ("labels.exclude = [\"[\"]", "labels.exclude[0]: found \"[\""),
        ("namespace = \"AWS/EC2\"", "not starting with AWS/"),
    ];
    check(TARGET, &cases);
    let address = ("address = \"4318\"", "metrics.otlp.address: found \"4318\"");
    let port = ("port = 4318", "metrics.otlp.port: unknown key");
    check("[metrics.otlp]\n", &[address, port]);
}

#[test]
fn targets_and_otlp_are_read_as_they_were_meant() {
    let text = format!(
        "[metrics]\nscrapers = []\ninterval = \"5s\"\n{TARGET}interval = \"2s\"\nexclude = [\"go_*\"]\n\
         labels = {{ exclude = [\"pod\"], rename = {{ code = \"status\" }} }}\n\
         [[metrics.prometheus]]\nurl = \"http://[::1]:80/x?y=1\"\nname = \"six\"\n\
         [[metrics.prometheus]]\nurl = \"http://localhost\"\nsocket = \"/run/app.sock\"\n\
         [metrics.otlp]\nresource_attributes = []\n"
    );
    let config = Config::from_text("agent.toml", &text)
        .unwrap()
        .metrics
        .unwrap();
    let [first, six, socket] = &*config.applications.prometheus else {
        panic!("{config:#?}");
    };
    assert_eq!(
        (&*first.host, first.port, &*first.path),
        ("127.0.0.1", 9100, "/metrics")
    );
    assert_eq!(first.interval, Some(Duration::from_secs(2)));
    assert_eq!(
        first.timeout,
        Duration::from_secs(2),
        "no longer than the interval"
    );
    assert!(first.rules.metrics.admits("up") && !first.rules.metrics.admits("go_info"));
    let labels: Vec<String> = first
        .rules
        .labels
        .apply([("code", "200"), ("pod", "a")])
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(labels, ["status=200"]);
    assert_eq!((&*six.name, &*six.host, six.port), ("six", "::1", 80));
    assert_eq!((&*six.authority, &*six.path), ("[::1]:80", "/x?y=1"));
    assert_eq!((&*socket.name, &*socket.path), ("/run/app.sock", "/"));
    let otlp = config.applications.otlp.unwrap();
    assert_eq!(otlp.address.to_string(), "127.0.0.1:4318");
    assert!(otlp.rules.resource_attributes.is_empty());
}
