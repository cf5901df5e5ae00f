//! The command line: `plimsoll-collector run | validate | doctor | bundle | status | plan | policy |
//! investigate | backtest | version`.
//!
//! Exit codes: 0 fine, 1 something is wrong, 64 the command line itself. `status` adds 2, the
//! collector does not run, and 4, it does not let itself be asked.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use plimsoll_aws::Clients;
use plimsoll_core::cli::{FAILED, complain, count_mistakes, failure, not_run, print, runtime};
use plimsoll_core::error::chain;
use plimsoll_core::logging;

mod asking;
mod backtest;
mod bundle;
mod doctor;
mod investigate;
mod policy;
mod status;

use crate::config::{Config, DEFAULT_PATH, Mistakes};
use crate::plan::Keeper;
use crate::start::wanted;
use crate::{RunOptions, SERVICE};

/// How the program calls itself.
const PROGRAM: &str = SERVICE.program;
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
    /// Read the sources until SIGTERM or SIGINT, then finish what was read and end. SIGHUP has the
    /// configuration and the rules read again.
    Run(RunArgs),
    /// Tell every mistake of the configuration and of the rules, and what this machine would
    /// refuse to this user. Sends nothing.
    Validate(ValidateArgs),
    /// Look for what keeps the collector from doing its work on this host, and tell the remedy of
    /// each: unit, files, rules, disk, clock, instance metadata, credentials, each call. Changes
    /// nothing.
    Doctor(doctor::DoctorArgs),
    /// Gather what someone who helps wants to see into one archive, without secrets. Sends nothing.
    Bundle(bundle::BundleArgs),
    /// Tell how the running collector is: what it reads and tells, what fails and since when.
    Status(status::StatusArgs),
    /// Show how alarms and the dashboard differ from what they should be. Changes nothing.
    Plan(ConfigArgs),
    /// Print the rights in AWS that the configuration needs, as a document for IAM; without a
    /// configuration, all that the collector can ever need. Changes nothing.
    Policy(policy::PolicyArgs),
    /// Look for attacks in CloudTrail events that lie in files. Calls nothing, and needs no
    /// configuration.
    Investigate(investigate::InvestigateArgs),
    /// Show what scaling policies would have made of a load that was. Calls nothing.
    Backtest(backtest::BacktestArgs),
    /// Print the version.
    Version,
}

#[derive(Clone, Debug, Args)]
struct ConfigArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct ValidateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read configuration and rules alone: run no tests of rules, and ask for no region.
    #[arg(long)]
    syntax: bool,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read every source once, send what is to be told, and end.
    #[arg(long)]
    once: bool,
}

/// The command line as a definition: what help, completions and manual pages are made from.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments say, the program's name first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return not_run(asked_for, &error.to_string());
        }
    };
    let done = match cli.command {
        Command::Run(args) => run(&args),
        Command::Validate(args) => validate(&args),
        Command::Doctor(args) => return doctor::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::Status(args) => return status::run(&args),
        Command::Plan(args) => plan(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Investigate(args) => investigate::run(&args),
        Command::Backtest(args) => backtest::backtest(&args),
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

fn run(args: &RunArgs) -> Result<(), String> {
    let config = load(&args.config)?;
    logging::install(PROGRAM, config.log_level);
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let options = RunOptions { once: args.once };
    let ended = runtime.block_on(crate::run(config, options));
    // A file system that hangs must not hold up the end.
    runtime.shutdown_background();
    ended.map_err(|error| failure(PROGRAM, &error))
}

fn validate(args: &ValidateArgs) -> Result<(), String> {
    let ValidateArgs {
        config: args,
        syntax,
    } = args;
    if *syntax {
        Config::syntax_and_rules(&args.config)
            .map_err(|mistakes| count_mistakes(&mistakes.lines()))?;
        print(&format!("{}: no mistakes\n", args.config.display()));
        return Ok(());
    }
    let config = load(args)?;
    let rules = &config.detectors.rules;
    let failed: Vec<String> = rules
        .failed_tests()
        .iter()
        .map(ToString::to_string)
        .collect();
    if !failed.is_empty() {
        return Err(count_mistakes(&failed));
    }
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let clients = runtime.block_on(Clients::connect(&config.aws));
    runtime.shutdown_background();
    let clients =
        clients.map_err(|error| format!("{}: aws: {}\n", args.config.display(), chain(&error)))?;
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
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let planned = runtime.block_on(async {
        let clients = Clients::connect(&config.aws)
            .await
            .map_err(|error| failure(PROGRAM, &error))?;
        let desired =
            wanted(&config, clients.region()).map_err(|error| failure(PROGRAM, &error))?;
        let keeper = Keeper::new(clients.cloudwatch());
        keeper
            .plan(&desired)
            .await
            .map_err(|error| failure(PROGRAM, &error))
    });
    runtime.shutdown_background();
    print(&format!("{}\n", planned?));
    Ok(())
}

/// Reads the file and asks the machine; gives everything that is wrong.
fn load(args: &ConfigArgs) -> Result<Config, String> {
    Config::load(&args.config).map_err(|mistakes: Mistakes| count_mistakes(&mistakes.lines()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::cli::USAGE;

    #[test]
    fn the_definition_of_the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }

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
