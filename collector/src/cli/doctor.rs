//! `plimsoll-collector doctor`: what keeps the collector from doing its work here, each with its
//! remedy.
//!
//! Exit code 0 when everything works, 1 when something does not; warnings change nothing.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use plimsoll_core::cli::{complain, count_mistakes, runtime};
use plimsoll_ops::doctor::{Report, running, unit, who};

use super::asking::AskArgs;
use super::{BLOCKING_THREADS_MAX, ConfigArgs, PROGRAM};
use crate::SERVICE;
use crate::config::Config;
use crate::doctor;

/// Look for what keeps the collector from doing its work on this host.
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
    /// Also ask what is paid for: one question to Cost Explorer, US$0.01.
    #[arg(long, conflicts_with = "offline")]
    paid: bool,
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

/// What the doctor finds without paying for it, an object of JSON on each line.
pub(super) fn findings(config: &ConfigArgs) -> String {
    let args = DoctorArgs {
        config: config.clone(),
        json: true,
        offline: false,
        paid: false,
        only: None,
    };
    report(&args).json()
}

fn report(args: &DoctorArgs) -> Report {
    let mut report = Report::default();
    let path = &args.config.config;
    if args.only == Some(Part::Rights) {
        doctor::rights(path, &mut report);
        return report;
    }
    // Files are tried as the service's user below.
    match Config::syntax(path) {
        Ok(config) if args.only == Some(Part::Network) => {
            network(&config, args.paid, &mut report);
        }
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
    let words = |part: &'static str| {
        let mut words = ["doctor", "--only", part, "--config"]
            .map(OsStr::new)
            .to_vec();
        words.push(path.as_os_str());
        if args.paid {
            words.push(OsStr::new("--paid"));
        }
        words
    };
    let who = who(unit.as_ref(), report);
    let rights = |report: &mut Report| doctor::rights(path, report);
    who.files(&words("rights"), rights, report);
    doctor::look(config, report);
    if !args.offline {
        let network = |report: &mut Report| network(config, args.paid, report);
        who.look("network", &words("network"), network, report);
    }
}

/// Asks instance metadata and AWS; Cost Explorer only if it may be paid.
fn network(config: &Config, paid: bool, report: &mut Report) {
    match runtime(PROGRAM, BLOCKING_THREADS_MAX) {
        Ok(runtime) => {
            runtime.block_on(doctor::ask(config, paid, report));
            runtime.shutdown_background();
        }
        Err(text) => complain(&text),
    }
}
