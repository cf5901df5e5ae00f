//! Which dimensions metrics have: of the host, appended, and summed up.

use super::super::agent::Agent;
use super::super::json::Value;
use super::super::reader::{Item, Reader, list, plain};
use super::super::report::{At, Notes};
use super::super::toml::{Table, Toml};

/// What the amazon-cloudwatch-agent may append to all metrics, each with the value of that name.
/// Source: its `translator/translate/metrics/append_dimensions`.
const OF_INSTANCE: [&str; 4] = [
    "ImageId",
    "InstanceId",
    "InstanceType",
    "AutoScalingGroupName",
];
/// What its plugins may append, and what it is here.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("${aws:InstanceId}", "{instance_id}"),
    ("${aws:ImageId}", "{image_id}"),
    ("${aws:InstanceType}", "{instance_type}"),
    ("${aws:AutoScalingGroupName}", "{asg}"),
    ("${aws:AvailabilityZone}", "{az}"),
];
const NAMES_MAX: usize = 30;
/// As many as we have.
const AGGREGATIONS_MAX: usize = 32;

/// The lists of `metrics.dimensions`. A host whose group is not known is told without it, as there.
pub(super) fn of_host(reader: &mut Reader<'_>, agent: &Agent) -> Toml {
    let notes = reader.notes;
    if !reader.has("append_dimensions") {
        let host: &[&str] = if agent.omits_hostname { &[] } else { &["host"] };
        return Toml::from(vec![host.to_vec()]);
    }
    let mut set = Vec::new();
    for Item { at, value } in reader.table("append_dimensions", NAMES_MAX) {
        let (name, value) = value;
        let known = OF_INSTANCE.into_iter().find(|known| *known == name);
        match known.filter(|known| value == format!("${{aws:{known}}}")) {
            Some("AutoScalingGroupName") => set.push("AutoScalingGroupName?"),
            Some(known) => set.push(known),
            None => {
                let why = "the amazon-cloudwatch-agent leaves it out in silence, so it is left \
                           out; write it into [metrics] append_dimensions to have it";
                notes.not_supported(&at, why);
                continue;
            }
        }
        notes.taken(&at);
    }
    Toml::from(vec![set])
}

/// The lists of `metrics.aggregation_dimensions`, and where they come from.
pub(super) fn aggregations(reader: &mut Reader<'_>) -> Option<(Toml, At)> {
    let notes = reader.notes;
    let lists = reader.list("aggregation_dimensions", 1..=1024)?;
    notes.taken(&lists.at);
    let mut written: Vec<Vec<String>> = Vec::new();
    for item in lists.value {
        let Some(names) = list(notes, item, &(0..=NAMES_MAX)) else {
            continue;
        };
        let names = names.value.iter();
        let names = names.filter_map(|name| plain(notes, name, &(1..=1024)));
        let names: Vec<String> = names.collect();
        if !written.contains(&names) {
            written.push(names);
        }
    }
    if written.len() > AGGREGATIONS_MAX {
        written.truncate(AGGREGATIONS_MAX);
        let how = format!("only the first {AGGREGATIONS_MAX} lists are taken");
        notes.changed(&lists.at, &how);
    }
    Some((Toml::from(written), lists.at))
}

/// `append_dimensions` of a plugin.
pub(super) fn append(reader: &mut Reader<'_>, table: &mut Table) {
    append_as(reader, table, true);
}

/// The same of processes, which may have texts only.
pub(super) fn append_texts(reader: &mut Reader<'_>, table: &mut Table) {
    append_as(reader, table, false);
}

fn append_as(reader: &mut Reader<'_>, table: &mut Table, placeholders: bool) {
    let notes = reader.notes;
    let at = reader.at.clone();
    let mut written = Vec::new();
    for Item { at, value } in reader.table("append_dimensions", NAMES_MAX) {
        let (name, text) = value;
        if !placeholders && text.starts_with("${aws:") {
            let why = "dimensions of processes are texts; write it into the section's \
                       append_dimensions, which holds for all metrics";
            notes.not_supported(&at, why);
        } else if let Some(text) = value_of(notes, &at, &text) {
            notes.taken(&at);
            written.push((name, Toml::Text(text)));
        }
    }
    if !written.is_empty() {
        table.set("append_dimensions", Toml::Table(written), &at);
    }
}

/// A value that is appended, as we write it.
fn value_of(notes: &Notes, at: &At, text: &str) -> Option<String> {
    let known = PLACEHOLDERS.into_iter().find(|(theirs, _)| *theirs == text);
    if let Some((_, ours)) = known {
        return Some(ours.to_owned());
    }
    if text == "${aws:VolumeId}" {
        let why = "the volume of a file system is asked of EC2, which this agent never calls; it \
                   is left out. The devices themselves are measured by volume with the \
                   measurements diskio_ebs_*";
        notes.not_supported(at, why);
        return None;
    }
    if text.contains(['{', '}']) {
        let why = "not a value of the instance that is known, so the dimension is left out";
        notes.not_supported(at, why);
        return None;
    }
    Some(text.to_owned())
}

/// Notes a list of names of metrics whose own series are left out.
pub(super) fn dropped(reader: &mut Reader<'_>) -> Option<Item<Vec<String>>> {
    let has_list = reader.has("drop_original_metrics");
    let names = reader.texts("drop_original_metrics", 1..=1024, 1..=255);
    names.filter(|names| has_list && !names.value.is_empty())
}

/// Whether a node is a text.
pub(super) fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}
