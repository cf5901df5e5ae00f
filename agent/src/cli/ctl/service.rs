//! The service as systemd knows it, asked and told through `systemctl`.

use std::io;
use std::process::{Command, Output, Stdio};

/// The unit.
const UNIT: &str = "plimsoll-agent.service";

/// What the unit is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Whether its process runs.
    pub(super) running: bool,
    /// Since when, as ISO 8601 in UTC; empty if it does not run.
    pub(super) started: String,
}

/// Asks systemd.
///
/// # Errors
/// When there is no systemd here.
pub(super) fn state() -> Result<State, String> {
    let properties = "--property=ActiveState,ExecMainStartTimestamp";
    let told = call(&["show", properties, UNIT])?;
    Ok(State::read(&told))
}

impl State {
    fn read(told: &str) -> Self {
        let property = |name: &str| {
            let lines = told.lines();
            lines
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| *key == name)
        };
        let active = property("ActiveState").map(|(_, value)| value);
        // What `systemctl is-active` calls active.
        let running = matches!(active, Some("active" | "reloading" | "refreshing"));
        let since = property("ExecMainStartTimestamp").filter(|_| running);
        Self {
            running,
            started: since.and_then(|(_, stamp)| iso(stamp)).unwrap_or_default(),
        }
    }
}

/// `Wed 2026-11-25 01:02:03 UTC` as `2026-11-25T01:02:03+00:00`.
fn iso(stamp: &str) -> Option<String> {
    match stamp.split(' ').collect::<Vec<_>>().as_slice() {
        [_, date, time, "UTC"] => Some(format!("{date}T{time}+00:00")),
        _ => None,
    }
}

/// Starts the service, anew if it runs, now and at each boot.
///
/// # Errors
/// What systemd says.
pub(super) fn restart() -> Result<(), String> {
    call(&["daemon-reload"])?;
    call(&["enable", "--quiet", UNIT])?;
    call(&["restart", UNIT])?;
    Ok(())
}

/// Stops the service until the next boot.
///
/// # Errors
/// What systemd says.
pub(super) fn stop() -> Result<(), String> {
    call(&["stop", UNIT]).map(drop)
}

/// Lets the service read its configuration again.
///
/// # Errors
/// What systemd says.
pub(super) fn reload() -> Result<(), String> {
    call(&["reload", UNIT]).map(drop)
}

/// Stops the service for good, before it is removed.
///
/// # Errors
/// What systemd says.
pub(super) fn retire() -> Result<(), String> {
    if state()?.running {
        stop()?;
    }
    call(&["disable", "--quiet", UNIT])?;
    call(&["daemon-reload"])?;
    // There may be nothing to reset, which is no trouble.
    drop(call(&["reset-failed", UNIT]));
    Ok(())
}

/// Calls `systemctl`, whose times are UTC, and gives what it printed.
fn call(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("systemctl");
    command
        .args(arguments)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    match command.output() {
        Ok(output) => answered(arguments, &output),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no systemctl here: start and stop the agent with what runs it".to_owned())
        }
        Err(error) => Err(format!("systemctl cannot be called: {error}")),
    }
}

fn answered(arguments: &[&str], output: &Output) -> Result<String, String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let (arguments, said) = (arguments.join(" "), said.trim());
    Err(format!(
        "systemctl {arguments} failed ({}): {said}",
        output.status
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_becomes_the_words_of_the_status() {
        let check = |told: &str, running: bool, started: &str| {
            let started = started.to_owned();
            assert_eq!(State::read(told), State { running, started }, "{told}");
        };
        let stamp = "ExecMainStartTimestamp=Wed 2026-11-25 01:02:03 UTC\n";
        let started = "2026-11-25T01:02:03+00:00";
        check(&format!("{stamp}ActiveState=active\n"), true, started);
        check(&format!("ActiveState=reloading\n{stamp}"), true, started);
        check(&format!("{stamp}ActiveState=failed\n"), false, "");
        check(&format!("{stamp}ActiveState=activating\n"), false, "");
        check("ExecMainStartTimestamp=n/a\nActiveState=active\n", true, "");
        check("", false, "");
    }
}
