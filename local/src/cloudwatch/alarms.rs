//! All alarms: the calls about them, and what follows when one changes its state.

use std::collections::BTreeMap;

use plimsoll_core::clock::UnixMillis;
use serde_json::json;

use super::alarm::watch::Verdict;
use super::alarm::{Alarm, Comparison, Watched, put};
use super::evaluate::State;
use super::history::{History, Item, Kind};
use super::read::offset;
use super::scaling::AlarmReading;
use super::store::Store;
use super::{query, refuse};
use crate::input::Input;
use crate::service::{Answer, Call, Notification, Refusal};
use crate::value::Value;

/// Alarms of an account and Region. Source: CloudWatch quotas.
const ALARMS_MAX: usize = 5_000;
/// Names in one call. Source: CloudWatch API reference, DescribeAlarms, `DeleteAlarms`.
const NAMES_MAX: usize = 100;
/// Alarms on a page, and when nothing is said. Source: the same.
const PAGE_MAX: usize = 100;
const PAGE: usize = 50;

/// The alarms of the account.
#[derive(Debug)]
pub(super) struct Alarms {
    account: String,
    region: String,
    prompt: bool,
    by_name: BTreeMap<String, Alarm>,
    history: History,
    /// What topics are still to be told. Taken after each call and tick.
    pub(super) notifications: Vec<Notification>,
}

impl Alarms {
    pub(super) fn new(account: &str, region: &str, prompt: bool) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            prompt,
            by_name: BTreeMap::new(),
            history: History::default(),
            notifications: Vec::new(),
        }
    }

    /// Answers the calls about alarms; `None` for any other.
    pub(super) fn call(&mut self, call: &Call) -> Option<Answer> {
        Some(match call.operation.as_str() {
            "PutMetricAlarm" => self.put(call),
            "DescribeAlarms" => self.describe(call),
            "DescribeAlarmsForMetric" => self.describe_for_metric(call),
            "DescribeAlarmHistory" => self.history.describe(call),
            "DeleteAlarms" => self.delete(call),
            "SetAlarmState" => self.set_state(call),
            "EnableAlarmActions" => self.enable(call, true),
            "DisableAlarmActions" => self.enable(call, false),
            "ListTagsForResource" => self.tagged(call, |_, _| Ok(())),
            "TagResource" => self.tagged(call, tag),
            "UntagResource" => self.tagged(call, untag),
            _ => return None,
        })
    }

    /// How many alarms there are: standard ones and high-resolution ones.
    pub(super) fn counts(&self) -> (usize, usize) {
        let fine = self
            .by_name
            .values()
            .filter(|alarm| alarm.settings.is_high_resolution())
            .count();
        (self.by_name.len() - fine, fine)
    }

    /// Evaluates the alarms that are due.
    pub(super) fn tick(&mut self, store: &Store, now: UnixMillis) {
        let mut verdicts: Vec<(String, Verdict)> = Vec::new();
        for (name, alarm) in &mut self.by_name {
            if let Some(at) = alarm.due(now, self.prompt) {
                alarm.evaluated = Some(at);
                let verdict = alarm.look(store, at, self.prompt);
                if verdict.state != alarm.state {
                    verdicts.push((name.clone(), verdict));
                }
            }
        }
        for (name, verdict) in verdicts {
            self.transition(&name, verdict, now);
        }
    }

    /// The alarms that scale something and may act.
    pub(super) fn scaling(&self, store: &Store) -> Vec<AlarmReading> {
        let scales = |action: &String| action.split(':').nth(2) == Some("autoscaling");
        let alarms = self.by_name.values();
        alarms
            .filter(|alarm| alarm.settings.actions_enabled)
            .filter(|alarm| alarm.settings.alarm_actions.iter().any(scales))
            .map(|alarm| AlarmReading {
                name: alarm.settings.name.clone(),
                arn: alarm.arn.clone(),
                actions: alarm.settings.alarm_actions.clone(),
                state: alarm.state,
                above: matches!(
                    alarm.settings.comparison,
                    Comparison::Greater | Comparison::GreaterOrEqual
                ),
                threshold: alarm.settings.threshold,
                points: alarm.newest_minute(store),
            })
            .collect()
    }

    fn put(&mut self, call: &Call) -> Answer {
        let settings = put::read(&call.input)?;
        let tags = put::tags(&call.input)?;
        let name = settings.name.clone();
        let known = self.by_name.contains_key(&name);
        if !known && self.by_name.len() >= ALARMS_MAX {
            return Err(refuse::limit(format!(
                "You have reached the limit of {ALARMS_MAX} alarms."
            )));
        }
        let word = if known { "updated" } else { "created" };
        let arn = format!(
            "arn:aws:cloudwatch:{}:{}:alarm:{name}",
            self.region, self.account
        );
        let alarm = self.by_name.entry(name.clone()).or_insert_with(|| Alarm {
            arn,
            settings: settings.clone(),
            tags,
            configured: call.now,
            state: State::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: String::new(),
            updated: call.now,
            transitioned: call.now,
            evaluated: None,
        });
        alarm.settings = settings;
        alarm.configured = call.now;
        alarm.evaluated = None;
        self.history.add(Item {
            alarm: name.clone(),
            at: call.now,
            kind: Kind::Configuration,
            summary: format!("Alarm \"{name}\" {word}"),
            data: json!({"version": "1.0", "type": word}).to_string(),
        });
        Ok(Value::Null)
    }

    fn describe(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let names = names(call)?;
        let prefix = input.text("AlarmNamePrefix", 1, 255)?;
        if !names.is_empty() && prefix.is_some() {
            return Err(refuse::combination(
                "AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.",
            ));
        }
        let actions = input.text("ActionPrefix", 1, 1024)?;
        let state = input.choice("StateValue", &["OK", "ALARM", "INSUFFICIENT_DATA"])?;
        let bound = i64::try_from(PAGE_MAX).unwrap_or(i64::MAX);
        let size = input.integer("MaxRecords", 1, bound)?;
        let size = size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(PAGE);
        let types = call.input.member("AlarmTypes").items();
        let metric =
            types.is_empty() || types.iter().any(|kind| kind.text() == Some("MetricAlarm"));
        let offset = offset(&call.input)?;
        let fits = |alarm: &&Alarm| {
            let settings = &alarm.settings;
            let states = [State::Ok, State::Alarm, State::InsufficientData];
            (names.is_empty() || names.contains(&settings.name.as_str()))
                && prefix.is_none_or(|prefix| settings.name.starts_with(prefix))
                && state.is_none_or(|state| state == alarm.state.name())
                && actions.is_none_or(|start| {
                    let mut all = states.iter().flat_map(|state| settings.actions(*state));
                    all.any(|arn| arn.starts_with(start))
                })
        };
        let mut found = self
            .by_name
            .values()
            .filter(|_| metric)
            .filter(fits)
            .skip(offset);
        let page: Vec<_> = found.by_ref().take(size).map(Alarm::describe).collect();
        let more = found.next().is_some();
        Ok(Value::map([
            ("MetricAlarms", Value::List(page)),
            ("CompositeAlarms", Value::List(Vec::new())),
            (
                "NextToken",
                more.then(|| (offset + size).to_string()).into(),
            ),
        ]))
    }

    fn describe_for_metric(&self, call: &Call) -> Answer {
        let wanted = query::metric_id(&call.input, "Metric")?;
        let fits = |alarm: &&Alarm| matches!(&alarm.settings.watched, Watched::Metric { id, .. } if *id == wanted);
        let found = self.by_name.values().filter(fits).map(Alarm::describe);
        Ok(Value::map([("MetricAlarms", Value::List(found.collect()))]))
    }

    fn delete(&mut self, call: &Call) -> Answer {
        let names = names(call)?;
        self.all_known(&names)?;
        for name in names {
            self.by_name.remove(name);
            self.history.add(Item {
                alarm: name.to_owned(),
                at: call.now,
                kind: Kind::Configuration,
                summary: format!("Alarm \"{name}\" deleted"),
                data: json!({"version": "1.0", "type": "deleted"}).to_string(),
            });
        }
        Ok(Value::Null)
    }

    fn set_state(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let name = input.required("AlarmName", 1, 255)?;
        let states = ["OK", "ALARM", "INSUFFICIENT_DATA"];
        let state = input.choice("StateValue", &states)?.and_then(State::read);
        let state = state.ok_or_else(|| refuse::missing("StateValue"))?;
        let reason = input.required("StateReason", 0, 1023)?;
        let data = input.text("StateReasonData", 0, 4000)?.unwrap_or_default();
        if !data.is_empty() && serde_json::from_str::<serde::de::IgnoredAny>(data).is_err() {
            return Err(
                Refusal::new("InvalidFormatFault", "StateReasonData was not valid JSON")
                    .with_code("InvalidFormat"),
            );
        }
        self.all_known(&[name])?;
        let verdict = Verdict {
            state,
            reason: reason.to_owned(),
            reason_data: data.to_owned(),
        };
        self.transition(name, verdict, call.now);
        Ok(Value::Null)
    }

    fn enable(&mut self, call: &Call, enabled: bool) -> Answer {
        for name in names(call)? {
            if let Some(alarm) = self.by_name.get_mut(name) {
                alarm.settings.actions_enabled = enabled;
                alarm.configured = call.now;
            }
        }
        Ok(Value::Null)
    }

    fn tagged(&mut self, call: &Call, change: Change) -> Answer {
        let arn = call.input.member("ResourceARN").text();
        let alarm = self
            .by_name
            .values_mut()
            .find(|alarm| Some(alarm.arn.as_str()) == arn);
        let Some(alarm) = alarm else {
            return Err(Refusal {
                status: 404,
                ..Refusal::new("ResourceNotFoundException", "The resource does not exist.")
            });
        };
        change(&mut alarm.tags, &call.input)?;
        if call.operation != "ListTagsForResource" {
            return Ok(Value::Map(Vec::new()));
        }
        let tags = alarm.tags.iter().map(|(key, value)| {
            Value::map([
                ("Key", key.as_str().into()),
                ("Value", value.as_str().into()),
            ])
        });
        Ok(Value::map([("Tags", Value::List(tags.collect()))]))
    }

    fn all_known(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| !self.by_name.contains_key(**name)) {
            Some(name) => Err(refuse::not_found(format!("Alarm {name} does not exist"))),
            None => Ok(()),
        }
    }

    /// Puts an alarm into a state, writes it down and carries out the actions. An alarm that is in
    /// the state already only gets the reason; actions follow transitions.
    fn transition(&mut self, name: &str, verdict: Verdict, now: UnixMillis) {
        let Some(alarm) = self.by_name.get_mut(name) else {
            return;
        };
        let from = alarm.state;
        let old = json!({"stateValue": from.name(), "stateReason": alarm.reason});
        alarm.state = verdict.state;
        alarm.reason = verdict.reason;
        alarm.reason_data = verdict.reason_data;
        alarm.updated = now;
        if from == alarm.state {
            return;
        }
        alarm.transitioned = now;
        let new = json!({"stateValue": alarm.state.name(), "stateReason": alarm.reason});
        self.history.add(Item {
            alarm: name.to_owned(),
            at: now,
            kind: Kind::State,
            summary: format!(
                "Alarm updated from {} to {}",
                from.name(),
                alarm.state.name()
            ),
            data: json!({"version": "1.0", "oldState": old, "newState": new}).to_string(),
        });
        log::debug!(
            "alarm {name} went from {} to {}: {}",
            from.name(),
            alarm.state.name(),
            alarm.reason
        );
        if !alarm.settings.actions_enabled {
            return;
        }
        for action in alarm.settings.actions(alarm.state) {
            let told = action.split(':').nth(2) == Some("sns");
            if told {
                let message = alarm.notification(action, from, &self.account, &self.region);
                self.notifications.push(message);
            }
            let scales = action.split(':').nth(2) == Some("autoscaling");
            let word = if told || scales {
                "Successfully executed"
            } else {
                "There is nothing here for"
            };
            self.history.add(Item {
                alarm: name.to_owned(),
                at: now,
                kind: Kind::Action,
                summary: format!("{word} action {action}"),
                data: json!({
                    "actionState": if told || scales { "Succeeded" } else { "Skipped" },
                    "stateUpdateTimestamp": now.0,
                    "notificationResource": action,
                })
                .to_string(),
            });
        }
    }
}

/// What a call does to an alarm's tags.
type Change = fn(&mut Vec<(String, String)>, &Value) -> Result<(), Refusal>;

fn tag(tags: &mut Vec<(String, String)>, input: &Value) -> Result<(), Refusal> {
    for (key, value) in put::tags(input)? {
        tags.retain(|(old, _)| *old != key);
        tags.push((key, value));
    }
    tags.truncate(put::TAGS_MAX);
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several changes, some of which can fail"
)]
fn untag(tags: &mut Vec<(String, String)>, input: &Value) -> Result<(), Refusal> {
    let keys = input.member("TagKeys").items();
    tags.retain(|(old, _)| !keys.iter().any(|key| key.text() == Some(old)));
    Ok(())
}

fn names(call: &Call) -> Result<Vec<&str>, Refusal> {
    let items = call.input.member("AlarmNames").items();
    if items.len() > NAMES_MAX {
        return Err(refuse::validation(format!(
            "The collection AlarmNames must not have a size greater than {NAMES_MAX}."
        )));
    }
    Ok(items.iter().filter_map(Value::text).collect())
}

#[cfg(test)]
mod tests;
