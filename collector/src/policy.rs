//! The rights that a configuration needs, and no others. Pure.
//!
//! `plimsoll-collector policy` prints them, and the document below `packaging/iam` is made of them.
//! What a queue tells of is not known from the configuration, so the bucket is an argument.

#[cfg(test)]
mod tests;

use plimsoll_aws::policy::{Place, Policy};
use plimsoll_aws::{Call, beside};
use plimsoll_core::catalog::namespace;
use plimsoll_dashboards::alarms::PREFIX;

use crate::config::{Config, CostFeed, Feed};

/// Stands for a bucket that nobody has named; not the name of any, since those are in lower case.
const BUCKET: &str = "TRAIL-BUCKET";
/// What CloudTrail and GuardDuty put before the names of objects, after a prefix of the trail.
/// Source: AWS CloudTrail user guide, "Finding your CloudTrail log files".
const LOGS: &str = "AWSLogs";
/// Where the collector's own metrics go.
const NAMESPACES: [&str; 3] = [namespace::COLLECTOR, namespace::COST, namespace::SECURITY];
/// What queues and topics are called that this project's documents make.
const OURS: &str = "plimsoll-*";

/// What the configuration does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Buckets that queues tell of, each perhaps with `/` and the trail's prefix.
    pub buckets: Vec<String>,
    /// Whether they may be listed, so that an object that is gone is told from one that is denied.
    pub lists: bool,
    /// ARNs of KMS keys that encrypt what is read, or topics.
    pub keys: Vec<String>,
}

/// What is asked of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    queues: Vec<Name>,
    topics: Vec<Name>,
    /// Whether Cost Explorer is asked.
    cost: bool,
    /// Whether alarms are compared.
    alarms: bool,
    /// Names of dashboards that are compared.
    dashboards: Vec<String>,
    /// Whether alarms and dashboards are made.
    applies: bool,
    /// The role that everything is done in.
    role: Option<String>,
}

/// A queue or a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// By its name or a pattern, in the place of everything else.
    Here(String),
    /// By its URL.
    Url(String),
    /// By its ARN.
    Arn(String),
}

impl Needs {
    /// Everything that the collector can ever need. The role of `aws.role_arn` is no part of it:
    /// each is one that somebody chose.
    #[must_use]
    pub fn all() -> Self {
        let ours = || vec![Name::Here(OURS.to_owned())];
        Self {
            queues: ours(),
            topics: ours(),
            cost: true,
            alarms: true,
            dashboards: vec!["*".to_owned()],
            applies: true,
            role: None,
        }
    }

    /// What this configuration needs.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let queue = |feed: &Option<Feed>| feed.as_ref()?.queue_url.clone().map(Name::Url);
        let (notify, plan) = (&config.notify, &config.plan);
        let topics = [&notify.topic_arn, &notify.chat_topic_arn];
        Self {
            queues: [&config.cloudtrail, &config.guardduty]
                .into_iter()
                .filter_map(queue)
                .collect(),
            topics: topics
                .into_iter()
                .flatten()
                .cloned()
                .map(Name::Arn)
                .collect(),
            cost: matches!(config.cost, Some(CostFeed::Explorer { .. })),
            alarms: plan.alarms,
            dashboards: plan.dashboard.iter().cloned().collect(),
            applies: plan.apply,
            role: config.aws.role.as_ref().map(|role| role.arn.clone()),
        }
    }

    /// The document.
    #[must_use]
    pub fn policy(&self, place: &Place, beside: &Beside) -> Policy {
        let mut policy = Policy::default();
        self.allow_sources(&mut policy, place, beside);
        let anything = || ["*".to_owned()];
        if self.cost {
            // The call knows no resource.
            policy.allow("Cost", &[Call::GetCostAndUsage.action()], anything());
        }
        policy.allow_if(
            "Metrics",
            &[Call::PutMetricData.action()],
            // The call knows no resource.
            anything(),
            "cloudwatch:namespace",
            NAMESPACES.map(str::to_owned),
        );
        self.allow_plan(&mut policy, place);
        let topics = self.topics.iter().map(|name| name.arn("sns", place));
        policy.allow("Notifications", &[Call::Publish.action()], topics);
        self.allow_keys(&mut policy, place, beside);
        if let Some(role) = &self.role {
            policy.allow("Role", &[Call::AssumeRole.action()], [role.clone()]);
            policy.notes.push(format!(
                "`Role` is for the credentials that the host has, everything else is for {role}"
            ));
        }
        policy
    }

    fn allow_sources(&self, policy: &mut Policy, place: &Place, beside: &Beside) {
        if self.queues.is_empty() {
            return;
        }
        let mut buckets: Vec<&str> = beside.buckets.iter().map(String::as_str).collect();
        if buckets.is_empty() {
            buckets.push(BUCKET);
            policy.notes.push(format!(
                "write the bucket of the trail in place of {BUCKET}, or name it by --bucket"
            ));
        }
        let objects = buckets.iter().map(|bucket| {
            let bucket = bucket.trim_end_matches('/');
            place.bucket_arn(&format!("{bucket}/{LOGS}/*"))
        });
        policy.allow("Trail", &[Call::GetObject.action()], objects);
        if beside.lists {
            let names = buckets
                .iter()
                .map(|bucket| bucket.split_once('/').map_or(*bucket, |(name, _)| name));
            let arns = names.map(|name| place.bucket_arn(name));
            policy.allow("TrailMissing", &[beside::LIST_BUCKET], arns);
        }
        let queue = [Call::DeleteMessage, Call::ReceiveMessage];
        let queues = self.queues.iter().map(|name| name.arn("sqs", place));
        policy.allow("Queue", &queue.map(Call::action), queues);
    }

    fn allow_plan(&self, policy: &mut Policy, place: &Place) {
        let dashboards = || {
            let names = self.dashboards.iter();
            names.map(|name| place.global_arn("cloudwatch", &format!("dashboard/{name}")))
        };
        if self.alarms {
            let all = place.arn("cloudwatch", "alarm:*");
            policy.allow("Alarms", &[Call::DescribeAlarms.action()], [all]);
        }
        policy.allow("Dashboards", &[Call::GetDashboard.action()], dashboards());
        if !self.applies {
            return;
        }
        if self.alarms {
            let put = [Call::PutMetricAlarm.action(), beside::TAG_ALARM];
            let ours = place.arn("cloudwatch", &format!("alarm:{PREFIX}*"));
            policy.allow("AlarmsApplied", &put, [ours]);
        }
        policy.allow(
            "DashboardsApplied",
            &[Call::PutDashboard.action()],
            dashboards(),
        );
    }

    /// Keys are used through the services alone that the configuration uses.
    fn allow_keys(&self, policy: &mut Policy, place: &Place, beside: &Beside) {
        let through = |services: &[&str]| {
            let host = |service: &&str| format!("{service}.{}.amazonaws.com*", place.region);
            services.iter().map(host).collect::<Vec<_>>()
        };
        let keys = || beside.keys.iter().cloned();
        let key = "kms:ViaService";
        if !self.queues.is_empty() {
            policy.allow_if(
                "Keys",
                &[beside::DECRYPT],
                keys(),
                key,
                through(&["s3", "sqs"]),
            );
        }
        if !self.topics.is_empty() {
            let both = [beside::DECRYPT, beside::GENERATE_DATA_KEY];
            policy.allow_if("KeysOfTopics", &both, keys(), key, through(&["sns"]));
        }
    }
}

impl Name {
    fn arn(&self, service: &str, place: &Place) -> String {
        match self {
            Self::Here(name) => place.arn(service, name),
            Self::Arn(arn) => arn.clone(),
            Self::Url(url) => of_queue(url, place),
        }
    }
}

/// The ARN of a queue by its URL, which ends with account and name. Its host names the Region where
/// it is one of AWS: `sqs.REGION.amazonaws.com`, also behind the name of a VPC endpoint.
/// Source: Amazon SQS developer guide, "Queue and message identifiers"; AWS General Reference,
/// "Amazon SQS endpoints and quotas".
fn of_queue(url: &str, place: &Place) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let parts: Vec<&str> = rest.split('/').collect();
    let [host, .., account, name] = parts.as_slice() else {
        return place.arn("sqs", "*");
    };
    let words: Vec<&str> = host.split('.').collect();
    let region = words.windows(2).find_map(|pair| match pair {
        ["sqs" | "sqs-fips", region] if host.contains("amazonaws.com") => Some(*region),
        _ => None,
    });
    let there = Place {
        account: (*account).to_owned(),
        region: region.unwrap_or(&place.region).to_owned(),
        partition: place.partition.clone(),
    };
    there.arn("sqs", name)
}
