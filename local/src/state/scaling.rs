//! What passes between Auto Scaling, CloudWatch, instance metadata and EC2's tags.

use std::collections::BTreeMap;

use plimsoll_core::clock::UnixMillis;

use super::{World, lock};
use crate::autoscaling::Order;
use crate::service::{Answer, Call};
use crate::state::unknown_operation;
use crate::value::Value;

/// The tag that names an instance's group.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

impl World {
    /// Lets Auto Scaling answer, and hands over what follows.
    pub(super) fn scaling_call(&self, call: &Call) -> Answer {
        let answer = lock(&self.autoscaling).call(call);
        self.hand_over_scaling();
        answer
    }

    /// Lets the groups look at their alarms.
    pub(super) fn tick_groups(&self, now: UnixMillis) {
        let readings = lock(&self.cloudwatch).scaling_alarms();
        lock(&self.autoscaling).tick(&readings, now);
        self.hand_over_scaling();
    }

    /// Carries out what the groups want from CloudWatch, and tells instance metadata.
    pub(crate) fn hand_over_scaling(&self) {
        use plimsoll_core::clock::Clock as _;
        let id = lock(&self.imds).instance.instance_id.clone();
        let mut scaling = lock(&self.autoscaling);
        let (orders, membership) = (scaling.take_orders(), scaling.membership(&id));
        drop(scaling);
        let now = self.clock.now();
        for order in orders {
            let (operation, input) = match order {
                Order::Record(datum) => {
                    lock(&self.cloudwatch).record(&datum);
                    continue;
                }
                Order::PutAlarm(input) => ("PutMetricAlarm", input),
                Order::DeleteAlarms(names) => {
                    ("DeleteAlarms", Value::map([("AlarmNames", names.into())]))
                }
            };
            let call = Call {
                operation: operation.to_owned(),
                input,
                now,
                region: self.settings.region.clone(),
                key_id: String::new(),
            };
            if let Err(refusal) = lock(&self.cloudwatch).call(&call) {
                // An alarm that somebody deleted by hand, or a metric that no alarm takes.
                log::warn!(
                    "{operation} for a scaling policy was refused: {}",
                    refusal.message
                );
            }
        }
        let Some(membership) = membership else {
            return;
        };
        let mut imds = lock(&self.imds);
        imds.instance.lifecycle_state = Some(membership.target.to_owned());
        if let Some(tags) = &mut imds.instance.tags {
            match membership.group {
                Some(group) => tags.insert(GROUP_TAG.to_owned(), group),
                None => tags.remove(GROUP_TAG),
            };
        }
    }

    /// EC2: `DescribeTags` alone. Source: EC2 API reference, `DescribeTags`.
    pub(super) fn ec2_call(&self, call: &Call) -> Answer {
        if call.operation != "DescribeTags" {
            return Err(unknown_operation(&call.operation));
        }
        let imds = lock(&self.imds);
        let own = imds.instance.instance_id.clone();
        let shown = imds.instance.tags.clone();
        let tags = shown
            .or_else(|| imds.hidden_tags.clone())
            .unwrap_or_default();
        drop(imds);
        let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        all.insert(own, tags);
        for (id, tags) in lock(&self.autoscaling).instance_tags() {
            all.entry(id).or_default().extend(tags);
        }
        let filters = numbered(call.input.member("Filter"));
        let mut items = Vec::new();
        for (id, tags) in &all {
            for (key, value) in tags {
                let held = |name: &str| match name {
                    "resource-id" => id.as_str(),
                    "resource-type" => "instance",
                    "key" => key.as_str(),
                    "value" => value.as_str(),
                    _ => "",
                };
                let fits = filters.iter().all(|filter| {
                    let name = filter.member("Name").text().unwrap_or_default();
                    let wanted = numbered(filter.member("Value"));
                    wanted.iter().any(|one| one.text() == Some(held(name)))
                });
                if fits {
                    items.push(Value::map([
                        ("resourceId", id.as_str().into()),
                        ("resourceType", "instance".into()),
                        ("key", key.as_str().into()),
                        ("value", value.as_str().into()),
                    ]));
                }
            }
        }
        Ok(Value::map([("tagSet", Value::List(items))]))
    }
}

/// The items of a list in EC2's form, `Filter.1`, `Filter.2`, in their order.
fn numbered(value: &Value) -> Vec<&Value> {
    let mut items: Vec<(u32, &Value)> = value
        .members()
        .iter()
        .filter_map(|(number, item)| Some((number.parse().ok()?, item)))
        .collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, item)| item).collect()
}
