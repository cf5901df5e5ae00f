//! What configurations need, and that the list of needs misses no call.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_aws::{Program, beside};

use super::*;

/// Metrics are measured unless a configuration says otherwise.
const NO_METRICS: &str = "[metrics]\nscrapers = []\n";

fn place() -> Place {
    Place::new(None, Some("eu-west-1"), Some("111122223333"))
}

fn of(text: &str) -> Policy {
    let config = Config::from_text("agent.toml", text).unwrap();
    Needs::of(&config).policy(&place(), &[])
}

/// Actions, and what they are bounded by, of each statement; ARNs without what they begin with.
fn told(policy: &Policy) -> BTreeMap<&'static str, (Vec<&'static str>, Vec<String>)> {
    let statements = policy.statements.iter().map(|one| {
        let bounds = one
            .condition
            .as_ref()
            .map_or(&one.resources, |(_, patterns)| patterns);
        let short = |bound: &String| {
            bound
                .rsplit_once("111122223333:")
                .map_or(bound.clone(), |(_, rest)| rest.to_owned())
        };
        (
            one.sid,
            (one.actions.clone(), bounds.iter().map(short).collect()),
        )
    });
    statements.collect()
}

#[test]
fn all_rights_are_those_of_all_calls_of_the_agent() {
    let given: BTreeSet<&str> = Needs::all().policy(&place(), &[]).actions().collect();
    let calls = Call::ALL
        .iter()
        .filter(|call| call.by().contains(&Program::Agent));
    // The role is one that a configuration names.
    let calls = calls.filter(|call| **call != Call::AssumeRole);
    let mut wanted: BTreeSet<&str> = calls.map(|call| call.action()).collect();
    wanted.insert(beside::TAG_LOG_GROUP);
    assert_eq!(given, wanted);
}

#[test]
fn a_configuration_is_given_what_it_names_and_nothing_else() {
    let logs = "[[logs.file]]\npath = \"/a\"\ngroup = \"/web\"\n\
                [[logs.file]]\npath = \"/b\"\ngroup = \"{hostname}/x\"\nretention_days = 7\n\
                [[logs.file]]\npath = \"/c\"\ngroup = \"/c\"\ntags = { team = \"web\" }\n";
    let logs = of(&format!("{NO_METRICS}{logs}"));
    let write = vec![
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ];
    let all = [
        "log-group:*/x",
        "log-group:*/x:*",
        "log-group:/c",
        "log-group:/c:*",
        "log-group:/web",
        "log-group:/web:*",
    ];
    let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let wanted = BTreeMap::from([
        ("Logs", (write, texts(&all))),
        (
            "Retention",
            (
                vec!["logs:PutRetentionPolicy"],
                texts(&["log-group:*/x", "log-group:*/x:*"]),
            ),
        ),
        (
            "Tags",
            (
                vec!["logs:TagResource"],
                texts(&["log-group:/c", "log-group:/c:*"]),
            ),
        ),
    ]);
    assert_eq!(told(&logs), wanted);
    assert_eq!(logs.notes, Vec::<String>::new());
}

/// The patterns that bound the metrics of a configuration.
fn namespaces(text: &str) -> Vec<String> {
    told(&of(text))
        .remove("Metrics")
        .map_or_else(Vec::new, |(_, patterns)| patterns)
}

#[test]
fn metrics_are_bounded_by_every_namespace_that_they_may_go_to() {
    let cases: [(&str, &[&str]); 7] = [
        ("[metrics]\n", &["Plimsoll/Host"]),
        ("[metrics]\nnamespace = \"Mine\"\n", &["Mine"]),
        (
            "[metrics]\ncompatibility = \"cloudwatch-agent\"\nscrapers = [\"cpu\"]\n",
            &["CWAgent"],
        ),
        (
            "[metrics]\n[metrics.statsd]\nnamespace = \"S\"\n",
            &["Plimsoll/Host", "S"],
        ),
        (
            "[metrics]\n[[metrics.prometheus]]\nurl = \"http://127.0.0.1:9/metrics\"\nnamespace = \"P\"\n",
            &["P", "Plimsoll/Host"],
        ),
        ("[metrics]\n[metrics.emf]\n", &["*"]),
        (
            "[metrics]\n[[signal]]\nname = \"s\"\nexpression = \"load_1\"\n[[logs.file]]\npath = \"/a\"\n\
             group = \"/a\"\n[[logs.file.metric]]\nname = \"m\"\nmatch = \"x\"\nnamespace = \"L\"\n",
            &["L", "Plimsoll/Host", "Plimsoll/Signal"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(namespaces(text), expected, "{text}");
    }
    let logs = "[[logs.file]]\npath = \"/a\"\ngroup = \"/a\"\n";
    let none = namespaces(&format!("{NO_METRICS}{logs}"));
    assert_eq!(none, Vec::<String>::new());
    let extracted = format!("{logs}emf = \"extract\"\n");
    assert_eq!(namespaces(&extracted), ["*"]);
}

#[test]
fn hooks_and_the_name_of_the_group_are_allowed_where_they_matter() {
    let complete = "autoscaling:CompleteLifecycleAction";
    let prolong = "autoscaling:RecordLifecycleActionHeartbeat";
    let tags = "ec2:DescribeTags";
    let logs =
        |group: &str| format!("{NO_METRICS}[[logs.file]]\npath = \"/a\"\ngroup = \"{group}\"\n");
    let plain = logs("/a");
    let signal = "[[signal]]\nname = \"s\"\nexpression = \"load_1\"\n";
    let no_group = "[metrics]\ndimensions = [[\"InstanceId\"]]\n";
    let cases: [(String, &[&str]); 8] = [
        (plain.clone(), &[]),
        (logs("/{asg}"), &[tags]),
        ("[metrics]\n".to_owned(), &[tags]),
        (no_group.to_owned(), &[]),
        (
            format!("{no_group}append_dimensions = {{ Group = \"{{asg}}\" }}\n"),
            &[tags],
        ),
        (format!("{no_group}{signal}"), &[tags]),
        (
            format!("{no_group}[signals]\ngroup = \"web\"\n{signal}"),
            &[],
        ),
        (
            format!("{plain}[lifecycle]\nlaunch_hook = \"h\"\n"),
            &[complete, tags],
        ),
    ];
    let found = |text: &str| {
        let policy = of(text);
        let actions = policy
            .actions()
            .filter(|action| [complete, prolong, tags].contains(action));
        actions.collect::<Vec<_>>()
    };
    for (text, expected) in cases {
        assert_eq!(found(&text), expected, "{text}");
    }
    let ending = format!("{plain}[lifecycle]\ntermination_hook = \"h\"\n");
    assert_eq!(found(&ending), [complete, prolong, tags]);
}

#[test]
fn parameters_their_keys_and_a_role_are_allowed_by_name() {
    let role = "arn:aws:iam::111122223333:role/plimsoll";
    let text =
        format!("[aws]\nrole_arn = \"{role}\"\n[[logs.file]]\npath = \"/a\"\ngroup = \"/a\"\n");
    let mut config = Config::from_text("agent.toml", &text).unwrap();
    let other = "arn:aws:ssm:eu-west-1:444455556666:parameter/shared";
    config.file = Some(format!("ssm:/plimsoll/web:3, AmazonCloudWatch-x,{other}").into());
    let keys = ["arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()];
    let policy = Needs::of(&config).policy(&place(), &keys);
    let told = told(&policy);
    let named = [
        "parameter/AmazonCloudWatch-x",
        "parameter/plimsoll/web",
        other,
    ]
    .map(str::to_owned);
    assert_eq!(
        told["StoredConfiguration"],
        (vec!["ssm:GetParameter"], named.to_vec())
    );
    assert_eq!(
        told["Keys"],
        (
            vec!["kms:Decrypt"],
            vec!["ssm.eu-west-1.amazonaws.com*".to_owned()]
        )
    );
    let of_keys = policy
        .statements
        .iter()
        .find(|one| one.sid == "Keys")
        .unwrap();
    assert_eq!(of_keys.resources, keys);
    assert_eq!(
        told["Role"],
        (vec!["sts:AssumeRole"], vec!["role/plimsoll".to_owned()]).clone()
    );
    assert!(policy.notes[0].contains(role), "{:?}", policy.notes);
    config.file = Some("/etc/plimsoll/agent.toml".into());
    let without = Needs::of(&config).policy(&place(), &keys);
    assert!(
        without
            .statements
            .iter()
            .all(|one| one.sid != "Keys" && one.sid != "StoredConfiguration")
    );
}
