//! A finding of GuardDuty as one of ours.
//!
//! GuardDuty has judged already; its severity is taken over by bands. An attack sequence names its
//! actors apart from the resource, and the same is true of instances and keys in other findings, so
//! entities are looked for at every place the format has for them.
//! Source: Amazon GuardDuty user guide, "Severity levels of GuardDuty findings", "Findings format",
//! "Extended Threat Detection".

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::field::{Event, Path, as_text};
use super::template::{name, shown};
use crate::finding::{Entity, Evidence, Finding, Kind, Severity, SourceKind, stable_id};
use crate::signal::GuardDutyFinding;

/// Values of one field that become entities.
const ENTITIES_MAX: usize = 100;

/// Makes an entity of a field's value.
type MakeEntity = fn(String) -> Entity;

/// Where the format names who and what is involved.
const PLACES: [(MakeEntity, &str); 12] = [
    (Entity::AccessKey, "resource.accessKeyDetails.accessKeyId"),
    (Entity::Instance, "resource.instanceDetails.instanceId"),
    (Entity::Resource, "resource.s3BucketDetails.arn"),
    (Entity::Resource, "resource.eksClusterDetails.arn"),
    (Entity::Resource, "resource.ecsClusterDetails.arn"),
    (Entity::Resource, "resource.lambdaDetails.functionArn"),
    (
        Entity::Resource,
        "resource.rdsDbInstanceDetails.dbInstanceArn",
    ),
    (
        Entity::AccessKey,
        "service.detection.sequence.actors.user.credentialUid",
    ),
    (
        Entity::Principal,
        "service.detection.sequence.actors.session.issuer",
    ),
    (Entity::Resource, "service.detection.sequence.resources.uid"),
    (
        Entity::Ip,
        "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
    ),
    (
        Entity::Ip,
        "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
    ),
];

/// The finding; `None` when somebody archived it, which is how GuardDuty is told that it is done.
pub(super) fn finding(found: &GuardDutyFinding) -> Option<Finding> {
    if found.archived {
        return None;
    }
    let times = if found.count == 1 { "once" } else { "so far" };
    let seen = if found.count == 1 {
        times.to_owned()
    } else {
        format!("{} times {times}", found.count)
    };
    Some(Finding {
        id: stable_id(["guardduty", found.arn.as_str()]),
        rule: format!("guardduty:{}", shown(&found.kind)),
        title: shown(&found.title),
        severity: severity(found.severity),
        kind: Kind::Security,
        time_first: found.first_seen,
        time_last: found.last_seen,
        entities: entities(found),
        account: found.account.as_deref().map(name),
        region: found.region.as_deref().map(name),
        summary: format!("{} (seen {seen})", sentence(found)),
        evidence: vec![Evidence {
            time: found.first_seen,
            what: format!("GuardDuty: {}", shown(&found.kind)),
            source: SourceKind::GuardDuty,
            reference: found.arn.clone(),
        }],
        usd_per_day: None,
        next_steps: next_steps(&found.kind),
        source: SourceKind::GuardDuty,
        sample: found.sample,
    })
}

/// The bands of GuardDuty's scale.
fn severity(score: f64) -> Severity {
    match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        score if score >= 1.0 => Severity::Low,
        _ => Severity::Informational,
    }
}

/// GuardDuty's description, or its title where there is none, without the full stop.
fn sentence(found: &GuardDutyFinding) -> String {
    let text = if found.description.is_empty() {
        &found.title
    } else {
        &found.description
    };
    let marked = if found.sample { "Sample: " } else { "" };
    let text = text.trim().trim_end_matches('.');
    let one_line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(SENTENCE_CHARS_MAX)
        .collect();
    format!("{marked}{one_line}")
}

/// Descriptions of GuardDuty are a few sentences; an attack sequence's may be 4,096 characters.
const SENTENCE_CHARS_MAX: usize = 500;

fn entities(found: &GuardDutyFinding) -> BTreeSet<Entity> {
    let event = Event {
        record: &found.detail,
        member: None,
    };
    let mut entities: BTreeSet<Entity> = [
        found.account.as_deref().map(name).map(Entity::Account),
        found.region.as_deref().map(name).map(Entity::Region),
        principal(found).map(Entity::Principal),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (entity, path) in PLACES {
        for value in Path::new(path).values(event, ENTITIES_MAX) {
            let text = as_text(value);
            // A sequence names instances by their ARN.
            if let Some((_, instance)) = text.rsplit_once(":instance/") {
                entities.insert(Entity::Instance(name(instance)));
            }
            let entity = entity(name(&text));
            if value.is_string() && is_usable(&entity) {
                entities.insert(entity);
            }
        }
    }
    entities
}

/// Whether a field held what its name promises; GuardDuty leaves some of them empty.
fn is_usable(entity: &Entity) -> bool {
    match entity {
        Entity::Ip(ip) => ip.parse::<IpAddr>().is_ok(),
        Entity::Principal(arn) => arn.starts_with("arn:"),
        other => !other.value().is_empty(),
    }
}

/// The ARN of the user or role whose key was used, which the format gives as a type and a name.
fn principal(found: &GuardDutyFinding) -> Option<String> {
    let details = found.detail.pointer("/resource/accessKeyDetails")?;
    let text = |key| details.get(key).and_then(Value::as_str);
    let account = found.account.as_deref()?;
    let user = text("userName").filter(|user| !user.is_empty())?;
    let who = match text("userType")? {
        "Root" => "root".to_owned(),
        "IAMUser" => format!("user/{user}"),
        "AssumedRole" | "Role" => format!("role/{user}"),
        _ => return None,
    };
    let partition = partition(found.region.as_deref().unwrap_or_default());
    Some(name(&format!("arn:{partition}:iam::{account}:{who}")))
}

/// The partition of a Region. Source: AWS General Reference, "Amazon Resource Names".
fn partition(region: &str) -> &'static str {
    match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
        ["cn", _] => "aws-cn",
        ["us", "gov"] => "aws-us-gov",
        _ => "aws",
    }
}

fn next_steps(kind: &str) -> Vec<String> {
    let resource = kind
        .split_once(':')
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(resource, _)| resource);
    let first = match resource {
        "EC2" => "Cut the instance off by a security group without rules and keep its disks.",
        "IAMUser" => "Disable the access key and revoke the role's sessions.",
        "S3" => "Block public access to the bucket and look at who read from it.",
        "IAM" => "Disable every key and session that the sequence names.",
        _ => "Isolate the resource that the finding names.",
    };
    vec![
        first.to_owned(),
        "Open the finding in the GuardDuty console for its details.".to_owned(),
        "Look at what the same principal and address did in CloudTrail.".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::guardduty::finding as read;
    use serde_json::json;

    fn mining() -> Value {
        json!({
            "id": "f1", "arn": "arn:f1", "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
            "severity": 8.0, "title": "An instance asks for a mining pool.",
            "description": "Instance i-1 asks for a name of a mining pool.",
            "accountId": "111122223333", "region": "eu-north-1",
            "updatedAt": "2026-11-24T11:00:00Z",
            "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-1"},
                "accessKeyDetails": {"userType": "IAMUser", "userName": "eve",
                                     "accessKeyId": "AKIAEXAMPLE"}},
            "service": {"count": 3, "action": {"networkConnectionAction":
                {"remoteIpDetails": {"ipAddressV4": "198.51.100.7"}}}}
        })
    }

    #[test]
    fn severity_goes_by_the_bands_of_guardduty() {
        for (score, expected) in [
            (0.5, Severity::Informational),
            (1.0, Severity::Low),
            (3.9, Severity::Low),
            (4.0, Severity::Medium),
            (6.9, Severity::Medium),
            (7.0, Severity::High),
            (8.9, Severity::High),
            (9.0, Severity::Critical),
            (10.0, Severity::Critical),
        ] {
            assert_eq!(severity(score), expected, "{score}");
        }
    }

    #[test]
    fn a_finding_names_everybody_involved() {
        let found = finding(&read(mining()).unwrap()).unwrap();
        for entity in [
            Entity::Instance("i-1".into()),
            Entity::AccessKey("AKIAEXAMPLE".into()),
            Entity::Principal("arn:aws:iam::111122223333:user/eve".into()),
            Entity::Ip("198.51.100.7".into()),
            Entity::Account("111122223333".into()),
        ] {
            assert!(found.entities.contains(&entity), "{entity}");
        }
        assert!(
            found.summary.ends_with("(seen 3 times so far)"),
            "{}",
            found.summary
        );
        assert!(!found.sample);
    }

    #[test]
    fn a_principal_is_called_by_the_arn_that_cloudtrail_gives_in_the_same_partition() {
        for (region, user_type, expected) in [
            ("eu-north-1", "Root", "arn:aws:iam::111122223333:root"),
            (
                "cn-north-1",
                "IAMUser",
                "arn:aws-cn:iam::111122223333:user/eve",
            ),
            (
                "us-gov-west-1",
                "Role",
                "arn:aws-us-gov:iam::111122223333:role/eve",
            ),
        ] {
            let mut record = mining();
            record["region"] = json!(region);
            record["resource"]["accessKeyDetails"]["userType"] = json!(user_type);
            let found = principal(&read(record).unwrap());
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_attack_sequence_names_its_actors_apart_from_the_resource() {
        let mut sequence = mining();
        sequence["resource"] = json!({"resourceType": "AttackSequence"});
        sequence["service"]["detection"] = json!({"sequence": {
            "actors": [{"user": {"credentialUid": "ASIAEXAMPLE"},
                        "session": {"issuer": "arn:aws:iam::111122223333:role/deploy"}}],
            "resources": [{"uid": "arn:aws:ec2:eu-north-1:111122223333:instance/i-7"}]}});
        let found = finding(&read(sequence).unwrap()).unwrap();
        for entity in [
            Entity::AccessKey("ASIAEXAMPLE".into()),
            Entity::Principal("arn:aws:iam::111122223333:role/deploy".into()),
            Entity::Instance("i-7".into()),
        ] {
            assert!(found.entities.contains(&entity), "{entity}");
        }
    }

    #[test]
    fn a_repeat_updates_the_finding_and_an_archived_one_is_none() {
        let first = finding(&read(mining()).unwrap()).unwrap();
        let mut again = mining();
        again["service"]["count"] = json!(9);
        again["updatedAt"] = json!("2026-11-24T12:00:00Z");
        let second = finding(&read(again.clone()).unwrap()).unwrap();
        assert_eq!(first.id, second.id);
        assert_ne!(first, second);
        again["service"]["archived"] = json!(true);
        assert_eq!(finding(&read(again).unwrap()), None);
    }
}
