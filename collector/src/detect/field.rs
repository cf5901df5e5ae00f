//! Values of a record under a dotted path, as Sigma rules name them.
//!
//! A path goes through lists as if they were not there: `items.port` holds every `port` of every
//! item. A member whose own name has dots is found too. Where a rule evaluates each member of a
//! list on its own, the path that starts with `each` begins at that member.

use serde_json::Value;

/// A path, read once when the rule is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    written: String,
    /// Whether it starts at the member of a list instead of at the record.
    of_member: bool,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    /// The whole record.
    pub(super) record: &'a Value,
    /// The member of the list that is evaluated now.
    pub(super) member: Option<&'a Value>,
}

/// How a path names the member of a list.
const MEMBER: &str = "each";

impl Path {
    /// Reads a path as it is written in a rule.
    #[must_use]
    pub(super) fn new(written: &str) -> Self {
        let rest = written
            .strip_prefix(MEMBER)
            .and_then(|rest| rest.strip_prefix('.'));
        Self {
            written: rest.unwrap_or(written).to_owned(),
            of_member: rest.is_some(),
        }
    }

    /// Calls `visit` for every value under the path until it returns true; tells whether it did.
    pub(super) fn any<'a>(
        &self,
        event: Event<'a>,
        visit: &mut dyn FnMut(&'a Value) -> bool,
    ) -> bool {
        let root = if self.of_member {
            event.member
        } else {
            Some(event.record)
        };
        root.is_some_and(|root| any_under(root, &self.written, visit))
    }

    /// Every value under the path, at most `count`.
    #[must_use]
    pub(super) fn values<'a>(&self, event: Event<'a>, count: usize) -> Vec<&'a Value> {
        let mut found = Vec::new();
        self.any(event, &mut |value| {
            found.push(value);
            found.len() >= count
        });
        found
    }
}

/// Goes down `path` below `value`. A path of no names is the value itself; a list stands for its
/// members. The depth is bounded by the parser of the record.
fn any_under<'a>(value: &'a Value, path: &str, visit: &mut dyn FnMut(&'a Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| any_under(item, path, visit)),
        _ if path.is_empty() => visit(value),
        Value::Object(members) => {
            if let Some(found) = members.get(path) {
                return any_under(found, "", visit);
            }
            let Some((name, rest)) = path.split_once('.') else {
                return false;
            };
            members
                .get(name)
                .is_some_and(|found| any_under(found, rest, visit))
        }
        _ => false,
    }
}

/// A value as the text that rules compare with: texts as they are, numbers and booleans as JSON
/// writes them, objects as their JSON.
#[must_use]
pub(super) fn as_text(value: &Value) -> std::borrow::Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_goes_through_lists_and_finds_names_with_dots() {
        let record = json!({
            "a": {"items": [{"b": 1}, {"b": [2, 3]}, {"c": 4}]},
            "x": {"y.z": 5}, "n": null
        });
        let check = |path: &str, expected: &[Value]| {
            let event = Event {
                record: &record,
                member: None,
            };
            let found: Vec<Value> = Path::new(path)
                .values(event, 10)
                .into_iter()
                .cloned()
                .collect();
            assert_eq!(found, expected, "{path}");
        };
        check("a.items.b", &[json!(1), json!(2), json!(3)]);
        check("x.y.z", &[json!(5)]);
        check("n", &[Value::Null]);
        check("a.items.d", &[]);
        check("a.items.b.c", &[]);
        check("each.b", &[]);
    }

    #[test]
    fn each_starts_at_the_member_of_a_list() {
        let record = json!({"b": 1});
        let member = json!({"b": 2});
        let event = Event {
            record: &record,
            member: Some(&member),
        };
        assert_eq!(Path::new("each.b").values(event, 9), [&json!(2)]);
        assert_eq!(Path::new("b").values(event, 9), [&json!(1)]);
    }
}
