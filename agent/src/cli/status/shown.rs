//! A status as people read it: what is wrong first, then a paragraph for each part. Pure.
//!
//! Text that came from elsewhere (paths, messages) is escaped, so that it cannot play tricks with
//! the terminal.

use std::fmt::{Arguments, Write};

use serde_json::Value;

/// Sources that are shown; `--json` has more.
const SOURCES_SHOWN: usize = 20;
/// Messages that are shown.
const RECENT_SHOWN: usize = 8;
const MIB: u64 = 1024 * 1024;

/// The text of a whole status.
pub(super) fn text(status: &Value) -> String {
    let mut out = String::new();
    head(&mut out, status);
    sources(&mut out, status);
    signals(&mut out, status);
    flow(&mut out, status);
    for (title, path) in [
        (
            "not sent, and kept as dead letters",
            "/logs/events_rejected",
        ),
        ("left out on purpose", "/logs/events_dropped"),
        ("datums dropped", "/metrics/datums_dropped"),
        ("problems", "/problems"),
        ("calls", "/calls"),
    ] {
        counts(&mut out, title, status.pointer(path));
    }
    recent(&mut out, status);
    out
}

fn head(out: &mut String, status: &Value) {
    let word = text_of(status, "/health");
    line(
        out,
        format_args!("plimsoll-agent {} is {word}", text_of(status, "/version")),
    );
    for why in list(status, "/why") {
        line(
            out,
            format_args!("  ! {}", clean(why.as_str().unwrap_or_default())),
        );
    }
    line(
        out,
        format_args!(
            "process        {}, up {}, {} MiB, {} % of a core on average",
            number(status, "/pid"),
            span(number(status, "/uptime_seconds")),
            number(status, "/process/resident_bytes") / MIB,
            float(status, "/process/cpu_percent"),
        ),
    );
    line(
        out,
        format_args!(
            "configuration  {}, loaded {}, {} reloads",
            text_of(status, "/configuration/file"),
            text_of(status, "/configuration/loaded"),
            number(status, "/configuration/reloads"),
        ),
    );
    for mistake in list(status, "/configuration/refused/mistakes") {
        let mistake = clean(mistake.as_str().unwrap_or_default());
        line(out, format_args!("  refused      {mistake}"));
    }
    let names = [
        "/identity/host",
        "/identity/instance_id",
        "/identity/instance_type",
        "/identity/availability_zone",
        "/identity/auto_scaling_group",
    ];
    let known = names.map(|name| text_of(status, name));
    let known: Vec<&str> = known
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "-")
        .collect();
    line(out, format_args!("identity       {}", known.join(", ")));
}

fn sources(out: &mut String, status: &Value) {
    let total = number(status, "/sources_total");
    let Some(sources) = status.get("sources").and_then(Value::as_array) else {
        line(out, format_args!("sources        files do not answer"));
        return;
    };
    line(
        out,
        format_args!(
            "sources        {total}, {} behind",
            bytes(number(status, "/lag_bytes"))
        ),
    );
    if !sources.is_empty() {
        let head = format!(
            "  {:<15} {:>10} {:>8}  SOURCE → GROUP/STREAM",
            "STATE", "BEHIND", "FOR"
        );
        line(out, format_args!("{head}"));
    }
    for source in sources.iter().take(SOURCES_SHOWN) {
        line(out, format_args!("{}", source_row(source, None)));
    }
    let more = total.saturating_sub(SOURCES_SHOWN as u64);
    if more > 0 {
        line(
            out,
            format_args!("  and {more} more, all less behind; see --json"),
        );
    }
}

/// A source on one line, with what of it is sent in a second if that is known.
pub(in crate::cli) fn source_row(source: &Value, rate: Option<&str>) -> String {
    let kind = text_of(source, "/kind");
    let behind = source.get("lag_bytes").and_then(Value::as_u64);
    let lag = source.get("lag_seconds").and_then(Value::as_u64);
    let name = text_of(source, "/source");
    let goes = match source.get("group").and_then(Value::as_str) {
        Some(group) => format!(" → {}/{}", clean(group), text_of(source, "/stream")),
        None => String::new(),
    };
    let named = if kind == "file" {
        name
    } else {
        format!("{kind} {name}")
    };
    let state = source.get("state").and_then(Value::as_str);
    let state = state.unwrap_or("listening");
    let rate = rate.map_or_else(String::new, |rate| format!(" {rate:>10}"));
    format!(
        "  {state:<15} {:>10} {:>8}{rate}  {named}{goes}",
        behind.map_or("-".to_owned(), bytes),
        lag.map_or("-".to_owned(), span)
    )
}

fn signals(out: &mut String, status: &Value) {
    for signal in list(status, "/signals") {
        let told = match signal.get("withheld").and_then(Value::as_str) {
            Some(reason) => format!("withheld: {reason}"),
            None => match signal.get("value").and_then(Value::as_f64) {
                Some(value) => format!("{value}, {} s old", float(signal, "/age_seconds")),
                None => "nothing sent yet".to_owned(),
            },
        };
        line(
            out,
            format_args!("signal         {} {told}", text_of(signal, "/name")),
        );
    }
}

fn flow(out: &mut String, status: &Value) {
    line(
        out,
        format_args!(
            "logs           {} lines read, {} events sent, {} waiting in memory, the oldest {} s",
            number(status, "/logs/lines_read"),
            number(status, "/logs/events_sent"),
            bytes(number(status, "/logs/unsent_bytes")),
            float(status, "/logs/oldest_unsent_seconds"),
        ),
    );
    line(
        out,
        format_args!(
            "metrics        {} datums sent, {} series, {} waiting on disk of {}",
            number(status, "/metrics/datums_sent"),
            number(status, "/metrics/series"),
            bytes(number(status, "/spool/bytes")),
            bytes(number(status, "/spool/bytes_max")),
        ),
    );
    line(
        out,
        format_args!(
            "dead letters   {} of {}; see `plimsoll-agent dlq ls`",
            bytes(number(status, "/dead_letters/bytes")),
            bytes(number(status, "/dead_letters/bytes_max")),
        ),
    );
    line(
        out,
        format_args!(
            "tries          {} repeated, {} throttled",
            number(status, "/retries"),
            number(status, "/throttles"),
        ),
    );
}

fn counts(out: &mut String, title: &str, counts: Option<&Value>) {
    let Some(counts) = counts
        .and_then(Value::as_object)
        .filter(|all| !all.is_empty())
    else {
        return;
    };
    line(out, format_args!("{title}"));
    for (reason, count) in counts {
        line(
            out,
            format_args!("  {:>12}  {reason}", count.as_u64().unwrap_or(0)),
        );
    }
}

fn recent(out: &mut String, status: &Value) {
    let all = list(status, "/recent");
    if all.is_empty() {
        return;
    }
    line(out, format_args!("last warnings and errors"));
    for one in all.iter().take(RECENT_SHOWN) {
        line(
            out,
            format_args!(
                "  {} {:<5} ×{} {}",
                text_of(one, "/last"),
                text_of(one, "/level"),
                number(one, "/count"),
                text_of(one, "/text"),
            ),
        );
    }
}

fn line(out: &mut String, text: Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(text).ok();
    out.push('\n');
}

fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    let found = value.pointer(path).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// The number at a path; zero if there is none.
pub(in crate::cli) fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

fn float(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or(0.0)
}

/// The text at a path, harmless for a terminal; `-` if there is none.
pub(in crate::cli) fn text_of(value: &Value, path: &str) -> String {
    let found = value.pointer(path).and_then(Value::as_str);
    found.map_or_else(|| "-".to_owned(), clean)
}

/// Control characters escaped.
pub(in crate::cli) fn clean(text: &str) -> String {
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
pub(in crate::cli) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut count, mut unit) = (count, 0);
    while count >= 10 * 1024 && unit + 1 < UNITS.len() {
        count /= 1024;
        unit += 1;
    }
    format!("{count} {}", UNITS.get(unit).unwrap_or(&""))
}

/// A time in its two largest units.
pub(in crate::cli) fn span(seconds: u64) -> String {
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
    fn what_is_wrong_stands_first_and_nothing_plays_tricks_with_the_terminal() {
        let status = json!({
            "health": "degraded", "version": "1.2.3", "pid": 7, "uptime_seconds": 90,
            "why": ["calls for g/s keep failing; its logs wait"],
            "sources_total": 2, "lag_bytes": 20_480,
            "sources": [
                {"kind": "file", "source": "/var/log/a\u{1b}[2J", "group": "g", "stream": "s",
                 "state": "behind", "lag_bytes": 20_480, "lag_seconds": 3700},
                {"kind": "statsd", "source": "127.0.0.1:8125"},
            ],
            "signals": [{"name": "load", "withheld": "metric_missing"}],
            "problems": {"empty_line": 3},
            "recent": [{"level": "error", "last": "T", "count": 2, "text": "no\u{7}"}],
        });
        let told = text(&status);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], "plimsoll-agent 1.2.3 is degraded");
        assert_eq!(lines[1], "  ! calls for g/s keep failing; its logs wait");
        for part in [
            "up 1m30s",
            "  behind              20 KiB     1h1m  /var/log/a\\u{1b}[2J → g/s",
            "  listening                -        -  statsd 127.0.0.1:8125",
            "signal         load withheld: metric_missing",
            "             3  empty_line",
            "  T error ×2 no\\u{7}",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(!told.contains('\u{1b}'));
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
