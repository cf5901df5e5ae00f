//! What every service of the stand-in has in common: a call comes in, an answer or a refusal goes
//! out. A service knows nothing of HTTP, signatures or encodings.

use plimsoll_core::clock::UnixMillis;

use crate::value::Value;

/// One call, decoded and with its signature verified.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation: `PutMetricData`.
    pub operation: String,
    /// Its input.
    pub input: Value,
    /// The time of the stand-in's clock.
    pub now: UnixMillis,
    /// The Region of the signature's scope.
    pub region: String,
    /// The access key's id that signed it; empty for a call that needs no signature.
    pub key_id: String,
}

/// A refusal in the words of AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The shape's name, as JSON and CBOR carry it in `__type`: `InvalidParameterValueException`.
    pub shape: &'static str,
    /// The code of the query protocol, also sent in `x-amzn-query-error` where the service is
    /// query-compatible: `InvalidParameterValue`. The same as the shape for other services.
    pub code: &'static str,
    /// The message.
    pub message: String,
    /// Further members of the error.
    pub members: Vec<(&'static str, Value)>,
}

impl Refusal {
    /// The sender's fault: HTTP 400 with one name for shape and code.
    #[must_use]
    pub fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            shape: name,
            code: name,
            message: message.into(),
            members: Vec::new(),
        }
    }

    /// The same with another code for the query protocol.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }
}

/// What a service answers.
pub type Answer = Result<Value, Refusal>;

/// The services that the stand-in speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon CloudWatch.
    CloudWatch,
    /// Amazon CloudWatch Logs.
    Logs,
    /// AWS Cost Explorer.
    CostExplorer,
    /// AWS CloudTrail.
    CloudTrail,
    /// Amazon GuardDuty.
    GuardDuty,
    /// Amazon SNS.
    Sns,
    /// AWS STS.
    Sts,
    /// Amazon EC2 Auto Scaling.
    AutoScaling,
    /// Amazon EC2, of which only tags are here.
    Ec2,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::CloudWatch,
        Self::Logs,
        Self::CostExplorer,
        Self::CloudTrail,
        Self::GuardDuty,
        Self::Sns,
        Self::Sts,
        Self::AutoScaling,
        Self::Ec2,
    ];

    /// The name in a signature's scope, which is also the name in the ledger and in faults.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudWatch => "monitoring",
            Self::Logs => "logs",
            Self::CostExplorer => "ce",
            Self::CloudTrail => "cloudtrail",
            Self::GuardDuty => "guardduty",
            Self::Sns => "sns",
            Self::Sts => "sts",
            Self::AutoScaling => "autoscaling",
            Self::Ec2 => "ec2",
        }
    }

    /// The service of a signature's scope.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// What an alarm tells an SNS topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The topic's ARN.
    pub topic: String,
    /// The subject of an e-mail.
    pub subject: String,
    /// The message: the JSON of a CloudWatch alarm.
    pub message: String,
    /// When it was told.
    pub at: UnixMillis,
}

/// Takes what alarms tell. The topics of SNS are one.
pub trait Notifier {
    /// Publishes to the topic; an unknown topic is counted, not an error.
    fn notify(&mut self, notification: &Notification);
}
