//! The section `logs`, which is closed.

mod files;
mod journald;
mod names;
mod time;

use std::collections::BTreeMap;

use super::metrics::{INTERVAL_MAX, agent_role, entity, seconds, socket};
use super::reader::{Item, Reader};
use super::report::{At, Notes};
use super::toml::Table;

/// Where the amazon-cloudwatch-agent keeps how far it has read each file.
pub(super) const STATE: &str = "/opt/aws/amazon-cloudwatch-agent/logs/state";
/// The longest that an event may wait here.
const FLUSH_MAX: i64 = 60;
/// As many calls at once as there can be here.
const CALLS_MAX: i64 = 64;
/// Where EMF is taken unless an address is written. There it is every address of the host.
const EMF_ADDRESS: &str = "127.0.0.1:25888";
const NOT_EMF: [(&str, &str); 6] = [
    (
        "prometheus",
        "write the targets into [[metrics.prometheus]]; the file of the scrape configuration is \
         not read",
    ),
    (
        "otlp",
        "OTLP is taken with `otlp` below metrics.metrics_collected",
    ),
    ("ecs", "containers are not measured; this is for EC2"),
    ("kubernetes", "containers are not measured; this is for EC2"),
    (
        "application_signals",
        "Application Signals is not supported; keep its collector",
    ),
    (
        "app_signals",
        "Application Signals is not supported; keep its collector",
    ),
];

/// What the other sections need to know of this one.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Whether anything is read.
    pub(super) is_used: bool,
    pub(super) tables: Vec<Table>,
    /// Listens for metrics in EMF.
    pub(super) emf: Option<Table>,
    pub(super) role: Option<Item<String>>,
    pub(super) endpoint: Option<Item<String>>,
}

/// One section of ours, still without what its group is like.
struct Target {
    table: Table,
    group: String,
    retention: Option<Item<i64>>,
    class: Option<Item<String>>,
}

/// Reads the section. `day` is today, such as `2026-11-24`.
pub(super) fn read(mut reader: Reader<'_>, day: &str) -> Logs {
    let notes = reader.notes;
    let mut table = Table::named("logs").from(&reader.at);
    let mut logs = Logs {
        role: agent_role(&mut reader),
        endpoint: reader.text("endpoint_override", 4..=2048),
        ..Logs::default()
    };
    if let Some(flush) = reader.number("force_flush_interval", 1..=INTERVAL_MAX) {
        let shortened = flush.value.min(FLUSH_MAX);
        if shortened < flush.value {
            notes.changed(&flush.at, "shortened to a minute, the longest there is");
        }
        table.set("flush_interval", seconds(shortened), &flush.at);
    }
    if let Some(calls) = reader.number("concurrency", 1..=i64::MAX) {
        let fewer = calls.value.min(CALLS_MAX);
        if fewer < calls.value {
            notes.changed(&calls.at, "64 calls are under way at once at most");
        }
        table.set("puts_in_flight", fewer, &calls.at);
    }
    entity(&mut reader);
    let stream = reader.text("log_stream_name", 1..=512);
    if !reader.has("logs_collected") && !reader.has("metrics_collected") {
        let expected = "expected logs_collected or metrics_collected";
        reader.missing("logs_collected", expected);
    }
    let mut targets = Vec::new();
    if let Some(mut collected) = reader.object("logs_collected") {
        if !collected.has("files") && !collected.has("journald") {
            collected.missing("files", "expected one of: files, journald");
        }
        if let Some(files) = collected.object("files") {
            targets.extend(files::read(files, stream.as_ref(), day));
        }
        collected.refuse("windows_events", "Windows is not supported");
        let why = "Application Signals is not supported; keep its collector";
        collected.refuse("application_signals", why);
        if let Some(journald) = collected.object("journald") {
            targets.extend(journald::read(journald, day));
        }
        collected.closed();
    }
    if let Some(mut collected) = reader.object("metrics_collected") {
        logs.emf = emf(&mut collected);
        for (key, why) in NOT_EMF {
            collected.refuse(key, why);
        }
        collected.open_ended();
    }
    reader.closed();
    if !targets.is_empty() {
        table.add("cloudwatch_agent_state", STATE);
        logs.is_used = true;
        logs.tables.push(table);
        logs.tables.extend(with_groups(targets, notes));
    }
    logs
}

/// `emf`: where it listens. An address without a scheme is UDP, as there.
fn emf(collected: &mut Reader<'_>) -> Option<Table> {
    let mut reader = collected.object("emf")?;
    let mut table = Table::named("metrics.emf").from(&reader.at);
    let how = "its metrics are sent with PutMetricData, and the records are not kept as log events";
    reader.notes.changed(&reader.at, how);
    match reader.text("service_address", 1..=255) {
        Some(address) if address.value.starts_with("tcp://") => {
            table.set("tcp", socket(&address.value), &address.at);
        }
        Some(address) => table.set("udp", socket(&address.value), &address.at),
        None => {
            let how = "it listens to this host alone; write \"service_address\": \
                       \"udp://:25888\" to listen to all";
            reader.notes.changed(&reader.at, how);
            table.add("udp", EMF_ADDRESS);
            table.add("tcp", EMF_ADDRESS);
        }
    }
    reader.open_ended();
    Some(table)
}

/// A group is the same for all its targets: kept for the longest time that any of them names, and
/// of the first class. The amazon-cloudwatch-agent does not start with two times.
fn with_groups(targets: Vec<Target>, notes: &Notes) -> Vec<Table> {
    let mut days: BTreeMap<String, Item<i64>> = BTreeMap::new();
    let mut classes: BTreeMap<String, Item<String>> = BTreeMap::new();
    for target in &targets {
        if let Some(retention) = target.retention.as_ref().filter(|days| days.value > 0) {
            let longest = days
                .entry(target.group.clone())
                .or_insert_with(|| retention.clone());
            if retention.value > longest.value {
                *longest = retention.clone();
            }
        }
        if let Some(class) = &target.class {
            let first = classes.entry(target.group.clone());
            first.or_insert_with(|| class.clone());
        }
    }
    let tell = |at: &At, what: &str, other: &At| {
        let how = format!(
            "{} says {what} for the same group, and that counts",
            other.place
        );
        notes.changed(at, &how);
    };
    let finished = targets.into_iter().map(|target| {
        let mut table = target.table;
        if let Some(longest) = days.get(&target.group) {
            table.set("retention_days", longest.value, &longest.at);
            let own = target.retention.filter(|own| own.value > 0);
            if let Some(own) = own.filter(|own| own.value != longest.value) {
                tell(&own.at, &format!("{} days", longest.value), &longest.at);
            }
        }
        if let Some(first) = classes.get(&target.group) {
            table.set("class", first.value.clone(), &first.at);
            if let Some(own) = target.class.filter(|own| own.value != first.value) {
                tell(&own.at, &first.value, &first.at);
            }
        }
        table
    });
    finished.collect()
}
