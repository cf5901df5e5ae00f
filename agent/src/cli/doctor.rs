//! `plimsoll-agent doctor`: what keeps the agent from doing its work here, each with its remedy.
//!
//! Exit code 0 when everything works, 1 when something does not; warnings change nothing.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::Args;
use plimsoll_core::cli::{complain, runtime};
use plimsoll_ops::asking::Answers;
use plimsoll_ops::doctor::{Report, as_service, running, unit};
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
    /// Only what the rights of the user decide who runs this.
    #[arg(long, hide = true)]
    rights: bool,
}

/// Looks, asks and tells.
pub(super) fn run(args: &DoctorArgs) -> ExitCode {
    report(args).tell(args.json || args.rights)
}

/// What the doctor finds, an object of JSON on each line.
pub(super) fn findings(config: &ConfigArgs) -> String {
    let args = DoctorArgs {
        config: config.clone(),
        json: true,
        offline: false,
        rights: false,
    };
    report(&args).json()
}

fn report(args: &DoctorArgs) -> Report {
    let mut report = Report::default();
    let path = args.config.path();
    match configuration(&args.config) {
        Ok(config) if args.rights => doctor::rights(&config, &mut report),
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
    let mut arguments = vec![OsStr::new("doctor"), OsStr::new("--rights")];
    let theirs = args.config.cloudwatch_agent_config.as_deref();
    for (flag, path) in [
        ("--config", args.config.config.as_deref()),
        ("--cloudwatch-agent-config", theirs),
    ] {
        arguments.extend(
            path.into_iter()
                .flat_map(|path| [OsStr::new(flag), path.as_os_str()]),
        );
    }
    let here = |report: &mut Report| doctor::rights(config, report);
    as_service(unit.as_ref(), &arguments, here, report);
    doctor::look(config, report);
    if args.offline {
        return;
    }
    match runtime(PROGRAM, BLOCKING_THREADS_MAX) {
        Ok(runtime) => {
            runtime.block_on(doctor::ask(config, report));
            runtime.shutdown_background();
        }
        Err(text) => complain(&text),
    }
}
