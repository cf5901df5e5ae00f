//! `plimsoll-agent top`: the running agent, looked at each second.
//!
//! On a terminal the picture is drawn anew until `q` or Ctrl-C; elsewhere, and with `--once`, one
//! picture is printed. The agent is asked for its status and nothing else. The terminal is given
//! back as it was, also after an error and after SIGTERM.

mod frame;
mod screen;

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use plimsoll_core::cli::{FAILED, complain, print, runtime};
use plimsoll_core::shutdown::termination;
use plimsoll_ops::asking::{Answers, Unanswered};
use plimsoll_ops::protocol::question;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::PROGRAM;
use super::asking::AskArgs;
use crate::SERVICE;
use frame::{TALL, frame};
use screen::Screen;

/// The time between two pictures, and what rates are over.
const INTERVAL: Duration = Duration::from_secs(1);
/// One thread asks, one waits for keys.
const THREADS_MAX: usize = 2;

/// The running agent, looked at each second.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Print one picture, after a second, and end.
    #[arg(long)]
    once: bool,
}

/// Shows the agent until somebody has seen enough.
pub(super) fn run(args: TopArgs) -> ExitCode {
    let runtime = match runtime(PROGRAM, THREADS_MAX) {
        Ok(runtime) => runtime,
        Err(text) => {
            complain(&text);
            return ExitCode::from(FAILED);
        }
    };
    let live = !args.once && stdin().is_terminal() && stdout().is_terminal();
    let ask = Arc::new(args.ask);
    let ended = runtime.block_on(async {
        if live {
            watch(&ask).await
        } else {
            one(&ask).await
        }
    });
    // An agent that does not answer must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(unanswered) => unanswered.tell(&SERVICE),
    }
}

async fn one(ask: &Arc<AskArgs>) -> Result<(), Unanswered> {
    let before = status(ask).await?;
    sleep(INTERVAL).await;
    let now = status(ask).await?;
    print(&(frame(Some(&before), &now, TALL).join("\n") + "\n"));
    Ok(())
}

/// Draws until a key, a signal or an error. An agent that is away for a while is waited for.
async fn watch(ask: &Arc<AskArgs>) -> Result<(), Unanswered> {
    let mut before: Option<Value> = None;
    // Before the terminal is changed: an agent that does not run is told on it as it is.
    let mut answer: Result<Value, Unanswered> = Ok(status(ask).await?);
    let _given_back = Screen::take().map_err(|error| {
        Unanswered::unknown(format!("the terminal cannot be drawn on: {error}"))
    })?;
    let mut enough = screen::keys();
    let mut ended = std::pin::pin!(termination());
    loop {
        let due = Instant::now() + INTERVAL;
        match answer {
            Ok(now) => {
                screen::draw(&frame(before.as_ref(), &now, screen::rows()));
                before = Some(now);
            }
            Err(unanswered) => {
                screen::draw(&[unanswered.text().to_owned(), frame::HELP.to_owned()]);
                before = None;
            }
        }
        answer = tokio::select! {
            _ = enough.recv() => return Ok(()),
            _ = &mut ended => return Ok(()),
            answer = async {
                sleep_until(due).await;
                status(ask).await
            } => answer,
        };
    }
}

/// Asks away from the runtime, since it blocks.
async fn status(ask: &Arc<AskArgs>) -> Result<Value, Unanswered> {
    let ask = Arc::clone(ask);
    let asking = spawn_blocking(move || ask.ask(&question("status")).and_then(Answers::one));
    asking
        .await
        .unwrap_or_else(|error| Err(Unanswered::unknown(error.to_string())))
}
