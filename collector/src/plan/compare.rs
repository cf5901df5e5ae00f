//! What differs between what is and what should be.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_aws::Alarm;
use plimsoll_dashboards::alarms::{Missing, PREFIX};
use serde_json::Value;

use super::{Change, Desired, Difference, MARK, Plan};

/// What is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actual {
    /// Every alarm whose name has our prefix.
    pub alarms: Vec<Alarm>,
    /// The names of those alarms whose state is OK: data of their series has come.
    pub fed: BTreeSet<String>,
    /// The body of the dashboard of the wanted name, if there is one.
    pub dashboard: Option<String>,
}

/// The changes that turn `actual` into `desired`.
#[must_use]
pub fn difference(desired: &Desired, actual: &Actual) -> Plan {
    let mut plan = Plan::default();
    let existing: BTreeMap<&str, &Alarm> = actual
        .alarms
        .iter()
        .map(|alarm| (alarm.name.as_str(), alarm))
        .collect();
    for wanted in &desired.alarms {
        match existing.get(wanted.name.as_str()) {
            None => {
                let alarm = armed(wanted, None, actual).into_owned();
                plan.changes.push(Change::AddAlarm(Box::new(alarm)));
            }
            Some(found) if !is_ours(&found.description) => {
                plan.taken.push(format!("alarm {}", wanted.name));
            }
            Some(found) => {
                let wanted = armed(wanted, Some(found), actual);
                let differences = alarm_differences(found, &wanted);
                if differences.is_empty() {
                    plan.right += 1;
                } else {
                    let alarm = Box::new(wanted.into_owned());
                    plan.changes
                        .push(Change::ChangeAlarm { alarm, differences });
                }
            }
        }
    }
    let wanted = |name: &str| desired.alarms.iter().any(|alarm| alarm.name == name);
    let left_over = actual.alarms.iter().filter(|alarm| {
        alarm.name.starts_with(PREFIX) && is_ours(&alarm.description) && !wanted(&alarm.name)
    });
    plan.left_over = left_over
        .map(|alarm| format!("alarm {}", alarm.name))
        .collect();
    if let Some((name, body)) = &desired.dashboard {
        let with_events = desired.compare_events;
        dashboard(
            name,
            body,
            actual.dashboard.as_deref(),
            with_events,
            &mut plan,
        );
    }
    plan
}

/// An alarm on silence as it should be now: without data it is unknown until its series has come
/// once, and breaching from then on. CloudWatch takes the past of a new alarm for missing data, so
/// one that began as breaching would call people at once: of a fleet whose agents are not installed
/// yet, and of a collector whose first metrics are still on their way. Every other alarm is as
/// wanted.
/// Source: Amazon CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data".
fn armed<'a>(wanted: &'a Alarm, found: Option<&Alarm>, actual: &Actual) -> Cow<'a, Alarm> {
    let of_silence = wanted.treat_missing_data == Missing::Breaching.as_str();
    let has_come = found.is_some_and(|found| {
        let same_series = found.namespace == wanted.namespace
            && found.metric == wanted.metric
            && found.dimensions == wanted.dimensions;
        let was_armed = found.treat_missing_data == Missing::Breaching.as_str();
        same_series && (was_armed || actual.fed.contains(&found.name))
    });
    if !of_silence || has_come {
        return Cow::Borrowed(wanted);
    }
    Cow::Owned(Alarm {
        treat_missing_data: Missing::Unknown.as_str().to_owned(),
        ..wanted.clone()
    })
}

fn is_ours(text: &str) -> bool {
    text.contains(MARK)
}

fn dashboard(name: &str, body: &str, found: Option<&str>, with_events: bool, plan: &mut Plan) {
    let (name, body) = (name.to_owned(), body.to_owned());
    let Some(found) = found else {
        plan.changes.push(Change::AddDashboard { name, body });
        return;
    };
    if !is_ours(found) {
        plan.taken.push(format!("dashboard {name}"));
        return;
    }
    let differences = body_differences(found, &body, with_events);
    if differences.is_empty() {
        plan.right += 1;
    } else {
        plan.changes.push(Change::ChangeDashboard {
            name,
            body,
            differences,
        });
    }
}

/// Tags are not compared: CloudWatch takes them only when an alarm is made.
fn alarm_differences(is: &Alarm, should_be: &Alarm) -> Vec<Difference> {
    let sorted = |actions: &[String]| {
        let mut actions = actions.to_vec();
        actions.sort();
        actions.join(", ")
    };
    let dimensions = |alarm: &Alarm| {
        let pairs = alarm.dimensions.iter();
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let fields = |alarm: &Alarm| {
        [
            ("description", alarm.description.clone()),
            ("metric", format!("{} {}", alarm.namespace, alarm.metric)),
            ("dimensions", dimensions(alarm)),
            ("statistic", alarm.statistic.clone()),
            ("period", format!("{} s", alarm.period_seconds)),
            (
                "datapoints",
                format!(
                    "{} of {}",
                    alarm.datapoints_to_alarm, alarm.evaluation_periods
                ),
            ),
            ("comparison", alarm.comparison.clone()),
            ("threshold", alarm.threshold.to_string()),
            ("missing data", alarm.treat_missing_data.clone()),
            ("alarm actions", sorted(&alarm.alarm_actions)),
            ("ok actions", sorted(&alarm.ok_actions)),
        ]
    };
    let both = fields(is).into_iter().zip(fields(should_be));
    let different = both.filter(|((_, is), (_, should_be))| is != should_be);
    different
        .map(|((what, is), (_, should_be))| difference_of(what, &is, &should_be))
        .collect()
}

/// Compares bodies as JSON, so that spaces and the order of keys do not count; tells which widgets
/// differ.
fn body_differences(is: &str, should_be: &str, with_events: bool) -> Vec<Difference> {
    let parse = |text: &str| {
        let mut body = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        if !with_events {
            remove_events(&mut body);
        }
        body
    };
    let (is, should_be) = (parse(is), parse(should_be));
    if is == should_be {
        return Vec::new();
    }
    let mut differences = Vec::new();
    for key in ["start", "end", "periodOverride", "variables"] {
        if is.get(key) != should_be.get(key) {
            let text = |body: &Value| body.get(key).map_or_else(String::new, Value::to_string);
            differences.push(difference_of(key, &text(&is), &text(&should_be)));
        }
    }
    let widgets = |body: &Value| body.get("widgets").and_then(Value::as_array).cloned();
    let (is, should_be) = (
        widgets(&is).unwrap_or_default(),
        widgets(&should_be).unwrap_or_default(),
    );
    for index in 0..is.len().max(should_be.len()) {
        let (is, should_be) = (is.get(index), should_be.get(index));
        if is != should_be {
            differences.push(widget_difference(index, is, should_be));
        }
    }
    if differences.is_empty() {
        differences.push(difference_of("body", "other keys", "ours"));
    }
    differences
}

/// Takes the upright lines from every chart, and the annotations with them where nothing else is
/// left.
fn remove_events(body: &mut Value) {
    let widgets = body.get_mut("widgets").and_then(Value::as_array_mut);
    for widget in widgets.into_iter().flatten() {
        let Some(properties) = widget.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        let Some(annotations) = properties
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        annotations.remove("vertical");
        if annotations.is_empty() {
            properties.remove("annotations");
        }
    }
}

/// What differs between two widgets at the same place: their names, or, where these are the same,
/// the keys that are not.
fn widget_difference(index: usize, is: Option<&Value>, should_be: Option<&Value>) -> Difference {
    let (is_named, should_be_named) = (widget_name(is), widget_name(should_be));
    if is_named != should_be_named {
        return difference_of(&format!("widget {index}"), &is_named, &should_be_named);
    }
    let empty = serde_json::Map::new();
    let keys = |widget: Option<&Value>, part: &str| {
        let object = widget.and_then(|widget| widget.pointer(part)?.as_object());
        object.unwrap_or(&empty).clone()
    };
    let mut differing = Vec::new();
    for part in ["", "/properties"] {
        let (is, should_be) = (keys(is, part), keys(should_be, part));
        let all = is
            .keys()
            .chain(should_be.keys().filter(|key| !is.contains_key(*key)));
        let different =
            all.filter(|key| *key != "properties" && is.get(*key) != should_be.get(*key));
        differing.extend(different.cloned());
    }
    let what = format!("widget {index}, {is_named}");
    difference_of(&what, &format!("other {}", differing.join(", ")), "ours")
}

fn widget_name(widget: Option<&Value>) -> String {
    let Some(widget) = widget else {
        return "none".to_owned();
    };
    let kind = widget
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("unknown");
    let title = widget.pointer("/properties/title").and_then(Value::as_str);
    title.map_or_else(|| kind.to_owned(), |title| format!("{kind} \"{title}\""))
}

fn difference_of(what: &str, is: &str, should_be: &str) -> Difference {
    /// Longer values are cut in a diff for people.
    const SHOWN: usize = 120;
    let show = |text: &str| match text {
        "" => "nothing".to_owned(),
        text if text.chars().count() > SHOWN => {
            let cut: String = text.chars().take(SHOWN).collect();
            format!("{cut}…")
        }
        text => text.to_owned(),
    };
    Difference {
        what: what.to_owned(),
        is: show(is),
        should_be: show(should_be),
    }
}

/// What an alarm watches for, in one line.
pub(super) fn condition(alarm: &Alarm) -> String {
    let dimensions: Vec<String> = alarm
        .dimensions
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    let sign = match alarm.comparison.as_str() {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => ">=",
        "LessThanThreshold" => "<",
        other => other,
    };
    format!(
        "{} of {} {}{} {sign} {} for {} of {} periods of {} s",
        alarm.statistic,
        alarm.namespace,
        alarm.metric,
        dimensions.concat(),
        alarm.threshold,
        alarm.datapoints_to_alarm,
        alarm.evaluation_periods,
        alarm.period_seconds
    )
}
