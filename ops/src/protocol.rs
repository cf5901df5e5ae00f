//! One line of JSON is the question, lines of JSON are the answer. Pure.

use serde_json::Value;

/// The version of the protocol. It goes up when an answer to a question that exists changes its
/// meaning; fields may be added at any time.
pub const VERSION: u64 = 1;

/// The name of what is asked and the whole question.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<(String, Value), String> {
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
    let request = asked.get("request").and_then(Value::as_str);
    Ok((request.unwrap_or_default().to_owned(), asked))
}

/// Why a question of this name is not answered, with those that are.
#[must_use]
pub fn unknown(request: &str, known: &[&str]) -> String {
    format!(
        "unknown request `{request}`; there are: {}",
        known.join(", ")
    )
}

/// The line that asks for `request` and nothing more.
#[must_use]
pub fn question(request: &str) -> Value {
    object([("v", VERSION.into()), ("request", request.into())])
}

/// The answer to what cannot be answered.
#[must_use]
pub fn error(why: &str) -> Value {
    object([("v", VERSION.into()), ("error", why.into())])
}

/// An object of these fields. One function for all of them: what the macro of `serde_json` becomes
/// for each object is thirty kilobytes for one answer to `status`.
#[must_use]
pub fn object<const FIELDS: usize>(fields: [(&str, Value); FIELDS]) -> Value {
    gather(Vec::from(fields))
}

/// The same, of any number.
#[inline(never)]
#[must_use]
pub fn gather(fields: Vec<(&str, Value)>) -> Value {
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
    fn a_question_that_cannot_be_read_is_answered_with_an_example() {
        let refused = |line: &str, part: &str| {
            let why = read(line.as_bytes()).unwrap_err();
            assert!(why.contains(part), "{why}");
        };
        refused("{\"v\":9,\"request\":\"status\"}", "version 9");
        refused("status", "such as {\"request\":\"status\",\"v\":1}");
        refused("\u{0}", "no line of JSON");
        let name = |line: &str| read(line.as_bytes()).unwrap().0;
        assert_eq!(name("{}"), "");
        assert_eq!(name("[]"), "");
        assert_eq!(name("{\"request\":\"status\"}"), "status");
        assert_eq!(name(&question("tap").to_string()), "tap");
    }
}
