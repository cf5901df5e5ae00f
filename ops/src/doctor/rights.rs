//! What the running service says of itself, and looks that are done as the user that it runs as:
//! root may read what the service may not.

use std::ffi::OsStr;
use std::process::Command;

use rustix::process::geteuid;
use serde_json::Value;

use super::account::{Account, account};
use super::{Finding, Report, Unit};
use crate::Service;
use crate::asking::Unanswered;
use crate::sys::run_as::run_as;

/// Judges what the running service has answered to `status`.
pub fn running(service: &Service, answer: Result<Value, Unanswered>, report: &mut Report) {
    let Service { program, word, .. } = service;
    match answer {
        Err(unanswered) if unanswered.is_not_running() => {
            let none = format!("no {word} answers on this configuration's socket");
            report.skip(word, none);
        }
        Err(unanswered) => report.warn(word, unanswered.text(), "ask as root"),
        Ok(told) if told.get("health").and_then(Value::as_str) == Some("ok") => {
            report.fine(word, "it runs and says that all is well");
        }
        Ok(told) => {
            let reasons = told.get("why").and_then(Value::as_array);
            let reasons = reasons.into_iter().flatten().filter_map(Value::as_str);
            let found = reasons.collect::<Vec<_>>().join("; ");
            report.warn(
                word,
                format!("it runs, and: {found}"),
                format!("`{program} status`"),
            );
        }
    }
}

/// Looks `here`, or as the user of the service, if that is another and we are root: then by a child
/// of this program that is given `arguments` and tells each finding as a line of JSON.
pub fn as_service(
    unit: Option<&Unit>,
    arguments: &[&OsStr],
    here: impl FnOnce(&mut Report),
    report: &mut Report,
) {
    let is_root = geteuid().is_root();
    let service = unit.filter(|unit| is_root && !unit.user.is_empty() && unit.user != "root");
    let Some(unit) = service else {
        return here(report);
    };
    let account = match account(&unit.user, &unit.groups) {
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
        return here(report);
    }
    match as_user(arguments, account) {
        Ok(findings) => report.0.extend(findings),
        Err(why) => report.skip("files", format!("cannot look as {}: {why}", unit.user)),
    }
}

fn as_user(arguments: &[&OsStr], account: Account) -> Result<Vec<Finding>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(arguments);
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
