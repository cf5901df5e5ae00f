//! What the collector takes in, in one shape per source.
//!
//! Signals carry what detectors look at and nothing that a source needs to acknowledge them; that
//! stays in [`crate::source`]. A signal never holds a secret: CloudTrail writes access key ids,
//! which are public, and blanks passwords and secret keys itself.

use plimsoll_core::clock::UnixMillis;
use serde_json::Value;

/// One thing taken in.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// Somebody or something called AWS.
    Activity(Box<Activity>),
    /// Amazon GuardDuty found something.
    Finding(Box<GuardDutyFinding>),
    /// What the account costs, day by day: always the whole of what is known.
    Cost(CostHistory),
}

/// One CloudTrail record.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// CloudTrail's id of the event, the same in every copy of it.
    pub event_id: String,
    /// When the call was made, by the service's clock.
    pub time: UnixMillis,
    /// The operation: `RunInstances`.
    pub name: String,
    /// The service: `ec2.amazonaws.com`.
    pub source: String,
    /// The Region that was called.
    pub region: String,
    /// The account that received the event, twelve digits, if known.
    pub account: Option<String>,
    /// Who called.
    pub principal: Principal,
    /// From where: an address, a service's name, or `AWS Internal`.
    pub source_ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// Why it failed; `None` for a call that worked.
    pub error_code: Option<String>,
    /// Whether the call only reads.
    pub read_only: bool,
    /// The whole record, for the rules. At most
    /// [`crate::source::cloudtrail::RECORD_BYTES_MAX`] bytes as JSON.
    pub record: Value,
}

/// Who made a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// `userIdentity.type`: `Root`, `IAMUser`, `AssumedRole`, `AWSService`, …
    pub kind: String,
    /// The ARN that stays the same between sessions: the user, the role of a session
    /// (`sessionIssuer`), or `arn:aws:iam::<account>:root`.
    pub arn: Option<String>,
    /// The name people know it by: user name, or role and session name.
    pub name: Option<String>,
    /// The access key's id.
    pub access_key: Option<String>,
}

/// One finding of GuardDuty, in one of its versions.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardDutyFinding {
    /// GuardDuty's id, the same for every repeat.
    pub id: String,
    /// The ARN, or `guardduty:<account>:<region>:<id>` where the finding has none.
    pub arn: String,
    /// `Purpose:Resource/Family.Mechanism!Artifact`.
    pub kind: String,
    /// 1.0 to 10.0.
    pub severity: f64,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub description: String,
    /// The account, twelve digits.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// When this version was written. A repeat has the same id and a later one.
    pub updated: UnixMillis,
    /// When the activity was first seen.
    pub first_seen: UnixMillis,
    /// When it was last seen.
    pub last_seen: UnixMillis,
    /// How often it was seen.
    pub count: u64,
    /// Whether somebody archived it.
    pub archived: bool,
    /// Whether it was made to try the alarm out.
    pub sample: bool,
    /// The whole finding, for the details.
    pub detail: Value,
}

/// Daily usage cost by service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostHistory {
    /// The account that was asked, if known.
    pub account: Option<String>,
    /// In no order; one entry per day and service.
    pub days: Vec<CostDay>,
}

/// What one service cost on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct CostDay {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// Cost Explorer's name of the service.
    pub service: String,
    /// US$.
    pub usd: f64,
    /// Whether the amount may still grow.
    pub estimated: bool,
}
