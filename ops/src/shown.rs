//! Answers as people read them. Pure.
//!
//! Text that came from elsewhere (paths, messages) is escaped, so that it cannot play tricks with
//! the terminal.

use serde_json::Value;

/// Messages that are shown.
const RECENT_SHOWN: usize = 8;

/// `template` with what `value` has at the JSON pointers in its braces, harmless for a terminal;
/// `-` for what it has not. Behind a bar stands how a number is shown: as `bytes` or as a `span` of
/// seconds. A template is data, and takes a tenth of the program that code would.
#[must_use]
pub fn fill(template: &str, value: &Value) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, at)) = rest.split_once('{') {
        let (place, after) = at.split_once('}').unwrap_or((at, ""));
        out.push_str(before);
        let (path, form) = place.split_once('|').unwrap_or((place, ""));
        let found = value.pointer(path).unwrap_or(&Value::Null);
        out.push_str(&match (found, form) {
            (Value::Null, _) => "-".to_owned(),
            (Value::String(text), _) => clean(text),
            (_, "bytes") => bytes(found.as_u64().unwrap_or(0)),
            (_, "span") => span(found.as_u64().unwrap_or(0)),
            _ => clean(&found.to_string()),
        });
        rest = after;
    }
    out + rest
}

/// A line for each reason of a tally; nothing for an empty one.
pub fn counts(lines: &mut Vec<String>, title: &str, counts: Option<&Value>) {
    let counts = counts.and_then(Value::as_object);
    let Some(counts) = counts.filter(|all| !all.is_empty()) else {
        return;
    };
    lines.push(title.to_owned());
    for (reason, count) in counts {
        lines.push(format!("  {:>12}  {reason}", count.as_u64().unwrap_or(0)));
    }
}

/// The last warnings and errors of a status.
pub fn recent(lines: &mut Vec<String>, status: &Value) {
    let all = list(status, "/recent");
    if !all.is_empty() {
        lines.push("last warnings and errors".to_owned());
    }
    let shown = all.iter().take(RECENT_SHOWN);
    lines.extend(shown.map(|one| fill("  {/last} {/level} ×{/count} {/text}", one)));
}

/// The list at a path; empty if there is none.
#[must_use]
pub fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    let found = value.pointer(path).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// The number at a path; zero if there is none.
#[must_use]
pub fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

/// The text at a path, harmless for a terminal; `-` if there is none.
#[must_use]
pub fn text_of(value: &Value, path: &str) -> String {
    let found = value.pointer(path).and_then(Value::as_str);
    found.map_or_else(|| "-".to_owned(), clean)
}

/// Control characters escaped.
#[must_use]
pub fn clean(text: &str) -> String {
    let escape = |one: char| -> String {
        if one.is_control() {
            one.escape_default().to_string()
        } else {
            one.to_string()
        }
    };
    text.chars().map(escape).collect()
}

/// A number of bytes with three digits at least, in binary units.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut count, mut unit) = (count, 0);
    while count >= 10 * 1024 && unit + 1 < UNITS.len() {
        count /= 1024;
        unit += 1;
    }
    format!("{count} {}", UNITS.get(unit).unwrap_or(&""))
}

/// A time in its two largest units.
#[must_use]
pub fn span(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m{}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h{}m", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{}d{}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_is_filled_and_nothing_plays_tricks_with_the_terminal() {
        let value = json!({"a": {"b": "x\u{1b}[2J"}, "n": 20_480, "s": 3700, "none": null});
        let told = fill("{/a/b} {/n|bytes} {/s|span} {/none} {/missing}", &value);
        assert_eq!(told, "x\\u{1b}[2J 20 KiB 1h1m - -");
        let mut lines = Vec::new();
        let message = json!({"level": "error", "last": "T", "count": 2, "text": "no\u{7}"});
        recent(&mut lines, &json!({ "recent": [message] }));
        counts(&mut lines, "problems", Some(&json!({"empty_line": 3})));
        counts(&mut lines, "calls", Some(&json!({})));
        let expected = [
            "last warnings and errors",
            "  T error ×2 no\\u{7}",
            "problems",
            "             3  empty_line",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn sizes_and_times_are_short() {
        for (count, told) in [
            (0, "0 B"),
            (10_239, "10239 B"),
            (10_240, "10 KiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(bytes(count), told);
        }
        for (seconds, told) in [(59, "59s"), (61, "1m1s"), (3661, "1h1m"), (90_000, "1d1h")] {
            assert_eq!(span(seconds), told);
        }
    }
}
