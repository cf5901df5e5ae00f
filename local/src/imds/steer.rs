//! What happens to the instance later: Spot notices, rebalance recommendations, lifecycle states.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use serde_json::Value as Json;

use super::{InstanceProfile, SpotAction};

/// How long before an interruption its notice comes (Amazon EC2 user guide, Spot interruption
/// notices).
const NOTICE: Duration = Duration::from_mins(2);
/// The states that an instance of a group may be told to go to.
const STATES: [&str; 8] = [
    "InService",
    "Terminated",
    "Detached",
    "Standby",
    "Warmed:Hibernated",
    "Warmed:Running",
    "Warmed:Stopped",
    "Warmed:Terminated",
];

/// A change of the instance that cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceChangeError {
    /// The body is not a JSON object.
    #[error(
        "expected a JSON object with spot, rebalance, life_cycle, lifecycle_state or tags: {0}"
    )]
    NotAnObject(String),
    /// There is no such member.
    #[error("\"{0}\" is not known; it may be spot, rebalance, life_cycle, lifecycle_state or tags")]
    UnknownMember(String),
    /// The member cannot have this value.
    #[error("{member} cannot be {found}; it may be {allowed}")]
    BadValue {
        /// The member.
        member: &'static str,
        /// What was given.
        found: String,
        /// What may be given.
        allowed: &'static str,
    },
}

impl InstanceProfile {
    /// Changes what a JSON object says, all of it or nothing:
    /// `spot` (`"terminate"`, `"stop"`, `"hibernate"` in two minutes, or null), `rebalance` (true
    /// or false), `life_cycle` (how it was bought), `lifecycle_state` (a state or null), `tags` (an
    /// object of texts or null).
    ///
    /// # Errors
    /// See [`InstanceChangeError`].
    pub fn change(&mut self, body: &[u8], now: UnixMillis) -> Result<(), InstanceChangeError> {
        let members: BTreeMap<String, Json> = serde_json::from_slice(body)
            .map_err(|error| InstanceChangeError::NotAnObject(error.to_string()))?;
        let mut changed = self.clone();
        for (name, value) in members {
            match name.as_str() {
                "spot" => changed.spot_action = spot_action(&value, now)?,
                "rebalance" => changed.rebalance = rebalance(&value, now)?,
                "life_cycle" => changed.life_cycle = life_cycle(&value)?,
                "lifecycle_state" => changed.lifecycle_state = lifecycle_state(&value)?,
                "tags" => changed.tags = tags(&value)?,
                _ => return Err(InstanceChangeError::UnknownMember(name)),
            }
        }
        *self = changed;
        Ok(())
    }
}

fn bad(member: &'static str, found: &Json, allowed: &'static str) -> InstanceChangeError {
    InstanceChangeError::BadValue {
        member,
        found: found.to_string(),
        allowed,
    }
}

/// How the instance was bought. Source: EC2 user guide, instance metadata categories.
fn life_cycle(value: &Json) -> Result<String, InstanceChangeError> {
    let known = ["on-demand", "spot", "scheduled", "capacity-block"];
    let allowed = "on-demand, spot, scheduled or capacity-block";
    let word = value.as_str().filter(|word| known.contains(word));
    let word = word.ok_or_else(|| bad("life_cycle", value, allowed))?;
    Ok(word.to_owned())
}

fn spot_action(value: &Json, now: UnixMillis) -> Result<Option<SpotAction>, InstanceChangeError> {
    match value {
        Json::Null => Ok(None),
        Json::String(action) if matches!(action.as_str(), "terminate" | "stop" | "hibernate") => {
            Ok(Some(SpotAction {
                action: action.clone(),
                at: now + NOTICE,
            }))
        }
        other => Err(bad("spot", other, "terminate, stop, hibernate or null")),
    }
}

fn rebalance(value: &Json, now: UnixMillis) -> Result<Option<UnixMillis>, InstanceChangeError> {
    match value {
        Json::Bool(true) => Ok(Some(now)),
        Json::Bool(false) | Json::Null => Ok(None),
        other => Err(bad("rebalance", other, "true or false")),
    }
}

fn lifecycle_state(value: &Json) -> Result<Option<String>, InstanceChangeError> {
    match value {
        Json::Null => Ok(None),
        Json::String(state) if STATES.contains(&state.as_str()) => Ok(Some(state.clone())),
        other => Err(bad(
            "lifecycle_state",
            other,
            "InService, Terminated, Detached, Standby, Warmed:… or null",
        )),
    }
}

fn tags(value: &Json) -> Result<Option<BTreeMap<String, String>>, InstanceChangeError> {
    let refused = || bad("tags", value, "an object of texts or null");
    match value {
        Json::Null => Ok(None),
        Json::Object(members) => members
            .iter()
            .map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned())))
            .collect::<Option<_>>()
            .map(Some)
            .ok_or_else(refused),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_made_as_a_whole_or_not_at_all() {
        let now = UnixMillis(1_000);
        let mut instance = InstanceProfile::default();
        let body =
            br#"{"spot":"stop","rebalance":true,"lifecycle_state":"Terminated","tags":null}"#;
        instance.change(body, now).expect("valid");
        assert_eq!(
            instance.spot_action.as_ref().map(|spot| spot.at),
            Some(UnixMillis(121_000))
        );
        assert_eq!(instance.rebalance, Some(now));
        assert_eq!(instance.lifecycle_state.as_deref(), Some("Terminated"));
        assert_eq!(instance.tags, None);
        let before = instance.clone();
        for body in [
            "[]",
            "{",
            r#"{"spot":null,"color":1}"#,
            r#"{"rebalance":false,"spot":"explode"}"#,
            r#"{"lifecycle_state":"Asleep"}"#,
            r#"{"life_cycle":"lent"}"#,
            r#"{"tags":{"a":1}}"#,
        ] {
            assert!(instance.change(body.as_bytes(), now).is_err(), "{body}");
            assert_eq!(instance, before, "{body}");
        }
        instance.change(br#"{"spot":null}"#, now).expect("valid");
        assert_eq!(instance.spot_action, None);
    }
}
