//! Tags of groups, as far as they are simple: by key, with or without being passed to instances.

use super::group::{Group, Tag};
use super::{Scaling, invalid, limit, page};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Tags of a group. Source: user guide, "Tag Auto Scaling groups".
const TAGS_MAX: usize = 50;

impl Scaling {
    pub(super) fn tag(&mut self, call: &Call) -> Answer {
        for item in call.input.member("Tags").items() {
            let group = self.tagged(item)?;
            put(group, std::slice::from_ref(item))?;
        }
        Ok(Value::Null)
    }

    pub(super) fn untag(&mut self, call: &Call) -> Answer {
        for item in call.input.member("Tags").items() {
            let group = self.tagged(item)?;
            group
                .tags
                .remove(item.member("Key").text().unwrap_or_default());
        }
        Ok(Value::Null)
    }

    pub(super) fn describe_tags(&self, call: &Call) -> Answer {
        let filters = call.input.member("Filters").items();
        let all = self.groups.values().flat_map(Group::describe_tags);
        let found = all.filter(|tag| {
            filters.iter().all(|filter| {
                let member = match filter.member("Name").text() {
                    Some("auto-scaling-group") => "ResourceId",
                    Some("key") => "Key",
                    Some("value") => "Value",
                    _ => "PropagateAtLaunch",
                };
                let wanted = filter.member("Values").items();
                let held = tag.member(member);
                wanted.iter().any(|one| match held {
                    Value::Bool(_) => one.boolean() == held.boolean(),
                    _ => one.text() == held.text(),
                })
            })
        });
        page(call, "Tags", found.collect(), 50, 100)
    }

    /// The group that a tag names.
    fn tagged(&mut self, item: &Value) -> Result<&mut Group, Refusal> {
        let name = item.member("ResourceId").text().unwrap_or_default();
        self.groups.get_mut(name).ok_or_else(|| {
            invalid(format!(
                "AutoScalingGroup name not found - no such group: {name}"
            ))
        })
    }
}

/// Whether a group has what a filter of `DescribeAutoScalingGroups` asks for.
pub(super) fn fits(group: &Group, filter: &Value) -> bool {
    let wanted = filter.member("Values").items();
    let any = |text: &str| wanted.iter().any(|one| one.text() == Some(text));
    let name = filter.member("Name").text().unwrap_or_default();
    match name.strip_prefix("tag:") {
        Some(key) => group.tags.get(key).is_some_and(|tag| any(&tag.value)),
        None if name == "tag-key" => group.tags.keys().any(|key| any(key)),
        None if name == "tag-value" => group.tags.values().any(|tag| any(&tag.value)),
        None => false,
    }
}

/// Sets tags as they come in a call.
pub(super) fn put(group: &mut Group, items: &[Value]) -> Result<(), Refusal> {
    for item in items {
        let input = Input::new(item, "ValidationError");
        let key = input.required("Key", 1, 128)?;
        if key.starts_with("aws:") {
            return Err(invalid("Tag keys must not begin with aws:."));
        }
        let value = input.text("Value", 0, 256)?.unwrap_or_default();
        let tag = Tag {
            value: value.to_owned(),
            at_launch: input.flag("PropagateAtLaunch")?,
        };
        group.tags.insert(key.to_owned(), tag);
    }
    if group.tags.len() > TAGS_MAX {
        return Err(limit(format!("At most {TAGS_MAX} tags are allowed.")));
    }
    Ok(())
}
