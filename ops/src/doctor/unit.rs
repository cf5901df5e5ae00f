//! The unit of the service, as systemd knows it.

use std::collections::BTreeMap;
use std::process::Command;

use super::Report;
use crate::Service;

const PROPERTIES: &str = "LoadState,ActiveState,UnitFileState,NRestarts,Result,StatusText,User,\
                          SupplementaryGroups,AmbientCapabilities,ConditionResult";
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
}

/// Asks systemd about the unit of `service`. `None` where there is no such unit.
pub fn unit(service: &Service, report: &mut Report) -> Option<Unit> {
    let mut command = Command::new("systemctl");
    command.args(["show", &service.unit(), &format!("--property={PROPERTIES}")]);
    match command.output() {
        Ok(output) if output.status.success() => {
            judge(service, &String::from_utf8_lossy(&output.stdout), report)
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or_default();
            report.skip("unit", format!("systemd does not answer: {said}"));
            None
        }
        Err(_) => {
            report.skip("unit", "there is no systemctl on this host");
            None
        }
    }
}

fn judge(service: &Service, told: &str, report: &mut Report) -> Option<Unit> {
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
    Some(Unit {
        user: is("User").to_owned(),
        groups: words("SupplementaryGroups").collect(),
        reads_all,
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
        let unit = judge(&TESTED, &lines.collect::<String>(), &mut report);
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
        };
        assert_eq!(unit, Some(expected));
    }
}
