//! The command line: `plimsoll-collector run | validate | plan | version`.
//!
//! Results go to standard output; everything that is wrong goes to standard error, all of it at
//! once. Exit codes: 0 fine, 1 something is wrong, 64 the command line itself (`sysexits(3)`,
//! `EX_USAGE`).

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use plimsoll_aws::Clients;
use plimsoll_core::logging;
use tokio::runtime::{Builder, Runtime};

use crate::RunOptions;
use crate::config::{Config, DEFAULT_PATH, Mistakes};
use crate::plan::Keeper;
use crate::start::wanted;

/// Something is wrong with the configuration, the machine, or AWS.
const FAILED: u8 = 1;
/// The command line cannot be understood.
const USAGE: u8 = 64;
/// Threads for what blocks: the state, and the reading of files.
const BLOCKING_THREADS_MAX: usize = 8;

/// Turns CloudTrail, GuardDuty and cost into incidents, alarms, dashboards and notifications.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-collector", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the sources until SIGTERM or SIGINT, then finish what was read and end.
    Run(RunArgs),
    /// Tell every mistake of the configuration and of the rules, and what this machine would
    /// refuse to this user. Sends nothing.
    Validate(ConfigArgs),
    /// Show how alarms and the dashboard differ from what they should be. Changes nothing.
    Plan(ConfigArgs),
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read every source once, send what is to be told, and end.
    #[arg(long)]
    once: bool,
}

/// Does what the arguments say, the program's name first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = match cli.command {
        Command::Run(args) => run(&args),
        Command::Validate(args) => validate(&args),
        Command::Plan(args) => plan(&args),
        Command::Version => {
            print(concat!(
                "plimsoll-collector ",
                env!("CARGO_PKG_VERSION"),
                "\n"
            ));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            complain(&text);
            ExitCode::from(FAILED)
        }
    }
}

/// Help and version are asked for and go to standard output; anything else is a mistake.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print(&text);
            ExitCode::SUCCESS
        }
        _ => {
            complain(&text);
            ExitCode::from(USAGE)
        }
    }
}

fn run(args: &RunArgs) -> Result<(), String> {
    let config = load(&args.config)?;
    logging::install("plimsoll-collector", config.log_level);
    let runtime = runtime()?;
    let options = RunOptions { once: args.once };
    let ended = runtime.block_on(crate::run(config, options));
    // A file system that hangs must not hold up the end.
    runtime.shutdown_background();
    ended.map_err(|error| sentence(&error))
}

fn validate(args: &ConfigArgs) -> Result<(), String> {
    let config = load(args)?;
    let rules = &config.detectors.rules;
    let failed: Vec<String> = rules
        .failed_tests()
        .iter()
        .map(ToString::to_string)
        .collect();
    if !failed.is_empty() {
        return Err(all(&failed));
    }
    let runtime = runtime()?;
    let clients = runtime.block_on(Clients::connect(&config.aws));
    runtime.shutdown_background();
    let clients = clients.map_err(|error| format!("{}: aws: {error}\n", args.config.display()))?;
    print(&format!(
        "{}: no mistakes; {} rules, sources: {}; calls go to {}\n",
        args.config.display(),
        rules.rules().len(),
        config.sources().join(", "),
        clients.region()
    ));
    Ok(())
}

fn plan(args: &ConfigArgs) -> Result<(), String> {
    let config = load(args)?;
    let runtime = runtime()?;
    let planned = runtime.block_on(async {
        let clients = Clients::connect(&config.aws)
            .await
            .map_err(|error| sentence(&error))?;
        let desired = wanted(&config, clients.region()).map_err(|error| sentence(&error))?;
        let keeper = Keeper::new(clients.cloudwatch());
        keeper
            .plan(&desired)
            .await
            .map_err(|error| sentence(&error))
    });
    runtime.shutdown_background();
    print(&format!("{}\n", planned?));
    Ok(())
}

/// Reads the file and asks the machine; gives everything that is wrong.
fn load(args: &ConfigArgs) -> Result<Config, String> {
    Config::load(&args.config).map_err(|mistakes: Mistakes| all(&mistakes.lines()))
}

/// Every mistake on a line of its own, and how many there are.
fn all(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&logging::scrub(line));
        text.push('\n');
    }
    let plural = if lines.len() == 1 { "" } else { "s" };
    writeln!(text, "{} problem{plural}", lines.len()).ok();
    text
}

/// An error with the causes that its own text does not tell.
fn sentence(error: &dyn Error) -> String {
    let mut text = format!("plimsoll-collector: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = inner.to_string();
        if !text.contains(&told) {
            write!(text, ": {told}").ok();
        }
        cause = inner.source();
    }
    format!("{}\n", logging::scrub(&text))
}

/// One thread for everything that waits: the fewest threads make the smallest program.
fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(|error| format!("plimsoll-collector: the runtime cannot be started: {error}\n"))
}

fn print(text: &str) {
    // A reader that has gone away does not want to know.
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

fn complain(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_cannot_be_understood_is_64_and_a_wrong_file_is_1() {
        let cases: [(&[&str], ExitCode); 5] = [
            (&["x", "version"], ExitCode::SUCCESS),
            (&["x", "--help"], ExitCode::SUCCESS),
            (&["x", "rnu"], ExitCode::from(USAGE)),
            (&["x", "run", "--twice"], ExitCode::from(USAGE)),
            (
                &["x", "validate", "--config", "/no/such.toml"],
                ExitCode::from(FAILED),
            ),
        ];
        for (args, expected) in cases {
            let code = main(args.iter().map(OsString::from));
            assert_eq!(format!("{code:?}"), format!("{expected:?}"), "{args:?}");
        }
    }
}
