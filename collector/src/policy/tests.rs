//! What configurations need, and that the list of needs misses no call.

use std::collections::BTreeSet;

use plimsoll_aws::Program;

use super::*;

const ACCOUNT: &str = "111122223333";

fn place() -> Place {
    Place::new(None, Some("eu-west-1"), Some(ACCOUNT))
}

/// Each statement as a line: name, actions, resources, patterns of the condition.
fn told(text: &str, beside: &Beside) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let text = text.replace("DIR", &directory.path().display().to_string());
    let state = format!(
        "[collector]\nstate = \"{}/state\"\n{text}",
        directory.path().display()
    );
    let config = Config::from_text("collector.toml", &state).unwrap();
    let policy = Needs::of(&config).policy(&place(), beside);
    let line = |one: &plimsoll_aws::policy::Statement| {
        let patterns = one
            .condition
            .as_ref()
            .map_or(String::new(), |(_, all)| all.join(" "));
        let line = format!(
            "{} {} {} {patterns}",
            one.sid,
            one.actions.join(" "),
            one.resources.join(" ")
        );
        line.trim_end().to_owned()
    };
    policy.statements.iter().map(line).collect()
}

const METRICS: &str =
    "Metrics cloudwatch:PutMetricData * Plimsoll/Collector Plimsoll/Cost Plimsoll/Security";

#[test]
fn all_rights_are_those_of_all_calls_of_the_collector() {
    let given: BTreeSet<&str> = Needs::all()
        .policy(&place(), &Beside::default())
        .actions()
        .collect();
    let calls = Call::ALL
        .iter()
        .filter(|call| call.by().contains(&Program::Collector));
    // The role is one that a configuration names.
    let calls = calls.filter(|call| **call != Call::AssumeRole);
    let mut wanted: BTreeSet<&str> = calls.map(|call| call.action()).collect();
    wanted.insert(beside::TAG_ALARM);
    assert_eq!(given, wanted);
}

#[test]
fn files_need_no_right_but_that_of_metrics() {
    let text = "[cloudtrail]\ndirectory = \"DIR\"\n[plan]\nalarms = false\ndashboard = \"\"\n";
    let given = Beside {
        buckets: vec!["b".to_owned()],
        lists: true,
        keys: vec!["k".to_owned()],
    };
    let without: Vec<String> = told(text, &given);
    assert_eq!(without, [METRICS]);
}

#[test]
fn a_configuration_is_given_what_it_names_and_nothing_else() {
    let text = "[cloudtrail]\nqueue_url = \"https://sqs.eu-west-1.amazonaws.com/111122223333/trail\"\n\
                [cost]\nsource = \"cost-explorer\"\n\
                [notify]\ntopic_arn = \"arn:aws:sns:us-east-1:444455556666:incidents\"\n\
                [plan]\napply = true\ndashboard = \"fleet\"\n";
    let beside = Beside {
        buckets: vec!["bucket/org/".to_owned(), "other".to_owned()],
        lists: true,
        keys: vec!["arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()],
    };
    let key = &beside.keys[0];
    let expected = [
        "Trail s3:GetObject arn:aws:s3:::bucket/org/AWSLogs/* arn:aws:s3:::other/AWSLogs/*".to_owned(),
        "TrailMissing s3:ListBucket arn:aws:s3:::bucket arn:aws:s3:::other".to_owned(),
        "Queue sqs:DeleteMessage sqs:ReceiveMessage arn:aws:sqs:eu-west-1:111122223333:trail".to_owned(),
        "Cost ce:GetCostAndUsage *".to_owned(),
        METRICS.to_owned(),
        "Alarms cloudwatch:DescribeAlarms arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*".to_owned(),
        "Dashboards cloudwatch:GetDashboard arn:aws:cloudwatch::111122223333:dashboard/fleet".to_owned(),
        "AlarmsApplied cloudwatch:PutMetricAlarm cloudwatch:TagResource \
         arn:aws:cloudwatch:eu-west-1:111122223333:alarm:plimsoll-*".to_owned(),
        "DashboardsApplied cloudwatch:PutDashboard arn:aws:cloudwatch::111122223333:dashboard/fleet".to_owned(),
        "Notifications sns:Publish arn:aws:sns:us-east-1:444455556666:incidents".to_owned(),
        format!("Keys kms:Decrypt {key} s3.eu-west-1.amazonaws.com* sqs.eu-west-1.amazonaws.com*"),
        format!("KeysOfTopics kms:Decrypt kms:GenerateDataKey {key} sns.eu-west-1.amazonaws.com*"),
    ];
    assert_eq!(told(text, &beside), expected);
    let shown = text.replace("apply = true", "apply = false");
    let shown = told(&shown, &Beside::default());
    assert!(
        !shown
            .iter()
            .any(|line| line.contains("Applied") || line.contains("Keys")),
        "{shown:?}"
    );
    assert_eq!(
        shown[0],
        "Trail s3:GetObject arn:aws:s3:::TRAIL-BUCKET/AWSLogs/*"
    );
    assert!(shown[1].starts_with("Queue "), "{shown:?}");
}

#[test]
fn a_queue_is_known_by_its_url() {
    let cases = [
        (
            "https://sqs.us-east-1.amazonaws.com/444455556666/q",
            "us-east-1:444455556666:q",
        ),
        (
            "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com/444455556666/q",
            "us-east-1:444455556666:q",
        ),
        (
            "https://sqs-fips.us-east-2.amazonaws.com/444455556666/q",
            "us-east-2:444455556666:q",
        ),
        (
            "http://127.0.0.1:4577/444455556666/q",
            "eu-west-1:444455556666:q",
        ),
        (
            "https://sqs.example.org/444455556666/q",
            "eu-west-1:444455556666:q",
        ),
    ];
    for (url, expected) in cases {
        assert_eq!(
            of_queue(url, &place()),
            format!("arn:aws:sqs:{expected}"),
            "{url}"
        );
    }
}

#[test]
fn who_has_a_role_and_a_bucket_that_nobody_named_is_told() {
    let text = "[aws]\nrole_arn = \"arn:aws:iam::111122223333:role/r\"\n\
                [guardduty]\nqueue_url = \"https://sqs.eu-west-1.amazonaws.com/111122223333/g\"\n";
    let config = Config::from_text(
        "collector.toml",
        &format!("[collector]\nstate = \"/dev/shm/never-made\"\n{text}"),
    );
    let policy = Needs::of(&config.unwrap()).policy(&place(), &Beside::default());
    let last = policy.statements.last().unwrap();
    assert_eq!(
        (last.sid, &*last.actions),
        ("Role", &["sts:AssumeRole"] as &[&str])
    );
    assert!(
        policy.notes[0].contains("--bucket") && policy.notes[1].contains("role/r"),
        "{:?}",
        policy.notes
    );
}
