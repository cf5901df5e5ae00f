//! `plimsoll-agent status`: how the running agent is.
//!
//! Exit code 0 when all is well, 1 when it is not, with the reasons in the first lines.

use std::process::ExitCode;

use clap::Args;
use plimsoll_core::cli::{FAILED, print};
use plimsoll_ops::asking::Answers;
use plimsoll_ops::protocol::question;
use serde_json::Value;

use super::asking::AskArgs;
use crate::SERVICE;

pub(super) mod shown;

/// How the running agent is.
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
    let asked = args.ask.ask(&question("status"));
    let answer = match asked.and_then(Answers::one) {
        Ok(answer) => answer,
        Err(unanswered) => return unanswered.tell(&SERVICE),
    };
    if args.json {
        print(&format!("{answer}\n"));
    } else {
        print(&shown::text(&answer));
    }
    match answer.get("health").and_then(Value::as_str) {
        Some("ok") => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    }
}
