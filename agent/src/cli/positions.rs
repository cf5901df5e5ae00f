//! `plimsoll-agent positions`: how far each file has been delivered, and how to set it by hand.

use std::fs::File;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use plimsoll_core::cli::print;
use plimsoll_core::error::chain;
use serde_json::json;

use super::{ConfigArgs, state_directory};
use crate::checkpoint::{Place, Snapshot, Store, StoreError, Surveyed, reset, survey};
use crate::config::Persistence;
use crate::deadletter::give_to_owner;
use crate::fs::HostFs;

/// Shows and sets positions.
#[derive(Debug, Args)]
pub(super) struct PositionsArgs {
    #[command(subcommand)]
    command: PositionsCommand,
}

#[derive(Debug, Subcommand)]
enum PositionsCommand {
    /// Tell how far each file has been delivered. Works while the agent runs.
    Ls(LsArgs),
    /// Set where reading goes on. The agent must be stopped.
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
struct LsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ResetArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The file, as `positions ls` names it.
    #[arg(value_name = "PATH", required_unless_present = "all")]
    path: Option<PathBuf>,
    /// Every file that is followed.
    #[arg(long, conflicts_with = "path")]
    all: bool,
    /// `beginning` (everything is sent again), `end` (what is not sent yet never will be), or the
    /// offset of the first byte of a line.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    to: Place,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

fn place(text: &str) -> Result<Place, String> {
    match text {
        "beginning" => Ok(Place::Beginning),
        "end" => Ok(Place::End),
        number => number
            .parse()
            .map(Place::Offset)
            .map_err(|_| "expected beginning, end, or a number of bytes".to_owned()),
    }
}

/// Does what was asked for.
pub(super) fn run(args: &PositionsArgs) -> Result<(), String> {
    match &args.command {
        PositionsCommand::Ls(args) => ls(args),
        PositionsCommand::Reset(args) => set(args),
    }
}

fn ls(args: &LsArgs) -> Result<(), String> {
    let directory = state_directory(&args.config)?;
    let (store, bad) = open(&Persistence::ReadOnly(directory))?;
    print(&told(store.snapshot(), args.json));
    if bad > 0 {
        return Err(format!(
            "the last {bad} bytes of the positions cannot be read; lines since then are sent again\n"
        ));
    }
    Ok(())
}

fn told(snapshot: &Snapshot, as_json: bool) -> String {
    let surveyed = survey(&HostFs, snapshot);
    if as_json {
        return surveyed.iter().fold(String::new(), |text, one| {
            text + &row_json(one).to_string() + "\n"
        });
    }
    if surveyed.is_empty() {
        return "no positions\n".to_owned();
    }
    let head = format!(
        "{:<9} {:>14} {:>14} {:>12} {:<8} {:<24} PATH\n",
        "STATE", "OFFSET", "SIZE", "LAG", "GUARD", "DEVICE:INODE"
    );
    let rows: Vec<String> = surveyed.iter().map(row).collect();
    head + &rows.concat()
}

fn row(one: &Surveyed) -> String {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
    let identity = &one.entry.identity;
    format!(
        "{:<9} {:>14} {:>14} {:>12} {:<8} {:<24} {}\n",
        one.state(),
        one.entry.offset,
        number(one.found.as_ref().map(|found| found.size)),
        number(one.lag_bytes()),
        guard(one),
        format!("{}:{}", identity.device, identity.inode),
        path(one).escape_debug()
    )
}

fn guard(one: &Surveyed) -> &'static str {
    match one.found.as_ref().map(|found| found.guard_holds) {
        None => "-",
        Some(None) => "unread",
        Some(Some(true)) => "holds",
        Some(Some(false)) => "broken",
    }
}

fn path(one: &Surveyed) -> String {
    let found = one.found.as_ref().map(|found| &found.path);
    found.unwrap_or(&one.entry.path).display().to_string()
}

fn row_json(one: &Surveyed) -> serde_json::Value {
    json!({
        "path": path(one),
        "opened_as": one.entry.path.display().to_string(),
        "device": one.entry.identity.device,
        "inode": one.entry.identity.inode,
        "state": one.state(),
        "offset": one.entry.offset,
        "size": one.found.as_ref().map(|found| found.size),
        "lag_bytes": one.lag_bytes(),
        "guard_holds": one.found.as_ref().and_then(|found| found.guard_holds),
    })
}

fn set(args: &ResetArgs) -> Result<(), String> {
    let directory = state_directory(&args.config)?;
    let log = directory.join("positions.log");
    if !log.exists() {
        return Err(format!("{} holds no positions\n", directory.display()));
    }
    let (mut store, _) = open(&Persistence::Directory(directory.clone()))?;
    let wanted = |one: &Surveyed| match &args.path {
        Some(path) => {
            let here = one.found.as_ref().is_some_and(|found| found.path == *path);
            here || (one.found.is_none() && one.entry.path == *path)
        }
        None => one.state() == "followed",
    };
    let surveyed = survey(&HostFs, store.snapshot());
    let chosen: Vec<&Surveyed> = surveyed.iter().filter(|one| wanted(one)).collect();
    if chosen.is_empty() {
        let path = args.path.as_ref().map(|path| path.display().to_string());
        let what = path.unwrap_or_else(|| "any file that is followed".to_owned());
        return Err(format!(
            "there is no position of {what}; see `plimsoll-agent positions ls`\n"
        ));
    }
    // All of them or none: a mistake in one must not leave the others changed.
    let changes: Result<Vec<_>, _> = chosen
        .iter()
        .map(|one| reset(&HostFs, one, args.to))
        .collect();
    let changes = changes.map_err(|error| format!("{}\n", chain(&error)))?;
    store
        .append(&changes)
        .map_err(|error| format!("positions cannot be written: {error}\n"))?;
    for name in [log, directory.join("agent.lock")] {
        let owned = File::open(&name).and_then(|file| give_to_owner(&directory, &file));
        owned.map_err(|error| format!("{}: {error}\n", name.display()))?;
    }
    let mut now = Snapshot::default();
    for change in &changes {
        now.apply(change);
    }
    print(&told(&now, args.json));
    Ok(())
}

fn open(persistence: &Persistence) -> Result<(Store, usize), String> {
    Store::open(HostFs, persistence).map_err(|error| {
        let remedy = if matches!(error, StoreError::InUse(_)) {
            "; `systemctl stop plimsoll-agent` first, then start it again"
        } else {
            ""
        };
        format!("{}{remedy}\n", chain(&error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_or_a_number_of_bytes() {
        assert_eq!(place("beginning"), Ok(Place::Beginning));
        assert_eq!(place("end"), Ok(Place::End));
        assert_eq!(place("17"), Ok(Place::Offset(17)));
        assert!(place("-1").is_err() && place("middle").is_err());
    }
}
