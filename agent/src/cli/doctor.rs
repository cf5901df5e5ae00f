//! `plimsoll-agent doctor`: what keeps the agent from doing its work here, each with its remedy.
//!
//! Exit code 0 when everything works, 1 when something does not; warnings change nothing.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use plimsoll_core::cli::{complain, runtime};
use plimsoll_ops::asking::Answers;
use plimsoll_ops::doctor::{Report, running, unit, who};
use plimsoll_ops::protocol::question;

use super::asking::AskArgs;
use super::{BLOCKING_THREADS_MAX, ConfigArgs, PROGRAM, configuration};
use crate::SERVICE;
use crate::config::Config;
use crate::doctor;

/// Look for what keeps the agent from doing its work on this host.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// One JSON object for each look.
    #[arg(long)]
    json: bool,
    /// Ask neither instance metadata nor AWS.
    #[arg(long)]
    offline: bool,
    /// Only one part, by the child that looks as the service does.
    #[arg(long, hide = true)]
    only: Option<Part>,
}

/// What is looked at as the service: with its user, its groups and its variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What the rights of the user decide.
    Rights,
    /// What the network and AWS say.
    Network,
}

/// Looks, asks and tells.
pub(super) fn run(args: &DoctorArgs) -> ExitCode {
    report(args).tell(args.json || args.only.is_some())
}

/// What the doctor finds, an object of JSON on each line.
pub(super) fn findings(config: &ConfigArgs) -> String {
    let args = DoctorArgs {
        config: config.clone(),
        json: true,
        offline: false,
        only: None,
    };
    report(&args).json()
}

fn report(args: &DoctorArgs) -> Report {
    let mut report = Report::default();
    let path = args.config.path();
    match configuration(&args.config) {
        Ok(config) if args.only == Some(Part::Rights) => doctor::rights(&config, &mut report),
        Ok(config) if args.only == Some(Part::Network) => network(&config, &mut report),
        Ok(config) => {
            report.fine("configuration", format!("{}: no mistakes", path.display()));
            look(args, &config, &mut report);
        }
        Err(mistakes) => {
            let remedy =
                "correct it; until then the agent that runs keeps its own, and none starts";
            report.fail("configuration", mistakes.trim_end(), remedy);
            unit(&SERVICE, &mut report);
        }
    }
    report
}

fn look(args: &DoctorArgs, config: &Config, report: &mut Report) {
    let unit = unit(&SERVICE, report);
    let asked = AskArgs::of(&args.config).ask(&question("status"));
    running(&SERVICE, asked.and_then(Answers::one), report);
    let theirs = args.config.cloudwatch_agent_config.as_deref();
    let paths = [
        ("--config", args.config.config.as_deref()),
        ("--cloudwatch-agent-config", theirs),
    ];
    let words = |part: &'static str| {
        let mut words = ["doctor", "--only", part].map(OsStr::new).to_vec();
        for (flag, path) in paths {
            words.extend(
                path.into_iter()
                    .flat_map(|path| [OsStr::new(flag), path.as_os_str()]),
            );
        }
        words
    };
    let who = who(unit.as_ref(), report);
    let rights = |report: &mut Report| doctor::rights(config, report);
    who.files(&words("rights"), rights, report);
    doctor::look(config, report);
    if !args.offline {
        let network = |report: &mut Report| network(config, report);
        who.look("network", &words("network"), network, report);
    }
}

/// Asks instance metadata and AWS.
fn network(config: &Config, report: &mut Report) {
    match runtime(PROGRAM, BLOCKING_THREADS_MAX) {
        Ok(runtime) => {
            runtime.block_on(doctor::ask(config, report));
            runtime.shutdown_background();
        }
        Err(text) => complain(&text),
    }
}
