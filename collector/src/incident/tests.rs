//! What belongs together, in any order, as often as it likes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::finding::{Entity, stable_id};

const HOUR: Duration = Duration::from_hours(1);
const KEY: &str = "ASIAEXAMPLEEXAMPLE00";

/// A finding at `hours` after a fixed morning.
pub(crate) fn finding(rule: &str, hours: u64, entities: &[Entity]) -> Finding {
    let time = UnixMillis(1_795_500_000_000) + HOUR * u32::try_from(hours).unwrap();
    let source = match rule.split(':').next() {
        Some("guardduty") => SourceKind::GuardDuty,
        Some("cost") => SourceKind::Cost,
        _ => SourceKind::CloudTrail,
    };
    Finding {
        id: stable_id([rule, &time.to_string(), &format!("{entities:?}")]),
        rule: rule.to_owned(),
        title: format!("Title of {rule}"),
        severity: Severity::Medium,
        kind: if source == SourceKind::Cost {
            Kind::Cost
        } else {
            Kind::Security
        },
        time_first: time,
        time_last: time,
        entities: entities.iter().cloned().collect(),
        account: Some("111122223333".to_owned()),
        region: Some("eu-west-1".to_owned()),
        summary: format!("{rule} happened."),
        evidence: vec![Evidence {
            time,
            what: format!("{rule} was seen"),
            source,
            reference: format!("event-{rule}-{hours}"),
        }],
        usd_per_day: None,
        next_steps: vec![format!("Look at {rule}.")],
        source,
        sample: false,
    }
}

fn key() -> Entity {
    Entity::AccessKey(KEY.to_owned())
}

fn service(name: &str) -> Entity {
    Entity::Service(name.to_owned())
}

#[test]
fn findings_belong_together_by_what_they_share_and_how_far_apart_they_are() {
    let ec2 = service("ec2.amazonaws.com");
    let address = Entity::Ip("198.51.100.7".to_owned());
    let cases = [
        (
            "a key within a day",
            finding("a", 0, &[key()]),
            finding("b", 24, &[key()]),
            1,
        ),
        (
            "a key after a day",
            finding("a", 0, &[key()]),
            finding("b", 25, &[key()]),
            2,
        ),
        (
            "an address in a Region",
            finding("a", 0, std::slice::from_ref(&address)),
            finding("b", 6, std::slice::from_ref(&address)),
            1,
        ),
        (
            "an address in a Region, later",
            finding("a", 0, std::slice::from_ref(&address)),
            finding("b", 7, &[address]),
            2,
        ),
        (
            "a service in an account and Region",
            finding("a", 0, std::slice::from_ref(&ec2)),
            finding("b", 6, std::slice::from_ref(&ec2)),
            1,
        ),
        (
            "nothing",
            finding("a", 0, &[key()]),
            finding("b", 0, std::slice::from_ref(&ec2)),
            2,
        ),
    ];
    for (what, one, other, expected) in cases {
        assert_eq!(correlate(&[one, other]).len(), expected, "{what}");
    }
}

#[test]
fn a_cost_belongs_to_what_happened_with_its_service_in_the_two_days_before() {
    let ec2 = service("ec2.amazonaws.com");
    let bill = service("Amazon Elastic Compute Cloud - Compute");
    let cases = [
        (
            "a cost and its cause two days before",
            finding("a", 0, std::slice::from_ref(&ec2)),
            finding("cost:jump", 48, std::slice::from_ref(&bill)),
            1,
        ),
        (
            "a cost and what is too old",
            finding("a", 0, &[ec2]),
            finding("cost:jump", 49, &[bill]),
            2,
        ),
        (
            "a cost and another service",
            finding("a", 0, &[service("s3.amazonaws.com")]),
            finding("cost:jump", 0, &[service("AWS Lambda")]),
            2,
        ),
    ];
    for (what, one, other, expected) in cases {
        assert_eq!(correlate(&[one, other]).len(), expected, "{what}");
    }
}

#[test]
fn a_cost_without_account_and_region_finds_its_cause_but_not_in_another_account() {
    let cause = finding("a", 0, &[service("ec2.amazonaws.com")]);
    let mut cost = finding("cost:jump", 5, &[service("EC2 - Other")]);
    cost.account = None;
    cost.region = None;
    assert_eq!(correlate(&[cause.clone(), cost.clone()]).len(), 1);
    cost.account = Some("999999999999".to_owned());
    assert_eq!(correlate(&[cause, cost]).len(), 2);
}

#[test]
fn sources_that_agree_raise_the_severity_and_samples_do_not() {
    let trail = finding("a", 0, &[key(), service("ec2.amazonaws.com")]);
    let mut guard = finding("guardduty:x", 1, &[key()]);
    let cost = finding("cost:jump", 2, &[service("EC2 - Other")]);
    let severity = |findings: &[Finding]| correlate(findings)[0].severity;
    assert_eq!(severity(std::slice::from_ref(&trail)), Severity::Medium);
    assert_eq!(severity(&[trail.clone(), guard.clone()]), Severity::High);
    assert_eq!(
        severity(&[trail.clone(), guard.clone(), cost]),
        Severity::Critical
    );
    guard.sample = true;
    assert_eq!(severity(&[trail, guard]), Severity::Medium);
}

#[test]
fn an_incident_of_both_kinds_is_called_by_what_threatens_security() {
    let cost = finding("cost:jump", 0, &[service("EC2 - Other")]);
    let launch = finding("a", 1, &[service("ec2.amazonaws.com")]);
    let incident = correlate(&[cost, launch]).remove(0);
    assert_eq!(
        (incident.kind, incident.title.as_str()),
        (Kind::Security, "Title of a, and 1 more")
    );
}

#[test]
fn money_that_two_sources_see_is_counted_once() {
    let mut first = finding("a", 0, &[key(), service("ec2.amazonaws.com")]);
    let mut second = finding("a", 1, &[key()]);
    let mut day_one = finding("cost:jump", 2, &[service("EC2 - Other")]);
    let mut day_two = finding("cost:jump", 26, &[service("EC2 - Other")]);
    first.usd_per_day = Some(100.0);
    second.usd_per_day = Some(50.0);
    day_one.usd_per_day = Some(120.0);
    day_two.usd_per_day = Some(90.0);
    let incidents = correlate(&[first, second, day_one, day_two]);
    assert_eq!(incidents.len(), 1);
    assert_eq!(
        incidents[0].usd_per_day,
        Some(150.0),
        "the calls' sum beats the worst day"
    );
}

#[test]
fn a_long_timeline_keeps_both_ends_and_says_what_is_missing() {
    let mut long = finding("a", 0, &[key()]);
    let line = long.evidence[0].clone();
    long.evidence = (0..500)
        .map(|n| Evidence {
            time: UnixMillis(n),
            ..line.clone()
        })
        .collect();
    let incident = correlate(&[long]).remove(0);
    assert_eq!(incident.timeline.len(), TIMELINE_MAX);
    assert_eq!(incident.timeline_omitted, 300);
    assert_eq!(incident.timeline[0].time, UnixMillis(0));
    assert_eq!(incident.timeline[TIMELINE_MAX - 1].time, UnixMillis(499));
}

/// The state's part in memory: what was told, applied as the pipeline does.
#[derive(Default)]
struct Told {
    findings: Vec<Finding>,
    known: Known,
}

impl Told {
    fn take(&mut self, finding: Finding, at: i64) -> Vec<Incident> {
        self.findings.retain(|other| other.id != finding.id);
        self.findings.push(finding);
        let changed = revise(correlate(&self.findings), &self.known, UnixMillis(at));
        for incident in &changed {
            for finding in &incident.findings {
                self.known
                    .owner
                    .insert(finding.clone(), incident.id.clone());
            }
            self.known
                .incidents
                .insert(incident.id.clone(), incident.clone());
        }
        changed
    }

    /// The findings of each incident that was not merged away, with its severity and first time.
    fn outcome(&self) -> Vec<(BTreeSet<String>, Severity, UnixMillis)> {
        let live = self.known.incidents.values();
        let mut outcome: Vec<_> = live
            .filter(|incident| !matches!(incident.status, Status::Merged { .. }))
            .map(|incident| {
                (
                    incident.findings.clone(),
                    incident.severity,
                    incident.time_first,
                )
            })
            .collect();
        outcome.sort();
        outcome
    }
}

#[test]
fn a_late_cost_is_joined_under_the_id_that_was_told() {
    let mut told = Told::default();
    let first = told.take(finding("a", 30, &[key(), service("ec2.amazonaws.com")]), 1);
    assert_eq!((first[0].revision, first[0].opened), (1, UnixMillis(1)));
    let again = told.take(finding("a", 30, &[key(), service("ec2.amazonaws.com")]), 2);
    assert!(again.is_empty(), "a repeat changes nothing");
    let earlier_cost = told.take(finding("cost:jump", 0, &[service("EC2 - Other")]), 3);
    assert_eq!(earlier_cost.len(), 1);
    assert_eq!(earlier_cost[0].id, first[0].id);
    assert_eq!(earlier_cost[0].revision, 2);
    assert_eq!(
        (earlier_cost[0].opened, earlier_cost[0].updated),
        (UnixMillis(1), UnixMillis(3))
    );
}

#[test]
fn a_finding_between_two_incidents_merges_the_later_told_into_the_earlier() {
    let role = Entity::Principal("arn:aws:iam::111122223333:role/app".to_owned());
    let mut told = Told::default();
    let second = told
        .take(finding("b", 5, std::slice::from_ref(&role)), 1)
        .remove(0);
    let first = told.take(finding("a", 0, &[key()]), 2).remove(0);
    let changed = told.take(finding("c", 2, &[key(), role]), 3);
    let merged: BTreeMap<&str, &Incident> = changed
        .iter()
        .map(|incident| (incident.id.as_str(), incident))
        .collect();
    assert_eq!(merged[second.id.as_str()].status, Status::Open);
    assert_eq!(merged[second.id.as_str()].findings.len(), 3);
    assert_eq!(
        merged[second.id.as_str()].includes,
        BTreeSet::from([first.id.clone()])
    );
    assert_eq!(
        merged[first.id.as_str()].status,
        Status::Merged {
            into: second.id.clone()
        }
    );
}

#[test]
fn an_incident_closes_after_the_quiet_period_and_opens_again() {
    let mut told = Told::default();
    let open = told.take(finding("a", 0, &[key()]), 0).remove(0);
    let quiet = HOUR * 24;
    let millis = i64::try_from(quiet.as_millis()).unwrap();
    assert_eq!(close_quiet(&open, quiet, UnixMillis(millis - 1)), None);
    let closed = close_quiet(&open, quiet, UnixMillis(millis)).unwrap();
    assert_eq!(closed.status, Status::Closed);
    assert_eq!(closed.revision, open.revision, "closing tells nothing new");
    told.known.incidents.insert(closed.id.clone(), closed);
    let again = told.take(finding("b", 1, &[key()]), millis + 1).remove(0);
    assert_eq!((again.status, again.revision), (Status::Open, 2));
}

#[test]
fn a_closed_incident_that_goes_on_after_a_day_is_news_and_a_late_fact_is_none() {
    let told = correlate(&[finding("guardduty:x", 0, &[key()])]).remove(0);
    let closed = Incident {
        status: Status::Closed,
        ..told.clone()
    };
    let at = |hours: u32, status: Status| Incident {
        time_last: told.time_last + HOUR * hours,
        status,
        ..told.clone()
    };
    assert!(came_back(&at(25, Status::Open), &closed));
    assert!(!came_back(&at(24, Status::Open), &closed), "no gap");
    assert!(!came_back(&at(0, Status::Open), &closed), "a late fact");
    assert!(!came_back(&at(25, Status::Open), &told), "it never closed");
    assert!(!came_back(&at(25, Status::Closed), &closed));
}

/// Findings that share entities now and then and are hours to days apart.
fn some_findings() -> impl Strategy<Value = Vec<Finding>> {
    let entity = prop_oneof![
        (0..3).prop_map(|n| Entity::AccessKey(format!("key-{n}"))),
        (0..3).prop_map(|n| Entity::Principal(format!("role-{n}"))),
        (0..2).prop_map(|n| Entity::Ip(format!("198.51.100.{n}"))),
        Just(service("ec2.amazonaws.com")),
        Just(service("EC2 - Other")),
    ];
    let rule = prop_oneof![Just("a"), Just("b"), Just("guardduty:x"), Just("cost:jump")];
    let one = (rule, 0_u64..96, proptest::collection::vec(entity, 1..4))
        .prop_map(|(rule, hours, entities)| finding(rule, hours, &entities));
    proptest::collection::vec(one, 1..12)
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_give_the_same_incidents(
        findings in some_findings(),
        seed in any::<u64>(),
    ) {
        let expected = correlate(&findings);
        let mut shuffled: Vec<Finding> = findings.iter().chain(&findings).cloned().collect();
        shuffle(&mut shuffled, seed);
        prop_assert_eq!(correlate(&shuffled), expected);
    }

    #[test]
    fn findings_that_arrive_one_by_one_end_in_the_same_incidents(
        findings in some_findings(),
        seed in any::<u64>(),
    ) {
        let mut in_order = Told::default();
        let mut mixed = Told::default();
        let mut shuffled: Vec<Finding> = findings.iter().chain(&findings).cloned().collect();
        shuffle(&mut shuffled, seed);
        for (at, finding) in (0..).zip(findings) {
            in_order.take(finding, at);
        }
        for (at, finding) in (0..).zip(shuffled) {
            mixed.take(finding, at);
        }
        prop_assert_eq!(mixed.outcome(), in_order.outcome());
    }

    #[test]
    fn no_finding_is_lost_and_none_is_in_two_incidents(findings in some_findings()) {
        let ids: BTreeSet<String> = findings.iter().map(|finding| finding.id.clone()).collect();
        let incidents = correlate(&findings);
        let held: Vec<&String> = incidents.iter().flat_map(|incident| &incident.findings).collect();
        prop_assert_eq!(held.len(), ids.len());
        let names: BTreeSet<&str> = incidents.iter().map(|incident| incident.id.as_str()).collect();
        prop_assert_eq!(names.len(), incidents.len());
    }
}

/// Mixes by a seed, so that a failing case can be run again.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let place = usize::try_from(seed >> 33).unwrap() % (last + 1);
        items.swap(last, place);
    }
}
