//! Something worth telling: what every detector gives and what incidents are made of.
//!
//! A finding is a value. The same input gives the same finding with the same id, whatever the
//! order and however often it arrives, so that incidents can be a function of the set of findings.
//! It never holds secrets: access keys are the public ids, and evidence is a sentence with a
//! reference to the record, not the record.

use std::collections::BTreeSet;
use std::fmt;

use plimsoll_core::clock::UnixMillis;
use serde::{Deserialize, Serialize};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Derived from the content by [`stable_id`]: a repeat of the same thing has the same id.
    pub id: String,
    /// The rule or test that said so: a Sigma rule's id, `guardduty:<type>`, `cost:<test>`.
    pub rule: String,
    /// A short name for people.
    pub title: String,
    /// How urgent it is.
    pub severity: Severity,
    /// What it threatens.
    pub kind: Kind,
    /// When the first thing in the evidence happened.
    #[serde(with = "millis")]
    pub time_first: UnixMillis,
    /// When the last thing in the evidence happened.
    #[serde(with = "millis")]
    pub time_last: UnixMillis,
    /// Who and what is involved; findings that share one may belong together.
    pub entities: BTreeSet<Entity>,
    /// The AWS account, twelve digits, if known.
    pub account: Option<String>,
    /// The Region, if known.
    pub region: Option<String>,
    /// One sentence that tells the whole of it.
    pub summary: String,
    /// What it rests on, oldest first.
    pub evidence: Vec<Evidence>,
    /// US$ that it is estimated to burn in a day, if that can be said.
    pub usd_per_day: Option<f64>,
    /// What to do now, first things first.
    pub next_steps: Vec<String>,
    /// Where it comes from.
    pub source: SourceKind,
    /// Whether it was made to try the alarm out (GuardDuty's sample findings).
    #[serde(default)]
    pub sample: bool,
}

/// How urgent a finding is. The names are those of Sigma, ASFF and OCSF.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Informational,
    /// Look at it some day.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Wake someone up.
    Critical,
}

impl Severity {
    /// All of them, the least urgent first.
    pub const ALL: [Self; 5] = [
        Self::Informational,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word in configuration, metrics and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name, as [`Self::as_str`] spells it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }

    /// One step down, for an attempt that failed.
    #[must_use]
    pub const fn lower(self) -> Self {
        match self {
            Self::Informational | Self::Low => Self::Informational,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a finding threatens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody does what they should not.
    Security,
    /// Money is spent that nobody expected.
    Cost,
}

/// Which source a finding came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A record of an API call.
    CloudTrail,
    /// A finding of Amazon GuardDuty.
    GuardDuty,
    /// Daily cost.
    Cost,
}

impl SourceKind {
    /// The word in metrics and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CloudTrail => "cloudtrail",
            Self::GuardDuty => "guardduty",
            Self::Cost => "cost",
        }
    }
}

/// Who or what is involved. Strong entities (principal, key, instance, resource) tie findings
/// together on their own; weak ones (address, account, Region, service) only in pairs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Entity {
    /// An ARN of a user, a role (never of one of its sessions), or the root user.
    Principal(String),
    /// An access key's id. Public by design: AWS logs it in full.
    AccessKey(String),
    /// An EC2 instance, `i-…`.
    Instance(String),
    /// An IP address.
    Ip(String),
    /// An AWS account, twelve digits.
    Account(String),
    /// A Region.
    Region(String),
    /// A service: an event source such as `ec2.amazonaws.com`, or Cost Explorer's name of it.
    Service(String),
    /// An ARN or, where there is none, an id of a resource.
    Resource(String),
}

impl Entity {
    /// Whether sharing it is enough to tie two findings together.
    #[must_use]
    pub const fn is_strong(&self) -> bool {
        matches!(
            self,
            Self::Principal(_) | Self::AccessKey(_) | Self::Instance(_) | Self::Resource(_)
        )
    }

    /// What kind of thing it is: `principal`, `access_key`, …
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::AccessKey(_) => "access_key",
            Self::Instance(_) => "instance",
            Self::Ip(_) => "ip",
            Self::Account(_) => "account",
            Self::Region(_) => "region",
            Self::Service(_) => "service",
            Self::Resource(_) => "resource",
        }
    }

    /// Its name or id.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Self::Principal(value)
            | Self::AccessKey(value)
            | Self::Instance(value)
            | Self::Ip(value)
            | Self::Account(value)
            | Self::Region(value)
            | Self::Service(value)
            | Self::Resource(value) => value,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.value())
    }
}

/// One thing that a finding rests on: a line of the incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// When it happened.
    #[serde(with = "millis")]
    pub time: UnixMillis,
    /// What happened, in one line.
    pub what: String,
    /// Which source says so.
    pub source: SourceKind,
    /// Where to look it up: a CloudTrail event id, a finding's ARN, a day and service.
    pub reference: String,
}

/// An id of 16 hexadecimal digits that depends on `parts` and their order only: FNV-1a with a
/// separator. Not a secret and not against forgery; it must only be the same at every run.
#[must_use]
pub fn stable_id<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    /// Cannot occur in UTF-8, so `["a", "b"]` and `["ab"]` differ.
    const SEPARATOR: u8 = 0xff;
    let hash = parts
        .into_iter()
        .flat_map(|part| part.bytes().chain([SEPARATOR]))
        .fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
    format!("{hash:016x}")
}

/// [`UnixMillis`] as a plain number in JSON; for `#[serde(with = "…")]`.
pub mod millis {
    use plimsoll_core::clock::UnixMillis;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the number.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.0)
    }

    /// Reads the number.
    ///
    /// # Errors
    /// When it is not a whole number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMillis, D::Error> {
        i64::deserialize(deserializer).map(UnixMillis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_id_depends_on_where_the_parts_end() {
        assert_eq!(stable_id(["a", "b"]), stable_id(["a", "b"]));
        assert_ne!(stable_id(["a", "b"]), stable_id(["ab"]));
        assert_ne!(stable_id(["a", "b"]), stable_id(["b", "a"]));
        assert_eq!(stable_id(["rule", "event"]).len(), 16);
    }

    #[test]
    fn severities_are_ordered_and_survive_their_words() {
        assert!(Severity::Critical > Severity::High);
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.as_str()), Some(severity));
            assert!(severity.lower() <= severity);
        }
    }

    #[test]
    fn entities_keep_their_type_in_json() {
        let text = serde_json::to_string(&Entity::AccessKey("AKIAEXAMPLE".into())).unwrap();
        assert_eq!(text, r#"{"type":"access_key","value":"AKIAEXAMPLE"}"#);
        assert!(serde_json::from_str::<Entity>(&text).unwrap().is_strong());
    }
}
