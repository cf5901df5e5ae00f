//! Tells people and programs of incidents through SNS, each step once.
//!
//! [`letters`] says what is to be told; the pipeline writes that down in the transaction that
//! stores the incident. [`Notifier`] sends what is written down and marks it. So nothing that was
//! stored is left untold by a crash, and only a crash between the two can tell something twice:
//! then with the same `incident_id` and `revision` attributes, by which a receiver can tell.

mod chat;
mod json;
mod mail;
mod sender;

use std::collections::BTreeMap;

use plimsoll_aws::{Notification, limits};
use plimsoll_core::logging::scrub;
use serde::{Deserialize, Serialize};

use crate::config::NotifyConfig;
use crate::finding::Severity;
use crate::incident::{Incident, NAMES_MAX, Status};
use crate::state::{Letter, StateError};

use json::Extent;
pub use sender::{Notifier, Sent};

/// How much programs get, the first that fits into a message. The last always does, whatever an
/// attacker called things: a message that is refused for its size would tell nobody.
const EXTENTS: [Extent; 5] = [
    Extent {
        lines: 200,
        names: NAMES_MAX,
    },
    Extent {
        lines: 100,
        names: NAMES_MAX,
    },
    Extent {
        lines: 40,
        names: 50,
    },
    Extent {
        lines: 15,
        names: 20,
    },
    Extent { lines: 5, names: 2 },
];

/// What is written down for the sender: enough to write the message again.
#[derive(Debug, Deserialize, Serialize)]
struct Told {
    channel: Channel,
    incident: Incident,
}

/// Who reads a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    /// Mail, queues, web hooks: a text for each.
    People,
    /// A chat through Amazon Q Developer: its own schema and nothing else.
    Chat,
}

/// What is to be told of a new revision of an incident: one letter for each topic. Whether it was
/// told before is for [`crate::state::Tx::post`] to say.
///
/// # Errors
/// When the incident cannot be written as JSON.
pub fn letters(incident: &Incident, config: &NotifyConfig) -> Result<Vec<Letter>, StateError> {
    let merged = matches!(incident.status, Status::Merged { .. });
    if merged || incident.severity < config.severity_min {
        return Ok(Vec::new());
    }
    let topics = [
        (Channel::People, config.topic_arn.as_ref()),
        (Channel::Chat, config.chat_topic_arn.as_ref()),
    ];
    let mut letters = Vec::new();
    for (channel, topic) in topics {
        let Some(topic) = topic else { continue };
        let told = Told {
            channel,
            incident: incident.clone(),
        };
        let json = serde_json::to_string(&told).map_err(|source| StateError::Json {
            what: format!("incident {} to be told", incident.id),
            source,
        })?;
        letters.push(Letter {
            incident: incident.id.clone(),
            severity: incident.severity,
            topic: topic.clone(),
            revision: incident.revision,
            json,
        });
    }
    Ok(letters)
}

/// The notification that a letter stands for.
///
/// # Errors
/// When the letter was not written by [`letters`].
fn notification(letter: &Letter) -> Result<Notification, serde_json::Error> {
    let told: Told = serde_json::from_str(&letter.json)?;
    let incident = masked(told.incident);
    let texts = match told.channel {
        Channel::People => texts(&incident)?,
        Channel::Chat => {
            let text = chat::text(&incident)?;
            BTreeMap::from([("default", text.clone()), ("https", text)])
        }
    };
    Ok(Notification {
        subject: mail::subject(&incident),
        texts,
        attributes: BTreeMap::from([
            ("incident_id", incident.id.clone()),
            ("revision", incident.revision.to_string()),
            ("severity", incident.severity.as_str().to_owned()),
            ("kind", json::kind(&incident).to_owned()),
        ]),
    })
}

/// One text for each kind of subscriber. The timeline for programs is cut until all texts fit into
/// one message. Source: Amazon SNS developer guide, "Sending Amazon SNS messages with custom
/// platform-specific payloads".
fn texts(incident: &Incident) -> Result<BTreeMap<&'static str, String>, serde_json::Error> {
    let mail = mail::body(incident);
    let mut texts = BTreeMap::from([("default", mail.clone()), ("email", mail)]);
    for extent in EXTENTS {
        let whole = json::text(incident, extent)?;
        for protocol in ["sqs", "http", "https", "lambda"] {
            texts.insert(protocol, whole.clone());
        }
        if serde_json::to_string(&texts)?.len() <= limits::notify::MESSAGE_BYTES_MAX {
            break;
        }
    }
    Ok(texts)
}

/// The incident without anything that could be a secret: what looks like one is masked, and access
/// keys show their kind and their last characters, enough to find them in the console.
fn masked(mut incident: Incident) -> Incident {
    let clean = |text: &mut String| *text = scrub(text).into_owned();
    clean(&mut incident.title);
    clean(&mut incident.summary);
    for line in &mut incident.timeline {
        clean(&mut line.what);
        clean(&mut line.reference);
    }
    incident.next_steps.iter_mut().for_each(clean);
    for rule in &mut incident.rules {
        clean(&mut rule.title);
    }
    for names in [
        &mut incident.principals,
        &mut incident.resources,
        &mut incident.addresses,
    ] {
        *names = names.iter().map(|name| scrub(name).into_owned()).collect();
    }
    incident.access_keys = incident
        .access_keys
        .iter()
        .map(|key| short_key(key))
        .collect();
    incident
}

/// `AKIA…WXYZ`.
fn short_key(key: &str) -> String {
    let kind: String = key.chars().take(4).collect();
    let tail = key.chars().rev().take(4).collect::<Vec<_>>();
    let tail: String = tail.into_iter().rev().collect();
    if key.chars().count() <= 8 {
        return "…".to_owned();
    }
    format!("{kind}…{tail}")
}

/// How sure the incident is, in words.
fn certainty(incident: &Incident) -> String {
    let names: Vec<&str> = incident
        .sources
        .iter()
        .map(|source| source_name(*source))
        .collect();
    let from = names.join(", ");
    if incident.sample {
        return format!("a sample, made to try the alarm out ({from})");
    }
    match names.len() {
        0 | 1 => format!("one source says so ({from})"),
        2 => format!("two independent sources agree ({from})"),
        count => format!("{count} independent sources agree ({from})"),
    }
}

fn source_name(source: crate::finding::SourceKind) -> &'static str {
    match source {
        crate::finding::SourceKind::CloudTrail => "CloudTrail",
        crate::finding::SourceKind::GuardDuty => "GuardDuty",
        crate::finding::SourceKind::Cost => "cost data",
    }
}

/// The severity as the first word of a subject.
fn shout(severity: Severity) -> String {
    severity.as_str().to_ascii_uppercase()
}

#[cfg(test)]
mod tests;
