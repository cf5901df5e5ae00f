//! `plimsoll-agent dlq`: the events that CloudWatch Logs refused, listed, shown, sent again, purged.
//!
//! All of it works while the agent runs.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use plimsoll_aws::Clients;
use plimsoll_core::backoff::Backoff;
use plimsoll_core::cli::{print, runtime};
use plimsoll_core::clock::{Clock, SystemClock, UnixMillis};
use plimsoll_core::config::parse_duration;
use plimsoll_core::error::chain;
use serde_json::{Value, json};

use super::{BLOCKING_THREADS_MAX, ConfigArgs, PROGRAM, configuration, state_directory};
use crate::config::Config;
use crate::deadletter::{Kept, Retried, Selection, Sender, purge, read};
use crate::health::Health;
use crate::{fill_names, identity};

/// Characters of a message that the list shows.
const PREVIEW_CHARS: usize = 80;

/// Lists, shows, sends again and purges refused events.
#[derive(Debug, Args)]
pub(super) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// One line for each event: number, time, reason, group, stream, and how it begins.
    Ls(Chosen),
    /// Events with everything that is known of them.
    Show(Chosen),
    /// Send events again. Those that are accepted are taken out, the rest stays.
    Retry(RetryArgs),
    /// Throw events away.
    Purge(PurgeArgs),
}

#[derive(Debug, Args)]
struct Chosen {
    #[command(flatten)]
    config: ConfigArgs,
    /// Numbers of events, as `dlq ls` counts them now.
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    numbers: Vec<u64>,
    /// Only events for this log group.
    #[arg(long)]
    group: Option<String>,
    /// Only events for this log stream.
    #[arg(long)]
    stream: Option<String>,
    /// Only events that were refused for this: `too_old`, `too_new`, `expired` or `rejected`.
    #[arg(long, value_parser = ["too_old", "too_new", "expired", "rejected"])]
    reason: Option<String>,
    /// Only events that happened since then: a time such as 2026-11-24T12:00:00Z, or how long ago,
    /// such as 2h.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RetryArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Stamp the events with the time of the retry instead of their own, so that those that are too
    /// old are taken.
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
struct PurgeArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Throw everything away when nothing is chosen.
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Ago(Duration),
    At(UnixMillis),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Since::At(UnixMillis(at.as_millisecond())));
    }
    let expected = "expected a time such as 2026-11-24T12:00:00Z, or how long ago, such as 2h";
    parse_duration(text)
        .map(Since::Ago)
        .map_err(|_| expected.to_owned())
}

impl Chosen {
    fn selection(&self) -> Selection {
        Selection {
            numbers: self.numbers.clone(),
            group: self.group.clone(),
            stream: self.stream.clone(),
            reason: self.reason.clone(),
            since: self.since.map(|since| match since {
                Since::At(at) => at,
                Since::Ago(length) => SystemClock.now() - length,
            }),
        }
    }
}

/// Does what was asked for.
pub(super) fn run(args: &DlqArgs) -> Result<(), String> {
    match &args.command {
        DlqCommand::Ls(chosen) => list(chosen, row),
        DlqCommand::Show(chosen) => list(chosen, whole),
        DlqCommand::Retry(args) => retry(args),
        DlqCommand::Purge(args) => throw_away(args),
    }
}

fn list(chosen: &Chosen, tell: fn(&Kept) -> String) -> Result<(), String> {
    let directory = state_directory(&chosen.config)?;
    let mut count = 0_u64;
    let torn = read(&directory, &chosen.selection(), |kept| {
        count += 1;
        if chosen.json {
            print(&format!("{}\n", as_json(&kept)));
        } else {
            print(&tell(&kept));
        }
    });
    let torn = torn.map_err(|error| unusable(&directory, &error))?;
    if count == 0 && !chosen.json {
        print("no refused events\n");
    }
    if torn > 0 {
        log_torn(torn, chosen.json);
    }
    Ok(())
}

fn log_torn(torn: u64, as_json: bool) {
    if as_json {
        print(&format!("{}\n", json!({ "unreadable_lines": torn })));
    } else {
        print(&format!(
            "{torn} lines cannot be read, as after a crash in the middle of writing\n"
        ));
    }
}

fn row(kept: &Kept) -> String {
    let letter = &kept.letter;
    let text = String::from_utf8_lossy(&letter.message);
    let begins: String = text.chars().take(PREVIEW_CHARS).collect();
    let more = if begins.len() < text.len() { "…" } else { "" };
    format!(
        "{:>6}  {}  {:<8}  {}  {}  {}{more}\n",
        kept.number,
        letter.time,
        letter.reason,
        letter.group,
        letter.stream,
        begins.escape_debug()
    )
}

fn whole(kept: &Kept) -> String {
    let letter = &kept.letter;
    let fields = [
        ("time", letter.time.to_string()),
        ("reason", letter.reason.clone()),
        ("group", letter.group.clone()),
        ("stream", letter.stream.clone()),
        ("file", letter.file.escape_debug().to_string()),
        ("offset", letter.offset.to_string()),
        ("bytes", letter.message.len().to_string()),
    ];
    let fields = fields.map(|(name, value)| format!("  {name:<7} {value}\n"));
    let message = String::from_utf8_lossy(&letter.message);
    let message = message.split('\n');
    let message: Vec<String> = message
        .map(|line| format!("  | {}\n", line.escape_debug()))
        .collect();
    format!(
        "event {}\n{}{}",
        kept.number,
        fields.concat(),
        message.concat()
    )
}

fn as_json(kept: &Kept) -> Value {
    let mut value: Value = serde_json::from_slice(&kept.line).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("number".to_owned(), kept.number.into());
    }
    value
}

fn throw_away(args: &PurgeArgs) -> Result<(), String> {
    let chosen = &args.chosen;
    let selection = chosen.selection();
    if selection.is_everything() && !args.yes {
        return Err(
            "nothing was chosen: give --yes to throw all refused events away, or choose some\n"
                .to_owned(),
        );
    }
    let directory = state_directory(&chosen.config)?;
    let count = purge(&directory, &selection).map_err(|error| unusable(&directory, &error))?;
    print(&if chosen.json {
        format!("{}\n", json!({ "purged": count }))
    } else {
        format!("{count} purged\n")
    });
    Ok(())
}

fn retry(args: &RetryArgs) -> Result<(), String> {
    let config = configuration(&args.chosen.config)?;
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let done = runtime.block_on(send(args, &config));
    runtime.shutdown_background();
    let done = done?;
    let refused: u64 = done.refused.values().sum();
    print(&if args.chosen.json {
        let why = done.stopped.as_ref().map(ToString::to_string);
        let Retried {
            accepted,
            left,
            torn,
            ..
        } = done;
        let told = json!({
            "accepted": accepted, "refused": done.refused, "left": left,
            "unreadable_lines": torn, "stopped": why,
        });
        format!("{told}\n")
    } else {
        summary(&done)
    });
    match &done.stopped {
        Some(error) => Err(format!("not all were tried: {error}\n")),
        None if refused > 0 => Err(format!("{refused} were refused again and stay\n")),
        None => Ok(()),
    }
}

fn summary(done: &Retried) -> String {
    let mut told = vec![(done.accepted, "accepted and taken out".to_owned())];
    let refused = done.refused.iter();
    told.extend(refused.map(|(reason, count)| (*count, format!("refused again: {reason}"))));
    told.extend([
        (done.left, "not tried".to_owned()),
        (done.torn, "lines that cannot be read".to_owned()),
    ]);
    let told: Vec<String> = told
        .iter()
        .enumerate()
        .filter(|(index, (count, _))| *index == 0 || *count > 0)
        .map(|(_, (count, what))| format!("{count} {what}\n"))
        .collect();
    told.concat()
}

async fn send(args: &RetryArgs, config: &Config) -> Result<Retried, String> {
    let clients = Clients::connect(&config.aws)
        .await
        .map_err(|error| format!("{}\n", chain(&error)))?;
    let health = Health::default();
    let host = identity::at_start(clients.imds(), Some(clients.region()), &health).await;
    let files = fill_names(config, &host, &health).files;
    let sender = Sender {
        api: Arc::new(clients.logs()),
        groups: files.into_iter().map(|file| file.group).collect(),
        now: args.now.then(|| SystemClock.now()),
        backoff: Backoff::default(),
    };
    let directory = &config.agent.state_dir;
    sender
        .retry(directory, &args.chosen.selection())
        .await
        .map_err(|error| unusable(directory, &error))
}

fn unusable(directory: &Path, error: &io::Error) -> String {
    let directory = directory.display();
    format!("the refused events in {directory} cannot be used: {error}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        assert_eq!(since("2h"), Ok(Since::Ago(Duration::from_hours(2))));
        let at = Since::At(UnixMillis(1_800_000_000_000));
        assert_eq!(since("2027-01-15T08:00:00Z"), Ok(at));
        assert!(since("yesterday").is_err());
    }
}
