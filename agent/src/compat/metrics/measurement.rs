//! `measurement`: which metrics of a plugin are told, and under which name and unit.

use plimsoll_core::catalog::Unit;
use plimsoll_core::config::nearest;

use super::super::json::Node;
use super::super::reader::{Item, Reader, plain};
use super::super::report::{At, Notes};
use super::super::toml::Table;
use super::dimensions::is_text;
use super::names::{NVME, Plugin};
use super::{Plan, rule};

/// A metric that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The name that it has before any rule.
    pub(super) metric: String,
    /// Without the prefix.
    pub(super) field: &'static str,
    /// The name that it is given.
    pub(super) rename: Option<String>,
    /// Whether an `NVMe` device tells it.
    pub(super) of_nvme: bool,
}

/// Reads the list. Renames and units become rules.
pub(super) fn read(
    reader: &mut Reader<'_>,
    plugin: &'static Plugin,
    plan: &mut Plan<'_>,
) -> Option<(Vec<Wanted>, At)> {
    let notes = reader.notes;
    if !reader.has("measurement") {
        if plugin.key != "nvidia_smi" {
            reader.missing("measurement", "expected a list of metrics");
        }
        return None;
    }
    let items = reader.list("measurement", 0..=1024)?;
    notes.taken(&items.at);
    let mut wanted: Vec<Wanted> = Vec::new();
    for item in items.value {
        if let Some(one) = read_one(&item, plugin, plan, notes)
            && wanted.iter().all(|other| other.metric != one.metric)
        {
            wanted.push(one);
        }
    }
    Some((wanted, items.at))
}

fn read_one(
    item: &Item<&Node>,
    plugin: &'static Plugin,
    plan: &mut Plan<'_>,
    notes: &Notes,
) -> Option<Wanted> {
    if is_text(&item.value.value) || plugin.key == "procstat" {
        let name = plain(notes, item, &(1..=255))?;
        return of_name(&name, &item.at, plugin, notes);
    }
    let mut reader = Reader::open(notes, item.at.clone(), item.value)?;
    let name = reader.text("name", 1..=255);
    let rename = reader.text("rename", 1..=255);
    let unit = reader.text("unit", 1..=256);
    if name.is_none() {
        reader.missing("name", "expected the name of a metric");
    }
    reader.open_ended();
    let name = name?;
    let mut wanted = of_name(&name.value, &name.at, plugin, notes)?;
    let mut changes = rule(vec![wanted.metric.clone()], &item.at);
    if let Some(unit) = &unit {
        changes.set("unit", known_unit(notes, unit), &unit.at);
    }
    if let Some(rename) = &rename {
        changes.set("rename", rename.value.clone(), &rename.at);
    }
    if rename.is_some() || unit.is_some() {
        plan.rules.push(changes);
    }
    wanted.rename = rename.map(|rename| rename.value);
    Some(wanted)
}

/// A unit that CloudWatch does not know becomes none, as there.
fn known_unit(notes: &Notes, unit: &Item<String>) -> String {
    if Unit::parse(&unit.value).is_some() {
        return unit.value.clone();
    }
    notes.changed(
        &unit.at,
        "CloudWatch has no such unit, so the metric has none",
    );
    "None".to_owned()
}

fn of_name(name: &str, at: &At, plugin: &'static Plugin, notes: &Notes) -> Option<Wanted> {
    let found = |plugin: &'static Plugin| Some((plugin, plugin.field(name)?));
    let of_device = (plugin.key == "diskio").then_some(&NVME);
    let known = found(plugin).or_else(|| found(of_device?));
    let Some((owner, field)) = known else {
        let fields = || {
            let more = of_device.into_iter().flat_map(|plugin| plugin.fields);
            plugin.fields.iter().chain(more).copied()
        };
        let allowed: Vec<&str> = fields().collect();
        let found = format!("found \"{name}\"");
        let expected = format!("expected one of: {}", allowed.join(", "));
        notes.wrong(at, &found, &expected, nearest(name, fields()));
        return None;
    };
    Some(Wanted {
        metric: owner.metric(field),
        field,
        rename: None,
        of_nvme: owner.family == NVME.family,
    })
}

/// `drop_original_metrics` becomes a rule. Metrics are named as they are or as they are renamed.
pub(super) fn drop_originals(
    names: &Item<Vec<String>>,
    wanted: &[Wanted],
    plugin: &'static Plugin,
    plan: &mut Plan<'_>,
) {
    let mut dropped = Vec::new();
    for name in &names.value {
        let is_meant = |one: &&Wanted| {
            name == "*" || one.rename.as_ref() == Some(name) || {
                let field = plugin.field(name).or_else(|| NVME.field(name));
                field == Some(one.field)
            }
        };
        let meant: Vec<String> = wanted
            .iter()
            .filter(is_meant)
            .map(|one| one.metric.clone())
            .collect();
        if meant.is_empty() {
            let how = format!("\"{name}\" is not measured, so nothing is left out for it");
            plan.notes.changed(&names.at, &how);
        }
        dropped.extend(meant);
    }
    dropped.dedup();
    if !dropped.is_empty() {
        let mut rule: Table = rule(dropped, &names.at);
        rule.add("drop_original", true);
        plan.rules.push(rule);
    }
}
