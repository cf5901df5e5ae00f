//! `${NAME}` anywhere in a text of the configuration becomes what the environment says.
//!
//! A variable that is not set stays as it is written, as with the amazon-cloudwatch-agent;
//! `${aws:…}` is no variable.

use super::json::{Node, Value};
use super::report::{At, Notes, below};

/// What gives the value of a variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the variables in all texts below `node`.
pub(super) fn expand(node: &mut Node, environment: Environment<'_>, notes: &Notes) {
    expand_at("", node, environment, notes);
}

fn expand_at(pointer: &str, node: &mut Node, environment: Environment<'_>, notes: &Notes) {
    match &mut node.value {
        Value::Object(members) => {
            for (name, member) in members {
                expand_at(&below(pointer, name), member, environment, notes);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let pointer = below(pointer, &index.to_string());
                expand_at(&pointer, item, environment, notes);
            }
        }
        Value::Text(text) => {
            let (expanded, unset) = expanded(text, environment);
            *text = expanded;
            for name in unset {
                let how = format!("{name} is not set in the environment, so ${{{name}}} stays");
                notes.changed(&At::new(pointer, node), &how);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with its variables replaced, and those that are not set.
fn expanded(text: &str, environment: Environment<'_>) -> (String, Vec<String>) {
    let (mut whole, mut unset) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let name = after.split_once('}').map(|(name, _)| name);
        let variable = name.filter(|name| is_variable(name));
        match variable.map(|name| (name, environment(name))) {
            Some((name, Some(value))) => {
                whole.push_str(&value);
                rest = after.strip_prefix(name).unwrap_or(after);
                rest = rest.strip_prefix('}').unwrap_or(rest);
            }
            found => {
                unset.extend(found.map(|(name, _)| name.to_owned()));
                whole.push_str("${");
                rest = after;
            }
        }
    }
    whole.push_str(rest);
    (whole, unset)
}

/// Source: POSIX.1-2017, XBD 8.1, names of environment variables.
fn is_variable(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_what_is_not_set_stays() {
        let environment = |name: &str| match name {
            "STAGE" => Some("prod".to_owned()),
            "ODD" => Some("${STAGE}".to_owned()),
            _ => None,
        };
        for (text, expected, unset) in [
            ("/a/${STAGE}-${STAGE}/x", "/a/prod-prod/x", vec![]),
            ("${ODD}", "${STAGE}", vec![]),
            (
                "${aws:InstanceId} ${!x} ${",
                "${aws:InstanceId} ${!x} ${",
                vec![],
            ),
            ("^\\$\\{a} ${NONE}b", "^\\$\\{a} ${NONE}b", vec!["NONE"]),
        ] {
            let unset: Vec<String> = unset.into_iter().map(str::to_owned).collect();
            assert_eq!(expanded(text, &environment), (expected.to_owned(), unset));
        }
    }
}
