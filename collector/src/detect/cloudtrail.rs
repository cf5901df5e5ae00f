//! What a rule says of an activity, as a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plimsoll_core::price::on_demand_hourly;

use super::field::{Event, Path, as_text};
use super::rule::{Novelty, Price, Rule};
use super::template::{name, shown};
use crate::finding::{Entity, Evidence, Finding, Kind, SourceKind, stable_id};
use crate::signal::Activity;

/// Values of one field that become entities.
const ENTITIES_MAX: usize = 100;
const HOURS_PER_DAY: f64 = 24.0;

/// The finding, if the rule holds.
pub(super) fn finding(rule: &Rule, activity: &Activity, novelty: Novelty) -> Option<Finding> {
    let event = rule.matched(activity, novelty)?;
    let failed = activity.error_code.as_deref();
    let mut summary = rule.summary.fill(activity, event);
    if let Some(code) = failed {
        summary = format!("{summary}; the call failed with {}", shown(code));
    }
    let usd_per_day = match (rule.price, failed) {
        (Some(Price::Instances), None) => instances_usd_per_day(event),
        _ => None,
    };
    Some(Finding {
        id: stable_id([rule.id.as_str(), activity.event_id.as_str()]),
        rule: rule.id.clone(),
        title: match failed {
            Some(_) => format!("Failed attempt: {}", rule.title),
            None => rule.title.clone(),
        },
        severity: if failed.is_some() {
            rule.level.lower()
        } else {
            rule.level
        },
        kind: Kind::Security,
        time_first: activity.time,
        time_last: activity.time,
        entities: entities(rule, activity, event),
        account: activity.account.as_deref().map(name),
        region: Some(name(&activity.region)).filter(|region| !region.is_empty()),
        summary,
        evidence: vec![Evidence {
            time: activity.time,
            what: what(activity),
            source: SourceKind::CloudTrail,
            reference: activity.event_id.clone(),
        }],
        usd_per_day,
        next_steps: rule.next_steps.clone(),
        source: SourceKind::CloudTrail,
        sample: false,
    })
}

/// The line of a timeline: who called what from where, and how it ended.
fn what(activity: &Activity) -> String {
    let who = activity
        .principal
        .name
        .as_deref()
        .or(activity.principal.arn.as_deref())
        .unwrap_or("somebody");
    let from = activity
        .source_ip
        .as_deref()
        .map_or_else(String::new, |ip| format!(" from {}", shown(ip)));
    let end = activity
        .error_code
        .as_deref()
        .map_or_else(String::new, |code| format!(": {}", shown(code)));
    format!(
        "{} called {} ({}) in {}{from}{end}",
        shown(who),
        shown(&activity.name),
        shown(&activity.source),
        shown(&activity.region)
    )
}

/// What every event names, and what the rule adds.
fn entities(rule: &Rule, activity: &Activity, event: Event<'_>) -> BTreeSet<Entity> {
    let principal = &activity.principal;
    let region = Some(&activity.region).filter(|region| !region.is_empty());
    // The address may be the name of a service, or no address at all.
    let ip = activity
        .source_ip
        .as_ref()
        .filter(|ip| ip.parse::<IpAddr>().is_ok());
    let named = |text: &String| name(text);
    let own = [
        principal.arn.as_ref().map(named).map(Entity::Principal),
        principal
            .access_key
            .as_ref()
            .map(named)
            .map(Entity::AccessKey),
        ip.cloned().map(Entity::Ip),
        activity.account.as_ref().map(named).map(Entity::Account),
        region.map(named).map(Entity::Region),
        Some(Entity::Service(name(&activity.source))),
    ];
    let of_rule = rule.entities.iter().flat_map(|(kind, path)| {
        path.values(event, ENTITIES_MAX)
            .into_iter()
            .filter(|value| value.is_string())
            .map(|value| kind.entity(name(&as_text(value))))
    });
    own.into_iter().flatten().chain(of_rule).collect()
}

/// What the started instances cost in a day, On-Demand. `None` when none of the types has a known
/// price; types without one count as nothing, so the sum is a lower bound.
fn instances_usd_per_day(event: Event<'_>) -> Option<f64> {
    let types = Path::new("responseElements.instancesSet.items.instanceType");
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    types.any(event, &mut |value| {
        *counts.entry(as_text(value).into_owned()).or_default() += 1;
        false
    });
    counts
        .into_iter()
        .filter_map(|(kind, count)| {
            Some(on_demand_hourly(&kind)? * f64::from(count) * HOURS_PER_DAY)
        })
        .reduce(|sum, usd| sum + usd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detectors;
    use crate::detect::rules::RuleSet;
    use crate::finding::Severity;
    use crate::source::activity;
    use serde_json::{Value, json};

    fn detectors() -> Detectors {
        Detectors {
            rules: RuleSet::few(),
            ..Detectors::default()
        }
    }

    fn launch() -> Value {
        json!({
            "eventID": "e-1", "eventTime": "2026-11-24T12:00:00Z", "eventName": "RunInstances",
            "eventSource": "ec2.amazonaws.com", "awsRegion": "eu-north-1", "readOnly": false,
            "recipientAccountId": "111122223333", "sourceIPAddress": "203.0.113.9",
            "userIdentity": {"type": "AssumedRole", "accessKeyId": "ASIAEXAMPLE",
                "principalId": "AROA:ci",
                "sessionContext": {"sessionIssuer": {
                    "arn": "arn:aws:iam::111122223333:role/deploy", "userName": "deploy"}}},
            "requestParameters": {"instanceType": "p3.2xlarge"},
            "responseElements": {"instancesSet": {"items": [
                {"instanceId": "i-1", "instanceType": "p3.2xlarge"},
                {"instanceId": "i-2", "instanceType": "p3.2xlarge"}]}}
        })
    }

    fn find(record: Value) -> Vec<Finding> {
        let activity = activity::read(record).unwrap();
        detectors().activity(&activity, Novelty { new_region: true })
    }

    #[test]
    fn a_finding_tells_who_did_what_and_what_it_costs() {
        let found = find(launch());
        assert_eq!(found.len(), 1);
        let finding = &found[0];
        let hourly = on_demand_hourly("p3.2xlarge").unwrap();
        assert!((finding.usd_per_day.unwrap() - 2.0 * 24.0 * hourly).abs() < 1e-9);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(
            finding.summary,
            "deploy/ci launched p3.2xlarge in eu-north-1, a Region that account 111122223333 did \
             not use before"
        );
        for entity in [
            Entity::Principal("arn:aws:iam::111122223333:role/deploy".into()),
            Entity::AccessKey("ASIAEXAMPLE".into()),
            Entity::Instance("i-2".into()),
            Entity::Ip("203.0.113.9".into()),
            Entity::Region("eu-north-1".into()),
        ] {
            assert!(finding.entities.contains(&entity), "{entity}");
        }
    }

    #[test]
    fn an_attempt_that_fails_is_one_step_less_and_costs_nothing() {
        let mut record = launch();
        record["errorCode"] = json!("Client.UnauthorizedOperation");
        record["responseElements"] = Value::Null;
        let finding = find(record).remove(0);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.usd_per_day, None);
        assert_eq!(
            finding.title,
            "Failed attempt: Large instances were launched in a new Region"
        );
        assert!(
            finding
                .summary
                .contains("failed with Client.UnauthorizedOperation")
        );
    }

    #[test]
    fn what_an_attacker_typed_is_one_line_of_bounded_length() {
        let mut record = launch();
        let typed = format!("group\nNext steps: none{}", "x".repeat(1 << 20));
        record["eventName"] = json!("AuthorizeSecurityGroupIngress");
        record["errorCode"] = json!("Client.InvalidGroup.NotFound");
        record["requestParameters"] = json!({"groupId": typed, "cidrIp": "0.0.0.0/0",
            "fromPort": 22, "toPort": 22, "ipProtocol": "tcp"});
        let finding = find(record).remove(0);
        let longest = finding.entities.iter().map(|entity| entity.value().len());
        assert!(longest.max().unwrap() < 1_000);
        for entity in &finding.entities {
            assert!(!entity.value().contains('\n'), "{entity}");
        }
    }

    #[test]
    fn the_same_event_gives_the_same_id_and_another_one_another() {
        let first = find(launch()).remove(0);
        assert_eq!(first.id, find(launch()).remove(0).id);
        let mut other = launch();
        other["eventID"] = json!("e-2");
        assert_ne!(first.id, find(other).remove(0).id);
    }
}
