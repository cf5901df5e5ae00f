//! Making, deleting and tagging log groups and streams, and how long groups keep events.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    GROUPS_MAX, Group, IDENTIFIER_CHARS_MAX, INVALID, Logs, NAME_CHARS_MAX, STREAMS_MAX, Stream,
    group_name, name_in_arn, no_group, no_stream,
};
use crate::input::{Input, quoted};
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Days that PutRetentionPolicy takes. Source: CloudWatch Logs API reference.
const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// The classes of a log group; the first is the default.
const CLASSES: [&str; 4] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];
/// Tags of a log group, and the characters of their keys and values.
const TAGS_MAX: usize = 50;
const TAG_KEY_CHARS_MAX: usize = 128;
const TAG_VALUE_CHARS_MAX: usize = 256;
/// Characters of a KMS key's ARN.
const KMS_KEY_CHARS_MAX: usize = 256;

impl Logs {
    pub(super) fn create_group(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let name = checked_group_name(input)?;
        let class = input
            .choice("logGroupClass", &CLASSES)?
            .unwrap_or("STANDARD");
        let kms_key = input.text("kmsKeyId", 0, KMS_KEY_CHARS_MAX)?;
        let protected = input.flag("deletionProtectionEnabled")?;
        let tags = tags_in(call.input.member("tags"), &BTreeMap::new())?;
        if self.groups.contains_key(name) {
            return Err(exists("group"));
        }
        if self.groups.len() >= GROUPS_MAX {
            return Err(Refusal::new(
                "LimitExceededException",
                "Resource limit exceeded.",
            ));
        }
        let group = Group {
            class,
            created: call.now,
            retention_days: None,
            kms_key: kms_key.map(str::to_owned),
            protected,
            tags,
            streams: BTreeMap::new(),
            bytes: 0,
        };
        self.groups.insert(Arc::from(name), group);
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn delete_group(&mut self, call: &Call) -> Answer {
        let name = group_name(&call.input)?;
        let group = self.groups.get(name).ok_or_else(no_group)?;
        if group.protected {
            return Err(Refusal::new(
                "ValidationException",
                "The log group has deletion protection; switch it off before deleting the group.",
            ));
        }
        self.streams = self.streams.saturating_sub(group.streams.len());
        let freed: usize = group.streams.values().map(Stream::memory_bytes).sum();
        self.memory.bytes = self.memory.bytes.saturating_sub(freed);
        self.memory
            .arrivals
            .retain(|arrival| *arrival.group != *name);
        self.groups.remove(name);
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn create_stream(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let group = input.required("logGroupName", 1, NAME_CHARS_MAX)?;
        let name = input.required("logStreamName", 1, NAME_CHARS_MAX)?;
        if name.contains([':', '*']) {
            let constraint = "Member must satisfy regular expression pattern: [^:*]*";
            return Err(input.violation(&quoted(name), "logStreamName", constraint));
        }
        let full = self.streams >= STREAMS_MAX;
        let group = self.groups.get_mut(group).ok_or_else(no_group)?;
        if group.streams.contains_key(name) {
            return Err(exists("stream"));
        }
        if full {
            return Err(Refusal::new(
                "LimitExceededException",
                "Resource limit exceeded.",
            ));
        }
        let stream = Stream {
            created: call.now,
            ..Stream::default()
        };
        group.streams.insert(Arc::from(name), stream);
        self.streams += 1;
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn delete_stream(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let group_name = input.required("logGroupName", 1, NAME_CHARS_MAX)?;
        let name = input.required("logStreamName", 1, NAME_CHARS_MAX)?;
        let group = self.groups.get_mut(group_name).ok_or_else(no_group)?;
        let stream = group.streams.remove(name).ok_or_else(no_stream)?;
        self.streams = self.streams.saturating_sub(1);
        self.memory.bytes = self.memory.bytes.saturating_sub(stream.memory_bytes());
        self.memory
            .arrivals
            .retain(|arrival| *arrival.group != *group_name || *arrival.stream != *name);
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn put_retention(&mut self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let name = input.required("logGroupName", 1, NAME_CHARS_MAX)?;
        let days = input
            .integer("retentionInDays", i64::MIN, i64::MAX)?
            .ok_or_else(|| input.violation("null", "retentionInDays", "Member must not be null"))?;
        if !RETENTION_DAYS.contains(&days) {
            let set: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
            let constraint = format!("Member must satisfy enum value set: [{}]", set.join(", "));
            return Err(input.violation(
                &quoted(&days.to_string()),
                "retentionInDays",
                &constraint,
            ));
        }
        self.groups
            .get_mut(name)
            .ok_or_else(no_group)?
            .retention_days = Some(days);
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn delete_retention(&mut self, call: &Call) -> Answer {
        let name = group_name(&call.input)?;
        self.groups
            .get_mut(name)
            .ok_or_else(no_group)?
            .retention_days = None;
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn protect(&mut self, call: &Call) -> Answer {
        let protected = Input::new(&call.input, INVALID).flag("deletionProtectionEnabled")?;
        let name = group_name(&call.input)?;
        self.groups.get_mut(name).ok_or_else(no_group)?.protected = protected;
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn tag(&mut self, call: &Call) -> Answer {
        let group = self.tagged_group(call)?;
        group.tags = tags_in(call.input.member("tags"), &group.tags)?;
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn untag(&mut self, call: &Call) -> Answer {
        let group = self.tagged_group(call)?;
        for key in call.input.member("tagKeys").items() {
            group.tags.remove(key.text().unwrap_or_default());
        }
        Ok(Value::Map(Vec::new()))
    }

    pub(super) fn tags(&mut self, call: &Call) -> Answer {
        let group = self.tagged_group(call)?;
        let tags = group
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        Ok(Value::map([("tags", Value::Map(tags))]))
    }

    fn tagged_group(&mut self, call: &Call) -> Result<&mut Group, Refusal> {
        let input = Input::new(&call.input, INVALID);
        let arn = input.required("resourceArn", 1, IDENTIFIER_CHARS_MAX)?;
        self.groups.get_mut(name_in_arn(arn)).ok_or_else(no_group)
    }
}

impl Stream {
    fn memory_bytes(&self) -> usize {
        self.events.iter().map(super::Event::memory_bytes).sum()
    }
}

/// The name of a group to be made: 1 to 512 of `.-_/#A-Za-z0-9`, not beginning with `aws/`.
fn checked_group_name(input: Input<'_>) -> Result<&str, Refusal> {
    let name = input.required("logGroupName", 1, NAME_CHARS_MAX)?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_/#".contains(letter);
    if !name.chars().all(allowed) {
        let constraint = r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+";
        return Err(input.violation(&quoted(name), "logGroupName", constraint));
    }
    if name.starts_with("aws/") {
        return Err(Refusal::new(
            INVALID,
            "Log group names starting with 'aws/' are reserved for AWS use.",
        ));
    }
    Ok(name)
}

/// `held` with the tags of the input on top.
fn tags_in(
    input: &Value,
    held: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = held.clone();
    for (key, value) in input.members() {
        let text = value.text().unwrap_or_default();
        let key_fits = (1..=TAG_KEY_CHARS_MAX).contains(&key.chars().count());
        if !key_fits || key.starts_with("aws:") || text.chars().count() > TAG_VALUE_CHARS_MAX {
            return Err(Refusal::new(
                INVALID,
                format!("the tag {} is not valid", quoted(key)),
            ));
        }
        tags.insert(key.clone(), text.to_owned());
    }
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new(
            "TooManyTagsException",
            "A resource can have no more than 50 tags.",
        ));
    }
    Ok(tags)
}

fn exists(what: &str) -> Refusal {
    Refusal::new(
        "ResourceAlreadyExistsException",
        format!("The specified log {what} already exists"),
    )
}
