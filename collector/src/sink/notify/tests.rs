//! What people and programs read, and what a crash between sending and marking does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::Call;
use plimsoll_aws::testing::{FakeNotify, denied, rejected, unavailable};
use plimsoll_core::clock::{ManualClock, UnixMillis};
use plimsoll_core::counter::{Counter, Tally};
use serde_json::Value;

use super::*;
use crate::finding::{Entity, Evidence, Finding, Kind, SourceKind};
use crate::health::Pulse;
use crate::incident::correlate;
use crate::state::State;
use plimsoll_aws::NotifyApi as _;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:incidents";
const NOW: UnixMillis = UnixMillis(1_795_524_400_000);

fn finding(source: SourceKind, minute: i64, what: &str, severity: Severity) -> Finding {
    let time = UnixMillis(1_795_524_360_000 + minute * 60_000);
    Finding {
        id: format!("{minute:016}"),
        rule: format!("rule-{minute}"),
        title: what.to_owned(),
        severity,
        kind: if source == SourceKind::Cost {
            Kind::Cost
        } else {
            Kind::Security
        },
        time_first: time,
        time_last: time,
        entities: [
            Entity::Principal("arn:aws:iam::111122223333:user/deploy".to_owned()),
            Entity::AccessKey("AKIAIOSFODNN7EXAMPLE".to_owned()),
            Entity::Ip("198.51.100.7".to_owned()),
            Entity::Instance("i-0abc".to_owned()),
        ]
        .into(),
        account: Some("111122223333".to_owned()),
        region: Some("eu-west-1".to_owned()),
        summary: format!("{what}."),
        evidence: vec![Evidence {
            time,
            what: format!("{what} with AKIAIOSFODNN7EXAMPLE"),
            source,
            reference: format!("event-{minute}"),
        }],
        usd_per_day: Some(12.5),
        next_steps: vec![format!("Ask about: {what}.")],
        source,
        sample: false,
    }
}

fn incident() -> Incident {
    correlate(&[
        finding(
            SourceKind::CloudTrail,
            0,
            "The trail was stopped",
            Severity::High,
        ),
        finding(
            SourceKind::GuardDuty,
            9,
            "Mining of Bitcoin",
            Severity::Medium,
        ),
    ])
    .remove(0)
}

fn config() -> NotifyConfig {
    NotifyConfig {
        topic_arn: Some(TOPIC.to_owned()),
        chat_topic_arn: Some(format!("{TOPIC}-chat")),
        severity_min: Severity::Medium,
    }
}

fn told(incident: &Incident) -> [Notification; 2] {
    let letters = letters(incident, &config()).unwrap();
    [
        notification(&letters[0]).unwrap(),
        notification(&letters[1]).unwrap(),
    ]
}

#[test]
fn a_mail_answers_what_when_where_who_how_sure_how_dear_and_what_next() {
    let incident = incident();
    let [people, _] = told(&incident);
    let id = &incident.id;
    assert_eq!(
        people.subject,
        format!("[CRITICAL] {id} The trail was stopped, and 1 more")
    );
    let expected = format!(
        "\
The trail was stopped, and 1 more
Incident {id}, revision 1, critical security incident

The trail was stopped. Mining of Bitcoin.

When      2026-11-24 12:46:00 to 2026-11-24 12:55:00 UTC
Where     account 111122223333, eu-west-1
Who       arn:aws:iam::111122223333:user/deploy, access key AKIA…MPLE, from 198.51.100.7
On what   i-0abc
How sure  two independent sources agree (CloudTrail, GuardDuty)
At risk   US$ 12.50 in 24 hours, US$ 375.00 in 30 days, by estimate

What happened (UTC)
  2026-11-24 12:46:00  The trail was stopped with [secret]
  2026-11-24 12:55:00  Mining of Bitcoin with [secret]

Next steps
  1. Ask about: The trail was stopped.
  2. Ask about: Mining of Bitcoin.
"
    );
    assert_eq!(people.texts["email"], expected);
    assert_eq!(people.texts["default"], expected);
}

#[test]
fn programs_get_the_incident_as_json_with_attributes_to_filter_and_to_tell_repeats() {
    let incident = incident();
    let [people, _] = told(&incident);
    for protocol in ["sqs", "http", "https", "lambda"] {
        let body: Value = serde_json::from_str(&people.texts[protocol]).unwrap();
        assert_eq!(body["schema"], "plimsoll.incident.v1");
        assert_eq!(body["id"], incident.id.as_str());
        assert_eq!(body["revision"], 1);
        assert_eq!(body["first_time"], "2026-11-24T12:46:00.000Z");
        assert_eq!(body["timeline"][1]["source"], "guardduty");
        assert_eq!(body["timeline"][1]["reference"], "event-9");
        assert_eq!(
            body["principals"][0],
            "arn:aws:iam::111122223333:user/deploy"
        );
        assert_eq!(body["usd_at_risk_per_day"], 12.5);
        assert_eq!(body["next_steps"][0], "Ask about: The trail was stopped.");
    }
    let attributes: Vec<(&str, &str)> = people
        .attributes
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        attributes,
        [
            ("incident_id", incident.id.as_str()),
            ("kind", "security"),
            ("revision", "1"),
            ("severity", "critical"),
        ]
    );
}

#[test]
fn chat_gets_its_own_schema_and_one_thread_for_each_incident() {
    let incident = incident();
    let [_, chat] = told(&incident);
    let body: Value = serde_json::from_str(&chat.texts["default"]).unwrap();
    assert_eq!(
        (&body["version"], &body["source"]),
        (&"1.0".into(), &"custom".into())
    );
    assert_eq!(body["content"]["textType"], "client-markdown");
    assert_eq!(body["metadata"]["threadId"], incident.id.as_str());
    assert!(
        body["content"]["description"]
            .as_str()
            .unwrap()
            .contains("two independent sources")
    );
}

#[test]
fn no_key_leaves_in_full_whatever_text_it_stands_in() {
    let [people, chat] = told(&incident());
    for text in people.texts.values().chain(chat.texts.values()) {
        assert!(!text.contains("AKIAIOSFODNN7EXAMPLE"), "{text}");
    }
}

#[test]
fn a_subject_is_ascii_and_short_whatever_the_title() {
    let mut incident = incident();
    incident.title = format!("Größe\n{}", "x".repeat(200));
    let [people, _] = told(&incident);
    assert!(people.subject.len() <= 99 && people.subject.chars().all(|c| (' '..='~').contains(&c)));
    assert!(people.subject.contains("Gr??e x"), "{}", people.subject);
}

#[test]
fn a_huge_incident_fits_into_one_message_and_says_what_was_left_out() {
    let mut huge = incident();
    let line = huge.timeline[0].clone();
    huge.timeline = (0..200)
        .map(|n| Evidence {
            what: format!("{n} {}", "a \"quoted\" word ".repeat(40)),
            ..line.clone()
        })
        .collect();
    let [people, _] = told(&huge);
    let size = serde_json::to_string(&people.texts).unwrap().len();
    assert!(size <= limits::notify::MESSAGE_BYTES_MAX, "{size}");
    let body: Value = serde_json::from_str(&people.texts["sqs"]).unwrap();
    let kept = body["timeline"].as_array().unwrap().len();
    assert_eq!(body["timeline_omitted"], 200 - kept);
    assert!(
        body["timeline"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("0 ")
    );
    assert!(
        body["timeline"][kept - 1]["what"]
            .as_str()
            .unwrap()
            .starts_with("199 ")
    );
}

#[test]
fn a_message_fits_whatever_an_attacker_called_things() {
    let mut huge = incident();
    let name = |n: usize| format!("{n:03} {}", "\"é".repeat(318));
    let names: BTreeSet<String> = (0..NAMES_MAX).map(name).collect();
    huge.resources = names.clone();
    huge.principals = names.clone();
    huge.accounts = names.clone();
    huge.regions = names;
    let [people, chat] = told(&huge);
    for message in [&people, &chat] {
        let size = serde_json::to_string(&message.texts).unwrap().len();
        assert!(size <= limits::notify::MESSAGE_BYTES_MAX, "{size}");
    }
    let body: Value = serde_json::from_str(&people.texts["sqs"]).unwrap();
    let kept = body["resources"].as_array().unwrap().len();
    assert!(kept < NAMES_MAX);
    assert_eq!(body["names_omitted"], 4 * (NAMES_MAX - kept));
}

#[test]
fn incidents_below_the_least_severity_and_merged_ones_are_not_told() {
    let mut small = incident();
    small.severity = Severity::Low;
    assert!(letters(&small, &config()).unwrap().is_empty());
    let mut merged = incident();
    merged.status = Status::Merged {
        into: "INC-000000".to_owned(),
    };
    assert!(letters(&merged, &config()).unwrap().is_empty());
}

/// A state with one letter, and what sends it.
struct Scene {
    state: Arc<State>,
    api: FakeNotify,
    clock: Arc<ManualClock>,
    sent: Arc<Counter>,
}

impl Scene {
    fn new() -> Self {
        let state = Arc::new(State::open_in_memory().unwrap());
        let config = NotifyConfig {
            chat_topic_arn: None,
            ..config()
        };
        let letters = letters(&incident(), &config).unwrap();
        let posted: Result<bool, StateError> = state.transaction(|tx| tx.post(&letters[0], NOW));
        assert!(posted.unwrap());
        Self {
            state,
            api: FakeNotify::default(),
            clock: Arc::new(ManualClock::at(NOW)),
            sent: Arc::default(),
        }
    }

    fn notifier(&self) -> Notifier<FakeNotify> {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        let failures = Arc::<Tally>::default();
        Notifier::new(
            self.api.clone(),
            Arc::clone(&self.state),
            clock,
            Arc::clone(&self.sent),
            failures,
            Pulse::new("notifications", TOPIC, Arc::new(ManualClock::at(NOW))),
        )
    }
}

#[tokio::test]
async fn what_is_sent_is_not_sent_again_by_the_next_run() {
    let scene = Scene::new();
    assert_eq!(scene.notifier().pass().await.unwrap().sent, 1);
    assert_eq!(scene.notifier().pass().await.unwrap(), Sent::default());
    assert_eq!(scene.api.published().len(), 1);
    assert_eq!(scene.sent.value(), 1);
}

#[tokio::test]
async fn a_crash_after_sending_and_before_marking_repeats_that_one_under_the_same_revision() {
    let scene = Scene::new();
    let waiting = scene
        .state
        .transaction(|tx| tx.next_letter(NOW))
        .unwrap()
        .unwrap();
    let sent = notification(&waiting.letter).unwrap();
    scene
        .api
        .publish(&waiting.letter.topic, &sent)
        .await
        .unwrap();
    // The process dies here; the next one finds the letter unmarked.
    scene.notifier().pass().await.unwrap();
    let published = scene.api.published();
    assert_eq!(published.len(), 2);
    assert_eq!(published[0].1.attributes, published[1].1.attributes);
    assert_eq!(scene.notifier().pass().await.unwrap(), Sent::default());
}

#[tokio::test]
async fn a_passing_fault_and_a_missing_permission_put_it_off_and_a_refusal_ends_it() {
    let scene = Scene::new();
    let mut notifier = scene.notifier();
    scene.api.answer(Err(unavailable("Publish")));
    assert_eq!(notifier.pass().await.unwrap().put_off, 1);
    assert_eq!(
        notifier.pass().await.unwrap(),
        Sent::default(),
        "its time has not come"
    );
    scene.clock.advance(Duration::from_mins(1));
    scene.api.answer(Err(denied(Call::Publish)));
    assert_eq!(notifier.pass().await.unwrap().put_off, 1);
    scene.clock.advance(Duration::from_mins(2));
    scene
        .api
        .answer(Err(rejected("Publish", "InvalidParameter")));
    assert_eq!(notifier.pass().await.unwrap().refused, 1);
    scene.clock.advance(Duration::from_hours(1));
    assert_eq!(notifier.pass().await.unwrap(), Sent::default());
    assert!(scene.api.published().is_empty());
}
