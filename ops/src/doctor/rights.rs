//! What the running service says of itself, and looks that are done as the user that it runs as:
//! root may read what the service may not.

use std::ffi::OsStr;
use std::process::Command;

use rustix::process::geteuid;
use serde_json::Value;

use super::account::{Account, account, name};
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

/// Where the service is looked for when programs are started without a `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// As whom things are tried.
#[derive(Debug)]
pub enum Who<'u> {
    /// As whoever asks.
    Asker,
    /// As the service: its user and groups, and its variables alone.
    Service(&'u Unit, Account),
    /// The service's user does not exist, so nobody can tell.
    Nobody,
}

/// As whom to try things: as the service of `unit`, if there is one and root asks.
pub fn who<'u>(unit: Option<&'u Unit>, report: &mut Report) -> Who<'u> {
    let Some(unit) = unit else {
        return Who::Asker;
    };
    let user = if unit.user.is_empty() {
        "root"
    } else {
        &unit.user
    };
    if !geteuid().is_root() {
        let asker = name(geteuid().as_raw());
        let found = format!(
            "asked as {asker} with the variables of this shell; ask as root to look as the \
             service ({user})"
        );
        report.skip("user", found);
        return Who::Asker;
    }
    match account(user, &unit.groups) {
        Ok(account) => {
            let found = format!("the service runs as {user} with its groups and variables");
            report.fine("user", found);
            Who::Service(unit, account)
        }
        Err(none) => {
            let remedy = "`systemd-sysusers`, or install the package again";
            report.fail("user", none, remedy);
            Who::Nobody
        }
    }
}

impl Who<'_> {
    /// Tries files `here`, or by a child of this program that is given `arguments` and tells each
    /// finding as a line of JSON.
    pub fn files(&self, arguments: &[&OsStr], here: impl FnOnce(&mut Report), report: &mut Report) {
        match self {
            // The capability is what reads files then; root's own rights are the same.
            Self::Service(unit, _) if unit.reads_all => here(report),
            _ => self.look("files", arguments, here, report),
        }
    }

    /// The same for what takes no rights on files. `check` is what is told of, if the child cannot be
    /// had.
    pub fn look(
        &self,
        check: &str,
        arguments: &[&OsStr],
        here: impl FnOnce(&mut Report),
        report: &mut Report,
    ) {
        match self {
            Self::Asker => here(report),
            Self::Nobody => {}
            Self::Service(unit, account) => match as_service(unit, account, arguments) {
                Ok(findings) => report.0.extend(findings),
                Err(why) => {
                    report.skip(check, format!("cannot look as the service: {why}"));
                }
            },
        }
    }
}

fn as_service(
    unit: &Unit,
    account: &Account,
    arguments: &[&OsStr],
) -> Result<Vec<Finding>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", &account.home)
        .envs(unit.variables.iter().map(|(name, value)| (name, value)));
    // Nothing that the child says is said to systemd.
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC");
    run_as(
        &mut command,
        account.user,
        account.group,
        account.others.clone(),
    );
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
