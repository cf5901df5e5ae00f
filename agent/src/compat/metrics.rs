//! The section `metrics`.
//!
//! It is closed: the amazon-cloudwatch-agent does not start with a key that it does not know here.
//! Within `metrics_collected` it only warns of a plugin that it does not know, and so do we.

mod applications;
mod dimensions;
mod measurement;
mod names;
mod plugin;
mod procstat;

use plimsoll_core::config::nearest;

use super::agent::Agent;
use super::json::{Node, Value};
use super::reader::{Item, Reader};
use super::report::{At, Notes};
use super::toml::{Table, Toml};
pub(super) use applications::socket;
use names::{PLUGINS, Plugin};

/// Source: the amazon-cloudwatch-agent's schema, all its intervals.
pub(super) const INTERVAL_MAX: i64 = 172_800;
/// The longest interval that we have.
const OUR_INTERVAL_MAX: i64 = 3_600;
/// What the amazon-cloudwatch-agent does unless told otherwise.
const DEFAULT_INTERVAL: i64 = 60;
const DEFAULT_NAMESPACE: &str = "CWAgent";

/// Sections of `metrics_collected` that do nothing here, and what to do instead.
const NOT_SUPPORTED: &[(&str, &str)] = &[
    (
        "jmx",
        "it would run a Java program for each target; let the application's own exporter be \
         scraped with [[metrics.prometheus]]",
    ),
    (
        "prometheus",
        "it sends to Amazon Managed Service for Prometheus only; write the targets into \
         [[metrics.prometheus]], which sends to CloudWatch",
    ),
    (
        "efa",
        "the counters of Elastic Fabric Adapters are not read",
    ),
    ("dpdk", "the telemetry of DPDK is not read"),
    (
        "application_signals",
        "Application Signals is not supported; keep its collector",
    ),
    (
        "app_signals",
        "Application Signals is not supported; keep its collector",
    ),
    ("kubernetes", "containers are not measured; this is for EC2"),
    ("ecs", "containers are not measured; this is for EC2"),
    ("internal", "the agent's own metrics have other names here"),
];

/// What the other sections need to know of this one.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// Whether anything is measured.
    pub(super) is_used: bool,
    pub(super) tables: Vec<Table>,
    pub(super) role: Option<Item<String>>,
    pub(super) endpoint: Option<Item<String>>,
}

/// What is gathered from the plugins.
pub(super) struct Plan<'a> {
    notes: &'a Notes,
    /// Seconds, of all that have none of their own.
    interval: i64,
    scrapers: Vec<String>,
    tables: Vec<Table>,
    rules: Vec<Table>,
}

impl Plan<'_> {
    /// Reads `metrics_collection_interval` of a plugin; seconds.
    fn interval(&self, reader: &mut Reader<'_>, key: &'static str) -> Option<Item<i64>> {
        let mut interval = reader.number(key, 1..=INTERVAL_MAX)?;
        shorten(self.notes, &mut interval);
        Some(interval)
    }
}

/// Our intervals end at an hour.
fn shorten(notes: &Notes, interval: &mut Item<i64>) {
    if interval.value > OUR_INTERVAL_MAX {
        interval.value = OUR_INTERVAL_MAX;
        notes.changed(&interval.at, "shortened to an hour, the longest there is");
    }
}

/// A duration of our configuration.
pub(super) fn seconds(seconds: i64) -> String {
    format!("{seconds}s")
}

/// Without the section nothing is measured.
pub(super) fn none() -> Metrics {
    let mut table = Table::named("metrics");
    table.add("scrapers", Toml::List(Vec::new()));
    Metrics {
        tables: vec![table],
        ..Metrics::default()
    }
}

/// Reads the section.
pub(super) fn read(mut reader: Reader<'_>, agent: &Agent) -> Metrics {
    let notes = reader.notes;
    let mut table = Table::named("metrics").from(&reader.at);
    table.add("compatibility", "cloudwatch-agent");
    match reader.text("namespace", 1..=255) {
        Some(namespace) => table.set("namespace", namespace.value, &namespace.at),
        None => table.add("namespace", DEFAULT_NAMESPACE),
    }
    let mut interval = agent.interval.clone();
    if let Some(interval) = &mut interval {
        shorten(notes, interval);
        table.set("interval", seconds(interval.value), &interval.at);
    }
    let interval = interval.map_or(DEFAULT_INTERVAL, |interval| interval.value);
    match reader.number("force_flush_interval", 1..=INTERVAL_MAX) {
        Some(mut flush) => {
            shorten(notes, &mut flush);
            table.set("flush_interval", seconds(flush.value), &flush.at);
        }
        None if interval < DEFAULT_INTERVAL => {
            table.add("flush_interval", seconds(DEFAULT_INTERVAL));
        }
        None => {}
    }
    let sets = dimensions::of_host(&mut reader, agent);
    table.add("dimensions", sets);
    table.add("per_instance", vec!["*"]);
    if let Some((lists, at)) = dimensions::aggregations(&mut reader) {
        table.set("aggregation_dimensions", lists, &at);
    }
    let mut metrics = Metrics {
        is_used: true,
        role: agent_role(&mut reader),
        endpoint: reader.text("endpoint_override", 4..=2048),
        ..Metrics::default()
    };
    destinations(&mut reader);
    entity(&mut reader);
    let mut plan = Plan {
        notes,
        interval,
        scrapers: Vec::new(),
        tables: Vec::new(),
        rules: Vec::new(),
    };
    if !reader.has("metrics_collected") {
        reader.missing("metrics_collected", "expected at least one plugin in it");
    }
    if let Some(collected) = reader.object("metrics_collected") {
        read_collected(collected, &mut plan);
    }
    reader.closed();
    table.add("scrapers", plan.scrapers);
    metrics.tables.push(table);
    metrics.tables.extend(plan.tables);
    metrics.tables.extend(plan.rules);
    metrics
}

/// `credentials` of any section.
pub(super) fn agent_role(reader: &mut Reader<'_>) -> Option<Item<String>> {
    let mut credentials = reader.object("credentials")?;
    let role = credentials.text("role_arn", 1..=2048);
    credentials.closed();
    role
}

/// `service.name` and `deployment.environment` of any section.
pub(super) fn entity(reader: &mut Reader<'_>) {
    for key in ["service.name", "deployment.environment"] {
        reader.ignore(key, "no entity is attached to metrics and logs");
    }
}

fn destinations(reader: &mut Reader<'_>) {
    let Some(mut destinations) = reader.object("metrics_destinations") else {
        return;
    };
    if let Some(cloudwatch) = destinations.take("cloudwatch") {
        reader.notes.taken(&cloudwatch.at);
    }
    let why = "Amazon Managed Service for Prometheus is not supported; metrics go to CloudWatch";
    destinations.refuse("amp", why);
    destinations.closed();
}

fn read_collected(mut collected: Reader<'_>, plan: &mut Plan<'_>) {
    let members = collected.rest();
    if members.is_empty() {
        collected.missing("plugin", "expected at least one such as cpu, mem or disk");
    }
    for (key, item) in members {
        if let Some(plugin) = Plugin::of(key) {
            if let Some(reader) = Reader::open(plan.notes, item.at, item.value) {
                plugin::read(reader, plugin, plan);
            }
        } else if key == "procstat" {
            procstat::read(item, plan);
        } else if !applications::read(key, &item, plan) {
            unknown(key, &item, plan.notes);
        }
    }
}

/// A plugin that does nothing here. The amazon-cloudwatch-agent wants `measurement` of those that
/// it does not know, too.
fn unknown(key: &str, item: &Item<&Node>, notes: &Notes) {
    if let Some((_, why)) = NOT_SUPPORTED.iter().find(|(name, _)| *name == key) {
        notes.not_supported(&item.at, why);
        return;
    }
    let near = nearest(key, words());
    let measures = match &item.value.value {
        Value::Object(members) => members.iter().any(|(name, _)| name == "measurement"),
        _ => false,
    };
    if !measures {
        let expected = "expected an object with `measurement`";
        notes.wrong(&item.at, "found an unknown plugin", expected, near);
        return;
    }
    let mut why = "unknown plugin; the amazon-cloudwatch-agent ignores it, too".to_owned();
    if let Some(near) = near {
        why = format!("{why}; did you mean `{near}`?");
    }
    notes.not_supported(&item.at, &why);
}

/// The plugins that there are.
fn words() -> impl Iterator<Item = &'static str> {
    let plugins = PLUGINS.iter().map(|plugin| plugin.key);
    plugins.chain(["procstat", "statsd", "collectd", "ethtool", "otlp"])
}

/// A rule about metrics of these names.
fn rule(names: Vec<String>, at: &At) -> Table {
    let mut rule = Table::item("metrics.rule").from(at);
    rule.add("match", names);
    rule
}
