//! The paths under `/latest` and what stands there.
//!
//! A folder answers with the names in it, one on each line; folders among them end in a slash.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::clock::UnixMillis;
use serde_json::json;

use super::{InstanceProfile, RoleCredentials};

/// Values by their full path.
pub(super) type Tree = BTreeMap<String, String>;

/// All values that there are now. Credentials are only issued when their path is asked for.
pub(super) fn of(
    instance: &InstanceProfile,
    now: UnixMillis,
    asked: &str,
    issue: &mut dyn FnMut() -> RoleCredentials,
) -> Tree {
    let mut tree = Tree::new();
    let mut put = |path: &str, value: &str| {
        tree.insert(format!("/latest/{path}"), value.to_owned());
    };
    identity(instance, &mut put);
    network(instance, &mut put);
    notices(instance, &mut put);
    put("dynamic/instance-identity/document", &document(instance));
    if let Some(role) = &instance.role {
        let path = format!("meta-data/iam/security-credentials/{role}");
        let wanted = asked.trim_end_matches('/').ends_with(&path);
        let credentials = if wanted {
            role_document(&issue(), now)
        } else {
            String::new()
        };
        put(&path, &credentials);
        let account = &instance.account;
        let profile = json!({
            "Code": "Success",
            "LastUpdated": seconds(now),
            "InstanceProfileArn": format!("arn:aws:iam::{account}:instance-profile/{role}"),
            "InstanceProfileId": "AIPALOCALPROFILE00001",
        });
        put("meta-data/iam/info", &pretty(&profile));
    }
    tree
}

/// The value at the path, or the names in the folder that it is.
pub(super) fn answer(tree: &Tree, path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    if let Some(value) = tree.get(path) {
        return Some(value.clone());
    }
    let folder = format!("{path}/");
    let mut names: Vec<String> = Vec::new();
    for inner in tree.keys().filter_map(|held| held.strip_prefix(&folder)) {
        let name = match inner.split_once('/') {
            Some((name, _)) => format!("{name}/"),
            None => inner.to_owned(),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join("\n"))
}

fn identity(instance: &InstanceProfile, put: &mut dyn FnMut(&str, &str)) {
    for (path, value) in [
        ("ami-id", &instance.image_id),
        ("hostname", &instance.hostname),
        ("local-hostname", &instance.hostname),
        ("local-ipv4", &instance.private_ip),
        ("instance-id", &instance.instance_id),
        ("instance-type", &instance.instance_type),
        ("instance-life-cycle", &instance.life_cycle),
        ("mac", &instance.mac),
        ("reservation-id", &instance.reservation_id),
        ("placement/region", &instance.region),
        ("placement/availability-zone", &instance.availability_zone),
        (
            "placement/availability-zone-id",
            &instance.availability_zone_id,
        ),
    ] {
        put(&format!("meta-data/{path}"), value);
    }
    put("meta-data/ami-launch-index", "0");
    put("meta-data/instance-action", "none");
    put(
        "meta-data/security-groups",
        &instance.security_groups.join("\n"),
    );
    let china = instance.region.starts_with("cn-");
    let (domain, partition) = if china {
        ("amazonaws.com.cn", "aws-cn")
    } else if instance.region.starts_with("us-gov-") {
        ("amazonaws.com", "aws-us-gov")
    } else {
        ("amazonaws.com", "aws")
    };
    put("meta-data/services/domain", domain);
    put("meta-data/services/partition", partition);
    for (key, value) in instance.tags.iter().flatten() {
        put(&format!("meta-data/tags/instance/{key}"), value);
    }
}

fn network(instance: &InstanceProfile, put: &mut dyn FnMut(&str, &str)) {
    let folder = format!("meta-data/network/interfaces/macs/{}", instance.mac);
    for (name, value) in [
        ("device-number", "0"),
        ("interface-id", &instance.interface_id),
        ("local-ipv4s", &instance.private_ip),
        ("local-hostname", &instance.hostname),
        ("mac", &instance.mac),
        ("owner-id", &instance.account),
        ("subnet-id", &instance.subnet_id),
        ("vpc-id", &instance.vpc_id),
    ] {
        put(&format!("{folder}/{name}"), value);
    }
}

/// What is only there once it was given.
fn notices(instance: &InstanceProfile, put: &mut dyn FnMut(&str, &str)) {
    if let Some(spot) = &instance.spot_action {
        let notice = json!({ "action": spot.action, "time": seconds(spot.at) });
        put("meta-data/spot/instance-action", &notice.to_string());
        if spot.action == "terminate" {
            put("meta-data/spot/termination-time", &seconds(spot.at));
        }
    }
    if let Some(at) = instance.rebalance {
        let notice = json!({ "noticeTime": seconds(at) });
        put(
            "meta-data/events/recommendations/rebalance",
            &notice.to_string(),
        );
    }
    if let Some(state) = &instance.lifecycle_state {
        put("meta-data/autoscaling/target-lifecycle-state", state);
    }
    for list in ["scheduled", "history"] {
        put(&format!("meta-data/events/maintenance/{list}"), "[]");
    }
}

fn document(instance: &InstanceProfile) -> String {
    pretty(&json!({
        "accountId": instance.account,
        "architecture": instance.architecture,
        "availabilityZone": instance.availability_zone,
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": instance.image_id,
        "instanceId": instance.instance_id,
        "instanceType": instance.instance_type,
        "kernelId": null,
        "pendingTime": seconds(instance.started),
        "privateIp": instance.private_ip,
        "ramdiskId": null,
        "region": instance.region,
        "version": "2017-09-30",
    }))
}

fn role_document(credentials: &RoleCredentials, now: UnixMillis) -> String {
    pretty(&json!({
        "Code": "Success",
        "LastUpdated": seconds(now),
        "Type": "AWS-HMAC",
        "AccessKeyId": credentials.key_id,
        "SecretAccessKey": credentials.secret,
        "Token": credentials.token,
        "Expiration": seconds(credentials.expires),
    }))
}

/// Indented, as instance metadata writes its documents.
fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}")
}

/// A time with whole seconds: `2026-11-24T12:46:00Z`.
fn seconds(at: UnixMillis) -> String {
    Timestamp::from_second(at.as_secs())
        .map(|at| at.to_string())
        .unwrap_or_default()
}
