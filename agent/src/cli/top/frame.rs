//! One picture of the agent, out of two answers. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use plimsoll_ops::shown::{bytes, fill, list, number, text_of};

use crate::cli::status::shown::source_row;
use crate::sample::as_value;

/// Lines of a picture that is not bounded by a terminal.
pub(super) const TALL: usize = 1000;
/// The last line.
pub(super) const HELP: &str = "q quits";

/// Reasons that are shown.
const WHY_SHOWN: usize = 4;

/// What is counted, with where an answer has it.
const ROWS: [(&str, &str); 10] = [
    ("lines read", "/logs/lines_read"),
    ("events sent", "/logs/events_sent"),
    ("events left out", "/logs/events_dropped"),
    ("events refused", "/logs/events_rejected"),
    ("datums sent", "/metrics/datums_sent"),
    ("datums dropped", "/metrics/datums_dropped"),
    ("calls", "/calls"),
    ("repeated", "/retries"),
    ("throttled", "/throttles"),
    ("problems", "/problems"),
];

/// A picture of at most `rows` lines. Rates are what happened since `before`, if it is of the same
/// process.
pub(super) fn frame(before: Option<&Value>, now: &Value, rows: usize) -> Vec<String> {
    let before = before.filter(|before| number(before, "/pid") == number(now, "/pid"));
    let passed = before.map(|before| {
        let millis = number(now, "/uptime_ms").saturating_sub(number(before, "/uptime_ms"));
        Duration::from_millis(millis)
    });
    let passed = passed.filter(|passed| !passed.is_zero());
    let since = before.zip(passed);
    let mut lines = head(since, now);
    lines.push(format!(
        "{:<16} {:>12} {:>14}",
        "", "per second", "since start"
    ));
    lines.push(size_row(since, now));
    for (name, path) in ROWS {
        let count = total(now, path);
        let rate = since.map(|(before, passed)| rate(total(before, path), count, passed));
        lines.push(format!(
            "{name:<16} {:>12} {:>14}",
            rate.map_or("-".to_owned(), decimal),
            count
        ));
    }
    lines.push(String::new());
    lines.extend(sources(since, now));
    // The last line is always there.
    lines.truncate(rows.saturating_sub(1));
    lines.push(HELP.to_owned());
    lines
}

fn head(since: Option<(&Value, Duration)>, now: &Value) -> Vec<String> {
    let worked = |value: &Value| {
        value
            .pointer("/process/cpu_seconds")
            .and_then(Value::as_f64)
    };
    let busy = since.and_then(|(before, passed)| {
        let seconds = worked(now)? - worked(before)?;
        Some(seconds * 100.0 / passed.as_secs_f64())
    });
    let busy = busy.map_or("-".to_owned(), decimal);
    let process = "plimsoll-agent {/version} {/health}, up {/uptime_seconds|span}, \
                   {/process/resident_bytes|bytes}";
    let mut lines = vec![format!("{}, {busy} % of a core", fill(process, now))];
    let why = list(now, "/why").iter().take(WHY_SHOWN);
    lines.extend(why.map(|why| fill("! {}", why)));
    let waiting = "waiting: {/logs/unsent_bytes|bytes} in memory, {/spool/bytes|bytes} on disk, \
                   {/dead_letters/bytes|bytes} of dead letters";
    lines.push(fill(waiting, now));
    lines
}

fn size_row(since: Option<(&Value, Duration)>, now: &Value) -> String {
    const PATH: &str = "/logs/bytes_read";
    let rate = since.map(|(before, passed)| whole(number(before, PATH), number(now, PATH), passed));
    format!(
        "{:<16} {:>12} {:>14}",
        "bytes read",
        rate.map_or("-".to_owned(), bytes),
        bytes(number(now, PATH))
    )
}

/// Each source with what of it was delivered in a second.
fn sources(since: Option<(&Value, Duration)>, now: &Value) -> Vec<String> {
    let of = |value: &Value| -> BTreeMap<String, u64> {
        let all = list(value, "/sources").iter();
        all.map(|source| (text_of(source, "/source"), number(source, "/position")))
            .collect()
    };
    let known = since.map(|(before, passed)| (of(before), passed));
    let head = format!(
        "  {:<15} {:>10} {:>8} {:>10}  SOURCE → GROUP/STREAM",
        "STATE", "BEHIND", "FOR", "SENT/S"
    );
    let rows = list(now, "/sources").iter().map(|source| {
        let rate = known.as_ref().and_then(|(known, passed)| {
            let before = known.get(&text_of(source, "/source"))?;
            let position = source.get("position").and_then(Value::as_u64)?;
            Some(bytes(whole(*before, position, *passed)))
        });
        source_row(source, Some(&rate.unwrap_or_else(|| "-".to_owned())))
    });
    std::iter::once(head).chain(rows).collect()
}

/// A number, or the sum of numbers by reason.
fn total(value: &Value, path: &str) -> u64 {
    match value.pointer(path) {
        Some(Value::Object(counts)) => counts.values().filter_map(Value::as_u64).sum(),
        Some(count) => count.as_u64().unwrap_or(0),
        None => 0,
    }
}

fn rate(before: u64, now: u64, passed: Duration) -> f64 {
    as_value(now.saturating_sub(before)) / passed.as_secs_f64()
}

/// A rate without its fraction, in whole arithmetic.
fn whole(before: u64, now: u64, passed: Duration) -> u64 {
    let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    now.saturating_sub(before).saturating_mul(1000) / millis
}

fn decimal(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(pid: u64, ms: u64, lines: u64, position: u64) -> Value {
        json!({
            "version": "1.2.3", "health": "ok", "pid": pid, "uptime_ms": ms, "uptime_seconds": ms / 1000,
            "process": {"resident_bytes": 9_437_184, "cpu_seconds": as_value(ms) / 4000.0},
            "logs": {"lines_read": lines, "bytes_read": lines * 10_000, "events_dropped": {"filtered": lines, "emf": 1}},
            "sources": [{"kind": "file", "source": "/a", "group": "g", "stream": "s", "state": "behind",
                         "position": position, "lag_bytes": 5, "lag_seconds": 7}],
        })
    }

    #[test]
    fn rates_are_what_happened_since_the_answer_before_of_the_same_process() {
        let (before, now) = (answer(1, 1000, 10, 100), answer(1, 3000, 30, 40_100));
        let told = frame(Some(&before), &now, TALL).join("\n");
        for part in [
            "plimsoll-agent 1.2.3 ok, up 3s, 9216 KiB, 25.0 % of a core",
            "bytes read             97 KiB        292 KiB",
            "lines read               10.0             30",
            "events left out          10.0             31",
            "  behind                 5 B       7s     19 KiB  /a → g/s",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        for before in [None, Some(&answer(2, 1000, 10, 100)), Some(&now)] {
            let told = frame(before, &now, TALL).join("\n");
            assert!(
                told.contains("lines read                  -             30"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_picture_fits_its_terminal_and_always_says_how_to_leave() {
        let now = answer(1, 1000, 10, 100);
        for rows in [1, 2, 5, TALL] {
            let lines = frame(None, &now, rows);
            assert!(lines.len() <= rows, "{rows}");
            assert_eq!(lines.last().map(String::as_str), Some(HELP));
        }
    }
}
