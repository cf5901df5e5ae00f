//! Amazon EC2 Auto Scaling: groups whose instances are simulated, and whose policies really scale.
//!
//! Alarms of policies are alarms of the CloudWatch here; what happens to them comes in with each
//! tick as [`AlarmReading`]s, and what is to be done there goes out as [`Order`]s. An instance of
//! a group may be the one that instance metadata tells of. Not here: launch templates, warm pools,
//! instance refresh, scheduled and predictive scaling, health checks, standby.
//! It never starts anything real.

mod activity;
mod control;
mod decide;
mod group;
mod groups;
mod history;
mod hook;
mod life;
mod policy;
mod shown;
mod tags;

use std::collections::BTreeMap;

use fastrand::Rng;
use plimsoll_core::clock::UnixMillis;

use crate::cloudwatch::{AlarmReading, Bucket, Datum, MetricId};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::state::unknown_operation;
use crate::value::Value;

pub use shown::GroupChange;

use group::{Group, Life};
use history::Sample;
use policy::Kind;

/// Groups that are kept. AWS allows 500; each keeps its history in memory here.
const GROUPS_MAX: usize = 50;
/// Instances of a group, for the same reason.
const SIZE_MAX: i64 = 500;
/// Keeps ids from being the same letters as other secrets that are made from the same seed.
const SALT: u64 = 0x0073_6361_6c69_6e67;
const MINUTE_MS: i64 = 60_000;

/// What the groups want from CloudWatch.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// A PutMetricAlarm.
    PutAlarm(Value),
    /// Alarms to delete, by name.
    DeleteAlarms(Vec<String>),
    /// A metric of a group.
    Record(Datum),
}

/// The instance of instance metadata, as its group sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group; `None` once it was detached.
    pub group: Option<String>,
    /// What instance metadata tells as `autoscaling/target-lifecycle-state`.
    pub target: &'static str,
}

/// The service.
#[derive(Debug)]
pub struct Scaling {
    account: String,
    region: String,
    random: Rng,
    groups: BTreeMap<String, Group>,
    orders: Vec<Order>,
    told: Option<Membership>,
    published: i64,
}

impl Scaling {
    /// No groups.
    #[must_use]
    pub fn new(account: &str, region: &str, seed: u64) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            random: Rng::with_seed(seed ^ SALT),
            groups: BTreeMap::new(),
            orders: Vec::new(),
            told: None,
            published: 0,
        }
    }

    /// Answers a call.
    ///
    /// # Errors
    /// What AWS refuses, in its words.
    pub fn call(&mut self, call: &Call) -> Answer {
        let answer = match call.operation.as_str() {
            "CreateAutoScalingGroup" => self.create(call),
            "UpdateAutoScalingGroup" => self.update(call),
            "DeleteAutoScalingGroup" => self.delete(call),
            "DescribeAutoScalingGroups" => self.describe_groups(call),
            "DescribeAutoScalingInstances" => self.describe_instances(call),
            "AttachInstances" => self.attach(call),
            "DetachInstances" => self.detach(call),
            "SetDesiredCapacity" => self.set_desired_capacity(call),
            "SetInstanceProtection" => self.protect(call),
            "TerminateInstanceInAutoScalingGroup" => self.terminate_instance(call),
            "PutLifecycleHook" => hook::put(named(&mut self.groups, call)?, call),
            "DescribeLifecycleHooks" => Ok(hook::describe(named(&mut self.groups, call)?, call)),
            "DeleteLifecycleHook" => hook::delete(named(&mut self.groups, call)?, call),
            "CompleteLifecycleAction" => hook::complete(named(&mut self.groups, call)?, call),
            "RecordLifecycleActionHeartbeat" => {
                hook::heartbeat(named(&mut self.groups, call)?, call)
            }
            "PutScalingPolicy" => self.put_policy(call),
            "DescribePolicies" => self.describe_policies(call),
            "DeletePolicy" => self.delete_policy(call),
            "ExecutePolicy" => self.execute_policy(call),
            "DescribeScalingActivities" => self.describe_activities(call),
            "EnableMetricsCollection" => self.collect_metrics(call, true),
            "DisableMetricsCollection" => self.collect_metrics(call, false),
            "CreateOrUpdateTags" => self.tag(call),
            "DeleteTags" => self.untag(call),
            "DescribeTags" => self.describe_tags(call),
            _ => return Err(unknown_operation(&call.operation)),
        };
        self.live_on(call.now);
        answer
    }

    /// Moves every group on: policies, instances, metrics.
    pub fn tick(&mut self, readings: &[AlarmReading], now: UnixMillis) {
        for group in self.groups.values_mut().filter(|group| !group.deleting) {
            group.control(readings, now);
        }
        self.live_on(now);
        let minute = now.0.div_euclid(MINUTE_MS);
        let publish = minute != self.published;
        self.published = minute;
        for group in self.groups.values_mut() {
            group.history.keep(sample(group, readings, now));
            if publish {
                self.orders.extend(group.datums(now).map(Order::Record));
            }
        }
    }

    fn live_on(&mut self, now: UnixMillis) {
        for group in self.groups.values_mut() {
            group.live_on(&mut self.random, now);
        }
        let mut alarms = Vec::new();
        self.groups.retain(|_, group| {
            let over = group.deleting && group.instances.is_empty();
            if over {
                alarms.extend(group.own_alarms());
            }
            !over
        });
        if !alarms.is_empty() {
            self.orders.push(Order::DeleteAlarms(alarms));
        }
    }

    /// What CloudWatch has to do since the last call.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// What instance metadata has to tell about its instance, when that changed.
    pub fn membership(&mut self, id: &str) -> Option<Membership> {
        let held = self.groups.values().find_map(|group| {
            let instance = group.instances.iter().find(|one| one.id == id)?;
            Some(Membership {
                group: Some(group.name.clone()),
                target: instance.target(),
            })
        });
        let now = match (held, &self.told) {
            (Some(held), _) => held,
            (None, None) => return None,
            // One that was on its way out is gone; any other was detached.
            (None, Some(told)) if told.target == "Terminated" => told.clone(),
            (None, Some(_)) => Membership {
                group: None,
                target: "Detached",
            },
        };
        if self.told.as_ref() == Some(&now) {
            return None;
        }
        self.told = Some(now.clone());
        Some(now)
    }

    /// The tags of every instance in a group, as EC2 has them.
    #[must_use]
    pub fn instance_tags(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let instances = self.groups.values().flat_map(|group| {
            let ids = group.instances.iter().map(|one| one.id.clone());
            ids.map(|id| (id, group.instance_tags()))
        });
        instances.collect()
    }
}

/// The group as it is now, with the newest value of the first policy that tracks a target.
fn sample(group: &Group, readings: &[AlarmReading], now: UnixMillis) -> Sample {
    let tracked = group
        .policies
        .values()
        .find_map(|policy| match policy.kind {
            Kind::Target { target, .. } => Some((policy, target)),
            _ => None,
        });
    let metric = tracked.and_then(|(policy, _)| {
        let reading = readings
            .iter()
            .find(|one| one.actions.contains(&policy.arn));
        reading.and_then(|one| one.points.last().copied())
    });
    let pending = |one: &group::Instance| !one.life.is_leaving() && one.life != Life::InService;
    Sample {
        at: now,
        desired: group.desired,
        in_service: group.in_service(),
        pending: group.count(pending),
        terminating: group.count(|one| one.life.is_leaving()),
        metric,
        target: tracked.map(|(_, target)| target),
    }
}

/// The metrics of a group. Source: user guide, "Amazon CloudWatch metrics for Amazon EC2 Auto
/// Scaling".
const METRICS: [&str; 8] = [
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
];

impl Group {
    /// Names of the alarms that its policies made.
    fn own_alarms(&self) -> Vec<String> {
        let tracking = |policy: &&policy::Policy| matches!(policy.kind, Kind::Target { .. });
        let policies = self.policies.values().filter(tracking);
        let alarms = policies.flat_map(|policy| &policy.alarms);
        alarms.map(|(name, _)| name.clone()).collect()
    }

    /// The datums of the minute.
    fn datums(&self, now: UnixMillis) -> impl Iterator<Item = Datum> + '_ {
        let leaving = self.count(|one| one.life.is_leaving());
        let serving = self.in_service();
        let all = self.count(|_| true);
        self.metrics.iter().map(move |name| {
            let value = match *name {
                "GroupMinSize" => self.min,
                "GroupMaxSize" => self.max,
                "GroupDesiredCapacity" => self.desired,
                "GroupInServiceInstances" => serving,
                "GroupPendingInstances" => all - serving - leaving,
                "GroupTerminatingInstances" => leaving,
                "GroupTotalInstances" => all,
                _ => 0,
            };
            Datum {
                id: MetricId {
                    namespace: "AWS/AutoScaling".to_owned(),
                    name: (*name).to_owned(),
                    dimensions: vec![("AutoScalingGroupName".to_owned(), self.name.clone())],
                },
                unit: "None".to_owned(),
                at: now,
                high_resolution: false,
                bucket: Bucket::of(decide::float(value), 1.0),
            }
        })
    }
}

/// The group that a call names, by name or ARN.
fn named<'a>(
    groups: &'a mut BTreeMap<String, Group>,
    call: &Call,
) -> Result<&'a mut Group, Refusal> {
    let input = Input::new(&call.input, "ValidationError");
    let name = input.required("AutoScalingGroupName", 1, 1600)?;
    groups
        .values_mut()
        .find(|group| group.name == name || group.arn == name)
        .ok_or_else(|| {
            invalid(format!(
                "AutoScalingGroup name not found - no such group: {name}"
            ))
        })
}

/// One page of `found`, with a token where there is more.
fn page(call: &Call, member: &str, found: Vec<Value>, size: usize, max: i64) -> Answer {
    let input = Input::new(&call.input, "ValidationError");
    let asked = input.integer("MaxRecords", 1, max)?;
    let size = asked
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(size);
    let from = match call.input.member("NextToken").text() {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| Refusal::new("InvalidNextToken", "The token is not valid."))?,
    };
    let next = from.saturating_add(size);
    let token = (next < found.len()).then(|| next.to_string());
    let shown = found.into_iter().skip(from).take(size).collect();
    Ok(Value::map([
        (member, Value::List(shown)),
        ("NextToken", token.into()),
    ]))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

fn limit(message: impl Into<String>) -> Refusal {
    Refusal::new("LimitExceededFault", message).with_code("LimitExceeded")
}

fn in_progress(id: &str) -> Refusal {
    let message = format!("Scaling activity {id} is in progress and blocks this action");
    Refusal::new("ScalingActivityInProgressFault", message).with_code("ScalingActivityInProgress")
}

/// A UUID.
fn uuid(random: &mut Rng) -> String {
    let id = format!("{:032x}", random.u128(..));
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests;
