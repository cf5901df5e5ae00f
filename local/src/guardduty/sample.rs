//! `CreateSampleFindings`: one finding of each type that is asked for, marked as a sample.

use plimsoll_core::clock::UnixMillis;

use super::{bad_request, hex_id};
use crate::service::Refusal;
use crate::value::Value;

/// Types of one call.
const TYPES_MAX: usize = 50;

/// A type of which samples are made.
struct Kind {
    name: &'static str,
    severity: f64,
    resource: &'static str,
    title: &'static str,
}

/// One type for each kind of severity and resource. AWS has a sample of every type.
const KINDS: [Kind; 5] = [
    Kind {
        name: "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        severity: 8.0,
        resource: "AccessKey",
        title: "Credentials of an instance were used from an external address.",
    },
    Kind {
        name: "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        severity: 8.0,
        resource: "Instance",
        title: "An instance asks for a domain name of a cryptocurrency pool.",
    },
    Kind {
        name: "UnauthorizedAccess:EC2/SSHBruteForce",
        severity: 5.0,
        resource: "Instance",
        title: "An instance is under an SSH brute force attack.",
    },
    Kind {
        name: "Policy:S3/BucketBlockPublicAccessDisabled",
        severity: 2.0,
        resource: "S3Bucket",
        title: "Block Public Access was switched off for a bucket.",
    },
    Kind {
        name: "Recon:EC2/PortProbeUnprotectedPort",
        severity: 2.0,
        resource: "Instance",
        title: "An unprotected port of an instance is being probed.",
    },
];

/// Where and when samples are made.
pub(super) struct Context<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) detector: &'a str,
    pub(super) now: UnixMillis,
}

/// The samples of the types; of each type that there is when none is named.
pub(super) fn findings(context: &Context<'_>, types: &[&str]) -> Result<Vec<Value>, Refusal> {
    if types.len() > TYPES_MAX {
        return Err(bad_request("findingTypes has more than 50 items."));
    }
    if let Some(unknown) = types
        .iter()
        .find(|name| !KINDS.iter().any(|kind| kind.name == **name))
    {
        return Err(bad_request(&format!(
            "there is no sample of the finding type {unknown} here"
        )));
    }
    Ok(KINDS
        .iter()
        .filter(|kind| types.is_empty() || types.contains(&kind.name))
        .map(|kind| finding(context, kind))
        .collect())
}

fn finding(context: &Context<'_>, kind: &Kind) -> Value {
    let (account, region) = (context.account, context.region);
    let id = hex_id(&[account, region, kind.name, "sample"]);
    let now = context.now.to_string();
    let arn = format!(
        "arn:aws:guardduty:{region}:{account}:detector/{}/finding/{id}",
        context.detector
    );
    let service = Value::map([
        ("serviceName", "guardduty".into()),
        ("detectorId", context.detector.into()),
        ("archived", false.into()),
        ("count", 1_i64.into()),
        ("eventFirstSeen", now.as_str().into()),
        ("eventLastSeen", now.as_str().into()),
        ("resourceRole", "TARGET".into()),
        (
            "additionalInfo",
            Value::map([
                ("value", "{\"sample\":true}".into()),
                ("type", "default".into()),
            ]),
        ),
    ]);
    Value::map([
        ("accountId", account.into()),
        ("arn", arn.into()),
        ("createdAt", now.as_str().into()),
        ("description", kind.title.into()),
        ("id", id.into()),
        ("partition", "aws".into()),
        ("region", region.into()),
        (
            "resource",
            Value::map([("resourceType", kind.resource.into())]),
        ),
        ("schemaVersion", "2.0".into()),
        ("service", service),
        ("severity", kind.severity.into()),
        ("title", format!("[SAMPLE] {}", kind.title).into()),
        ("type", kind.name.into()),
        ("updatedAt", now.into()),
    ])
}
