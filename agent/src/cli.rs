//! The command line: `plimsoll-agent run | validate | version`.
//!
//! Results go to standard output; everything that is wrong goes to standard error, all of it at
//! once. Exit codes: 0 fine, 1 something is wrong, 64 the command line itself (`sysexits(3)`,
//! `EX_USAGE`).

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use plimsoll_aws::Clients;
use plimsoll_core::config::{Problem, parse_duration};
use plimsoll_core::logging;
use tokio::runtime::{Builder, Runtime};

use crate::RunOptions;
use crate::chain::chain;
use crate::config::{Config, DEFAULT_PATH, Depth, run_checks};
use crate::estimate::estimate;
use crate::scraper::HostRoot;

/// Something is wrong with the configuration or the machine.
const FAILED: u8 = 1;
/// The command line cannot be understood.
const USAGE: u8 = 64;
/// Threads for what blocks: the snapshot of a tick, mounts that hang, files.
const BLOCKING_THREADS_MAX: usize = 16;

/// Ships logs and metrics of this host to Amazon CloudWatch.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-agent", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow files and measure until SIGTERM or SIGINT, then send what is held and end.
    Run(RunArgs),
    /// Tell every mistake of the configuration, what this machine would refuse to this user, and
    /// what the metrics would cost. Sends nothing.
    Validate(ConfigArgs),
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
    /// Print each call that would be made, with size and price; send and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Send what is there now, measure once, and end.
    #[arg(long)]
    once: bool,
    /// End after this time, such as 30s.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, conflicts_with = "once")]
    run_for: Option<Duration>,
}

/// Does what the arguments say, the program's name first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let succeeded = match cli.command {
        Command::Run(args) => run(&args),
        Command::Validate(args) => validate(&args),
        Command::Version => {
            print(concat!("plimsoll-agent ", env!("CARGO_PKG_VERSION"), "\n"));
            true
        }
    };
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
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

fn run(args: &RunArgs) -> bool {
    let depth = if args.dry_run {
        Depth::DryRun
    } else {
        Depth::Run
    };
    let Some(config) = load(&args.config, depth) else {
        return false;
    };
    logging::install("plimsoll-agent", config.agent.log_level);
    let options = RunOptions {
        dry_run: args.dry_run,
        once: args.once,
        run_for: args.run_for,
    };
    let Some(runtime) = runtime() else {
        return false;
    };
    let ended = runtime.block_on(crate::run(config, options));
    // A file system that hangs must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => true,
        Err(error) => {
            complain(&format!("plimsoll-agent: {}\n", chain(&error)));
            false
        }
    }
}

fn validate(args: &ConfigArgs) -> bool {
    let Some(config) = load(args, Depth::Validate) else {
        return false;
    };
    let Some(runtime) = runtime() else {
        return false;
    };
    let connected = runtime.block_on(Clients::connect(&config.aws));
    let price = runtime.block_on(estimate(&config, &HostRoot::default()));
    runtime.shutdown_background();
    match connected {
        Ok(clients) => {
            let (path, region) = (args.config.display(), clients.region());
            print(&format!(
                "{path}: no mistakes; calls go to {region}\n{price}"
            ));
            true
        }
        Err(error) => {
            let path = args.config.display();
            complain(&format!("{path}: aws: {}\n", chain(&error)));
            false
        }
    }
}

/// Reads the file and asks the machine; tells everything that is wrong.
fn load(args: &ConfigArgs, depth: Depth) -> Option<Config> {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => {
            tell(&problems.0);
            return None;
        }
    };
    let findings = run_checks(&config.checks, depth);
    for note in &findings.notes {
        print(&format!("note: {note}\n"));
    }
    if !findings.problems.is_empty() {
        tell(&findings.problems);
        return None;
    }
    Some(config)
}

fn tell(problems: &[Problem]) {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&logging::scrub(&problem.to_string()));
        text.push('\n');
    }
    let plural = if problems.len() == 1 { "" } else { "s" };
    complain(&format!("{text}{} problem{plural}\n", problems.len()));
}

/// One thread for everything that waits: the fewest threads make the smallest program.
fn runtime() -> Option<Runtime> {
    let built = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build();
    match built {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            complain(&format!(
                "plimsoll-agent: the runtime cannot be started: {error}\n"
            ));
            None
        }
    }
}

/// A closed standard output is no reason to fail.
fn print(text: &str) {
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

fn complain(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, ErrorKind> {
        let args = std::iter::once("plimsoll-agent").chain(args.iter().copied());
        Cli::try_parse_from(args).map_err(|error| error.kind())
    }

    #[test]
    fn the_command_line_is_understood() {
        let run = parse(&["run", "--config", "a.toml", "--dry-run", "--for", "1m30s"]).unwrap();
        let Command::Run(run) = run.command else {
            panic!("{run:?}");
        };
        assert_eq!(run.config.config, PathBuf::from("a.toml"));
        assert_eq!(
            (run.dry_run, run.run_for),
            (true, Some(Duration::from_secs(90)))
        );
        let validate = parse(&["validate"]).unwrap();
        let Command::Validate(validate) = validate.command else {
            panic!("{validate:?}");
        };
        assert_eq!(validate.config, PathBuf::from(DEFAULT_PATH));
    }

    #[test]
    fn mistakes_of_the_command_line_have_their_own_exit_code() {
        let main = |args: &[&str]| {
            let args = std::iter::once("plimsoll-agent").chain(args.iter().copied());
            main(args.map(OsString::from))
        };
        for args in [
            &["fly"] as &[&str],
            &["run", "--for", "soon"],
            &["run", "--for", "1s", "--once"],
            &[],
        ] {
            assert_eq!(main(args), ExitCode::from(USAGE), "{args:?}");
        }
        assert_eq!(main(&["version"]), ExitCode::SUCCESS);
        assert_eq!(main(&["--help"]), ExitCode::SUCCESS);
        assert_eq!(
            main(&["validate", "--config", "/no/such/file"]),
            ExitCode::from(FAILED)
        );
    }
}
