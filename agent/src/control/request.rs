//! What may be asked: one line of JSON. Pure.

use serde_json::Value;

use crate::tap::Selection;

/// The version of the protocol. It goes up when an answer to a question that exists changes its
/// meaning; fields may be added at any time.
pub(crate) const VERSION: u64 = 1;
/// All that may be asked.
const KNOWN: [&str; 2] = ["status", "tap"];

/// A question.
#[derive(Debug)]
pub(crate) enum Request {
    /// How the agent is.
    Status,
    /// Records as they pass.
    Tap {
        /// Which.
        selection: Selection,
        /// How many at most.
        limit: u64,
    },
}

impl Request {
    /// Reads a question.
    ///
    /// # Errors
    /// What is wrong with it, and what may be asked.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        let Ok(asked) = serde_json::from_slice::<Value>(line) else {
            return Err(format!(
                "the question is no line of JSON; such as {}",
                question("status")
            ));
        };
        if let Some(version) = asked.get("v").filter(|version| **version != VERSION) {
            return Err(format!(
                "version {version} of the protocol is not spoken here, but {VERSION}"
            ));
        }
        match asked.get("request").and_then(Value::as_str) {
            Some("status") => Ok(Self::Status),
            Some("tap") => {
                let text = |name| asked.get(name).and_then(Value::as_str);
                let limit = asked.get("limit").and_then(Value::as_u64);
                Ok(Self::Tap {
                    selection: Selection::new(text("of").unwrap_or_default(), text("filter"))?,
                    limit: limit.unwrap_or(u64::MAX),
                })
            }
            other => Err(format!(
                "unknown request `{}`; there are: {}",
                other.unwrap_or_default(),
                KNOWN.join(", ")
            )),
        }
    }
}

/// The line that asks for `request` and nothing more.
pub(crate) fn question(request: &str) -> Value {
    object([("v", VERSION.into()), ("request", request.into())])
}

/// The answer to what cannot be answered.
pub(crate) fn error(why: &str) -> Value {
    object([("v", VERSION.into()), ("error", why.into())])
}

/// An object of these fields. One function for all of them: what the macro of `serde_json` becomes
/// for each object is thirty kilobytes for this module.
pub(crate) fn object<const FIELDS: usize>(fields: [(&str, Value); FIELDS]) -> Value {
    gather(Vec::from(fields))
}

/// The same, of any number.
#[inline(never)]
pub(super) fn gather(fields: Vec<(&str, Value)>) -> Value {
    let mut object = serde_json::Map::new();
    for (name, value) in fields {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_not_known_is_answered_with_those_that_are() {
        let refused = |line: &str, part: &str| {
            let why = Request::read(line.as_bytes()).unwrap_err();
            assert!(why.contains(part), "{why}");
        };
        let unknown = "{\"v\":1,\"request\":\"fly\"}";
        refused(unknown, "`fly`; there are: status, tap");
        refused("{\"v\":9,\"request\":\"status\"}", "version 9");
        refused("{}", "there are: status");
        refused("[]", "there are: status");
        refused("status", "such as {\"request\":\"status\",\"v\":1}");
        refused("\u{0}", "no line of JSON");
        refused(
            "{\"request\":\"tap\"}",
            "`` cannot be tapped; there are: logs",
        );
        for known in KNOWN {
            let mut asked = question(known);
            asked["of"] = "logs".into();
            Request::read(asked.to_string().as_bytes()).unwrap();
        }
        Request::read(b"{\"request\":\"status\"}").unwrap();
    }
}
