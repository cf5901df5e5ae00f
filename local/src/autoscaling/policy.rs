//! Scaling policies: what they are, and the calls about them but `PutScalingPolicy`'s reading.

mod read;

use std::collections::BTreeMap;

use plimsoll_core::clock::UnixMillis;

use super::decide::{Adjustment, Step, adjusted, step};
use super::group::{COOLDOWN, Group, Knobs};
use super::{Order, invalid, limit, page, uuid};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Policies of a group. Source: quotas.
const POLICIES_MAX: usize = 50;

/// How the points of the last minute become one value for the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregation {
    Average,
    Minimum,
    Maximum,
}

/// What a policy does.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Keeps a metric at its target.
    Target {
        target: f64,
        scales_in: bool,
        /// Seconds of the metric's period.
        period: i64,
        /// The members of PutMetricAlarm that say what is watched.
        watched: Vec<(String, Value)>,
        /// The configuration as sent.
        sent: Value,
    },
    /// Steps by the distance from an alarm's threshold.
    Step {
        adjustment: Adjustment,
        magnitude: Option<i64>,
        aggregation: Aggregation,
        steps: Vec<Step>,
        /// The steps as sent.
        sent: Value,
    },
    /// One adjustment, then a cooldown.
    Simple {
        adjustment: Adjustment,
        magnitude: Option<i64>,
        by: i64,
        cooldown: Option<i64>,
    },
}

/// One policy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) kind: Kind,
    /// Seconds of warm-up, when it says so itself.
    pub(super) warmup: Option<i64>,
    pub(super) enabled: bool,
    /// Names and ARNs of its alarms.
    pub(super) alarms: Vec<(String, String)>,
    /// When it last acted on each alarm that is in ALARM.
    pub(super) acted: BTreeMap<String, UnixMillis>,
}

impl Policy {
    /// Seconds from coming into service until an instance is warm. Source: user guide, "Set the
    /// default instance warmup".
    pub(super) fn warmup(&self, group: &Group) -> i64 {
        let default = group.warmup.unwrap_or(if group.cooldown > 0 {
            group.cooldown
        } else {
            COOLDOWN
        });
        self.warmup.unwrap_or(default)
    }

    /// What a step or simple policy makes of `capacity`; nothing when no step holds.
    pub(super) fn adjust(&self, capacity: i64, distance: f64, above: bool) -> Option<i64> {
        match &self.kind {
            Kind::Target { .. } => None,
            Kind::Step {
                adjustment,
                magnitude,
                steps,
                ..
            } => {
                let by = step(steps, distance, above)?;
                Some(adjusted(capacity, *adjustment, by, *magnitude))
            }
            Kind::Simple {
                adjustment,
                magnitude,
                by,
                ..
            } => Some(adjusted(capacity, *adjustment, *by, *magnitude)),
        }
    }

    fn alarm_shapes(&self) -> Value {
        let alarms = self.alarms.iter().map(|(name, arn)| {
            Value::map([
                ("AlarmName", name.as_str().into()),
                ("AlarmARN", arn.as_str().into()),
            ])
        });
        Value::List(alarms.collect())
    }

    fn describe(&self, group: &str) -> Value {
        let mut members = vec![
            ("AutoScalingGroupName".to_owned(), group.into()),
            ("PolicyName".to_owned(), self.name.as_str().into()),
            ("PolicyARN".to_owned(), self.arn.as_str().into()),
            ("Alarms".to_owned(), self.alarm_shapes()),
            ("Enabled".to_owned(), self.enabled.into()),
        ];
        let mut put = |name: &str, value: Value| members.push((name.to_owned(), value));
        if let Some(warmup) = self.warmup {
            put("EstimatedInstanceWarmup", warmup.into());
        }
        match &self.kind {
            Kind::Target { sent, .. } => {
                put("PolicyType", "TargetTrackingScaling".into());
                put("TargetTrackingConfiguration", sent.clone());
                put("StepAdjustments", Value::List(Vec::new()));
            }
            Kind::Step {
                adjustment,
                magnitude,
                aggregation,
                sent,
                ..
            } => {
                put("PolicyType", "StepScaling".into());
                put("AdjustmentType", adjustment.name().into());
                put("MetricAggregationType", format!("{aggregation:?}").into());
                put("StepAdjustments", sent.clone());
                if let Some(magnitude) = magnitude {
                    put("MinAdjustmentMagnitude", (*magnitude).into());
                }
            }
            Kind::Simple {
                adjustment,
                magnitude,
                by,
                cooldown,
            } => {
                put("PolicyType", "SimpleScaling".into());
                put("AdjustmentType", adjustment.name().into());
                put("ScalingAdjustment", (*by).into());
                put("StepAdjustments", Value::List(Vec::new()));
                if let Some(magnitude) = magnitude {
                    put("MinAdjustmentMagnitude", (*magnitude).into());
                }
                if let Some(cooldown) = cooldown {
                    put("Cooldown", (*cooldown).into());
                }
            }
        }
        Value::Map(members)
    }

    /// The PutMetricAlarm calls of its two alarms. Names are as AWS gives them; the counts of
    /// periods of 10 and 30 seconds are not published, see [`Knobs`].
    pub(super) fn alarm_orders(&self, group: &str, knobs: &Knobs) -> Vec<Order> {
        let Kind::Target {
            target,
            period,
            watched,
            scales_in,
            ..
        } = &self.kind
        else {
            return Vec::new();
        };
        let low = (knobs.low_seconds / period).max(1);
        let sides = [
            (
                "AlarmHigh",
                "GreaterThanThreshold",
                *target,
                knobs.high_periods,
            ),
            (
                "AlarmLow",
                "LessThanThreshold",
                target * knobs.low_share,
                low,
            ),
        ];
        let mut orders = Vec::new();
        for ((side, comparison, threshold, periods), (name, _)) in
            sides.into_iter().zip(&self.alarms)
        {
            debug_assert!(name.contains(side));
            if side == "AlarmLow" && !scales_in {
                continue;
            }
            let described = format!(
                "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {} of group {group}.",
                self.arn
            );
            let mut members: Vec<(String, Value)> = [
                ("AlarmName", name.as_str().into()),
                ("AlarmDescription", described.into()),
                ("ComparisonOperator", comparison.into()),
                ("Threshold", threshold.into()),
                ("EvaluationPeriods", periods.into()),
                ("ActionsEnabled", self.enabled.into()),
                ("AlarmActions", vec![self.arn.clone()].into()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
            members.extend(watched.iter().cloned());
            orders.push(Order::PutAlarm(Value::Map(members)));
        }
        orders
    }
}

impl super::Scaling {
    /// `PutScalingPolicy`.
    pub(super) fn put_policy(&mut self, call: &Call) -> Answer {
        let name = Input::new(&call.input, "ValidationError").required("PolicyName", 1, 255)?;
        let group = call.input.member("AutoScalingGroupName").text();
        let kind = read::kind(&call.input, group.unwrap_or_default())?;
        let warmup = read::seconds(&call.input, "EstimatedInstanceWarmup")?;
        if warmup.is_some() && matches!(kind, Kind::Simple { .. }) {
            return Err(invalid(
                "EstimatedInstanceWarmup is not supported by policies of type SimpleScaling.",
            ));
        }
        let enabled = call.input.member("Enabled").boolean().unwrap_or(true);
        let (account, region) = (self.account.clone(), self.region.clone());
        let ids = [
            uuid(&mut self.random),
            uuid(&mut self.random),
            uuid(&mut self.random),
        ];
        let group = super::named(&mut self.groups, call)?;
        let known = group.policies.get(name);
        if known.is_none() && group.policies.len() >= POLICIES_MAX {
            return Err(limit(format!(
                "The maximum number of scaling policies per Auto Scaling group is {POLICIES_MAX}."
            )));
        }
        let [id, high, low] = ids;
        let arn = known.map_or_else(
            || {
                format!(
                    "arn:aws:autoscaling:{region}:{account}:scalingPolicy:{id}:\
                     autoScalingGroupName/{}:policyName/{name}",
                    group.name
                )
            },
            |known| known.arn.clone(),
        );
        if let Some(Kind::Target { .. }) = known.map(|known| &known.kind) {
            let old = known.iter().flat_map(|known| &known.alarms);
            let names = old.map(|(name, _)| name.clone()).collect();
            self.orders.push(Order::DeleteAlarms(names));
        }
        let alarms = alarm_names(&kind, &group.name, &region, &account, [high, low]);
        let policy = Policy {
            name: name.to_owned(),
            arn: arn.clone(),
            kind,
            warmup,
            enabled,
            alarms,
            acted: BTreeMap::new(),
        };
        self.orders
            .extend(policy.alarm_orders(&group.name, &group.knobs));
        let shapes = policy.alarm_shapes();
        group.policies.insert(name.to_owned(), policy);
        Ok(Value::map([("PolicyARN", arn.into()), ("Alarms", shapes)]))
    }

    /// `DescribePolicies`.
    pub(super) fn describe_policies(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let group = input.text("AutoScalingGroupName", 1, 1600)?;
        let names = call.input.member("PolicyNames").items();
        let types = call.input.member("PolicyTypes").items();
        let mut found = Vec::new();
        for held in self.groups.values() {
            if group.is_some_and(|group| group != held.name && group != held.arn) {
                continue;
            }
            for policy in held.policies.values() {
                let asked = |name: &Value| {
                    let name = name.text();
                    name == Some(&policy.name) || name == Some(&policy.arn)
                };
                let shown = policy.describe(&held.name);
                let kind = shown.member("PolicyType").clone();
                if (names.is_empty() || names.iter().any(asked))
                    && (types.is_empty() || types.contains(&kind))
                {
                    found.push(shown);
                }
            }
        }
        page(call, "ScalingPolicies", found, 50, 100)
    }

    /// `DeletePolicy`, with the alarms that it made.
    pub(super) fn delete_policy(&mut self, call: &Call) -> Answer {
        let (group, name) = self.find_policy(call)?;
        let held = self.groups.get_mut(&group);
        if let Some(policy) = held.and_then(|held| held.policies.remove(&name))
            && matches!(policy.kind, Kind::Target { .. })
        {
            let names = policy.alarms.into_iter().map(|(name, _)| name).collect();
            self.orders.push(Order::DeleteAlarms(names));
        }
        Ok(Value::Null)
    }

    /// `ExecutePolicy`.
    pub(super) fn execute_policy(&mut self, call: &Call) -> Answer {
        let (group, name) = self.find_policy(call)?;
        let honor = call.input.member("HonorCooldown").boolean() == Some(true);
        let metric = call.input.member("MetricValue").number();
        let threshold = call.input.member("BreachThreshold").number();
        let Some(group) = self.groups.get_mut(&group) else {
            return Ok(Value::Null);
        };
        let Some(policy) = group.policies.get(&name) else {
            return Ok(Value::Null);
        };
        let distance = match (&policy.kind, metric, threshold) {
            (Kind::Target { .. }, ..) => {
                return Err(invalid(
                    "ExecutePolicy is not supported for policies of type TargetTrackingScaling.",
                ));
            }
            (Kind::Step { .. }, Some(metric), Some(threshold)) => metric - threshold,
            (Kind::Step { .. }, ..) => {
                return Err(invalid(
                    "MetricValue and BreachThreshold are required for policies of type StepScaling.",
                ));
            }
            (Kind::Simple { .. }, ..) => 0.0,
        };
        if honor && let Some(id) = group.cooling(None, call.now) {
            return Err(super::in_progress(&id));
        }
        let capacity = policy.adjust(group.desired, distance, distance >= 0.0);
        let simple = matches!(policy.kind, Kind::Simple { .. });
        if let Some(capacity) = capacity {
            let who = format!("a user request executed policy {name}");
            group.set_desired(capacity, &who, call.now);
            if simple {
                group.scaled = Some(call.now);
            }
        }
        Ok(Value::Null)
    }

    /// The group's and the policy's name; the policy may be named by its ARN alone.
    fn find_policy(&self, call: &Call) -> Result<(String, String), Refusal> {
        let input = Input::new(&call.input, "ValidationError");
        let name = input.required("PolicyName", 1, 1600)?;
        let group = input.text("AutoScalingGroupName", 1, 1600)?;
        if group.is_none() && !name.starts_with("arn:") {
            return Err(invalid(
                "The AutoScalingGroupName is required when a policy is not named by its ARN.",
            ));
        }
        let groups = self.groups.values();
        groups
            .filter(|held| group.is_none_or(|group| group == held.name || group == held.arn))
            .flat_map(|held| held.policies.values().map(move |policy| (held, policy)))
            .find(|(_, policy)| policy.name == name || policy.arn == name)
            .map(|(held, policy)| (held.name.clone(), policy.name.clone()))
            .ok_or_else(|| invalid(format!("PolicyName {name} not found")))
    }
}

/// Names and ARNs of the alarms that a policy makes, the high one first.
fn alarm_names(
    kind: &Kind,
    group: &str,
    region: &str,
    account: &str,
    ids: [String; 2],
) -> Vec<(String, String)> {
    let Kind::Target { scales_in, .. } = kind else {
        return Vec::new();
    };
    let sides = ["High", "Low"].into_iter().zip(ids);
    sides
        .take(if *scales_in { 2 } else { 1 })
        .map(|(side, id)| {
            let alarm = format!("TargetTracking-{group}-Alarm{side}-{id}");
            let arn = format!("arn:aws:cloudwatch:{region}:{account}:alarm:{alarm}");
            (alarm, arn)
        })
        .collect()
}
