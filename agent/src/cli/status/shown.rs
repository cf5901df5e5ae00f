//! A status as people read it: what is wrong first, then a paragraph for each part. Pure.

use plimsoll_ops::shown::{counts, fill, list, number, recent, text_of};
use serde_json::Value;

/// Sources that are shown; `--json` has more.
const SOURCES_SHOWN: usize = 20;

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
}
