//! The calls about groups and their instances.
//!
//! Limits: API reference, `CreateAutoScalingGroup`, `UpdateAutoScalingGroup`, `SetDesiredCapacity`.

use super::activity::stamp;
use super::group::{Group, Instance, Life};
use super::{
    GROUPS_MAX, METRICS, SIZE_MAX, Scaling, in_progress, invalid, limit, named, page, uuid,
};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Members that say what to launch; one must be there.
const LAUNCH: [&str; 4] = [
    "LaunchConfigurationName",
    "LaunchTemplate",
    "MixedInstancesPolicy",
    "InstanceId",
];

impl Scaling {
    pub(super) fn create(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let name = input.required("AutoScalingGroupName", 1, 255)?;
        if name.contains(':') {
            return Err(invalid("Colons are not allowed in AutoScalingGroupName."));
        }
        if self.groups.contains_key(name) {
            let message = format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} \
                 already exists"
            );
            return Err(Refusal::new("AlreadyExistsFault", message).with_code("AlreadyExists"));
        }
        let launch = launch(call)?;
        let subnets = call.input.member("VPCZoneIdentifier").text();
        let zones = self.zones(call, subnets)?;
        if self.groups.len() >= GROUPS_MAX {
            return Err(limit(format!(
                "You have reached the limit of {GROUPS_MAX} Auto Scaling groups."
            )));
        }
        let id = uuid(&mut self.random);
        let arn = format!(
            "arn:aws:autoscaling:{}:{}:autoScalingGroup:{id}:autoScalingGroupName/{name}",
            self.region, self.account
        );
        let mut group = Group::empty(name, arn, call.now);
        group.zones = zones;
        group.subnets = subnets.map(str::to_owned);
        group.launch = launch;
        for required in ["MinSize", "MaxSize"] {
            input.required_integer(required)?;
        }
        configure(&mut group, call, "created an AutoScalingGroup,")?;
        super::tags::put(&mut group, call.input.member("Tags").items())?;
        self.groups.insert(name.to_owned(), group);
        Ok(Value::Null)
    }

    /// The availability zones; the Region's first for subnets, which are not known here.
    fn zones(&self, call: &Call, subnets: Option<&str>) -> Result<Vec<String>, Refusal> {
        let zones = call.input.member("AvailabilityZones").items();
        let mut zones: Vec<_> = zones
            .iter()
            .filter_map(Value::text)
            .map(str::to_owned)
            .collect();
        if zones.is_empty() {
            if subnets.is_none_or(str::is_empty) {
                return Err(invalid(
                    "At least one Availability Zone or VPC Subnet is required.",
                ));
            }
            zones.push(format!("{}a", self.region));
        }
        Ok(zones)
    }

    pub(super) fn update(&mut self, call: &Call) -> Answer {
        let group = named(&mut self.groups, call)?;
        let mut changed = group.clone();
        configure(&mut changed, call, "updated AutoScalingGroup constraints,")?;
        *group = changed;
        Ok(Value::Null)
    }

    pub(super) fn delete(&mut self, call: &Call) -> Answer {
        let force = call.input.member("ForceDelete").boolean() == Some(true);
        let group = named(&mut self.groups, call)?;
        if !force && !group.instances.is_empty() {
            let message = "You cannot delete an AutoScalingGroup while there are instances or \
                           pending Spot instance request(s) still in the group.";
            return Err(Refusal::new("ResourceInUseFault", message).with_code("ResourceInUse"));
        }
        group.deleting = true;
        if force {
            group.hooks.clear();
            group.min = 0;
            for instance in &mut group.instances {
                instance.protected = false;
            }
            group.set_desired(0, "a user request force deleted AutoScalingGroup", call.now);
        }
        Ok(Value::Null)
    }

    pub(super) fn describe_groups(&self, call: &Call) -> Answer {
        let names = call.input.member("AutoScalingGroupNames").items();
        let filters = call.input.member("Filters").items();
        let fits = |group: &&Group| {
            (names.is_empty() || names.iter().any(|name| name.text() == Some(&group.name)))
                && filters
                    .iter()
                    .all(|filter| super::tags::fits(group, filter))
        };
        let found = self.groups.values().filter(fits);
        let bare = call.input.member("IncludeInstances").boolean() == Some(false);
        let shown = found.map(|group| match group.describe() {
            Value::Map(mut members) if bare => {
                members.retain(|(name, _)| name != "Instances");
                Value::Map(members)
            }
            shown => shown,
        });
        page(call, "AutoScalingGroups", shown.collect(), 50, 100)
    }

    pub(super) fn describe_instances(&self, call: &Call) -> Answer {
        let ids = call.input.member("InstanceIds").items();
        let mut found = Vec::new();
        for group in self.groups.values() {
            for instance in &group.instances {
                if !ids.is_empty() && !ids.iter().any(|id| id.text() == Some(&instance.id)) {
                    continue;
                }
                let Value::Map(mut members) = instance.describe(&group.launch) else {
                    continue;
                };
                members.push((
                    "AutoScalingGroupName".to_owned(),
                    group.name.as_str().into(),
                ));
                for (name, value) in &mut members {
                    // Here, and only here, the word is written in capitals.
                    if name == "HealthStatus" {
                        *value = "HEALTHY".into();
                    }
                }
                found.push(Value::Map(members));
            }
        }
        page(call, "AutoScalingInstances", found, 50, 50)
    }

    pub(super) fn attach(&mut self, call: &Call) -> Answer {
        let ids: Vec<&str> = ids(call).collect();
        let held = |id: &str| {
            let mut all = self.groups.values().flat_map(|group| &group.instances);
            all.any(|one| one.id == id)
        };
        if let Some(id) = ids.iter().find(|id| held(id)) {
            return Err(invalid(format!(
                "Instance {id} is already part of an AutoScalingGroup."
            )));
        }
        let activity = uuid(&mut self.random);
        let group = named(&mut self.groups, call)?;
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let desired = group.desired.saturating_add(count);
        if desired > group.max {
            return Err(invalid(format!(
                "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={}. To attach \
                 {count} more instance, please update the AutoScalingGroup sizes appropriately.",
                group.name, group.min, group.max, group.desired
            )));
        }
        for id in ids {
            group.instances.push(Instance {
                id: id.to_owned(),
                zone: group.zones.first().cloned().unwrap_or_default(),
                life: Life::InService,
                // It was there before the group looked at it, so it is the first to go.
                launched: group.created,
                in_service: Some(call.now),
                protected: group.protect_new,
                waiting: Vec::new(),
                activity: activity.clone(),
            });
        }
        group.set_desired(desired, "an instance was attached", call.now);
        Ok(Value::Null)
    }

    pub(super) fn detach(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let shrinks = input.flag("ShouldDecrementDesiredCapacity")?;
        let group = named(&mut self.groups, call)?;
        let ids: Vec<&str> = ids(call).collect();
        for id in &ids {
            if !group.instances.iter().any(|one| one.id == *id) {
                return Err(invalid(format!(
                    "The instance {id} is not part of Auto Scaling group {}.",
                    group.name
                )));
            }
        }
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        if shrinks && group.desired - count < group.min {
            return Err(below(group.desired - count, group.min));
        }
        group
            .instances
            .retain(|one| !ids.contains(&one.id.as_str()));
        if shrinks {
            group.set_desired(group.desired - count, "an instance was detached", call.now);
        }
        Ok(Value::map([("Activities", Value::List(Vec::new()))]))
    }

    pub(super) fn set_desired_capacity(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let honor = input.flag("HonorCooldown")?;
        let desired = input.required_integer("DesiredCapacity")?;
        let group = named(&mut self.groups, call)?;
        if desired > group.max {
            return Err(invalid(format!(
                "New SetDesiredCapacity value {desired} is above max value {} for the \
                 AutoScalingGroup.",
                group.max
            )));
        }
        if desired < group.min {
            return Err(below(desired, group.min));
        }
        if honor && let Some(id) = group.cooling(None, call.now) {
            return Err(in_progress(&id));
        }
        if desired != group.desired {
            group.scaled = Some(call.now);
        }
        let who = "a user request explicitly set group desired capacity";
        group.set_desired(desired, who, call.now);
        Ok(Value::Null)
    }

    pub(super) fn protect(&mut self, call: &Call) -> Answer {
        let protected = Input::new(&call.input, "ValidationError").flag("ProtectedFromScaleIn")?;
        let group = named(&mut self.groups, call)?;
        for id in ids(call) {
            if let Some(instance) = group.instances.iter_mut().find(|one| one.id == id) {
                instance.protected = protected;
            }
        }
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn terminate_instance(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let id = input.required("InstanceId", 1, 19)?;
        let shrinks = input.flag("ShouldDecrementDesiredCapacity")?;
        let held = |group: &&mut Group| group.instances.iter().any(|one| one.id == id);
        let Some(group) = self.groups.values_mut().find(held) else {
            return Err(invalid(format!(
                "Instance Id not found - No managed instance found for instance ID {id}"
            )));
        };
        if shrinks && group.desired <= group.min {
            return Err(below(group.desired - 1, group.min));
        }
        let cause = format!(
            "At {} instance {id} was taken out of service in response to a user request.",
            stamp(call.now)
        );
        let activity = group.terminate(id, cause, &mut self.random, call.now);
        if shrinks {
            let who = "a user request terminated an instance,";
            group.set_desired(group.desired - 1, who, call.now);
        }
        let shown = activity.map_or(Value::Null, |activity| activity.describe(group));
        Ok(Value::map([("Activity", shown)]))
    }

    pub(super) fn describe_activities(&self, call: &Call) -> Answer {
        let name = call.input.member("AutoScalingGroupName").text();
        let ids = call.input.member("ActivityIds").items();
        let groups = self.groups.values();
        let groups: Vec<&Group> = groups
            .filter(|group| name.is_none_or(|name| name == group.name || name == group.arn))
            .collect();
        if let (Some(name), true) = (name, groups.is_empty()) {
            return Err(invalid(format!(
                "AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
            )));
        }
        let mut found = Vec::new();
        for group in groups {
            let asked = |id: &str| ids.is_empty() || ids.iter().any(|one| one.text() == Some(id));
            let shown = group.activities.iter().filter(|one| asked(&one.id));
            found.extend(shown.map(|one| one.describe(group)));
        }
        page(call, "Activities", found, 100, 100)
    }

    pub(super) fn collect_metrics(&mut self, call: &Call, on: bool) -> Answer {
        let asked = call.input.member("Metrics").items();
        if on && call.input.member("Granularity").text() != Some("1Minute") {
            return Err(invalid("The only supported Granularity is 1Minute."));
        }
        for name in asked.iter().filter_map(Value::text) {
            if !METRICS.contains(&name) {
                return Err(invalid(format!("The metric {name} is not available here.")));
            }
        }
        let group = named(&mut self.groups, call)?;
        let meant =
            |name: &str| asked.is_empty() || asked.iter().any(|one| one.text() == Some(name));
        let enabled = group.metrics.clone();
        group.metrics = METRICS
            .into_iter()
            .filter(|name| {
                if meant(name) {
                    on
                } else {
                    enabled.contains(name)
                }
            })
            .collect();
        Ok(Value::Null)
    }
}

/// The member that says what to launch.
fn launch(call: &Call) -> Result<Vec<(String, Value)>, Refusal> {
    let launch: Vec<_> = LAUNCH
        .iter()
        .map(|name| ((*name).to_owned(), call.input.member(name).clone()))
        .filter(|(_, value)| !value.is_null())
        .collect();
    if launch.len() != 1 {
        return Err(invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, \
             InstanceId or MixedInstancesPolicy parameter.",
        ));
    }
    Ok(launch)
}

/// Sizes and settings of a create or an update; nothing is changed when one of them is bad.
fn configure(group: &mut Group, call: &Call, what: &str) -> Result<(), Refusal> {
    let input = Input::new(&call.input, "ValidationError");
    let size = |name: &str| input.integer(name, 0, SIZE_MAX);
    let min = size("MinSize")?.unwrap_or(group.min);
    let max = size("MaxSize")?.unwrap_or(group.max);
    if min > max {
        return Err(invalid(
            "Max bound must be greater than or equal to min bound",
        ));
    }
    let asked = size("DesiredCapacity")?;
    if let Some(desired) = asked.filter(|desired| !(min..=max).contains(desired)) {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max \
             size:{max}"
        )));
    }
    let seconds = |name: &str| input.integer(name, 0, 86_400);
    group.cooldown = seconds("DefaultCooldown")?.unwrap_or(group.cooldown);
    let warmup = call.input.member("DefaultInstanceWarmup").integer();
    if warmup == Some(-1) {
        group.warmup = None;
    } else {
        group.warmup = seconds("DefaultInstanceWarmup")?.or(group.warmup);
    }
    let protect = call.input.member("NewInstancesProtectedFromScaleIn");
    group.protect_new = protect.boolean().unwrap_or(group.protect_new);
    (group.min, group.max) = (min, max);
    let desired = asked.unwrap_or(group.desired).clamp(min, max);
    let who = format!("a user request {what}");
    group.set_desired(desired, &who, call.now);
    Ok(())
}

fn below(desired: i64, min: i64) -> Refusal {
    invalid(format!(
        "New SetDesiredCapacity value {desired} is below min value {min} for the AutoScalingGroup."
    ))
}

fn ids(call: &Call) -> impl Iterator<Item = &str> {
    call.input
        .member("InstanceIds")
        .items()
        .iter()
        .filter_map(Value::text)
}
