//! `[metrics.statsd]` and `[metrics.collectd]`.

use super::super::super::{CollectdSecurity, Config, MetricsConfig};
use super::check;

fn metrics(text: &str) -> MetricsConfig {
    let config = Config::from_text("agent.toml", text).unwrap();
    config.metrics.unwrap()
}

#[test]
fn only_this_host_is_listened_to_unless_the_file_says_otherwise() {
    let address = |text: &str| {
        let statsd = metrics(text).applications.statsd.unwrap();
        (
            statsd.address.map(|address| address.to_string()),
            statsd.socket,
        )
    };
    let loopback = Some("127.0.0.1:8125".to_owned());
    let socket = Some("/run/plimsoll/statsd.sock".into());
    assert_eq!(address("[metrics.statsd]\n"), (loopback, None));
    let text = "[metrics.statsd]\nsocket = \"/run/plimsoll/statsd.sock\"\n";
    assert_eq!(address(text), (None, socket.clone()));
    let wide = Some("0.0.0.0:8125".to_owned());
    assert_eq!(
        address(&format!("{text}address = \"0.0.0.0:8125\"")),
        (wide, socket)
    );

    let collectd = metrics("[metrics.collectd]\n")
        .applications
        .collectd
        .unwrap();
    assert_eq!(collectd.address.to_string(), "127.0.0.1:25826");
    assert_eq!(collectd.security, CollectdSecurity::None);
    assert_eq!(collectd.types_db, None);
}

#[test]
fn applications_are_listened_to_also_when_the_host_is_not_measured() {
    let text = "[metrics]\nscrapers = []\n[metrics.statsd]\n";
    assert!(metrics(text).applications.statsd.is_some());
    assert!(metrics("[metrics]\n").applications.statsd.is_none());
}

#[test]
fn mistakes_about_datagrams_are_told_with_place_and_remedy() {
    check(
        "[metrics.statsd]\n",
        &[
            (
                "address = \":8125\"",
                ":2:11: metrics.statsd.address: found \":8125\"",
            ),
            (
                "address = \":8125\"",
                "such as \"127.0.0.1:8125\", or \"0.0.0.0:8125\"",
            ),
            (
                "socket = \"statsd.sock\"",
                "metrics.statsd.socket: found \"statsd.sock\"",
            ),
            (
                "socket_mode = \"rw\"",
                "metrics.statsd.socket_mode: found \"rw\"",
            ),
            ("socket_mode = \"7777\"", "expected permissions in octal"),
            ("receive_buffer = \"1B\"", "metrics.statsd.receive_buffer: "),
            ("prefix = \"gr\u{f6}\u{df}e\"", "expected printable ASCII"),
            ("keep_gauge = true", "did you mean `keep_gauges`?"),
        ],
    );
    let long = format!("socket = \"/{}\"", "x".repeat(107));
    check(
        "[metrics.statsd]\n",
        &[(&long, "found 108 bytes, expected at most 107")],
    );
    check(
        "[metrics.collectd]\n",
        &[
            ("security_level = \"signed\"", "did you mean `sign`?"),
            (
                "auth_file = \"users\"",
                "metrics.collectd.auth_file: found \"users\"",
            ),
            ("types_db = [\"types.db\"]", "metrics.collectd.types_db"),
        ],
    );
}
