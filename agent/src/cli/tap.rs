//! `plimsoll-agent tap`: records of the running agent, as they pass.
//!
//! Exit code 0 when as many were shown as asked for, or the reader has had enough; 1 when the agent
//! ended before.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use plimsoll_core::cli::{FAILED, complain};
use plimsoll_ops::asking::Unanswered;
use plimsoll_ops::protocol::question;
use plimsoll_ops::shown::fill;
use serde_json::Value;

use super::asking::AskArgs;
use crate::SERVICE;

/// Records as they pass.
#[derive(Debug, Args)]
pub(super) struct TapArgs {
    /// What to show: `logs` (events of files and the journal, as they will be sent), `journal`, a
    /// path or a glob of followed files, `refused` (events that CloudWatch Logs refused), `calls`,
    /// `metrics` (datums of calls) or `signals`.
    #[arg(value_name = "SOURCE|STAGE")]
    of: String,
    #[command(flatten)]
    ask: AskArgs,
    /// Only records in which this regular expression is found: in the text of events, in the JSON
    /// of others.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// End after so many records.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Shows records until there are enough, the agent ends, or Ctrl-C.
pub(super) fn run(args: &TapArgs) -> ExitCode {
    match show(args) {
        Ok(code) => code,
        Err(unanswered) => unanswered.tell(&SERVICE),
    }
}

fn show(args: &TapArgs) -> Result<ExitCode, Unanswered> {
    let mut asked = question("tap");
    asked["of"] = args.of.as_str().into();
    asked["filter"] = args.filter.as_deref().into();
    asked["limit"] = args.limit.into();
    let mut answers = args.ask.ask(&asked)?;
    // The first line says that the tap has begun.
    answers.line()?;
    answers.wait_for_ever();
    let mut shown = 0;
    while let Some(record) = answers.line()? {
        if let Some(dropped) = record.get("dropped") {
            complain(&format!(
                "{dropped} records were not shown: too many at once\n"
            ));
            continue;
        }
        shown += 1;
        let line = if args.json {
            record.to_string()
        } else {
            human(&record)
        };
        // Whoever reads has had enough, as `head` has.
        if writeln!(io::stdout().lock(), "{line}").is_err() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if args.limit == Some(shown) {
        return Ok(ExitCode::SUCCESS);
    }
    complain("the agent has ended the tap: it ends itself, or was not read from for a minute\n");
    Ok(ExitCode::from(FAILED))
}

/// A record on one line: when, where, what.
fn human(record: &Value) -> String {
    let text = |name| record.get(name).and_then(Value::as_str);
    let cut = record.get("bytes_cut").and_then(Value::as_u64).unwrap_or(0);
    let template = match text("stage").unwrap_or_default() {
        "logs" if cut > 0 => "{/time} {/source}: {/text} [and {/bytes_cut} bytes more]",
        "logs" => "{/time} {/source}: {/text}",
        "refused" => "{/time} {/group}: {/reason}: {/message}",
        "signals" if text("withheld").is_some() => "{/time} {/name} withheld: {/withheld}",
        "signals" => "{/time} {/name} {/value}",
        "metrics" => "{/time} {/name} {/dimensions} {/value} {/unit}",
        _ => "{}",
    };
    fill(template, record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_record_is_one_harmless_line() {
        let check = |record: Value, expected: &str| assert_eq!(human(&record), expected);
        let event = json!({"stage": "logs", "time": "T", "source": "/a", "text": "x\n\u{1b}[1m", "bytes_cut": 7});
        check(event, "T /a: x\\n\\u{1b}[1m [and 7 bytes more]");
        let datum = json!({"stage": "metrics", "time": "T", "name": "cpu", "unit": "Percent",
            "dimensions": {"Host": "h"}, "value": {"sum": 2.0}});
        check(datum, "T cpu {\"Host\":\"h\"} {\"sum\":2.0} Percent");
        let held = json!({"stage": "signals", "time": "T", "name": "load", "withheld": "draining"});
        check(held, "T load withheld: draining");
        let refused = json!({"stage": "refused", "time": "T", "group": "g", "reason": "too_old", "message": "m"});
        check(refused, "T g: too_old: m");
        let call = json!({"stage": "calls", "call": "PutLogEvents"});
        check(call, "{\"call\":\"PutLogEvents\",\"stage\":\"calls\"}");
    }
}
