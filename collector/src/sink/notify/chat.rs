//! The incident for a chat through Amazon Q Developer in chat applications.
//!
//! Anything that is not exactly this schema vanishes without a trace, so chat has a topic of its
//! own. One incident is one thread.
//! Source: Amazon Q Developer in chat applications, administrator guide, "Custom notifications".

use std::collections::BTreeMap;

use serde::Serialize;

use super::{certainty, json, shout};
use crate::incident::Incident;

/// Characters of the title.
const TITLE_MAX: usize = 250;
/// Characters of the description. The service takes 8,000; nobody reads that much in a chat.
const DESCRIPTION_MAX: usize = 3_000;
/// Characters of a step.
const STEP_MAX: usize = 350;
/// Characters of a keyword.
const KEYWORD_MAX: usize = 75;
/// Lines of the timeline.
const TIMELINE_LINES: usize = 8;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    version: &'static str,
    source: &'static str,
    id: String,
    content: Content,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    text_type: &'static str,
    title: String,
    description: String,
    next_steps: Vec<String>,
    keywords: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    thread_id: String,
    summary: String,
    event_type: String,
    related_resources: Vec<String>,
    additional_context: BTreeMap<&'static str, String>,
}

/// The message.
pub(super) fn text(incident: &Incident) -> Result<String, serde_json::Error> {
    let headline = format!(
        "[{}] {} {}",
        shout(incident.severity),
        incident.id,
        incident.title
    );
    let steps = incident.next_steps.iter();
    let keywords = [
        incident.id.clone(),
        incident.severity.as_str().to_owned(),
        json::kind(incident).to_owned(),
    ];
    serde_json::to_string(&Message {
        version: "1.0",
        source: "custom",
        id: format!("{}-{}", incident.id, incident.revision),
        content: Content {
            text_type: "client-markdown",
            title: cut(&headline, TITLE_MAX),
            description: cut(&description(incident), DESCRIPTION_MAX),
            next_steps: steps.map(|step| cut(step, STEP_MAX)).collect(),
            keywords: keywords.iter().map(|word| cut(word, KEYWORD_MAX)).collect(),
        },
        metadata: Metadata {
            thread_id: incident.id.clone(),
            summary: cut(&headline, TITLE_MAX),
            event_type: format!("plimsoll-{}-incident", json::kind(incident)),
            related_resources: incident.resources.iter().take(10).cloned().collect(),
            additional_context: BTreeMap::from([
                ("incident_id", incident.id.clone()),
                ("revision", incident.revision.to_string()),
                ("severity", incident.severity.as_str().to_owned()),
            ]),
        },
    })
}

fn description(incident: &Incident) -> String {
    let mut paragraphs = Vec::new();
    if !incident.summary.is_empty() {
        paragraphs.push(incident.summary.clone());
    }
    let facts = [
        (
            "Who",
            incident
                .principals
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
        ),
        (
            "Where",
            incident
                .regions
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
        ),
        ("How sure", certainty(incident)),
        (
            "At risk",
            incident
                .usd_per_day
                .map_or_else(String::new, |usd| format!("US$ {usd:.2} a day")),
        ),
    ];
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let facts: Vec<String> = facts
        .map(|(name, value)| format!("*{name}* {value}"))
        .collect();
    paragraphs.push(facts.join("\n"));
    let lines = incident.timeline.iter().take(TIMELINE_LINES);
    let lines: Vec<String> = lines
        .map(|line| format!("- {} {}", line.time, line.what))
        .collect();
    paragraphs.push(lines.join("\n"));
    paragraphs.join("\n\n")
}

/// At most `chars` characters, with a mark where something was cut.
fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars.saturating_sub(1)).collect();
    format!("{kept}…")
}
