//! What may be asked: one line of JSON. Pure.

use serde_json::{Value, json};

/// The version of the protocol. It goes up when an answer to a question that exists changes its
/// meaning; fields may be added at any time.
pub(crate) const VERSION: u64 = 1;
/// All that may be asked.
const KNOWN: [&str; 1] = ["status"];

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// How the agent is.
    Status,
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
    json!({ "v": VERSION, "request": request })
}

/// The answer to what cannot be answered.
pub(crate) fn error(why: &str) -> Value {
    json!({ "v": VERSION, "error": why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_not_known_is_answered_with_those_that_are() {
        let check = |line: &str, expected: Result<Request, &str>| {
            let read = Request::read(line.as_bytes());
            match (&read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!(*read, expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                _ => panic!("{line}: {read:?}"),
            }
        };
        check(&question("status").to_string(), Ok(Request::Status));
        check("{\"request\":\"status\"}", Ok(Request::Status));
        check(
            "{\"v\":1,\"request\":\"fly\"}",
            Err("`fly`; there are: status"),
        );
        check("{\"v\":9,\"request\":\"status\"}", Err("version 9"));
        check("{}", Err("there are: status"));
        check("[]", Err("there are: status"));
        check("status", Err("such as {\"request\":\"status\",\"v\":1}"));
        check("\u{0}", Err("no line of JSON"));
    }
}
