//! `journald.collect_list`: what is read from the journal.

use super::super::json::Value;
use super::super::reader::{Item, Reader, found, plain};
use super::super::report::Notes;
use super::super::toml::Table;
use super::Target;
use super::files::{class, filters, retention};
use super::names::{Kind, translate};

/// Levels by number. Source: syslog(3).
const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];
/// The least severe entries that the amazon-cloudwatch-agent reads unless told otherwise.
const LEVEL: &str = "info";

/// Reads the list.
pub(super) fn read(mut journald: Reader<'_>, day: &str) -> Vec<Target> {
    let notes = journald.notes;
    if !journald.has("collect_list") {
        journald.missing("collect_list", "expected a list of what to read");
    }
    let list = journald.list("collect_list", 1..=16_384);
    let mut targets = Vec::new();
    for item in list.map_or(Vec::new(), |list| list.value) {
        if let Some(reader) = Reader::open(notes, item.at, item.value) {
            targets.extend(read_one(reader, day));
        }
    }
    journald.closed();
    targets
}

fn read_one(mut reader: Reader<'_>, day: &str) -> Vec<Target> {
    let notes = reader.notes;
    let mut table = Table::item("logs.journald").from(&reader.at);
    if !reader.has("log_group_name") {
        reader.missing("log_group_name", "expected a log group");
    }
    let name = reader.text("log_group_name", 1..=512);
    let group = name.map_or_else(String::new, |name| {
        let group = translate(&name.value, Kind::Group, day, &name.at, notes);
        table.set("group", group.clone(), &name.at);
        group
    });
    if let Some(name) = reader.text("log_stream_name", 1..=512) {
        let stream = translate(&name.value, Kind::JournalStream, day, &name.at, notes);
        table.set("stream", stream, &name.at);
    }
    if let Some(units) = reader.texts("units", 1..=usize::MAX, 0..=256) {
        table.set("units", units.value, &units.at);
    }
    let words: Vec<String> = (0..LEVELS.len()).map(|level| level.to_string()).collect();
    let words: Vec<&str> = LEVELS
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .collect();
    match reader.choice("priority", &words) {
        Some(level) => {
            let number: Option<usize> = level.value.parse().ok();
            let name = number.and_then(|number| LEVELS.get(number).copied());
            table.set("priority", name.unwrap_or(&level.value), &level.at);
        }
        None => table.add("priority", LEVEL),
    }
    if let Some((filters, at)) = filters(&mut reader) {
        if !filters.include.is_empty() {
            table.set("include_lines", filters.include, &at);
        }
        if !filters.exclude.is_empty() {
            table.set("exclude_lines", filters.exclude, &at);
        }
    }
    let retention = retention(&mut reader);
    let class = class(&mut reader);
    let tables = with_matches(&mut reader, table);
    reader.closed();
    let targets = tables.into_iter().map(|table| Target {
        table,
        group: group.clone(),
        retention: retention.clone(),
        class: class.clone(),
    });
    targets.collect()
}

/// `matches`: an entry fits if it has all fields of any of the objects. Ours has all fields of one
/// section, so each object has a section.
fn with_matches(reader: &mut Reader<'_>, table: Table) -> Vec<Table> {
    let notes = reader.notes;
    let Some(groups) = reader.list("matches", 1..=usize::MAX) else {
        return vec![table];
    };
    notes.taken(&groups.at);
    let groups: Vec<Vec<String>> = groups
        .value
        .iter()
        .map(|group| terms(notes, group))
        .filter(|terms| !terms.is_empty())
        .collect();
    let field = |term: &String| term.split_once('=').map(|(field, _)| field.to_owned());
    let first = groups.first().and_then(|terms| terms.first());
    let first = first.and_then(field);
    let same = |terms: &Vec<String>| terms.len() == 1 && terms.iter().all(|t| field(t) == first);
    // Any of several values of one field: that is one section.
    let groups = if groups.iter().all(same) && !groups.is_empty() {
        vec![groups.concat()]
    } else {
        groups
    };
    let tables = groups.into_iter().map(|terms| {
        let mut table = table.clone();
        table.add("matches", terms);
        table
    });
    tables.collect()
}

/// The fields of one object, as we write them.
fn terms(notes: &Notes, group: &Item<&super::super::json::Node>) -> Vec<String> {
    let Value::Object(_) = &group.value.value else {
        let expected = "expected an object of fields and their values";
        notes.wrong(&group.at, &found(group.value), expected, None);
        return Vec::new();
    };
    let Some(mut reader) = Reader::open(notes, group.at.clone(), group.value) else {
        return Vec::new();
    };
    let fields = reader.rest().into_iter();
    let terms = fields.filter_map(|(field, item)| {
        let value = plain(notes, &item, &(0..=usize::MAX))?;
        Some(format!("{field}={value}"))
    });
    terms.collect()
}
