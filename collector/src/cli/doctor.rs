//! `plimsoll-collector doctor`: what keeps the collector from doing its work here, each with its
//! remedy.
//!
//! Exit code 0 when everything works, 1 when something does not; warnings change nothing.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::Args;
use plimsoll_core::cli::{complain, count_mistakes, runtime};
use plimsoll_ops::doctor::{Report, as_service, running, unit};

use super::asking::AskArgs;
use super::{BLOCKING_THREADS_MAX, ConfigArgs, PROGRAM};
use crate::SERVICE;
use crate::config::Config;
use crate::doctor;

/// Look for what keeps the collector from doing its work on this host.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// One JSON object for each look.
    #[arg(long)]
    json: bool,
    /// Ask neither instance metadata nor AWS.
    #[arg(long)]
    offline: bool,
    /// Also ask what is paid for: one question to Cost Explorer, US$0.01.
    #[arg(long, conflicts_with = "offline")]
    paid: bool,
    /// Only what the rights of the user decide who runs this.
    #[arg(long, hide = true)]
    rights: bool,
}

/// Looks, asks and tells.
pub(super) fn run(args: &DoctorArgs) -> ExitCode {
    report(args).tell(args.json || args.rights)
}

/// What the doctor finds without paying for it, an object of JSON on each line.
pub(super) fn findings(config: &ConfigArgs) -> String {
    let args = DoctorArgs {
        config: config.clone(),
        json: true,
        offline: false,
        paid: false,
        rights: false,
    };
    report(&args).json()
}

fn report(args: &DoctorArgs) -> Report {
    let mut report = Report::default();
    let path = &args.config.config;
    if args.rights {
        doctor::rights(path, &mut report);
        return report;
    }
    // Files are tried as the service's user below.
    match Config::syntax(path) {
        Ok(config) => {
            let found = format!("{}: no mistakes", path.display());
            report.fine("configuration", found);
            look(args, &config, &mut report);
        }
        Err(mistakes) => {
            let remedy =
                "correct it; until then the collector that runs keeps its own, and none starts";
            let found = count_mistakes(&mistakes.lines());
            report.fail("configuration", found.trim_end(), remedy);
            unit(&SERVICE, &mut report);
        }
    }
    report
}

fn look(args: &DoctorArgs, config: &Config, report: &mut Report) {
    let path = &args.config.config;
    let unit = unit(&SERVICE, report);
    running(&SERVICE, AskArgs::of(&args.config).status(), report);
    let arguments = ["doctor", "--rights", "--config"].map(OsStr::new);
    let arguments: Vec<&OsStr> = arguments.into_iter().chain([path.as_os_str()]).collect();
    let here = |report: &mut Report| doctor::rights(path, report);
    as_service(unit.as_ref(), &arguments, here, report);
    doctor::look(config, report);
    if args.offline {
        return;
    }
    match runtime(PROGRAM, BLOCKING_THREADS_MAX) {
        Ok(runtime) => {
            runtime.block_on(doctor::ask(config, args.paid, report));
            runtime.shutdown_background();
        }
        Err(text) => complain(&text),
    }
}
