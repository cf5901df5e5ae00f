//! Every key of the amazon-cloudwatch-agent's schema, in one document that holds them all.
//!
//! Source of the keys: its `translator/config/schema.json`. Sections that do nothing here stand for
//! all that is below them.

use super::super::json::{Node, Value, parse};
use super::super::report::{Outcome, below};
use super::*;

const EVERY_KEY: &str = include_str!("every_key.json");

/// The pointers of all members, objects aside that have some.
fn leaves(pointer: &str, node: &Node, found: &mut Vec<String>) {
    match &node.value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                leaves(&below(pointer, name), member, found);
            }
        }
        Value::List(items)
            if items
                .iter()
                .any(|item| matches!(item.value, Value::Object(_))) =>
        {
            for (index, item) in items.iter().enumerate() {
                if matches!(item.value, Value::Object(_)) {
                    leaves(&below(pointer, &index.to_string()), item, found);
                }
            }
        }
        _ => found.push(pointer.to_owned()),
    }
}

#[test]
fn every_key_of_the_schema_is_taken_or_named_in_one_message() {
    let translation = translated(&[EVERY_KEY]).unwrap_or_else(|problems| panic!("{problems}"));
    let mut keys = Vec::new();
    leaves("", &parse("0.json", EVERY_KEY).unwrap(), &mut keys);
    assert!(keys.len() > 150, "{}", keys.len());
    let entries = &translation.report.entries;
    for key in &keys {
        let above = |pointer: &str| {
            key.strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let named: Vec<_> = entries.iter().filter(|one| above(&one.pointer)).collect();
        let nearest = named.iter().max_by_key(|one| one.pointer.len());
        let nearest = nearest.unwrap_or_else(|| panic!("nobody tells of {key}"));
        let refused: Vec<_> = named
            .iter()
            .filter(|one| one.outcome == Outcome::NotSupported)
            .collect();
        assert!(refused.len() <= 1, "{key} is refused twice: {refused:?}");
        let silent = nearest.outcome != Outcome::Taken && nearest.remark.is_empty();
        assert!(!silent, "{key} is {:?} for no reason", nearest.outcome);
    }
    for entry in entries {
        let known = keys.iter().any(|key| key.starts_with(&entry.pointer));
        assert!(known, "{entry} is about no key");
    }
}

#[test]
fn what_a_document_with_every_key_becomes_is_read_as_our_configuration() {
    let translation = translated(&[EVERY_KEY]).unwrap_or_else(|problems| panic!("{problems}"));
    let config = translation.config("0.json");
    let config = config.unwrap_or_else(|problems| panic!("{problems}\n{}", translation.toml));
    assert!(config.logs.is_some() && config.metrics.is_some());
    assert_eq!(config.remarks.len(), translation.report.warnings().count());
}

#[test]
fn keys_that_do_nothing_are_told_with_the_nearest_that_do() {
    let json = r#"{"agent": {"metric_collection_interval": 10}, "extra": 1,
        "metrics": {"metrics_collected": {"mem": {"measurement": ["used"], "resource": ["*"]},
            "memory": {"measurement": ["used"]}}}}"#;
    let translation = translated(&[json]).unwrap();
    let told: Vec<String> = translation
        .report
        .warnings()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].contains("did you mean `metrics_collection_interval`?"));
    assert!(translation.toml.contains(r#"scrapers = ["memory"]"#));
}
