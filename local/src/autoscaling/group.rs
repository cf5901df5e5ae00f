//! A group and its instances, and both as the API writes them.

use std::collections::{BTreeMap, VecDeque};

use plimsoll_core::clock::UnixMillis;

use super::activity::Activity;
use super::history::History;
use super::hook::{Hook, Waiting};
use super::policy::Policy;
use crate::value::Value;

/// Seconds of a cooldown when nothing is said. Source: `CreateAutoScalingGroup`.
pub(super) const COOLDOWN: i64 = 300;

/// Where an instance is in its life. Source: user guide, "Amazon EC2 Auto Scaling instance
/// lifecycle".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It starts.
    Pending,
    /// Hooks of the launch run.
    PendingWait,
    /// They are done.
    PendingProceed,
    /// It serves.
    InService,
    /// It was chosen to go.
    Terminating,
    /// Hooks of the end run.
    TerminatingWait,
    /// They are done.
    TerminatingProceed,
}

impl Life {
    /// The name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService => "InService",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
        }
    }

    /// Whether it is on its way out, which no longer counts to the desired capacity.
    pub(super) fn is_leaving(self) -> bool {
        matches!(
            self,
            Self::Terminating | Self::TerminatingWait | Self::TerminatingProceed
        )
    }
}

/// One instance.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) zone: String,
    pub(super) life: Life,
    /// When it was started.
    pub(super) launched: UnixMillis,
    /// When it came into service, which is when its warm-up begins.
    pub(super) in_service: Option<UnixMillis>,
    /// Whether scale-in skips it.
    pub(super) protected: bool,
    /// The hooks that are waited for.
    pub(super) waiting: Vec<Waiting>,
    /// The activity that started or ends it.
    pub(super) activity: String,
}

impl Instance {
    /// What instance metadata calls the state that it goes to.
    pub(super) fn target(&self) -> &'static str {
        if self.life.is_leaving() {
            "Terminated"
        } else {
            "InService"
        }
    }

    /// As the API writes it in a group.
    pub(super) fn describe(&self, launch: &[(String, Value)]) -> Value {
        let mut members: Vec<(String, Value)> = vec![
            ("InstanceId".to_owned(), self.id.as_str().into()),
            ("AvailabilityZone".to_owned(), self.zone.as_str().into()),
            ("LifecycleState".to_owned(), self.life.name().into()),
            ("HealthStatus".to_owned(), "Healthy".into()),
            ("ProtectedFromScaleIn".to_owned(), self.protected.into()),
        ];
        let shown = ["LaunchConfigurationName", "LaunchTemplate"];
        members.extend(
            launch
                .iter()
                .filter(|(name, _)| shown.contains(&name.as_str()))
                .cloned(),
        );
        Value::Map(members)
    }
}

/// What the control path may set, beside what AWS's API knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Knobs {
    /// From the start of an instance to the end of its start-up, in seconds.
    pub(super) startup_seconds: i64,
    /// Periods above the target that make a target-tracking policy scale out.
    pub(super) high_periods: i64,
    /// Seconds below the low threshold that make it scale in.
    pub(super) low_seconds: i64,
    /// The low threshold as a share of the target.
    pub(super) low_share: f64,
    /// After how many seconds a simulated instance completes its hooks itself; never when absent.
    pub(super) complete_hooks_after_seconds: Option<i64>,
}

impl Default for Knobs {
    /// As observed on groups of EC2: 3 minutes above the target, 15 minutes below 70 % of it.
    fn default() -> Self {
        Self {
            startup_seconds: 60,
            high_periods: 3,
            low_seconds: 900,
            low_share: 0.7,
            complete_hooks_after_seconds: None,
        }
    }
}

/// A tag of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) value: String,
    pub(super) at_launch: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created: UnixMillis,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) desired: i64,
    pub(super) cooldown: i64,
    /// Seconds of warm-up for policies that do not say.
    pub(super) warmup: Option<i64>,
    pub(super) protect_new: bool,
    pub(super) zones: Vec<String>,
    pub(super) subnets: Option<String>,
    /// The members that say what to launch, as sent.
    pub(super) launch: Vec<(String, Value)>,
    pub(super) tags: BTreeMap<String, Tag>,
    pub(super) instances: Vec<Instance>,
    pub(super) hooks: BTreeMap<String, Hook>,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) activities: VecDeque<Activity>,
    /// Names of the group's metrics that are published.
    pub(super) metrics: Vec<&'static str>,
    /// Why the desired capacity is what it is, in the words of a cause.
    pub(super) reason: String,
    /// When the last scaling by a simple policy or by hand was done.
    pub(super) scaled: Option<UnixMillis>,
    /// The group goes once its instances are gone.
    pub(super) deleting: bool,
    pub(super) knobs: Knobs,
    pub(super) history: History,
}

impl Group {
    /// A group of no instances.
    pub(super) fn empty(name: &str, arn: String, now: UnixMillis) -> Self {
        Self {
            name: name.to_owned(),
            arn,
            created: now,
            min: 0,
            max: 0,
            desired: 0,
            cooldown: COOLDOWN,
            warmup: None,
            protect_new: false,
            zones: Vec::new(),
            subnets: None,
            launch: Vec::new(),
            tags: BTreeMap::new(),
            instances: Vec::new(),
            hooks: BTreeMap::new(),
            policies: BTreeMap::new(),
            activities: VecDeque::new(),
            metrics: Vec::new(),
            reason: String::new(),
            scaled: None,
            deleting: false,
            knobs: Knobs::default(),
            history: History::default(),
        }
    }

    /// Instances that count to the desired capacity.
    pub(super) fn live(&self) -> i64 {
        self.count(|instance| !instance.life.is_leaving())
    }

    /// Instances for which `fits` holds.
    pub(super) fn count(&self, fits: impl Fn(&Instance) -> bool) -> i64 {
        let count = self.instances.iter().filter(|one| fits(one)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// Instances in service.
    pub(super) fn in_service(&self) -> i64 {
        self.count(|instance| instance.life == Life::InService)
    }

    /// Instances in service for at least `warmup` seconds.
    pub(super) fn warm(&self, now: UnixMillis, warmup: i64) -> i64 {
        let age = |since: UnixMillis| (now.0 - since.0) / 1000;
        self.count(|instance| {
            instance.life == Life::InService
                && instance.in_service.is_some_and(|at| age(at) >= warmup)
        })
    }

    /// Changes the desired capacity within the bounds and remembers why.
    pub(super) fn set_desired(&mut self, desired: i64, who: &str, now: UnixMillis) {
        let desired = desired.clamp(self.min, self.max);
        if desired == self.desired {
            return;
        }
        self.reason = format!(
            "At {} {who} changing the desired capacity from {} to {desired}.",
            super::activity::stamp(now),
            self.desired
        );
        log::info!("group {}: {}", self.name, self.reason);
        self.history.changed(now, self.desired, desired);
        self.desired = desired;
    }

    /// As the API writes it.
    pub(super) fn describe(&self) -> Value {
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut put = |name: &str, value: Value| members.push((name.to_owned(), value));
        put("AutoScalingGroupName", self.name.as_str().into());
        put("AutoScalingGroupARN", self.arn.as_str().into());
        self.launch
            .iter()
            .for_each(|(name, value)| put(name, value.clone()));
        put("MinSize", self.min.into());
        put("MaxSize", self.max.into());
        put("DesiredCapacity", self.desired.into());
        put("DefaultCooldown", self.cooldown.into());
        if let Some(warmup) = self.warmup {
            put("DefaultInstanceWarmup", warmup.into());
        }
        put("AvailabilityZones", self.zones.clone().into());
        put("LoadBalancerNames", Value::List(Vec::new()));
        put("TargetGroupARNs", Value::List(Vec::new()));
        put("HealthCheckType", "EC2".into());
        put("HealthCheckGracePeriod", 0.into());
        let launch = &self.launch;
        let instances = self.instances.iter().map(|one| one.describe(launch));
        put("Instances", Value::List(instances.collect()));
        put("CreatedTime", Value::time(self.created));
        put("SuspendedProcesses", Value::List(Vec::new()));
        if let Some(subnets) = &self.subnets {
            put("VPCZoneIdentifier", subnets.as_str().into());
        }
        let metrics = self.metrics.iter().map(|name| {
            Value::map([
                ("Metric", (*name).into()),
                ("Granularity", "1Minute".into()),
            ])
        });
        put("EnabledMetrics", Value::List(metrics.collect()));
        if self.deleting {
            put("Status", "Delete in progress".into());
        }
        put("Tags", Value::List(self.describe_tags()));
        put(
            "TerminationPolicies",
            Value::List(vec!["OldestInstance".into()]),
        );
        put("NewInstancesProtectedFromScaleIn", self.protect_new.into());
        Value::Map(members)
    }

    /// The tags as the API writes them.
    pub(super) fn describe_tags(&self) -> Vec<Value> {
        let shown = self.tags.iter().map(|(key, tag)| {
            Value::map([
                ("ResourceId", self.name.as_str().into()),
                ("ResourceType", "auto-scaling-group".into()),
                ("Key", key.as_str().into()),
                ("Value", tag.value.as_str().into()),
                ("PropagateAtLaunch", tag.at_launch.into()),
            ])
        });
        shown.collect()
    }

    /// The tags that an instance of the group has in EC2.
    pub(super) fn instance_tags(&self) -> BTreeMap<String, String> {
        let mut tags: BTreeMap<String, String> = self
            .tags
            .iter()
            .filter(|(_, tag)| tag.at_launch)
            .map(|(key, tag)| (key.clone(), tag.value.clone()))
            .collect();
        tags.insert("aws:autoscaling:groupName".to_owned(), self.name.clone());
        tags
    }
}
