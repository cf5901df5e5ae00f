//! `plimsoll-collector status`: how the running collector is.
//!
//! Exit code 0 when all is well, 1 when it is not, with the reasons in the first lines.

use std::process::ExitCode;

use clap::Args;
use plimsoll_core::cli::{FAILED, print};
use plimsoll_ops::shown::{counts, fill, list, recent};
use serde_json::Value;

use super::asking::AskArgs;
use crate::SERVICE;

const HEAD: [&str; 2] = [
    "process        {/pid}, up {/uptime_seconds|span}, {/process/resident_bytes|bytes}, \
     {/process/cpu_percent} % of a core on average; calls go to {/region}",
    "configuration  {/configuration/file}, loaded {/configuration/loaded}, \
     {/configuration/reloads} reloads, {/rules} rules",
];
const FLOW: [&str; 3] = [
    "incidents      {/stored/incidents_open} open",
    "notifications  {/notifications_sent} sent, {/stored/notifications_waiting} waiting",
    "state          {/stored/bytes|bytes}; {/stored/kept_aside} inputs that could not be read are kept aside",
];
const COST: &str =
    "cost           US${/cost/daily_usd} on the last known day, US${/cost/expected_usd} expected";
const SOURCE: &str = "  {/kind} {/source}: worked {/worked}, last signal {/last_signal}";
const FAILING: &str =
    "  {/kind} {/source}: FAILS since {/failing_since}, {/failures} times: {/why}";
const COUNTS: [(&str, &str); 4] = [
    ("signals read", "/signals_read"),
    ("inputs that could not be read", "/signals_rejected"),
    ("findings", "/findings"),
    ("calls that failed", "/calls_failed"),
];

/// How the running collector is.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// One JSON object, with all that is known.
    #[arg(long)]
    json: bool,
}

/// Asks and shows.
pub(super) fn run(args: &StatusArgs) -> ExitCode {
    let answer = match args.ask.status() {
        Ok(answer) => answer,
        Err(unanswered) => return unanswered.tell(&SERVICE),
    };
    if args.json {
        print(&format!("{answer}\n"));
    } else {
        print(&text(&answer));
    }
    match answer.get("health").and_then(Value::as_str) {
        Some("ok") => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    }
}

/// The text of a whole status: what is wrong first.
fn text(status: &Value) -> String {
    let mut lines = vec![fill("plimsoll-collector {/version} is {/health}", status)];
    lines.extend(list(status, "/why").iter().map(|why| fill("  ! {}", why)));
    lines.extend(HEAD.map(|line| fill(line, status)));
    let refused = list(status, "/configuration/refused/mistakes").iter();
    lines.extend(refused.map(|mistake| fill("  refused      {}", mistake)));
    lines.push("sources and sinks".to_owned());
    lines.extend(list(status, "/sources").iter().map(|source| {
        let fails = source.get("failing_since").is_some_and(|at| !at.is_null());
        fill(if fails { FAILING } else { SOURCE }, source)
    }));
    lines.extend(FLOW.map(|line| fill(line, status)));
    if status.get("cost").is_some_and(|cost| !cost.is_null()) {
        lines.push(fill(COST, status));
    }
    for (title, path) in COUNTS {
        counts(&mut lines, title, status.pointer(path));
    }
    recent(&mut lines, status);
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_stands_first_and_a_source_that_fails_says_why() {
        let status = json!({
            "health": "degraded", "version": "1.2.3", "pid": 7, "uptime_seconds": 90, "rules": 12,
            "why": ["cloudtrail (queue) fails since T: denied"],
            "sources": [
                {"kind": "cloudtrail", "source": "queue", "worked": null, "failures": 3,
                 "failing_since": "T", "why": "denied\u{1b}[2J"},
                {"kind": "cost", "source": "Cost Explorer", "worked": "W", "last_signal": "S",
                 "failing_since": null},
            ],
            "stored": {"incidents_open": 2, "bytes": 20_480},
            "cost": {"daily_usd": 12.5, "expected_usd": null},
            "signals_read": {"cloudtrail": 3},
        });
        let told = text(&status);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], "plimsoll-collector 1.2.3 is degraded");
        assert_eq!(lines[1], "  ! cloudtrail (queue) fails since T: denied");
        for part in [
            "up 1m30s",
            "12 rules",
            "  cloudtrail queue: FAILS since T, 3 times: denied\\u{1b}[2J",
            "  cost Cost Explorer: worked W, last signal S",
            "incidents      2 open",
            "state          20 KiB; - inputs",
            "cost           US$12.5 on the last known day, US$- expected",
            "             3  cloudtrail",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }
}
