//! `plimsoll-agent migrate`: the amazon-cloudwatch-agent's configuration as one of ours, with a
//! report that has a line for each of its keys.
//!
//! What is written is what `run --cloudwatch-agent-config` would do. Nothing that exists is written
//! over, and nothing is written unless this agent takes it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use plimsoll_core::cli::{complain, count_mistakes, print};

use super::PROGRAM;
use crate::compat::{self, Translation};

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// A JSON file of the amazon-cloudwatch-agent, or a directory of them.
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,
    /// Where to write the configuration, which must not exist; else it goes to standard output and
    /// the report to standard error.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Translates, writes, and tells.
pub(super) fn run(args: &MigrateArgs) -> Result<(), String> {
    let mistakes = |problems: plimsoll_core::config::Problems| count_mistakes(&problems.0);
    let translation = compat::load(&args.from).map_err(mistakes)?;
    let name = args.from.display().to_string();
    translation.config(&name).map_err(mistakes)?;
    let text = document(&name, &translation);
    let report = translation.report.text();
    let Some(path) = &args.output else {
        print(&text);
        complain(&report);
        return Ok(());
    };
    let failed = |error| format!("{PROGRAM}: {} cannot be written: {error}\n", path.display());
    write_new(path, &text).map_err(failed)?;
    print(&report);
    Ok(())
}

/// The whole file: where it comes from, what is not as it was, and the configuration.
fn document(name: &str, translation: &Translation) -> String {
    let mut text = format!("# Written by `{PROGRAM} migrate` from {name}.\n");
    for warning in translation.report.warnings() {
        text.push_str("# ");
        text.push_str(&one_line(&warning.to_string()));
        text.push('\n');
    }
    text + &translation.toml
}

/// Control characters cannot break a comment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
