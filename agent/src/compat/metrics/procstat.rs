//! The list `procstat`: processes that are measured.

use super::super::json::Node;
use super::super::reader::{Item, Reader, list};
use super::super::toml::Table;
use super::names::PROCSTAT;
use super::{Plan, dimensions, measurement, seconds};
use crate::compat::pattern;

/// Reads the list.
pub(super) fn read(item: Item<&Node>, plan: &mut Plan<'_>) {
    let Some(items) = list(plan.notes, item, &(1..=255)) else {
        return;
    };
    for item in items.value {
        if let Some(reader) = Reader::open(plan.notes, item.at, item.value) {
            read_one(reader, plan);
        }
    }
}

fn read_one(mut reader: Reader<'_>, plan: &mut Plan<'_>) {
    let mut table = Table::item("metrics.procstat").from(&reader.at);
    let mut chosen: Option<&str> = None;
    for key in ["exe", "pid_file", "pattern"] {
        let Some(text) = reader.text(key, 1..=255) else {
            continue;
        };
        if let Some(chosen) = chosen {
            let why = format!("{chosen} stands beside it and tells which processes are meant");
            reader.notes.ignored(&text.at, &why);
            continue;
        }
        chosen = Some(key);
        if key == "pid_file" {
            table.set(key, text.value, &text.at);
            continue;
        }
        match pattern::translate(&text.value) {
            Ok(pattern) => table.set(key, pattern, &text.at),
            Err(why) => {
                let found = format!("found \"{}\": {why}", text.value);
                let expected = "expected a regular expression";
                reader.notes.wrong(&text.at, &found, expected, None);
            }
        }
    }
    if chosen.is_none() {
        reader.missing("exe", "expected one of: pid_file, exe, pattern");
    }
    let wanted = measurement::read(&mut reader, &PROCSTAT, plan);
    let interval = plan.interval(&mut reader, "metrics_collection_interval");
    if let Some(interval) = interval.filter(|interval| interval.value != plan.interval) {
        table.set("interval", seconds(interval.value), &interval.at);
    }
    dimensions::append_texts(&mut reader, &mut table);
    let why = "the amazon-cloudwatch-agent drops no originals of procstat, either";
    reader.refuse("drop_original_metrics", why);
    let why = "processes are looked up in /proc";
    reader.ignore("pid_finder", why);
    if let Some((wanted, at)) = wanted {
        let names = wanted.into_iter().map(|one| one.field);
        table.set("measurements", names.collect::<Vec<_>>(), &at);
    }
    reader.open_ended();
    plan.tables.push(table);
}
