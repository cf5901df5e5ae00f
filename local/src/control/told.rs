//! What the topics were told: notifications, and the incidents that they speak of.
//!
//! An incident is known here only by what the collector published: the JSON for queues in the
//! message. The newest revision of each counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{View, parsed};
use crate::sns::Published;
use crate::state::lock;

/// Messages that are looked at.
const MESSAGES_MAX: usize = 1_000;
/// Messages that the page gets.
const SHOWN: usize = 50;
/// Characters of a message that the page gets.
const TEXT_CHARS_MAX: usize = 8_000;
/// The texts of a message that may be JSON for programs, the preferred one first.
const FOR_PROGRAMS: [&str; 3] = ["sqs", "lambda", "https"];
/// The words of severities, the worst first.
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "informational"];

/// The newest messages, newest first.
pub(super) fn notifications(view: &View<'_>) -> Json {
    let messages = lock(&view.world.sns).messages(SHOWN);
    let shown: Vec<Json> = messages.iter().rev().map(notification).collect();
    json!({ "notifications": shown })
}

/// How many messages were published since the start.
pub(super) fn count(view: &View<'_>) -> u64 {
    lock(&view.world.sns).counts().published
}

/// The incidents, the worst first, among equals the newest.
pub(super) fn incidents(view: &View<'_>) -> Vec<Json> {
    gather(&lock(&view.world.sns).messages(MESSAGES_MAX))
}

fn notification(message: &Published) -> Json {
    let text = ["email", "default"]
        .iter()
        .find_map(|protocol| message.texts.get(*protocol))
        .map_or("", String::as_str);
    json!({
        "number": message.number,
        "at": message.at.0,
        "topic": message.topic,
        "subject": message.subject,
        "message": text.chars().take(TEXT_CHARS_MAX).collect::<String>(),
    })
}

fn gather(messages: &[Published]) -> Vec<Json> {
    let mut newest: BTreeMap<String, (u64, Json)> = BTreeMap::new();
    for incident in messages.iter().filter_map(incident) {
        let Some(id) = incident["id"].as_str().map(str::to_owned) else {
            continue;
        };
        let revision = incident["revision"].as_u64().unwrap_or(0);
        if newest.get(&id).is_none_or(|(known, _)| *known <= revision) {
            newest.insert(id, (revision, incident));
        }
    }
    let mut incidents = without_parts(newest.into_values().map(|(_, incident)| incident).collect());
    incidents.sort_by_key(|incident| {
        let word = incident["severity"].as_str().unwrap_or_default();
        let rank = SEVERITIES.iter().position(|severity| *severity == word);
        let last = incident["timeline"]
            .as_array()
            .and_then(|lines| lines.last());
        let time = last
            .map(|line| line["time"].to_string())
            .unwrap_or_default();
        (rank.unwrap_or(SEVERITIES.len()), std::cmp::Reverse(time))
    });
    incidents
}

/// Leaves out an incident whose whole timeline is in another one. The collector joined them, and
/// does not tell that again: the other one tells the whole.
fn without_parts(incidents: Vec<Json>) -> Vec<Json> {
    let lines: Vec<BTreeSet<String>> = incidents.iter().map(references).collect();
    let is_part = |own: &BTreeSet<String>| {
        !own.is_empty()
            && lines
                .iter()
                .any(|other| other.len() > own.len() && own.is_subset(other))
    };
    incidents
        .into_iter()
        .zip(&lines)
        .filter(|(_, own)| !is_part(own))
        .map(|(incident, _)| incident)
        .collect()
}

/// What an incident's timeline refers to.
fn references(incident: &Json) -> BTreeSet<String> {
    let lines = incident["timeline"].as_array().into_iter().flatten();
    lines.map(|line| line["reference"].to_string()).collect()
}

/// The incident of a message, when it is one.
fn incident(message: &Published) -> Option<Json> {
    FOR_PROGRAMS
        .iter()
        .filter_map(|protocol| parsed(message.texts.get(*protocol)?))
        .find(|json| json["id"].is_string() && json["timeline"].is_array())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::clock::UnixMillis;

    fn message(number: u64, text: &Json) -> Published {
        Published {
            number,
            id: String::new(),
            topic: "arn:aws:sns:us-east-1:111122223333:alerts".to_owned(),
            at: UnixMillis(0),
            subject: String::new(),
            texts: BTreeMap::from([
                ("default".to_owned(), "words".to_owned()),
                ("sqs".to_owned(), text.to_string()),
            ]),
            attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn the_newest_revision_of_each_incident_counts_and_the_worst_comes_first() {
        let incident = |id: &str, revision: u64, severity: &str| json!({ "id": id, "revision": revision, "severity": severity, "timeline": [] });
        let messages = [
            message(1, &incident("a", 1, "medium")),
            message(2, &incident("b", 2, "critical")),
            message(3, &incident("b", 1, "low")),
            message(4, &json!({ "AlarmName": "not an incident" })),
            message(5, &json!("nor is this")),
        ];
        let found: Vec<String> = gather(&messages)
            .iter()
            .map(|one| format!("{}{}{}", one["id"], one["revision"], one["severity"]))
            .collect();
        assert_eq!(found, [r#""b"2"critical""#, r#""a"1"medium""#]);
    }

    #[test]
    fn an_incident_that_became_part_of_another_is_told_by_that_one() {
        let incident = |id: &str, references: &[&str]| {
            let lines: Vec<Json> = references
                .iter()
                .map(|name| json!({ "reference": name }))
                .collect();
            json!({ "id": id, "severity": "high", "timeline": lines })
        };
        let messages = [
            message(1, &incident("part", &["a", "b"])),
            message(2, &incident("whole", &["a", "b", "c"])),
            message(3, &incident("other", &["d"])),
            message(4, &incident("empty", &[])),
        ];
        let mut found: Vec<String> = gather(&messages)
            .iter()
            .map(|one| one["id"].to_string())
            .collect();
        found.sort();
        assert_eq!(found, [r#""empty""#, r#""other""#, r#""whole""#]);
    }
}
