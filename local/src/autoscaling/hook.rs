//! Lifecycle hooks: what a group waits for when an instance comes or goes.
//!
//! Limits: API reference, `PutLifecycleHook`, `RecordLifecycleActionHeartbeat`; user guide, "Amazon
//! EC2 Auto Scaling lifecycle hooks".

use plimsoll_core::clock::UnixMillis;

use super::group::{Group, Life};
use super::{invalid, limit};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Hooks of a group. Source: quotas.
const HOOKS_MAX: usize = 50;
/// The longest that heartbeats keep an instance waiting: 48 hours, or this many timeouts.
const CEILING_SECONDS: i64 = 48 * 3600;
const CEILING_TIMEOUTS: i64 = 100;
const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// One hook.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) name: String,
    /// Whether it is for the launch; else for the end.
    pub(super) launching: bool,
    /// Seconds.
    pub(super) timeout: i64,
    /// Whether the default result is CONTINUE.
    pub(super) continues: bool,
    pub(super) metadata: Option<String>,
}

/// A hook that an instance waits for.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) hook: String,
    pub(super) token: String,
    pub(super) since: UnixMillis,
    /// When the default result holds.
    pub(super) until: UnixMillis,
    /// Beyond this no heartbeat helps.
    pub(super) ceiling: UnixMillis,
    pub(super) continues: bool,
    pub(super) timeout: i64,
    /// What was answered: whether it continues.
    pub(super) result: Option<bool>,
}

impl Hook {
    /// The wait that begins now.
    pub(super) fn begin(&self, token: String, now: UnixMillis) -> Waiting {
        let ceiling = CEILING_SECONDS.min(self.timeout.saturating_mul(CEILING_TIMEOUTS));
        Waiting {
            hook: self.name.clone(),
            token,
            since: now,
            until: later(now, self.timeout),
            ceiling: later(now, ceiling),
            continues: self.continues,
            timeout: self.timeout,
            result: None,
        }
    }

    fn describe(&self, group: &str) -> Value {
        let ceiling = CEILING_SECONDS.min(self.timeout.saturating_mul(CEILING_TIMEOUTS));
        Value::map([
            ("LifecycleHookName", self.name.as_str().into()),
            ("AutoScalingGroupName", group.into()),
            (
                "LifecycleTransition",
                if self.launching {
                    LAUNCHING
                } else {
                    TERMINATING
                }
                .into(),
            ),
            ("NotificationMetadata", self.metadata.clone().into()),
            ("HeartbeatTimeout", self.timeout.into()),
            ("GlobalTimeout", ceiling.into()),
            (
                "DefaultResult",
                if self.continues {
                    "CONTINUE"
                } else {
                    "ABANDON"
                }
                .into(),
            ),
        ])
    }
}

/// So many seconds later.
pub(super) fn later(at: UnixMillis, seconds: i64) -> UnixMillis {
    UnixMillis(at.0.saturating_add(seconds.saturating_mul(1000)))
}

/// `PutLifecycleHook`: what is not said stays as it was.
pub(super) fn put(group: &mut Group, call: &Call) -> Answer {
    let input = Input::new(&call.input, "ValidationError");
    let name = input.required("LifecycleHookName", 1, 255)?;
    let known = group.hooks.get(name);
    let transition = input.choice("LifecycleTransition", &[LAUNCHING, TERMINATING])?;
    let launching = match (transition, known) {
        (Some(transition), _) => transition == LAUNCHING,
        (None, Some(known)) => known.launching,
        (None, None) => {
            return Err(invalid(
                "LifecycleTransition is a required parameter when creating a lifecycle hook.",
            ));
        }
    };
    let timeout = call.input.member("HeartbeatTimeout");
    let timeout = match timeout.integer() {
        None => known.map_or(3600, |known| known.timeout),
        Some(seconds) if (30..=7200).contains(&seconds) => seconds,
        Some(_) => {
            return Err(invalid(
                "HeartbeatTimeout must be between 30 and 7200 seconds, inclusive.",
            ));
        }
    };
    let result = input.choice("DefaultResult", &["CONTINUE", "ABANDON"])?;
    let hook = Hook {
        name: name.to_owned(),
        launching,
        timeout,
        continues: result.map_or_else(
            || known.is_some_and(|known| known.continues),
            |result| result == "CONTINUE",
        ),
        metadata: input
            .text("NotificationMetadata", 0, 4000)?
            .map(str::to_owned)
            .or_else(|| known.and_then(|known| known.metadata.clone())),
    };
    if known.is_none() && group.hooks.len() >= HOOKS_MAX {
        return Err(limit(format!(
            "The maximum number of lifecycle hooks per Auto Scaling group is {HOOKS_MAX}."
        )));
    }
    group.hooks.insert(name.to_owned(), hook);
    Ok(Value::Map(Vec::new()))
}

/// `DescribeLifecycleHooks`.
pub(super) fn describe(group: &Group, call: &Call) -> Value {
    let names = call.input.member("LifecycleHookNames").items();
    let asked =
        |hook: &&Hook| names.is_empty() || names.iter().any(|name| name.text() == Some(&hook.name));
    let found = group.hooks.values().filter(asked);
    let hooks = found.map(|hook| hook.describe(&group.name)).collect();
    Value::map([("LifecycleHooks", Value::List(hooks))])
}

/// `DeleteLifecycleHook`: instances that wait for it go on as if it had answered ABANDON on launch
/// and CONTINUE at the end.
pub(super) fn delete(group: &mut Group, call: &Call) -> Answer {
    let name = Input::new(&call.input, "ValidationError").required("LifecycleHookName", 1, 255)?;
    let Some(hook) = group.hooks.remove(name) else {
        return Err(unknown(name));
    };
    for instance in &mut group.instances {
        for waiting in instance.waiting.iter_mut().filter(|one| one.hook == name) {
            waiting.result.get_or_insert(!hook.launching);
        }
    }
    Ok(Value::Map(Vec::new()))
}

/// `CompleteLifecycleAction`.
pub(super) fn complete(group: &mut Group, call: &Call) -> Answer {
    let input = Input::new(&call.input, "ValidationError");
    let result = input.required("LifecycleActionResult", 1, 64)?;
    if !["CONTINUE", "ABANDON"].contains(&result) {
        return Err(invalid(
            "LifecycleActionResult must be one of CONTINUE, ABANDON.",
        ));
    }
    let waiting = find(group, call)?;
    waiting.result = Some(result == "CONTINUE");
    Ok(Value::Map(Vec::new()))
}

/// `RecordLifecycleActionHeartbeat`: the whole timeout begins anew, up to the ceiling.
pub(super) fn heartbeat(group: &mut Group, call: &Call) -> Answer {
    let waiting = find(group, call)?;
    waiting.until = later(call.now, waiting.timeout).min(waiting.ceiling);
    Ok(Value::Map(Vec::new()))
}

/// The wait that a call names by token or by instance.
fn find<'a>(group: &'a mut Group, call: &Call) -> Result<&'a mut Waiting, Refusal> {
    let input = Input::new(&call.input, "ValidationError");
    let hook = input.required("LifecycleHookName", 1, 255)?;
    let token = input.text("LifecycleActionToken", 36, 36)?;
    let id = input.text("InstanceId", 1, 19)?;
    if !group.hooks.contains_key(hook) {
        return Err(unknown(hook));
    }
    let over = match (token, id) {
        (Some(token), _) => format!("No active Lifecycle Action found with token {token}"),
        (None, Some(id)) => format!("No active Lifecycle Action found with instance ID {id}"),
        (None, None) => {
            return Err(invalid(
                "Either LifecycleActionToken or InstanceId must be specified.",
            ));
        }
    };
    let now = call.now;
    group
        .instances
        .iter_mut()
        .filter(|instance| matches!(instance.life, Life::PendingWait | Life::TerminatingWait))
        .filter(|instance| token.is_some() || Some(instance.id.as_str()) == id)
        .flat_map(|instance| &mut instance.waiting)
        .filter(|waiting| waiting.hook == hook && waiting.result.is_none() && now < waiting.until)
        .find(|waiting| token.is_none_or(|token| waiting.token == token))
        .ok_or_else(|| invalid(over))
}

fn unknown(hook: &str) -> Refusal {
    invalid(format!("No Lifecycle Hook found with name {hook}"))
}
