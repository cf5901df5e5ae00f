//! `plimsoll-agent doctor`: what keeps the agent from doing its work here, each with its remedy.
//!
//! Exit code 0 when everything works, 1 when something does not; warnings change nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;
use plimsoll_core::cli::{FAILED, complain, print, runtime};
use serde_json::Value;

use super::asking::AskArgs;
use super::{BLOCKING_THREADS_MAX, ConfigArgs, PROGRAM, configuration};
use crate::config::Config;
use crate::control::question;
use crate::doctor::{self, Account, Finding, Report, Unit, Verdict};
use crate::sys::run_as::run_as;

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
    let report = report(args);
    for finding in &report.0 {
        print(&if args.json || args.rights {
            format!("{}\n", finding.json())
        } else {
            line(finding)
        });
    }
    if report.has_failed() {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// What the doctor finds, an object of JSON on each line.
pub(super) fn findings(config: &ConfigArgs) -> String {
    let args = DoctorArgs {
        config: config.clone(),
        json: true,
        offline: false,
        rights: false,
    };
    let mut text = String::new();
    for finding in report(&args).0 {
        writeln!(text, "{}", finding.json()).ok();
    }
    text
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
            doctor::look_at_unit(&mut report);
        }
    }
    report
}

fn look(args: &DoctorArgs, config: &Config, report: &mut Report) {
    let unit = doctor::look_at_unit(report);
    running(args, report);
    rights(args, config, unit.as_ref(), report);
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

/// Asks the running agent how it is.
fn running(args: &DoctorArgs, report: &mut Report) {
    let asked = AskArgs::of(&args.config).ask(&question("status"));
    match asked.and_then(super::asking::Answers::one) {
        Err(unanswered) if unanswered.is_not_running() => {
            report.skip("agent", "no agent answers on this configuration's socket");
        }
        Err(unanswered) => report.warn("agent", unanswered.text(), "ask as root"),
        Ok(told) if told.get("health").and_then(Value::as_str) == Some("ok") => {
            report.fine("agent", "it runs and says that all is well");
        }
        Ok(told) => {
            let reasons = told.get("why").and_then(Value::as_array);
            let reasons = reasons.into_iter().flatten().filter_map(Value::as_str);
            let found = reasons.collect::<Vec<_>>().join("; ");
            report.warn(
                "agent",
                format!("it runs, and: {found}"),
                "`plimsoll-agent status`",
            );
        }
    }
}

/// Tries files as the user of the service, if that is another and we are root.
fn rights(args: &DoctorArgs, config: &Config, unit: Option<&Unit>, report: &mut Report) {
    let is_root = rustix::process::geteuid().is_root();
    let service = unit.filter(|unit| is_root && !unit.user.is_empty() && unit.user != "root");
    let Some(unit) = service else {
        return doctor::rights(config, report);
    };
    let account = match doctor::account(&unit.user, &unit.groups) {
        Ok(account) => account,
        Err(none) => {
            let remedy = "`systemd-sysusers`, or install the package again";
            return report.fail("user", none, remedy);
        }
    };
    report.fine(
        "user",
        format!("the service runs as {} with its groups", unit.user),
    );
    if unit.reads_all {
        // The capability is what reads files then; root's own rights are the same.
        return doctor::rights(config, report);
    }
    match as_user(args, account) {
        Ok(findings) => report.0.extend(findings),
        Err(why) => report.skip("files", format!("cannot look as {}: {why}", unit.user)),
    }
}

fn as_user(args: &DoctorArgs, account: Account) -> Result<Vec<Finding>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["doctor", "--rights"]);
    let mut name = |flag: &str, path: Option<&Path>| {
        if let Some(path) = path {
            command.arg(flag).arg(path);
        }
    };
    name("--config", args.config.config.as_deref());
    let theirs = args.config.cloudwatch_agent_config.as_deref();
    name("--cloudwatch-agent-config", theirs);
    run_as(&mut command, account.user, account.group, account.others);
    let output = command.output().map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout);
    let lines = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let findings: Vec<Finding> = lines
        .filter_map(|value| Finding::from_json(&value))
        .collect();
    if findings.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(findings)
}

fn line(finding: &Finding) -> String {
    let Finding {
        check,
        verdict,
        found,
        remedy,
    } = finding;
    let mark = match verdict {
        Verdict::Fine => "ok     ",
        Verdict::Warning => "warning",
        Verdict::Failure => "FAILED ",
        Verdict::Skipped => "-      ",
    };
    let mut text = format!("{mark}  {check}: {found}\n");
    if let Some(remedy) = remedy {
        writeln!(text, "         remedy: {remedy}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_was_found_and_what_to_do() {
        let mut report = Report::default();
        report.fail("clock", "off", "correct it");
        report.fine("disk", "much");
        let told: String = report.0.iter().map(line).collect();
        let expected = "FAILED   clock: off\n         remedy: correct it\nok       disk: much\n";
        assert_eq!(told, expected);
    }
}
