//! What is taken, what is refused, and how it is told.

mod datagrams;
mod host;
mod lifecycle;
mod pull;
mod shape;
mod shaping;

use std::collections::BTreeSet;

use super::super::{Config, KEYS, LogsConfig, Placeholder, StartPosition, resolution_seconds};
use crate::scraper::{FAMILIES, Family};
use std::time::Duration;

fn problems(text: &str) -> Vec<String> {
    Config::from_text("agent.toml", text)
        .err()
        .map_or_else(Vec::new, |problems| {
            problems.0.iter().map(ToString::to_string).collect()
        })
}

/// A file section that is right, to which a case adds a line.
const FILE: &str = "[[logs.file]]\npath = \"/a\"\ngroup = \"g\"\n";

/// Text of a configuration, and what must be told about it.
type Case<'t> = (&'t str, &'t str);

fn check(before: &str, cases: &[Case<'_>]) {
    for (text, expected) in cases {
        let told = problems(&format!("{before}{text}\n"));
        assert!(
            told.iter().any(|line| line.contains(expected)),
            "{text}\n{expected}\n{told:#?}"
        );
    }
}

#[test]
fn mistakes_about_aws_and_the_agent_are_told_with_place_and_remedy() {
    check(
        "",
        &[
            (
                "[aws]\nregion = \"eu-wset-1\"",
                "agent.toml:2:10: aws.region: `eu-wset-1`",
            ),
            ("[aws]\nregion = \"eu-wset-1\"", "did you mean `eu-west-1`?"),
            (
                "[aws]\nendpoint_urls.logs = \"x\"",
                ":2:22: aws.endpoint_urls.logs: `x` is not a URL",
            ),
            ("[aws]\nca_bundle = \"/no/such\"", ":2:13: aws.ca_bundle: "),
            ("[aws]\nexternal_id = \"x\"", "aws.role_arn: missing"),
            ("[aws]\nregin = \"x\"", "aws.regin: unknown key"),
            ("[aws]\nregin = \"x\"", "did you mean `region`?"),
            (
                "[agent]\nstate_dir = \"var\"",
                "agent.state_dir: found \"var\"",
            ),
            (
                "[agent]\ncontrol_socket = \"on\"",
                ":2:18: agent.control_socket: found \"on\", expected an absolute path, or \"off\"",
            ),
            (
                "[agent]\nconfig_check = \"9s\"",
                ":2:16: agent.config_check: found \"9s\", expected a duration of 10s to 24h, or \"off\"",
            ),
            (
                &format!("[agent]\ncontrol_socket = \"/{}\"", "x".repeat(107)),
                "found 108 bytes, expected at most 107",
            ),
        ],
    );
}

#[test]
fn mistakes_about_groups_and_streams_are_told_with_place_and_remedy() {
    check(
        FILE,
        &[
            (
                "retention_days = 31",
                ":4:18: logs.file[0].retention_days: found integer 31",
            ),
            ("retention_days = 31", "did you mean `30`?"),
            ("stream = \"a:b\"", ":4:10: logs.file[0].stream: found ':'"),
            ("stream = \"{instanceid}\"", "did you mean `instance_id`?"),
            ("stream = \"{instance_id\"", "found `{` without `}`"),
            ("group = \"h\"", "agent.toml:4:1: "),
            ("kms_key = \"alias/x\"", "expected the ARN of a key"),
            ("tags = { \"aws:x\" = \"y\" }", "found the tag \"aws:x\""),
            ("class = \"STANDART\"", "did you mean `STANDARD`?"),
        ],
    );
}

#[test]
fn mistakes_about_files_are_told_with_place_and_remedy() {
    let again = format!("class = \"INFREQUENT_ACCESS\"\n{FILE}");
    check(FILE, &[(&again, "logs.file[1].class: differs")]);
    check(
        "",
        &[
            (
                "[[logs.file]]\npath = \"relative\"\ngroup = \"g\"",
                "expected an absolute path",
            ),
            (
                "[[logs.file]]\npath = \"/a/[\"\ngroup = \"g\"",
                ":2:8: logs.file[0].path: found \"/a/[\"",
            ),
            ("[[logs.file]]\npath = []\ngroup = \"g\"", "found no path"),
            ("[[logs.file]]\ngroup = \"g\"", "logs.file[0].path: missing"),
            (
                "[[logs.file]]\npath = \"/a\"",
                "logs.file[0].group: missing",
            ),
            (
                "[[logs.file]]\npath = \"/a\"\ngroup = \"a b\"",
                "logs.file[0].group: found ' '",
            ),
            (
                "[[logs.file]]\npath = \"/a\"\ngroup = \"{file_name}\"",
                "belongs into stream",
            ),
            ("[logs]", "logs.file: missing"),
        ],
    );
}

#[test]
fn mistakes_about_metrics_are_told_with_place_and_remedy() {
    check(
        "[metrics]\n",
        &[
            ("interval = \"1500ms\"", "expected whole seconds"),
            ("interval = \"2h\"", "metrics.interval: found \"2h\""),
            (
                "scrapers = [\"cpus\"]",
                "metrics.scrapers[0]: found \"cpus\"",
            ),
            (
                "scrapers = [\"cpu\", \"cpu\"]",
                "metrics.scrapers[1]: found twice",
            ),
            ("scrapers = []", "there is nothing to do"),
            (
                "dimensions = [[\"InstanceID\"]]",
                "did you mean `InstanceId`?",
            ),
            ("dimensions = []", "found 0 sets"),
            ("namespace = \"AWS/EC2\"", "not starting with AWS/"),
            ("exclude_metrics = [\"load1\"]", "did you mean `load_1`?"),
            ("net.exclude = [\"[\"]", ":2:16: metrics.net.exclude[0]: "),
        ],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "[aws]\nregion = \"x\"\n[metrics]\ninterval = 5\n[[logs.file]]\npath = \"b\"\n";
    assert_eq!(problems(text).len(), 4, "{:#?}", problems(text));
}

#[test]
fn secrets_in_urls_are_not_told() {
    let told = problems("[aws]\nproxy = \"ftp://user:hunter2@host\"\n").join("\n");
    assert!(
        told.contains("aws.proxy") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn an_empty_file_measures_everything_and_follows_nothing() {
    let config = Config::from_text("agent.toml", "").unwrap();
    assert!(config.logs.is_none());
    let metrics = config.metrics.unwrap();
    assert_eq!(metrics.selection.families.len(), 15);
    assert_eq!(
        (metrics.interval, resolution_seconds(metrics.interval)),
        (Duration::from_mins(1), 60)
    );
    assert!(!metrics.selection.interfaces.admits("lo"));
    assert!(metrics.selection.interfaces.admits("eth0"));
}

#[test]
fn a_full_file_is_read_as_it_was_meant() {
    let text = r#"
        [metrics]
        interval = "10s"
        scrapers = ["load"]
        dimensions = [[]]
        [metrics.net]
        exclude = []
        [logs]
        in_flight = "32MiB"
        [[logs.file]]
        path = ["/var/log/*.log", "/srv/**/app.log"]
        exclude = "/var/log/*.gz"
        start = "beginning"
        group = "/web/{asg}"
        stream = "{instance_id}/{file_name}"
        class = "INFREQUENT_ACCESS"
        retention_days = 30
        tags = { team = "web" }
    "#;
    let config = Config::from_text("agent.toml", text).unwrap();
    let metrics = config.metrics.unwrap();
    let families = metrics.selection.families.iter();
    let families: Vec<Family> = families.map(|one| one.family).collect();
    assert_eq!(families, [Family::Load]);
    assert_eq!(resolution_seconds(metrics.interval), 1);
    assert!(metrics.selection.interfaces.admits("lo"));
    let value = |placeholder| (placeholder == Placeholder::InstanceId).then(|| "i-1".to_owned());
    let logs: LogsConfig = config.logs.unwrap().fill(value);
    assert_eq!(logs.in_flight_bytes_max, 32 << 20);
    let file = &logs.files[0];
    assert_eq!(file.include.len(), 2);
    assert_eq!(file.start, StartPosition::Beginning);
    assert_eq!(file.group.name, "/web/unknown");
    assert_eq!(file.group.retention_days, Some(30));
    assert_eq!(file.group.tags["team"], "web");
    assert_eq!(file.stream, "i-1/{file_name}");
}

/// Sources of metrics besides the scrapers that have a table in `[metrics]`.
const SOURCES: [&str; 5] = ["otlp", "statsd", "collectd", "emf", "logs"];
/// Lists of tables in `[metrics]`, whose keys are their own.
const LISTS: [&str; 3] = ["rule", "procstat", "prometheus"];
/// What the table of every source may say.
const COMMON: [&str; 5] = [
    "interval",
    "sample_interval",
    "namespace",
    "measurements",
    "append_dimensions",
];

/// Tables with a strange key in each.
const TABLES: [(&str, &str); 23] = [
    ("", "zzz = 1\n"),
    ("agent", "[agent]\nzzz = 1\n"),
    ("aws", "[aws]\nzzz = 1\n"),
    ("aws.endpoint_urls", "[aws.endpoint_urls]\nzzz = 1\n"),
    ("logs", "[logs]\nzzz = 1\n"),
    ("logs.file", "[[logs.file]]\nzzz = 1\n"),
    (
        "logs.file.json",
        "[[logs.file]]\n[logs.file.json]\nzzz = 1\n",
    ),
    (
        "logs.file.sample",
        "[[logs.file]]\n[[logs.file.sample]]\nzzz = 1\n",
    ),
    (
        "logs.file.metric",
        "[[logs.file]]\n[[logs.file.metric]]\nzzz = 1\n",
    ),
    (
        "logs.file.redact_pattern",
        "[[logs.file]]\n[[logs.file.redact_pattern]]\nzzz = 1\n",
    ),
    (
        "logs.file.multi_line",
        "[[logs.file]]\nmulti_line.zzz = 1\n",
    ),
    (
        "logs.journald",
        "[[logs.journald]]\ngroup = \"g\"\nzzz = 1\n",
    ),
    ("lifecycle", "[lifecycle]\nzzz = 1\n"),
    ("lifecycle.commands", "[[lifecycle.commands]]\nzzz = 1\n"),
    ("metrics", "[metrics]\nzzz = 1\n"),
    ("metrics.rule", "[[metrics.rule]]\nzzz = 1\n"),
    ("metrics.prometheus", "[[metrics.prometheus]]\nzzz = 1\n"),
    (
        "metrics.prometheus.labels",
        "[[metrics.prometheus]]\n[metrics.prometheus.labels]\nzzz = 1\n",
    ),
    ("metrics.otlp.labels", "[metrics.otlp.labels]\nzzz = 1\n"),
    ("signals", "[signals]\nzzz = 1\n"),
    ("signals.health", "[[signals.health]]\nzzz = 1\n"),
    ("signal", "[[signal]]\nzzz = 1\n"),
    ("signal.health", "[[signal]]\n[[signal.health]]\nzzz = 1\n"),
];

/// The keys that the reader asked for in each table, told by its own complaint about a strange one.
fn keys_of_the_reader() -> BTreeSet<String> {
    let tables = TABLES.map(|(table, text)| (table.to_owned(), text.to_owned()));
    // Every scraper and every other source of metrics has a table.
    let sources = FAMILIES.iter().map(|(name, _)| *name).chain(SOURCES);
    let sources = sources.map(|name| {
        let table = format!("metrics.{name}");
        let heading = match name {
            "procstat" => format!("[[{table}]]\nexe = \"x\""),
            _ => format!("[{table}]"),
        };
        let text = format!("{heading}\nzzz = 1\n");
        (table, text)
    });
    let mut keys = BTreeSet::new();
    for (table, text) in tables.into_iter().chain(sources) {
        let told = problems(&text);
        let line = told
            .iter()
            .find(|line| line.contains("zzz: unknown key"))
            .unwrap();
        let (_, allowed) = line.split_once("allowed here: ").unwrap();
        let allowed = allowed.split(';').next().unwrap().split(", ");
        let dot = if table.is_empty() { "" } else { "." };
        keys.extend(allowed.map(|key| match table.strip_prefix("metrics.") {
            Some(source) if !LISTS.contains(&source) && COMMON.contains(&key) => {
                format!("metrics.<source>.{key}")
            }
            _ => format!("{table}{dot}{key}"),
        }));
    }
    keys.retain(|key| {
        let sources = FAMILIES.iter().map(|(name, _)| *name).chain(SOURCES);
        !sources
            .into_iter()
            .any(|name| *key == format!("metrics.{name}"))
    });
    // A table is not a key of its own, also if it has no keys but the common ones.
    let all = keys.clone();
    keys.retain(|key| {
        !all.iter()
            .any(|other| other.starts_with(&format!("{key}.")))
    });
    keys
}

#[test]
fn the_table_of_keys_holds_exactly_what_the_reader_knows() {
    let table: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(table, keys_of_the_reader());
}

#[test]
fn the_example_that_users_copy_is_right_also_with_everything_uncommented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/agent.toml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(problems(&text), Vec::<String>::new());
    let is_key = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| is_key(rest))
                .unwrap_or(line)
        })
        .collect();
    assert_eq!(problems(&uncommented.join("\n")), Vec::<String>::new());
    let config = Config::from_text(path, &text).unwrap();
    assert!(config.logs.is_some() && config.metrics.is_some());
}
