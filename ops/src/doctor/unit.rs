//! The unit of the service, as systemd knows it.

use std::collections::BTreeMap;
use std::process::Command;

use super::Report;
use super::environment::{Variables, of_process, of_unit};
use crate::Service;
use crate::said::said;

const PROPERTIES: &str = "LoadState,ActiveState,UnitFileState,NRestarts,Result,StatusText,User,\
                          SupplementaryGroups,AmbientCapabilities,ConditionResult,MainPID,\
                          Environment,EnvironmentFiles";
/// Restarts by systemd since the unit was started from which on something is wrong.
const RESTARTS_MANY: u64 = 3;
/// Lets a process read every file. Source: `capabilities(7)`.
const READ_ALL: &str = "cap_dac_read_search";

/// What the unit says of the service's rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Whom it runs as; empty for root.
    pub user: String,
    /// Groups that it is given besides its own.
    pub groups: Vec<String>,
    /// Whether it may read every file.
    pub reads_all: bool,
    /// The variables that it has or would be given.
    pub(super) variables: Variables,
}

/// Asks systemd about the unit of `service`. `None` where there is no such unit.
pub fn unit(service: &Service, report: &mut Report) -> Option<Unit> {
    let mut command = Command::new("systemctl");
    command.args(["show", &service.unit(), &format!("--property={PROPERTIES}")]);
    match said(&mut command) {
        Ok(output) if output.status.success() => {
            let told = String::from_utf8_lossy(&output.stdout);
            judge(service, &told, on_probation(service), report)
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or_default();
            report.skip("unit", format!("systemd does not answer: {said}"));
            None
        }
        Err(error) => {
            let why = format!("systemctl cannot be asked on this host: {error}");
            report.skip("unit", why);
            None
        }
    }
}

/// Whether a candidate for the next version runs in the service's place.
fn on_probation(service: &Service) -> bool {
    let mut command = Command::new("systemctl");
    command.args(["--quiet", "is-active", &format!("{}-next", service.program)]);
    said(&mut command).is_ok_and(|output| output.status.success())
}

fn judge(service: &Service, told: &str, on_probation: bool, report: &mut Report) -> Option<Unit> {
    let Service {
        program,
        word,
        config,
        ..
    } = service;
    let told: BTreeMap<&str, &str> = told
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let is = |name: &str| told.get(name).copied().unwrap_or_default();
    if is("LoadState") != "loaded" {
        let found = format!("{} is {}", service.unit(), is("LoadState"));
        let remedy = format!("install the package, if the {word} is to run as a service");
        report.warn("unit", found, remedy);
        return None;
    }
    let restarts = is("NRestarts").parse().unwrap_or(0);
    let journal = format!("see why with `journalctl -u {program} -n 50`");
    match (is("ActiveState"), is("ConditionResult")) {
        ("active", _) if restarts >= RESTARTS_MANY => {
            let found = format!("systemd has restarted it {restarts} times");
            report.warn("unit", found, journal);
        }
        ("active", _) => report.fine("unit", format!("active; {}", is("StatusText"))),
        ("activating" | "reloading", _) => {
            report.warn("unit", is("ActiveState"), "wait, and ask again");
        }
        (_, _) if on_probation => report.fine(
            "unit",
            format!("a candidate is on probation in its place: `{program}-next status`"),
        ),
        ("failed", _) => report.fail("unit", format!("it has failed ({})", is("Result")), journal),
        (state, "no") => {
            let remedy = format!("write {config}, then `systemctl start {program}`");
            report.fail("unit", format!("{state}: it has no configuration"), remedy);
        }
        (state, _) => report.fail("unit", state, format!("`systemctl start {program}`")),
    }
    if is("UnitFileState") != "enabled" {
        let found = format!(
            "it is {}: it does not start with the host",
            is("UnitFileState")
        );
        report.warn("unit", found, format!("`systemctl enable {program}`"));
    }
    let words = |name: &str| is(name).split_ascii_whitespace().map(str::to_owned);
    let reads_all = words("AmbientCapabilities").any(|one| one.eq_ignore_ascii_case(READ_ALL));
    let running = Some(is("MainPID")).filter(|pid| !["", "0"].contains(pid));
    let variables = running.and_then(of_process);
    let would_be = || of_unit(is("Environment"), is("EnvironmentFiles"));
    Some(Unit {
        user: is("User").to_owned(),
        groups: words("SupplementaryGroups").collect(),
        reads_all,
        variables: variables.unwrap_or_else(would_be),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::TESTED;

    /// What systemd tells otherwise than of a unit that runs.
    type Changes = &'static [(&'static str, &'static str)];

    fn found(changes: &[(&str, &str)]) -> (Vec<(Verdict, String)>, Option<Unit>) {
        found_with(changes, false)
    }

    fn found_with(
        changes: &[(&str, &str)],
        on_probation: bool,
    ) -> (Vec<(Verdict, String)>, Option<Unit>) {
        let mut told = BTreeMap::from([
            ("LoadState", "loaded"),
            ("ActiveState", "active"),
            ("UnitFileState", "enabled"),
            ("NRestarts", "0"),
            ("Result", "success"),
            ("StatusText", "12 files"),
            ("User", "plimsoll"),
            ("SupplementaryGroups", "adm systemd-journal"),
            ("AmbientCapabilities", ""),
            ("ConditionResult", "yes"),
        ]);
        told.extend(changes.iter().copied());
        let lines = told.iter().map(|(name, value)| format!("{name}={value}\n"));
        let mut report = Report::default();
        let unit = judge(
            &TESTED,
            &lines.collect::<String>(),
            on_probation,
            &mut report,
        );
        let findings = report.0.into_iter();
        (
            findings
                .map(|one| (one.verdict, one.remedy.unwrap_or_default()))
                .collect(),
            unit,
        )
    }

    #[test]
    fn each_state_of_the_unit_has_its_verdict_and_its_remedy() {
        let start = "`systemctl start plimsoll-agent`";
        let cases: [(Changes, Verdict, &str); 7] = [
            (&[], Verdict::Fine, ""),
            (
                &[("LoadState", "not-found")],
                Verdict::Warning,
                "install the package",
            ),
            (&[("NRestarts", "3")], Verdict::Warning, "journalctl"),
            (&[("ActiveState", "failed")], Verdict::Failure, "journalctl"),
            (&[("ActiveState", "inactive")], Verdict::Failure, start),
            (
                &[("ActiveState", "inactive"), ("ConditionResult", "no")],
                Verdict::Failure,
                "agent.toml",
            ),
            (&[("UnitFileState", "disabled")], Verdict::Fine, ""),
        ];
        for (changes, verdict, remedy) in cases {
            let (findings, _) = found(changes);
            assert_eq!(findings[0].0, verdict, "{changes:?}");
            assert!(
                findings[0].1.contains(remedy),
                "{changes:?}: {}",
                findings[0].1
            );
        }
        let (findings, _) = found(&[("ActiveState", "activating")]);
        assert_eq!(findings[0].0, Verdict::Warning);
        let (findings, _) = found_with(&[("ActiveState", "inactive")], true);
        assert_eq!(
            findings[0].0,
            Verdict::Fine,
            "a candidate runs in its place"
        );
        let (findings, _) = found(&[("UnitFileState", "disabled")]);
        assert_eq!(
            findings[1],
            (
                Verdict::Warning,
                "`systemctl enable plimsoll-agent`".to_owned()
            )
        );
    }

    #[test]
    fn the_rights_of_the_service_are_those_of_its_unit() {
        let (_, unit) = found(&[("AmbientCapabilities", "cap_dac_read_search cap_sys_ptrace")]);
        let expected = Unit {
            user: "plimsoll".to_owned(),
            groups: vec!["adm".to_owned(), "systemd-journal".to_owned()],
            reads_all: true,
            variables: Vec::new(),
        };
        assert_eq!(unit, Some(expected));
    }
}
