//! Summaries with `{field}` placeholders. `{a|b}` shows the first of them that the event has.

use super::field::{Event, Path, as_text};
use crate::signal::Activity;

/// Values of one placeholder that are shown.
const VALUES_SHOWN: usize = 5;
/// Characters of one value that are shown.
const CHARS_SHOWN: usize = 120;
/// Characters of a name. A role's ARN has at most 640: a path of 512 and a name of 64.
/// Source: IAM user guide, "IAM and AWS STS quotas".
const NAME_CHARS_MAX: usize = 640;

/// A sentence with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The first of these that the event has.
    Field(Vec<(String, Path)>),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When a placeholder is empty or not closed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("the placeholder {{{after} is not closed by `}}`"))?;
            let names: Vec<&str> = name.split('|').map(str::trim).collect();
            if names.iter().any(|name| name.is_empty()) {
                return Err(format!("the placeholder {{{name}}} names no field"));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Field(
                names
                    .into_iter()
                    .map(|name| (name.to_owned(), Path::new(name)))
                    .collect(),
            ));
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// Fills the holes. A field that the event does not have is shown as `unknown`.
    #[must_use]
    pub(super) fn fill(&self, activity: &Activity, event: Event<'_>) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(alternatives) => alternatives
                    .iter()
                    .find_map(|(name, path)| known(name, activity).or_else(|| values(path, event)))
                    .unwrap_or_else(|| UNKNOWN.to_owned()),
            })
            .collect()
    }
}

/// What every event has, by a name of its own. `None` when this one lacks it, or when the name is a
/// path of the record; no record has these names at its top.
fn known(name: &str, activity: &Activity) -> Option<String> {
    let value = match name {
        "principal" => activity
            .principal
            .name
            .as_deref()
            .or(activity.principal.arn.as_deref()),
        "account" => activity.account.as_deref(),
        "region" => Some(activity.region.as_str()).filter(|region| !region.is_empty()),
        "event" => Some(activity.name.as_str()),
        "source_ip" => activity.source_ip.as_deref(),
        _ => None,
    };
    value.map(shown)
}

const UNKNOWN: &str = "unknown";

/// The different values under a path, as one text.
fn values(path: &Path, event: Event<'_>) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    let more = path.any(event, &mut |value| {
        let text = shown(&as_text(value));
        if !value.is_null() && !texts.contains(&text) {
            texts.push(text);
        }
        texts.len() > VALUES_SHOWN
    });
    if more {
        texts.pop();
        texts.push("…".to_owned());
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// A value as it may stand in a message: one line, bounded. What an attacker typed ends up here.
pub(super) fn shown(text: &str) -> String {
    one_line(text, CHARS_SHOWN)
}

/// The name of whom or what is involved, by which findings are tied together and which stands in
/// messages: one line, and no longer than any ARN that AWS gives out.
pub(super) fn name(text: &str) -> String {
    one_line(text, NAME_CHARS_MAX)
}

fn one_line(text: &str, chars_max: usize) -> String {
    let mut line: String = text
        .chars()
        .take(chars_max)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.chars().nth(chars_max).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::activity;
    use serde_json::json;

    #[test]
    fn holes_are_filled_from_the_event_on_one_bounded_line() {
        let activity = activity::read(json!({
            "eventID": "e", "eventTime": "2026-11-24T12:00:00Z", "eventName": "StopLogging",
            "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "eu-west-1",
            "userIdentity": {"type": "IAMUser", "userName": "eve\nall is well"},
            "requestParameters": {"name": "x".repeat(500), "list": [1, 2, 3, 4, 5, 6]}
        }))
        .unwrap();
        let event = Event {
            record: &activity.record,
            member: None,
        };
        let fill = |text: &str| Template::parse(text).unwrap().fill(&activity, event);
        assert_eq!(
            fill("{principal} in {region}"),
            "eve all is well in eu-west-1"
        );
        assert_eq!(fill("{ requestParameters.list }"), "1, 2, 3, 4, 5, …");
        assert_eq!(fill("{requestParameters.none}!"), "unknown!");
        assert_eq!(
            fill("{requestParameters.none|account|event}"),
            "StopLogging"
        );
        assert_eq!(fill("no holes"), "no holes");
        assert_eq!(
            fill("{requestParameters.name}").chars().count(),
            CHARS_SHOWN + 1
        );
    }

    #[test]
    fn a_hole_without_end_or_name_is_refused() {
        for text in ["{a", "{}", "x {a} { ", "{a|}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
