//! The command line: `plimsoll-agent run | validate | doctor | bundle | status | top | tap | policy |
//! migrate | dlq | positions | seal | signal | ctl | version`.
//!
//! Exit codes: 0 fine, 1 something is wrong, 64 the command line itself; 1 for that of `ctl`, too,
//! as with the program whose place it takes. Commands that ask the running agent add 2, it does not
//! run, and 4, it does not let itself be asked.

mod asking;
mod bundle;
mod ctl;
mod dlq;
mod doctor;
mod migrate;
mod policy;
mod positions;
mod seal;
mod signal;
mod status;
mod tap;
mod top;

pub(crate) use ctl::DIRECTORY as CTL_DIRECTORY;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use plimsoll_aws::Clients;
use plimsoll_core::cli::{FAILED, complain, count_mistakes, failure, not_run, print, runtime};
use plimsoll_core::config::parse_duration;
use plimsoll_core::error::chain;
use plimsoll_core::logging;

use crate::compat::sources;
use crate::config::{Config, DEFAULT_PATH, Depth, Dialect, run_checks};
use crate::estimate::estimate;
use crate::scraper::{ASIDE_MAX, HostRoot, STUCK_MAX};
use crate::sys::alloc;
use crate::{RunOptions, SERVICE};

/// How the program calls itself.
const PROGRAM: &str = SERVICE.program;
/// Threads for what blocks: one reads files, one writes a request, one waits for the disk that
/// keeps positions, one looks at files for `status`; and those that a dead mount or a device may hold for ever.
const BLOCKING_THREADS_MAX: usize = 4 + STUCK_MAX + ASIDE_MAX;

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
    Validate(ValidateArgs),
    /// Look for what keeps the agent from doing its work on this host, and tell the remedy of each:
    /// unit, files, disk, other agents, instance metadata, credentials, each call. Changes nothing.
    Doctor(doctor::DoctorArgs),
    /// Gather what someone who helps wants to see into one archive, without secrets and without
    /// lines of logs. Sends nothing.
    Bundle(bundle::BundleArgs),
    /// Tell how the running agent is: what it ships and how far behind it is, what it lost and why.
    Status(status::StatusArgs),
    /// Show the running agent each second: rates, and how far behind each source is.
    Top(top::TopArgs),
    /// Show records of the running agent as they pass, as they will be sent.
    Tap(tap::TapArgs),
    /// Print the rights in AWS that the configuration needs, as a document for IAM; without a
    /// configuration, all that the agent can ever need. Changes nothing.
    Policy(policy::PolicyArgs),
    /// Write the amazon-cloudwatch-agent's configuration as one of this agent, and tell of each of
    /// its keys what became of it.
    Migrate(migrate::MigrateArgs),
    /// The events that CloudWatch Logs refused: list them, show them, send them again, purge them.
    Dlq(dlq::DlqArgs),
    /// How far each file has been delivered, and how to set it.
    Positions(positions::PositionsArgs),
    /// Make a machine ready to be an image: remove what belongs to this one from the state directory.
    /// The agent must be stopped.
    Seal(seal::SealArgs),
    /// The signals for Auto Scaling: what they are made of and cost.
    Signal(signal::SignalArgs),
    /// Do what amazon-cloudwatch-agent-ctl does, with the same flags.
    Ctl(ctl::CtlArgs),
    /// Print the version.
    Version,
}

#[derive(Clone, Debug, Args)]
struct ConfigArgs {
    /// The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else
    /// /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The amazon-cloudwatch-agent's configuration instead: a JSON file, a directory of them, or
    /// ssm:NAME for a parameter of SSM.
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "config")]
    cloudwatch_agent_config: Option<PathBuf>,
}

impl ConfigArgs {
    /// What is read, and how it is written.
    fn chosen(&self, exists: impl Fn(&Path) -> bool) -> (PathBuf, Dialect) {
        if let Some(path) = &self.cloudwatch_agent_config {
            return (path.clone(), Dialect::CloudWatchAgent);
        }
        if let Some(path) = &self.config {
            return (path.clone(), Dialect::Plimsoll);
        }
        let (own, fetched) = (Path::new(DEFAULT_PATH), Path::new(CTL_DIRECTORY));
        if exists(own) {
            return (own.to_owned(), Dialect::Plimsoll);
        }
        if exists(fetched) {
            return (fetched.to_owned(), Dialect::CloudWatchAgent);
        }
        match sources::in_environment() {
            Some(named) => (named, Dialect::CloudWatchAgent),
            // It is not there, which is then told.
            None => (own.to_owned(), Dialect::Plimsoll),
        }
    }

    /// Whether the command line names what is read.
    fn is_given(&self) -> bool {
        self.config.is_some() || self.cloudwatch_agent_config.is_some()
    }

    /// What is read.
    fn path(&self) -> PathBuf {
        self.chosen(Path::exists).0
    }
}

#[derive(Debug, Args)]
struct ValidateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read the configuration alone: ask neither this machine nor AWS.
    #[arg(long)]
    syntax: bool,
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

/// The command line as a definition: what help, completions and manual pages are made from.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments say, the program's name first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    alloc::bound();
    let args: Vec<OsString> = args.into_iter().collect();
    let is_ctl = args.get(1).is_some_and(|command| command == "ctl");
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            let told = not_run(asked_for, &error.to_string());
            return if is_ctl && !asked_for {
                ExitCode::from(FAILED)
            } else {
                told
            };
        }
    };
    let done = match cli.command {
        Command::Run(args) => run(&args),
        Command::Validate(args) => validate(&args),
        Command::Doctor(args) => return doctor::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::Status(args) => return status::run(&args),
        Command::Top(args) => return top::run(args),
        Command::Tap(args) => return tap::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Dlq(args) => dlq::run(&args),
        Command::Positions(args) => positions::run(&args),
        Command::Seal(args) => seal::run(&args),
        Command::Signal(args) => signal::run(&args),
        Command::Ctl(args) => ctl::run(&args),
        Command::Version => {
            print(concat!("plimsoll-agent ", env!("CARGO_PKG_VERSION"), "\n"));
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
    let depth = if args.dry_run {
        Depth::DryRun
    } else {
        Depth::Run
    };
    let config = load(&args.config, depth)?;
    logging::install(PROGRAM, config.agent.log_level);
    config.tell_remarks();
    let options = RunOptions {
        dry_run: args.dry_run,
        once: args.once,
        run_for: args.run_for,
    };
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
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
        configuration(args)?;
        print(&format!("{}: no mistakes\n", args.path().display()));
        return Ok(());
    }
    let config = load(args, Depth::Validate)?;
    for remark in &config.remarks {
        print(&format!("warning: {remark}\n"));
    }
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let connected = runtime.block_on(Clients::connect(&config.aws));
    let price = runtime.block_on(estimate(&config, &HostRoot::default()));
    runtime.shutdown_background();
    let path = args.path();
    let path = path.display();
    let clients = connected.map_err(|error| format!("{path}: aws: {}\n", chain(&error)))?;
    let region = clients.region();
    print(&format!(
        "{path}: no mistakes; calls go to {region}\n{price}"
    ));
    Ok(())
}

/// Reads the file and asks the machine nothing.
fn configuration(args: &ConfigArgs) -> Result<Config, String> {
    let (path, dialect) = args.chosen(Path::exists);
    let config = dialect.load(&path);
    config.map_err(|problems| count_mistakes(&problems.0))
}

/// Where the state of the configured agent is, for commands that need nothing else of it.
fn state_directory(args: &ConfigArgs) -> Result<PathBuf, String> {
    Ok(configuration(args)?.agent.state_dir)
}

/// Reads the file and asks the machine; gives everything that is wrong.
fn load(args: &ConfigArgs, depth: Depth) -> Result<Config, String> {
    let config = configuration(args)?;
    let findings = run_checks(&config.checks, depth);
    for note in &findings.notes {
        print(&format!("note: {note}\n"));
    }
    if findings.problems.is_empty() {
        Ok(config)
    } else {
        Err(count_mistakes(&findings.problems))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::cli::USAGE;

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
        assert_eq!(run.config.config, Some(PathBuf::from("a.toml")));
        assert_eq!(
            (run.dry_run, run.run_for),
            (true, Some(Duration::from_secs(90)))
        );
        let validate = parse(&["validate"]).unwrap();
        let Command::Validate(validate) = validate.command else {
            panic!("{validate:?}");
        };
        let fetched = (PathBuf::from(CTL_DIRECTORY), Dialect::CloudWatchAgent);
        let validate = validate.config;
        assert_eq!(
            validate.chosen(|path| path == Path::new(CTL_DIRECTORY)),
            fetched
        );
        let own = (PathBuf::from(DEFAULT_PATH), Dialect::Plimsoll);
        assert_eq!(validate.chosen(|_| true), own);
        assert_eq!(validate.chosen(|_| false), own);
    }

    #[test]
    fn the_definition_of_the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
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
        assert_eq!(main(&["ctl", "-a", "fly"]), ExitCode::from(FAILED));
        assert_eq!(main(&["ctl", "-h"]), ExitCode::SUCCESS);
        assert_eq!(main(&["version"]), ExitCode::SUCCESS);
        assert_eq!(main(&["--help"]), ExitCode::SUCCESS);
        assert_eq!(
            main(&["validate", "--config", "/no/such/file"]),
            ExitCode::from(FAILED)
        );
    }
}
