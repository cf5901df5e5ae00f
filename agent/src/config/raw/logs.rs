//! The sections `[logs]` and `[[logs.file]]`.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_aws::{LogClass, LogGroup, limits};
use plimsoll_core::config::{Field, Section};

use super::super::template::{BadTemplate, is_name_char};
use super::super::{
    Check, FileTemplate, LogsTemplate, PLACEHOLDERS, Placeholder, StartPosition, Template,
};
use super::is_absolute;

const MIB: u64 = 1 << 20;
/// Two whole batches: one that fills while one is under way.
const IN_FLIGHT_MIN: u64 = 2 * MIB;
const IN_FLIGHT_MAX: u64 = 1 << 30;
pub(crate) const IN_FLIGHT: u32 = 16 << 20;
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
pub(crate) const PUTS_IN_FLIGHT: usize = 4;
pub(crate) const RESCAN_INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const DEAD_LETTER: u64 = 16 * MIB;
const PUTS_IN_FLIGHT_MAX: u64 = 64;

const CLASSES: [(&str, LogClass); 2] = [
    ("STANDARD", LogClass::Standard),
    ("INFREQUENT_ACCESS", LogClass::InfrequentAccess),
];
const STARTS: [(&str, StartPosition); 2] = [
    ("beginning", StartPosition::Beginning),
    ("end", StartPosition::End),
];

/// Reads the section; `None` when there is no file to follow.
pub(super) fn read(root: &mut Section<'_>, checks: &mut Vec<Check>) -> Option<LogsTemplate> {
    let mut section = root.take_section("logs")?;
    let seconds = Duration::from_secs;
    let mut logs = LogsTemplate {
        files: Vec::new(),
        in_flight_bytes_max: section
            .take_size("in_flight", IN_FLIGHT_MIN..=IN_FLIGHT_MAX)
            .and_then(|bytes| u32::try_from(bytes).ok())
            .unwrap_or(IN_FLIGHT),
        flush_interval: section
            .take_duration("flush_interval", Duration::from_millis(100)..=seconds(60))
            .unwrap_or(FLUSH_INTERVAL),
        puts_in_flight_max: section
            .take_integer("puts_in_flight", 1..=PUTS_IN_FLIGHT_MAX)
            .and_then(|puts| usize::try_from(puts).ok())
            .unwrap_or(PUTS_IN_FLIGHT),
        rescan_interval: section
            .take_duration("rescan_interval", seconds(1)..=seconds(3600))
            .unwrap_or(RESCAN_INTERVAL),
        dead_letter_bytes_max: section
            .take_size("dead_letter", MIB..=IN_FLIGHT_MAX)
            .unwrap_or(DEAD_LETTER),
    };
    let files = section.take_sections("file");
    if files.is_empty() && section.keys().all(|key| key != "file") {
        section.report_missing("file", "expected at least one [[logs.file]]");
    }
    for mut file in files {
        if let Some(template) = file_target(&mut file, checks) {
            same_settings(&file, &logs.files, &template);
            logs.files.push(template);
        }
        file.finish();
    }
    section.finish();
    (!logs.files.is_empty()).then_some(logs)
}

/// One `[[logs.file]]`. Every key is read even when an early one is wrong.
fn file_target(file: &mut Section<'_>, checks: &mut Vec<Check>) -> Option<FileTemplate> {
    let include = globs(file, "path");
    if include.is_empty() && file.keys().all(|key| key != "path") {
        file.report_missing(
            "path",
            "expected a path or a glob such as \"/var/log/*.log\"",
        );
    }
    let exclude = globs(file, "exclude");
    for path in &include {
        let excluded = exclude.iter().map(|glob| glob.value.clone()).collect();
        let place = file.problem_at(path, "", "");
        checks.push(Check::readable(path.value.clone(), excluded, place));
    }
    let start = file.take_choice("start", &STARTS).unwrap_or_default();
    let group = file.take_name("group");
    if group.is_none() && file.keys().all(|key| key != "group") {
        file.report_missing("group", "expected a log group such as \"/plimsoll/system\"");
    }
    let group = group.and_then(|name| group_name(file, &name));
    let stream = match file.take_name("stream") {
        Some(name) => stream_name(file, &name),
        None => Template::parse("{instance_id}").ok(),
    };
    let settings = LogGroup {
        name: String::new(),
        class: file.take_choice("class", &CLASSES).unwrap_or_default(),
        retention_days: file.take_integer_of("retention_days", &limits::logs::RETENTION_DAYS),
        tags: tags(file),
        kms_key: file.take_name("kms_key").and_then(|key| kms_key(file, key)),
    };
    let values = |globs: Vec<Field<String>>| globs.into_iter().map(|glob| glob.value).collect();
    if include.is_empty() {
        return None;
    }
    Some(FileTemplate {
        include: values(include),
        exclude: values(exclude),
        start,
        group: group?,
        settings,
        stream: stream?,
    })
}

/// Absolute globs that can be compiled.
fn globs(file: &mut Section<'_>, key: &'static str) -> Vec<Field<String>> {
    let mut globs = file.take_string_or_list(key);
    if globs.is_empty() && key == "path" && file.keys().any(|known| known == key) {
        file.report(
            key,
            "found no path",
            "expected at least one path or glob",
            None,
        );
    }
    globs.retain(|glob| {
        if !is_absolute(file, glob) {
            return false;
        }
        match glob::Pattern::new(&glob.value) {
            Ok(_) => true,
            Err(error) => {
                let found = format!("found \"{}\": {} at {}", glob.value, error.msg, error.pos);
                file.reject(glob, &found, "expected a glob with *, ?, [...] or **");
                false
            }
        }
    });
    globs
}

/// Source: CloudWatch Logs API reference, CreateLogGroup.
fn group_name(file: &Section<'_>, name: &Field<String>) -> Option<Template> {
    let template = template(file, name)?;
    if template.holds(Placeholder::FileName) {
        let expected =
            "expected a group for all files of this section; {file_name} belongs into stream";
        file.reject(name, "found {file_name}", expected);
        return None;
    }
    let wrong = template
        .texts()
        .flat_map(str::chars)
        .find(|c| !is_name_char(*c));
    well_named(
        file,
        name,
        wrong,
        "expected letters, digits and . - _ / # only",
    )
    .then_some(template)
}

/// Source: CloudWatch Logs API reference, CreateLogStream.
fn stream_name(file: &Section<'_>, name: &Field<String>) -> Option<Template> {
    let template = template(file, name)?;
    let forbidden = |c: &char| matches!(c, ':' | '*') || c.is_control();
    let wrong = template.texts().flat_map(str::chars).find(forbidden);
    well_named(file, name, wrong, "expected a name without : and *").then_some(template)
}

fn well_named(file: &Section<'_>, name: &Field<String>, wrong: Option<char>, rule: &str) -> bool {
    if let Some(wrong) = wrong {
        file.reject(name, &format!("found {wrong:?}"), rule);
        return false;
    }
    let length = name.value.chars().count();
    let length_max = limits::logs::NAME_CHARS_MAX;
    if length > length_max {
        let expected = format!("expected at most {length_max}");
        file.reject(name, &format!("found {length} characters"), &expected);
        return false;
    }
    true
}

fn template(file: &Section<'_>, name: &Field<String>) -> Option<Template> {
    let words = || PLACEHOLDERS.iter().map(|(word, _)| *word);
    match Template::parse(&name.value) {
        Ok(template) => Some(template),
        Err(error) => {
            let word = match &error {
                BadTemplate::Unknown { name, .. } => name.as_str(),
                BadTemplate::Unclosed => "",
            };
            let allowed: Vec<String> = words().map(|word| format!("{{{word}}}")).collect();
            let expected = format!("expected one of: {}", allowed.join(", "));
            file.reject_near(name, &error.to_string(), &expected, word, words());
            None
        }
    }
}

/// Source: CloudWatch Logs API reference, CreateLogGroup, `tags`.
fn tags(file: &mut Section<'_>) -> BTreeMap<String, String> {
    const KEY_MAX: usize = 128;
    const VALUE_MAX: usize = 256;
    let tags = file.take_string_map("tags");
    let wrong = if tags.len() > limits::logs::TAGS_MAX {
        Some((format!("found {} tags", tags.len()), "expected at most 50"))
    } else {
        let bad = |(key, value): &(&String, &String)| {
            let (key_length, value_length) = (key.chars().count(), value.chars().count());
            !(1..=KEY_MAX).contains(&key_length)
                || value_length > VALUE_MAX
                || key.starts_with("aws:")
        };
        tags.iter().find(bad).map(|(key, _)| {
            let expected = "expected a key of 1 to 128 characters that does not start with aws:, \
                            and a value of at most 256";
            (format!("found the tag \"{key}\""), expected)
        })
    };
    if let Some((found, expected)) = wrong {
        file.report("tags", &found, expected, None);
    }
    tags
}

/// Source: CloudWatch Logs API reference, CreateLogGroup, `kmsKeyId`: the ARN, not an alias.
fn kms_key(file: &Section<'_>, key: Field<String>) -> Option<String> {
    let parts: Vec<&str> = key.value.split(':').collect();
    if let ["arn", _, "kms", _, _, resource] = parts.as_slice()
        && resource.starts_with("key/")
    {
        return Some(key.value);
    }
    let expected = "expected the ARN of a key such as \"arn:aws:kms:eu-west-1:123456789012:key/…\"";
    file.reject(&key, &format!("found \"{}\"", key.value), expected);
    None
}

/// A group is made once: two targets must agree on what it is like.
fn same_settings(file: &Section<'_>, others: &[FileTemplate], new: &FileTemplate) {
    let other = others.iter().find(|other| other.group == new.group);
    let Some(other) = other else { return };
    let (other, new) = (&other.settings, &new.settings);
    for (key, same) in [
        ("class", other.class == new.class),
        ("retention_days", other.retention_days == new.retention_days),
        ("tags", other.tags == new.tags),
        ("kms_key", other.kms_key == new.kms_key),
    ] {
        if !same {
            let found = "differs from an earlier [[logs.file]] of the same group";
            file.report(key, found, "expected the same value", None);
        }
    }
}
