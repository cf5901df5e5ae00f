//! Where a source of logs sends: the group with its settings, and the stream. The same keys for
//! every kind of source.

use std::collections::BTreeMap;

use plimsoll_aws::{LogClass, LogGroup, limits};
use plimsoll_core::config::{Field, Section};

use super::super::template::{BadTemplate, is_name_char};
use super::super::{PLACEHOLDERS, Placeholder, Template};

const CLASSES: [(&str, LogClass); 2] = [
    ("STANDARD", LogClass::Standard),
    ("INFREQUENT_ACCESS", LogClass::InfrequentAccess),
];

/// The group of a target that sends nothing; it is never made.
const UNUSED: &str = "not-shipped";

/// Where a target's events go.
pub(super) struct Destination {
    pub(super) group: Template,
    /// The group's other settings; its name is empty.
    pub(super) settings: LogGroup,
    pub(super) stream: Template,
    /// Both names as they are written.
    pub(super) written: String,
}

impl Destination {
    /// Reads the keys of a destination, all of them even when an early one is wrong.
    pub(super) fn take(section: &mut Section<'_>) -> Option<Self> {
        Self::take_or(section, None)
    }

    /// The same where nothing is sent, so that a group need not be named.
    pub(super) fn take_unused(section: &mut Section<'_>) -> Option<Self> {
        Self::take_or(section, Template::parse(UNUSED).ok())
    }

    fn take_or(section: &mut Section<'_>, unnamed: Option<Template>) -> Option<Self> {
        let group = section.take_name("group");
        if group.is_none() && unnamed.is_none() && section.keys().all(|key| key != "group") {
            section.report_missing("group", "expected a log group such as \"/plimsoll/system\"");
        }
        let mut written = group.as_ref().map_or("", |name| &name.value).to_owned();
        let group = match group {
            Some(name) => group_name(section, &name),
            None => unnamed,
        };
        let stream = match section.take_name("stream") {
            Some(name) => {
                written = written + "\n" + &name.value;
                stream_name(section, &name)
            }
            None => Template::parse("{instance_id}").ok(),
        };
        let settings = LogGroup {
            name: String::new(),
            class: section.take_choice("class", &CLASSES).unwrap_or_default(),
            retention_days: section
                .take_integer_of("retention_days", &limits::logs::RETENTION_DAYS),
            tags: tags(section),
            kms_key: section
                .take_name("kms_key")
                .and_then(|key| kms_key(section, key)),
        };
        Some(Self {
            group: group?,
            settings,
            stream: stream?,
            written,
        })
    }
}

/// A group's name as it is written. Source: CloudWatch Logs API reference, CreateLogGroup.
pub(super) fn group_name(file: &Section<'_>, name: &Field<String>) -> Option<Template> {
    let template = template(file, name)?;
    for (placeholder, word, why) in [
        (Placeholder::FileName, "{file_name}", "for all files"),
        (Placeholder::FilePath, "{file_path}", "for all files"),
        (Placeholder::Date, "{date}", "for all days"),
    ] {
        if template.holds(&placeholder) {
            let expected =
                format!("expected a group {why} of this section; {word} belongs into stream");
            file.reject(name, &format!("found {word}"), &expected);
            return None;
        }
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

/// A stream's name. Source: CloudWatch Logs API reference, CreateLogStream.
pub(super) fn stream_name(file: &Section<'_>, name: &Field<String>) -> Option<Template> {
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
                BadTemplate::Unclosed | BadTemplate::Unset(_) => "",
            };
            let allowed: Vec<String> = words().map(|word| format!("{{{word}}}")).collect();
            let expected = format!(
                "expected one of: {}, {{tag:NAME}}, ${{NAME}}",
                allowed.join(", ")
            );
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
pub(super) fn same_settings<'o>(
    section: &Section<'_>,
    mut others: impl Iterator<Item = (&'o Template, &'o LogGroup)>,
    new: (&Template, &LogGroup),
) {
    let Some((_, other)) = others.find(|(group, _)| *group == new.0) else {
        return;
    };
    let new = new.1;
    for (key, same) in [
        ("class", other.class == new.class),
        ("retention_days", other.retention_days == new.retention_days),
        ("tags", other.tags == new.tags),
        ("kms_key", other.kms_key == new.kms_key),
    ] {
        if !same {
            let found = "differs from an earlier section of the same group";
            section.report(key, found, "expected the same value", None);
        }
    }
}
