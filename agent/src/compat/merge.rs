//! Several files of a configuration become one.
//!
//! They come in the order of their names. Lists of things to collect are joined, objects are
//! merged key by key, and of two different values the later one counts: a warning names both
//! places. The amazon-cloudwatch-agent refuses to start instead (its `translator/jsonconfig`), so
//! two files that each name an interval cannot live together there.

use super::json::{Node, Value};
use super::report::{At, Notes, below};

/// Lists that are joined wherever they occur. Source: the amazon-cloudwatch-agent's merge rules.
const JOINED: [&str; 3] = ["collect_list", "procstat", "usage_metadata"];

/// Adds `later` to `earlier`.
pub(super) fn merge(earlier: &mut Node, later: Node, notes: &Notes) {
    merge_at("", "", earlier, later, notes);
}

fn merge_at(pointer: &str, name: &str, earlier: &mut Node, later: Node, notes: &Notes) {
    if *earlier == later {
        return;
    }
    match (&mut earlier.value, later.value) {
        (Value::Object(members), Value::Object(more)) => {
            for (name, node) in more {
                let pointer = below(pointer, &name);
                match members.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => merge_at(&pointer, &name, known, node, notes),
                    None => members.push((name, node)),
                }
            }
        }
        (Value::List(items), Value::List(more)) if JOINED.contains(&name) => {
            for item in more {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        (_, value) => {
            let before = earlier.place.to_string();
            *earlier = Node {
                place: later.place,
                value,
            };
            let how = format!(
                "{before} says something else; the later file counts, where the \
                 amazon-cloudwatch-agent does not start"
            );
            notes.changed(&At::new(pointer, earlier), &how);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::parse;
    use super::super::report::Report;
    use super::*;

    fn merged(texts: &[&str]) -> (Node, Report) {
        let notes = Notes::default();
        let mut read = texts.iter().enumerate().map(|(index, text)| {
            let name = format!("{index}.json");
            parse(&name, text).unwrap()
        });
        let mut node = read.next().unwrap();
        for later in read {
            merge(&mut node, later, &notes);
        }
        (node, notes.close().0)
    }

    #[test]
    fn lists_of_what_is_collected_are_joined_without_duplicates_and_objects_merged() {
        let (node, report) = merged(&[
            r#"{"logs": {"collect_list": [{"file_path": "/a"}]}, "agent": {"debug": true}}"#,
            r#"{"logs": {"collect_list": [{"file_path": "/b"}, {"file_path": "/a"}]}}"#,
            r#"{"agent": {"region": "eu-west-1", "debug": true}}"#,
        ]);
        let expected = parse(
            "",
            r#"{"logs": {"collect_list": [{"file_path": "/a"}, {"file_path": "/b"}]},
                "agent": {"debug": true, "region": "eu-west-1"}}"#,
        );
        assert_eq!(node, expected.unwrap());
        assert!(report.entries.is_empty(), "{report:?}");
    }

    #[test]
    fn of_two_different_values_the_later_counts_and_both_places_are_told() {
        let (node, report) = merged(&[
            "{\n\"metrics\": {\"namespace\": \"A\", \"resources\": [\"*\"]}}",
            "{\"metrics\": {\n\"namespace\": \"B\",\n\"resources\": [\"/\"]}}",
        ]);
        let expected = r#"{"metrics": {"namespace": "B", "resources": ["/"]}}"#;
        assert_eq!(node, parse("", expected).unwrap());
        let told: Vec<String> = report.warnings().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("1.json:2: /metrics/namespace: changed: 0.json:2 says"));
    }
}
