//! Every key is read, every mistake is told, all of them at once.

use std::collections::BTreeSet;

use super::super::{Config, KEYS};
use super::*;

/// A file that is right, with everything in a directory that exists.
fn right(folder: &std::path::Path) -> String {
    format!(
        r#"
[collector]
state = "{folder}/state.sqlite"
interval = "30s"
[aws]
region = "eu-west-1"
[cloudtrail]
directory = "{folder}"
queue_url = "https://sqs.eu-west-1.amazonaws.com/111122223333/trail"
[cost]
source = "cost-explorer"
[notify]
topic_arn = "arn:aws:sns:eu-west-1:111122223333:incidents"
min_severity = "high"
[plan]
auto_scaling_groups = ["web"]
"#,
        folder = folder.display()
    )
}

#[test]
fn a_right_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::from_text("collector.toml", &right(folder.path())).unwrap();
    assert_eq!(config.interval, Duration::from_secs(30));
    assert_eq!(config.sources(), ["cloudtrail", "cost"]);
    assert_eq!(
        config.cost,
        Some(CostFeed::Explorer {
            refresh: cost::REFRESH
        })
    );
    assert_eq!(config.notify.severity_min, Severity::High);
    assert!(
        !config.plan.apply,
        "nothing is changed unless someone says so"
    );
    assert_eq!(config.plan.paths, ["/"]);
    assert!(
        !config.detectors.rules.rules().is_empty(),
        "rules are built in"
    );
    assert!(
        std::fs::read_dir(folder.path()).unwrap().next().is_none(),
        "nothing is left behind"
    );
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("s").display().to_string();
    let head = format!("[collector]\nstate = \"{state}\"\n");
    let cases = [
        (
            head.clone(),
            "cloudtrail: missing, expected at least one of",
        ),
        (
            format!("{head}[cloudtrail]\n"),
            ":3:1: cloudtrail.directory: missing",
        ),
        (
            format!("{head}[cloudtrail]\ndirectory = \"/no/such\"\n"),
            ":4:13: cloudtrail.directory: cannot be used",
        ),
        (
            format!("{head}[guardduty]\nqueue_url = \"trail\"\n"),
            ":4:13: guardduty.queue_url: found \"trail\", expected the URL of an SQS queue",
        ),
        (
            format!("{head}[cloudtrail]\nhome_regions = [\"eu-wset-1\"]\n"),
            ":4:17: cloudtrail.home_regions[0]: `eu-wset-1`",
        ),
    ];
    check_all(&cases);
}

#[test]
fn every_mistake_about_cost_notifications_and_the_plan_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("s").display().to_string();
    let head = format!("[collector]\nstate = \"{state}\"\n");
    let with_source = format!("{head}[cost]\nsource = \"cost-explorer\"\n");
    let cases = [
        (format!("{head}[cost]\n"), "cost.source: missing"),
        (
            format!("{head}[cost]\nsource = \"/no/such\"\n"),
            ":4:10: cost.source: cannot be used",
        ),
        (
            format!("{with_source}refresh = \"1m\"\n"),
            "cost.refresh: found \"1m\"",
        ),
        (
            format!("{with_source}[notify]\ntopic_arn = \"not an arn\"\n"),
            ":6:13: notify.topic_arn: found \"not an arn\", expected the ARN of an SNS topic",
        ),
        (
            format!("{with_source}[notify]\nmin_severity = \"hgih\"\n"),
            "did you mean `high`?",
        ),
        (
            format!("{with_source}[plan]\ndashboard = \"a b\"\n"),
            "plan.dashboard: found \"a b\"",
        ),
        (
            format!("{with_source}[plan]\nauto_scaling_groups = [\"a\", \"b'\"]\n"),
            ":6:29: plan.auto_scaling_groups[1]: found \"b'\"",
        ),
        (
            format!("{with_source}[plan]\nrunbook_url = \"here\"\n"),
            "plan.runbook_url: found \"here\"",
        ),
        (
            format!("{with_source}[aws]\nregion = \"eu-wset-1\"\n"),
            ":6:10: aws.region: ",
        ),
        (
            format!("{with_source}[rules]\ndirectory = \"/no/such\"\n"),
            "/no/such",
        ),
        (format!("{with_source}[notfiy]\n"), "notfiy: unknown key"),
        (
            "[collector]\nstate = \"/no/such/state\"\n".to_owned(),
            ":2:9: collector.state: cannot be used",
        ),
    ];
    check_all(&cases);
}

#[track_caller]
fn check_all(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        let told = Config::from_text("collector.toml", text)
            .unwrap_err()
            .lines();
        assert!(
            told.iter().any(|line| line.contains(expected)),
            "{text}: {told:#?}"
        );
    }
}

#[test]
fn mistakes_of_the_file_the_machine_and_the_rules_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("bad.yml"), "title: no detection\nid: 1\n").unwrap();
    let text = format!(
        "[collector]\nstate = \"{0}/s\"\ninterval = 5\n[cloudtrail]\ndirectory = \"{0}/none\"\n\
         [rules]\ndirectory = \"{0}/rules\"\n",
        folder.path().display()
    );
    let told = Config::from_text("collector.toml", &text)
        .unwrap_err()
        .lines()
        .join("\n");
    for expected in ["collector.interval", "cloudtrail.directory", "bad.yml"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn the_table_of_keys_holds_exactly_what_the_reader_knows() {
    let tables = [
        "collector",
        "aws",
        "cloudtrail",
        "guardduty",
        "cost",
        "notify",
        "plan",
        "rules",
    ];
    let mut known = BTreeSet::new();
    let unknown = tables.map(|table| format!("[{table}]\nzzz = 1\n")).concat();
    let text = format!("{unknown}[aws.endpoint_urls]\nzzz = 1\n");
    for line in Config::from_text("collector.toml", &text)
        .unwrap_err()
        .lines()
    {
        let Some((place, allowed)) = line.split_once(".zzz: unknown key, allowed here: ") else {
            continue;
        };
        let table = place.rsplit(' ').next().unwrap();
        let allowed = allowed.split(';').next().unwrap().split(", ");
        known.extend(allowed.map(|key| format!("{table}.{key}")));
    }
    known.remove("aws.endpoint_urls");
    let written: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(written, known);
}

#[test]
fn the_example_that_users_copy_is_right_but_for_the_directory_of_the_state() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/collector.toml");
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(path).unwrap().replace(
        "/var/lib/plimsoll-collector",
        &folder.path().display().to_string(),
    );
    let config = Config::from_text("collector.toml", &text).unwrap();
    assert_eq!(config.sources(), ["cloudtrail", "guardduty", "cost"]);
}
