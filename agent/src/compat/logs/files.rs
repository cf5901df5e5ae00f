//! `files.collect_list`: what is said of one kind of file.

use std::collections::BTreeMap;

use plimsoll_aws::limits::logs::RETENTION_DAYS;

use super::super::pattern;
use super::super::reader::{Item, Reader, found};
use super::super::report::{At, Notes};
use super::super::toml::{Table, Toml};
use super::Target;
use super::names::{Kind, group_of_path, translate, without_extension};
use super::time;

/// Names of files that the amazon-cloudwatch-agent does not read. Source: its
/// `plugins/inputs/logfile/logfile.go`.
const COMPRESSED: [&str; 6] = ["*.tar", "*.zst", "*.gz", "*.zip", "*.bz2", "*.rar"];
/// A line that begins with white space belongs to the one before. Source: `fileconfig.go`, there:
/// it is so unless `multi_line_start_pattern` says otherwise.
const LINE_START: &str = r"^\S";
/// What it takes for UTF-8. Source: `fileconfig.go`, there.
const UTF_8: [&str; 4] = ["utf-8", "utf_8", "utf8", "ascii"];
/// How far into an event its stamp may begin: there, anywhere.
const SEARCH_BYTES: i64 = 65_536;
const CLASSES: [&str; 2] = ["STANDARD", "INFREQUENT_ACCESS"];

/// Reads the list. `stream` is the section's own `log_stream_name`.
pub(super) fn read(mut files: Reader<'_>, stream: Option<&Item<String>>, day: &str) -> Vec<Target> {
    let notes = files.notes;
    let mut seen: BTreeMap<String, At> = BTreeMap::new();
    let mut targets = Vec::new();
    if !files.has("collect_list") {
        files.missing("collect_list", "expected a list of files");
    }
    let list = files.list("collect_list", 1..=16_384);
    for item in list.map_or(Vec::new(), |list| list.value) {
        let Some(reader) = Reader::open(notes, item.at, item.value) else {
            continue;
        };
        let entry = Entry { reader, day };
        let Some((path, target)) = entry.read(stream) else {
            continue;
        };
        if let Some(first) = seen.get(&path.value) {
            let why = format!("a file is read once, for {}", first.place);
            notes.not_supported(&path.at, &why);
            continue;
        }
        seen.insert(path.value, path.at);
        targets.push(target);
    }
    files.closed();
    targets
}

struct Entry<'a> {
    reader: Reader<'a>,
    day: &'a str,
}

impl Entry<'_> {
    fn read(mut self, stream: Option<&Item<String>>) -> Option<(Item<String>, Target)> {
        let notes = self.reader.notes;
        let mut table = Table::item("logs.file").from(&self.reader.at);
        if !self.reader.has("file_path") {
            let expected = "expected a path such as \"/var/log/messages\"";
            self.reader.missing("file_path", expected);
        }
        let path = self.reader.text("file_path", 1..=4096);
        let written = path.is_some();
        // Without one the other keys are looked at even so: all mistakes are told at once.
        let path = path.unwrap_or_else(|| Item {
            at: self.reader.at.clone(),
            value: String::new(),
        });
        table.set("path", path.value.clone(), &path.at);
        let many = path.value.contains(['*', '?', '[', '{']);
        let each = self.reader.flag("publish_multi_logs");
        let each = each.filter(|each| each.value);
        if many {
            table.add("exclude", COMPRESSED.to_vec());
        }
        if many && each.is_none() {
            let how = "every file that matches is read; the amazon-cloudwatch-agent reads the \
                       newest one only";
            notes.changed(&path.at, how);
        }
        let group = self.group(&mut table, &path, each.as_ref(), many);
        self.stream(&mut table, stream, each.as_ref());
        table.add("start", "beginning");
        self.framing(&mut table);
        self.filters(&mut table);
        self.without_effect();
        let target = Target {
            retention: retention(&mut self.reader),
            class: class(&mut self.reader),
            table,
            group,
        };
        self.reader.closed();
        written.then_some((path, target))
    }

    /// The group, by name or after the path.
    fn group(
        &mut self,
        table: &mut Table,
        path: &Item<String>,
        each: Option<&Item<bool>>,
        many: bool,
    ) -> String {
        let notes = self.reader.notes;
        if let Some(name) = self.reader.text("log_group_name", 1..=512) {
            let group = translate(&name.value, Kind::Group, self.day, &name.at, notes);
            table.set("group", group.clone(), &name.at);
            return group;
        }
        let name = match each {
            Some(_) => path.value.as_str(),
            None => without_extension(&path.value),
        };
        let group = group_of_path(name);
        if many {
            let how = format!("without log_group_name all of it goes to the group {group}");
            notes.changed(&path.at, &how);
        }
        table.set("group", group.clone(), &path.at);
        group
    }

    /// The stream. With `publish_multi_logs` each file has one of its own.
    fn stream(
        &mut self,
        table: &mut Table,
        of_section: Option<&Item<String>>,
        each: Option<&Item<bool>>,
    ) {
        let notes = self.reader.notes;
        let own = self.reader.text("log_stream_name", 1..=512);
        let name = own.as_ref().or(of_section);
        let mut stream = match name {
            Some(name) => translate(&name.value, Kind::Stream, self.day, &name.at, notes),
            None => "{instance_id}".to_owned(),
        };
        if each.is_some() {
            stream.push_str("_{file_path}");
        }
        match name.map(|name| &name.at).or(each.map(|each| &each.at)) {
            Some(at) => table.set("stream", stream, at),
            None => table.add("stream", stream),
        }
    }

    /// What the text is like: lines, encoding, stamps.
    fn framing(&mut self, table: &mut Table) {
        let notes = self.reader.notes;
        let format = self.reader.text("timestamp_format", 1..=4096);
        if let Some(format) = &format {
            table.set("timestamp", format.value.clone(), &format.at);
            table.add("timestamp_search_bytes", SEARCH_BYTES);
        }
        let zones = ["Local", "LOCAL", "UTC"];
        if let Some(zone) = self.reader.choice("timezone", &zones) {
            let ours = if zone.value == "UTC" { "UTC" } else { "Local" };
            if format.is_some() {
                table.set("time_zone", ours, &zone.at);
            } else {
                notes.ignored(&zone.at, "without timestamp_format no stamp is read");
            }
        }
        let trim = self.reader.flag("trim_timestamp");
        if let Some(trim) = trim.filter(|trim| trim.value) {
            if format.is_some() {
                table.set("trim_timestamp", true, &trim.at);
            } else {
                notes.ignored(&trim.at, "without timestamp_format no stamp is found");
            }
        }
        if let Some(encoding) = self.reader.text("encoding", 1..=4096)
            && !UTF_8.contains(&encoding.value.to_ascii_lowercase().as_str())
        {
            table.set("encoding", encoding.value, &encoding.at);
        }
        let start = self.reader.text("multi_line_start_pattern", 1..=4096);
        let (start, at) = match start {
            Some(start) => (self.line_start(&start, format.as_ref()), Some(start.at)),
            None => (None, None),
        };
        let start = start.unwrap_or_else(|| LINE_START.to_owned());
        let rule = Toml::Table(vec![("start".to_owned(), start.into())]);
        match at {
            Some(at) => table.set("multi_line", rule, &at),
            None => table.add("multi_line", rule),
        }
    }

    fn line_start(&self, start: &Item<String>, format: Option<&Item<String>>) -> Option<String> {
        if start.value != "{timestamp_format}" {
            return regex(self.reader.notes, &start.at, &start.value);
        }
        let pattern = format.map(|format| time::pattern(&format.value));
        if pattern.is_none() {
            let how = "without timestamp_format, lines that begin with white space belong to the \
                       one before";
            self.reader.notes.changed(&start.at, how);
        }
        pattern
    }

    /// Which files and which events are left out.
    fn filters(&mut self, table: &mut Table) {
        let notes = self.reader.notes;
        if let Some(names) = self.reader.text("blacklist", 1..=4096)
            && let Some(pattern) = regex(notes, &names.at, &names.value)
        {
            table.set("exclude_names", pattern, &names.at);
        }
        let Some((filters, at)) = filters(&mut self.reader) else {
            return;
        };
        if !filters.include.is_empty() {
            let key = if filters.include.len() == 1 {
                "include_lines"
            } else {
                "require_lines"
            };
            table.set(key, filters.include, &at);
        }
        if !filters.exclude.is_empty() {
            table.set("exclude_lines", filters.exclude, &at);
        }
    }

    fn without_effect(&mut self) {
        let notes = self.reader.notes;
        if let Some(removal) = self.reader.flag("auto_removal")
            && removal.value
        {
            let why = "this agent never removes a file; let logrotate do it";
            notes.not_supported(&removal.at, why);
        }
        let why = "files that are at rest are closed in any case";
        if let Some(mode) = self.reader.choice("backpressure_mode", &["fd_release"]) {
            notes.ignored(&mode.at, why);
        }
        super::entity(&mut self.reader);
    }
}

/// Patterns of which all must match, and of which none may.
pub(super) struct Filters {
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
}

/// Reads `filters`.
pub(super) fn filters(reader: &mut Reader<'_>) -> Option<(Filters, At)> {
    let notes = reader.notes;
    let items = reader.list("filters", 0..=usize::MAX)?;
    notes.taken(&items.at);
    let mut filters = Filters {
        include: Vec::new(),
        exclude: Vec::new(),
    };
    for item in items.value {
        let Some(mut one) = Reader::open(notes, item.at, item.value) else {
            continue;
        };
        let kind = one.choice("type", &["include", "exclude"]);
        let expression = one.text("expression", 0..=usize::MAX);
        one.closed();
        let (Some(kind), Some(expression)) = (kind, expression) else {
            continue;
        };
        let Some(pattern) = regex(notes, &expression.at, &expression.value) else {
            continue;
        };
        if kind.value == "include" {
            filters.include.push(pattern);
        } else {
            filters.exclude.push(pattern);
        }
    }
    Some((filters, items.at))
}

/// A pattern of theirs as one of ours; one that is none is a mistake there, too.
fn regex(notes: &Notes, at: &At, go: &str) -> Option<String> {
    match pattern::translate(go) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            let found = format!("found \"{go}\": {why}");
            notes.wrong(at, &found, "expected a regular expression", None);
            None
        }
    }
}

/// Reads `retention_in_days`; −1 leaves the group as it is.
pub(super) fn retention(reader: &mut Reader<'_>) -> Option<Item<i64>> {
    let Item { at, value: node } = reader.take("retention_in_days")?;
    let allowed = || RETENTION_DAYS.iter().map(ToString::to_string);
    let days = match &node.value {
        super::super::json::Value::Number(text) => Some(text.clone()),
        _ => None,
    };
    let known = |text: &String| text == "-1" || allowed().any(|days| days == *text);
    if let Some(text) = days.filter(known) {
        reader.notes.taken(&at);
        let value = text.parse().ok()?;
        return Some(Item { at, value });
    }
    let all: Vec<String> = allowed().collect();
    let expected = format!("expected one of: -1, {}", all.join(", "));
    reader.notes.wrong(&at, &found(node), &expected, None);
    None
}

/// Reads `log_group_class`; what is no class is ignored there, too.
pub(super) fn class(reader: &mut Reader<'_>) -> Option<Item<String>> {
    let mut class = reader.text("log_group_class", 1..=512)?;
    class.value = class.value.to_ascii_uppercase();
    if CLASSES.contains(&class.value.as_str()) {
        return Some(class);
    }
    let why = "no class of log groups, and ignored by the amazon-cloudwatch-agent, too; there are \
               STANDARD and INFREQUENT_ACCESS";
    reader.notes.not_supported(&class.at, why);
    None
}
