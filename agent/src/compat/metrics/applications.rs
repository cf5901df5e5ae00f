//! The plugins that listen to applications or read devices by names of their own: `statsd`,
//! `collectd`, `ethtool` and `otlp`. Their sections are closed.

use super::super::json::{Node, Value};
use super::super::reader::{Item, Reader, list};
use super::super::report::Notes;
use super::super::toml::{Table, Toml};
use super::{INTERVAL_MAX, Plan, dimensions, entity, rule, seconds, shorten};

/// Where statsd listens with the amazon-cloudwatch-agent, and on which addresses here.
const STATSD_ADDRESS: &str = "127.0.0.1:8125";
const COLLECTD_ADDRESS: &str = "127.0.0.1:25826";
const OTLP_ADDRESS: &str = "127.0.0.1:4318";
const COLLECTD_AUTH_FILE: &str = "/etc/collectd/auth_file";
const COLLECTD_TYPES: &str = "/usr/share/collectd/types.db";
const LEVELS: [&str; 3] = ["none", "sign", "encrypt"];
/// How often statsd's values are gathered there.
const COLLECTION_INTERVAL: i64 = 10;
const AGGREGATION_INTERVAL: i64 = 60;

/// Reads the plugin if it is one of these.
pub(super) fn read(key: &str, item: &Item<&Node>, plan: &mut Plan<'_>) -> bool {
    let read_one: fn(Reader<'_>, &mut Plan<'_>) = match key {
        "statsd" => statsd,
        "collectd" => collectd,
        "ethtool" => ethtool,
        "otlp" => otlp,
        _ => return false,
    };
    let notes = plan.notes;
    let items = match &item.value.value {
        Value::List(_) if key == "otlp" => {
            let items = list(notes, item.clone(), &(1..=255));
            items.map_or(Vec::new(), |items| items.value)
        }
        _ => vec![item.clone()],
    };
    for item in items {
        if let Some(reader) = Reader::open(notes, item.at, item.value) {
            read_one(reader, plan);
        }
    }
    true
}

fn statsd(mut reader: Reader<'_>, plan: &mut Plan<'_>) {
    let mut table = Table::named("metrics.statsd").from(&reader.at);
    if let Some(address) = reader.text("service_address", 1..=255) {
        table.set("address", socket(&address.value), &address.at);
    } else {
        let how = "it listens to this host alone; write \"service_address\": \":8125\" to \
                   listen to all, as the amazon-cloudwatch-agent does";
        reader.notes.changed(&reader.at, how);
        table.add("address", STATSD_ADDRESS);
    }
    let collection = reader.number("metrics_collection_interval", 1..=INTERVAL_MAX);
    let fallback = collection.map_or(COLLECTION_INTERVAL, |interval| interval.value);
    aggregation(&mut reader, &mut table, fallback);
    match reader.text("metric_separator", 1..=255) {
        Some(separator) => table.set("separator", separator.value, &separator.at),
        None => table.add("separator", "_"),
    }
    let why = "packets wait in the buffer of the socket; what it loses is counted";
    reader.ignore("allowed_pending_messages", why);
    drop_named(&mut reader, "", plan);
    entity(&mut reader);
    reader.closed();
    plan.tables.push(table);
}

fn collectd(mut reader: Reader<'_>, plan: &mut Plan<'_>) {
    let mut table = Table::named("metrics.collectd").from(&reader.at);
    match reader.text("service_address", 1..=255) {
        Some(address) => table.set("address", socket(&address.value), &address.at),
        None => table.add("address", COLLECTD_ADDRESS),
    }
    let prefix = reader.text("name_prefix", 1..=255);
    match &prefix {
        Some(prefix) => table.set("prefix", prefix.value.clone(), &prefix.at),
        None => table.add("prefix", "collectd_"),
    }
    let level = reader.choice("collectd_security_level", &LEVELS);
    let encrypted = level.as_ref().is_none_or(|level| level.value != "none");
    match level {
        Some(level) => table.set("security_level", level.value, &level.at),
        None => table.add("security_level", "encrypt"),
    }
    match reader.text("collectd_auth_file", 1..=4096) {
        Some(file) if encrypted => table.set("auth_file", file.value, &file.at),
        Some(file) => {
            let why = "packets that are neither signed nor encrypted need none";
            reader.notes.ignored(&file.at, why);
        }
        None if encrypted => table.add("auth_file", COLLECTD_AUTH_FILE),
        None => {}
    }
    match reader.texts("collectd_typesdb", 0..=10, 1..=4096) {
        Some(files) => table.set("types_db", files.value, &files.at),
        None => table.add("types_db", vec![COLLECTD_TYPES]),
    }
    aggregation(&mut reader, &mut table, COLLECTION_INTERVAL);
    dimensions::append(&mut reader, &mut table);
    drop_named(&mut reader, "", plan);
    entity(&mut reader);
    reader.closed();
    plan.tables.push(table);
}

fn ethtool(mut reader: Reader<'_>, plan: &mut Plan<'_>) {
    let mut table = Table::named("metrics.ethtool").from(&reader.at);
    for (key, ours) in [
        ("interface_include", "include"),
        ("interface_exclude", "exclude"),
    ] {
        let names = reader.texts(key, 0..=usize::MAX, 1..=255);
        match names.filter(|names| !names.value.is_empty()) {
            Some(names) => table.set(ours, names.value, &names.at),
            None if ours == "exclude" => table.add(ours, Toml::List(Vec::new())),
            None => {}
        }
    }
    let counters = reader.texts("metrics_include", 0..=usize::MAX, 1..=255);
    match counters.filter(|counters| !counters.value.is_empty()) {
        Some(counters) => table.set("metrics_include", counters.value, &counters.at),
        None => table.add("metrics_include", vec!["*"]),
    }
    dimensions::append(&mut reader, &mut table);
    drop_named(&mut reader, "ethtool_", plan);
    reader.closed();
    plan.scrapers.push("ethtool".to_owned());
    plan.tables.push(table);
}

fn otlp(mut reader: Reader<'_>, plan: &mut Plan<'_>) {
    let at = reader.at.clone();
    let mut table = Table::named("metrics.otlp").from(&at);
    match reader.text("http_endpoint", 1..=4096) {
        Some(address) => table.set("address", socket(&address.value), &address.at),
        None => table.add("address", OTLP_ADDRESS),
    }
    let why = "metrics are taken over HTTP only; let the exporter speak http/protobuf";
    reader.refuse("grpc_endpoint", why);
    reader.refuse("tls", "metrics are taken without TLS, on the loopback");
    entity(&mut reader);
    reader.closed();
    let first = !plan
        .tables
        .iter()
        .any(|table| table.is_named("metrics.otlp"));
    if first {
        plan.tables.push(table);
    } else {
        let why = "one address is listened to, that of the first object";
        plan.notes.not_supported(&at, why);
    }
}

/// `metrics_aggregation_interval`. With zero there, each collection is sent as it is.
fn aggregation(reader: &mut Reader<'_>, table: &mut Table, collection: i64) {
    let notes: &Notes = reader.notes;
    let Some(mut interval) = reader.number("metrics_aggregation_interval", 0..=INTERVAL_MAX) else {
        table.add("interval", seconds(AGGREGATION_INTERVAL));
        return;
    };
    if interval.value == 0 {
        interval.value = collection;
        let how = format!("values are folded over {collection} s, with no loss of information");
        notes.changed(&interval.at, &how);
    }
    shorten(notes, &mut interval);
    table.set("interval", seconds(interval.value), &interval.at);
}

/// `drop_original_metrics` of a plugin whose metrics have names of their own.
fn drop_named(reader: &mut Reader<'_>, prefix: &str, plan: &mut Plan<'_>) {
    let Some(names) = dimensions::dropped(reader) else {
        return;
    };
    let full = |name: String| {
        if name.starts_with(prefix) {
            name
        } else {
            format!("{prefix}{name}")
        }
    };
    let at = names.at;
    let mut rule = rule(names.value.into_iter().map(full).collect(), &at);
    rule.add("drop_original", true);
    plan.rules.push(rule);
}

/// An address as we write it. Without a host all addresses of this host are meant.
pub(in super::super) fn socket(address: &str) -> String {
    let bare = ["udp://", "tcp://", "http://"]
        .into_iter()
        .find_map(|scheme| address.strip_prefix(scheme))
        .unwrap_or(address);
    if bare.starts_with(':') {
        format!("0.0.0.0{bare}")
    } else {
        bare.replace("localhost", "127.0.0.1")
    }
}
