//! What may be asked: one line of JSON. Pure.

use plimsoll_ops::protocol;
use serde_json::Value;

use crate::tap::Selection;

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
        let (request, asked) = protocol::read(line)?;
        match request.as_str() {
            "status" => Ok(Self::Status),
            "tap" => {
                let text = |name| asked.get(name).and_then(Value::as_str);
                let limit = asked.get("limit").and_then(Value::as_u64);
                Ok(Self::Tap {
                    selection: Selection::new(text("of").unwrap_or_default(), text("filter"))?,
                    limit: limit.unwrap_or(u64::MAX),
                })
            }
            other => Err(protocol::unknown(other, &KNOWN)),
        }
    }
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
        refused("{}", "there are: status");
        refused("[]", "there are: status");
        refused("status", "no line of JSON");
        refused(
            "{\"request\":\"tap\"}",
            "`` cannot be tapped; there are: logs",
        );
        for known in KNOWN {
            let mut asked = protocol::question(known);
            asked["of"] = "logs".into();
            Request::read(asked.to_string().as_bytes()).unwrap();
        }
        Request::read(b"{\"request\":\"status\"}").unwrap();
    }
}
