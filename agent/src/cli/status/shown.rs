//! A status as people read it: what is wrong first, then a paragraph for each part. Pure.
//!
//! Text that came from elsewhere (paths, messages) is escaped, so that it cannot play tricks with
//! the terminal.

use serde_json::Value;

/// Sources that are shown; `--json` has more.
const SOURCES_SHOWN: usize = 20;
/// Messages that are shown.
const RECENT_SHOWN: usize = 8;

const HEAD: [&str; 2] = [
    "process        {/pid}, up {/uptime_seconds|span}, {/process/resident_bytes|bytes}, \
     {/process/cpu_percent} % of a core on average",
    "configuration  {/configuration/file}, loaded {/configuration/loaded}, \
     {/configuration/reloads} reloads",
];
const FLOW: [&str; 4] = [
    "logs           {/logs/lines_read} lines read, {/logs/events_sent} events sent, \
     {/logs/unsent_bytes|bytes} waiting in memory, the oldest {/logs/oldest_unsent_seconds} s",
    "metrics        {/metrics/datums_sent} datums sent, {/metrics/series} series, \
     {/spool/bytes|bytes} waiting on disk of {/spool/bytes_max|bytes}",
    "dead letters   {/dead_letters/bytes|bytes} of {/dead_letters/bytes_max|bytes}; see \
     `plimsoll-agent dlq ls`",
    "tries          {/retries} repeated, {/throttles} throttled",
];
const NAMES: [&str; 5] = [
    "/identity/host",
    "/identity/instance_id",
    "/identity/instance_type",
    "/identity/availability_zone",
    "/identity/auto_scaling_group",
];
const COUNTS: [(&str, &str); 5] = [
    (
        "not sent, and kept as dead letters",
        "/logs/events_rejected",
    ),
    ("left out on purpose", "/logs/events_dropped"),
    ("datums dropped", "/metrics/datums_dropped"),
    ("problems", "/problems"),
    ("calls", "/calls"),
];

/// The text of a whole status.
pub(super) fn text(status: &Value) -> String {
    let mut lines = vec![fill("plimsoll-agent {/version} is {/health}", status)];
    lines.extend(list(status, "/why").iter().map(|why| fill("  ! {}", why)));
    lines.extend(HEAD.map(|line| fill(line, status)));
    let refused = list(status, "/configuration/refused/mistakes").iter();
    lines.extend(refused.map(|mistake| fill("  refused      {}", mistake)));
    let known = NAMES.map(|name| text_of(status, name));
    let known: Vec<String> = known.into_iter().filter(|name| name != "-").collect();
    lines.push(format!("identity       {}", known.join(", ")));
    sources(&mut lines, status);
    lines.extend(list(status, "/signals").iter().map(signal));
    lines.extend(FLOW.map(|line| fill(line, status)));
    for (title, path) in COUNTS {
        counts(&mut lines, title, status.pointer(path));
    }
    recent(&mut lines, status);
    lines.push(String::new());
    lines.join("\n")
}

/// `template` with what `value` has at the JSON pointers in its braces, harmless for a terminal;
/// `-` for what it has not. Behind a bar stands how a number is shown: as `bytes` or as a `span` of
/// seconds. A template is data, and takes a tenth of the program that code would.
pub(in crate::cli) fn fill(template: &str, value: &Value) -> String {
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

fn sources(lines: &mut Vec<String>, status: &Value) {
    if status.get("sources").is_none_or(Value::is_null) {
        lines.push("sources        files do not answer".to_owned());
        return;
    }
    let all = list(status, "/sources");
    lines.push(fill(
        "sources        {/sources_total}, {/lag_bytes|bytes} behind",
        status,
    ));
    if !all.is_empty() {
        lines.push(format!(
            "  {:<15} {:>10} {:>8}  SOURCE → GROUP/STREAM",
            "STATE", "BEHIND", "FOR"
        ));
    }
    let shown = all.iter().take(SOURCES_SHOWN);
    lines.extend(shown.map(|source| source_row(source, None)));
    let more = number(status, "/sources_total").saturating_sub(SOURCES_SHOWN as u64);
    if more > 0 {
        lines.push(format!("  and {more} more, all less behind; see --json"));
    }
}

/// A source on one line, with what of it is sent in a second if that is known.
pub(in crate::cli) fn source_row(source: &Value, rate: Option<&str>) -> String {
    let is_file = source.get("kind").is_some_and(|kind| kind == "file");
    let has = |name| source.get(name).is_some_and(|value| !value.is_null());
    let named = match (is_file, has("group")) {
        (true, true) => "{/source} → {/group}/{/stream}",
        (true, false) => "{/source}",
        (false, true) => "{/kind} {/source} → {/group}/{/stream}",
        (false, false) => "{/kind} {/source}",
    };
    let state = if has("state") {
        "{/state}"
    } else {
        "listening"
    };
    let rate = rate.map_or_else(String::new, |rate| format!(" {rate:>10}"));
    format!(
        "  {:<15} {:>10} {:>8}{rate}  {}",
        fill(state, source),
        fill("{/lag_bytes|bytes}", source),
        fill("{/lag_seconds|span}", source),
        fill(named, source)
    )
}

fn signal(signal: &Value) -> String {
    let has = |name| signal.get(name).is_some_and(|value| !value.is_null());
    let told = if has("withheld") {
        "signal         {/name} withheld: {/withheld}"
    } else if has("value") {
        "signal         {/name} {/value}, {/age_seconds} s old"
    } else {
        "signal         {/name} nothing sent yet"
    };
    fill(told, signal)
}

fn counts(lines: &mut Vec<String>, title: &str, counts: Option<&Value>) {
    let counts = counts.and_then(Value::as_object);
    let Some(counts) = counts.filter(|all| !all.is_empty()) else {
        return;
    };
    lines.push(title.to_owned());
    for (reason, count) in counts {
        lines.push(format!("  {:>12}  {reason}", count.as_u64().unwrap_or(0)));
    }
}

fn recent(lines: &mut Vec<String>, status: &Value) {
    let all = list(status, "/recent");
    if !all.is_empty() {
        lines.push("last warnings and errors".to_owned());
    }
    let shown = all.iter().take(RECENT_SHOWN);
    lines.extend(shown.map(|one| fill("  {/last} {/level} ×{/count} {/text}", one)));
}

/// The list at a path; empty if there is none.
pub(in crate::cli) fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    let found = value.pointer(path).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// The number at a path; zero if there is none.
pub(in crate::cli) fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0)
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
