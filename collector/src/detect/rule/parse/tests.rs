//! Which mistakes in a rule are told, and where.

use super::*;

const GOOD: &str = "\
title: T
id: 1
level: high
";

const RULE: &str = "\
title: A trail was stopped
id: 6c2f1f6e-0000-4000-8000-000000000001
status: stable
description: D
logsource:
  product: aws
  service: cloudtrail
detection:
  selection:
    eventName: StopLogging
  condition: selection
level: high
plimsoll:
  summary: '{principal} stopped it'
  tests:
    - name: a stop
      match: true
      event: {eventName: StopLogging}
";

/// What is replaced in the rule, by what, and the line, key and words that tell of it.
const MISTAKES: [(&str, &str, u64, &str, &str); 13] = [
    (
        "level: high",
        "level: severe",
        12,
        "level",
        "informational, low",
    ),
    ("title: A", "titel: A", 1, "titel", "unknown key"),
    ("title: A", "titel: A", 1, "title", "is missing"),
    (
        "product: aws",
        "product: azure",
        6,
        "logsource.product",
        "aws",
    ),
    (
        "status: stable",
        "status: deprecated",
        3,
        "status",
        "stable",
    ),
    (
        "eventName:",
        "eventName|bogus:",
        10,
        "detection.selection.eventName|bogus",
        "bogus",
    ),
    (
        "condition: selection",
        "condition: sel",
        11,
        "detection.condition",
        "selection",
    ),
    (
        "  condition: selection\n",
        "",
        8,
        "detection.condition",
        "is missing",
    ),
    (
        "{principal}",
        "{principal",
        14,
        "plimsoll.summary",
        "not closed",
    ),
    (
        "match: true",
        "match: perhaps",
        17,
        "plimsoll.tests.match",
        "true or false",
    ),
    (
        "event: {",
        "evnt: {",
        18,
        "plimsoll.tests.evnt",
        "unknown key",
    ),
    (
        "  selection:\n",
        "  other: {a: 1}\n  selection:\n",
        9,
        "detection.other",
        "not use",
    ),
    (
        "eventName: StopLogging\n",
        "each.x: 1\n",
        9,
        "detection.selection",
        "plimsoll.each",
    ),
];

#[test]
fn a_good_rule_is_read() {
    let rule = rule("r.yml", RULE).unwrap();
    assert_eq!(rule.level, Severity::High);
    assert_eq!(rule.tests.len(), 1);
}

#[test]
fn every_mistake_names_line_and_key() {
    for (from, to, line, key, part) in MISTAKES {
        let text = RULE.replacen(from, to, 1);
        assert_ne!(text, RULE, "{from} is in the rule");
        let errors = rule("r.yml", &text).unwrap_err();
        let found = errors.iter().any(|error| {
            error.file == "r.yml"
                && error.line.abs_diff(line) <= 1
                && error.key == key
                && error.what.contains(part)
        });
        assert!(found, "{to}: {errors:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let errors = rule("r.yml", GOOD).unwrap_err();
    let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    assert!(
        keys.contains(&"id") && keys.contains(&"logsource"),
        "{errors:?}"
    );
    assert!(keys.contains(&"detection"), "{errors:?}");
    assert!(errors[0].to_string().starts_with("r.yml:"), "{}", errors[0]);
}

#[test]
fn a_rule_of_others_is_read_without_our_block_and_without_what_the_format_lets_out() {
    let (sigma, _) = RULE.split_once("plimsoll:").unwrap();
    let whole = rule("r.yml", sigma).unwrap();
    assert!(whole.tests.is_empty() && whole.next_steps.is_empty());
    let lines = sigma.lines().filter(|line| {
        let left_out = ["id:", "level:", "status:", "description:"];
        !left_out.iter().any(|key| line.starts_with(key))
    });
    let short = lines.collect::<Vec<_>>().join("\n") + "\n";
    let more = format!("simulation: {{type: x}}\nregression_tests_path: y\n{short}");
    let bare = rule("r.yml", &more).unwrap();
    assert_eq!(bare.level, Severity::Medium);
    assert_eq!(
        bare.id,
        rule("other.yml", &short).unwrap().id,
        "the title makes it"
    );
    let broken = sigma.replace("condition: selection", "condition: other");
    let told = rule("r.yml", &broken).unwrap_err();
    assert_eq!(told[0].key, "detection.condition", "{told:?}");
    let near = rule("r.yml", &format!("{sigma}plimsol: {{}}\n")).unwrap_err();
    assert!(near[0].what.contains("did you mean `plimsoll`"), "{near:?}");
}
