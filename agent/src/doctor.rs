//! What keeps the agent from doing its work on this host, each with its remedy.
//!
//! Looks and asks, and changes nothing: the calls that prove rights are such as AWS refuses for
//! another reason once the right is there. Files are tried as the user that the service runs as,
//! since root may read what the service may not.

mod account;
mod calls;
mod host;
mod metadata;
mod rivals;
mod unit;

pub(crate) use account::{Account, account};
pub(crate) use unit::Unit;

use serde_json::{Value, json};

use crate::config::{Config, Depth, run_checks};
use crate::scraper::HostRoot;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Fine,
    /// It works, and may not for long, or costs something.
    Warning,
    /// It does not work.
    Failure,
    /// It could not be asked here, or does not matter.
    Skipped,
}

/// Words of verdicts, as they are printed.
const WORDS: [(Verdict, &str); 4] = [
    (Verdict::Fine, "ok"),
    (Verdict::Warning, "warning"),
    (Verdict::Failure, "failed"),
    (Verdict::Skipped, "skipped"),
];

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        let found = WORDS.iter().find(|(verdict, _)| *verdict == self);
        found.map_or("", |(_, word)| word)
    }
}

/// What one look has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What was looked at, a word.
    pub(crate) check: String,
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) found: String,
    /// What to do; for warnings and failures alone.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        json!({
            "check": self.check,
            "verdict": self.verdict.word(),
            "found": self.found,
            "remedy": self.remedy,
        })
    }

    /// What another process of this program has told, or `None` if it is not understood.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let word = text("verdict")?;
        let (verdict, _) = WORDS.iter().find(|(_, known)| *known == word)?;
        Some(Self {
            check: text("check")?,
            verdict: *verdict,
            found: text("found")?,
            remedy: text("remedy"),
        })
    }
}

/// All that was found, in the order in which it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Report(pub(crate) Vec<Finding>);

impl Report {
    fn add(&mut self, check: &str, verdict: Verdict, found: String, remedy: Option<String>) {
        let check = check.to_owned();
        self.0.push(Finding {
            check,
            verdict,
            found,
            remedy,
        });
    }

    pub(crate) fn fine(&mut self, check: &str, found: impl Into<String>) {
        self.add(check, Verdict::Fine, found.into(), None);
    }

    pub(crate) fn skip(&mut self, check: &str, why: impl Into<String>) {
        self.add(check, Verdict::Skipped, why.into(), None);
    }

    pub(crate) fn warn(
        &mut self,
        check: &str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(check, Verdict::Warning, found.into(), Some(remedy.into()));
    }

    pub(crate) fn fail(
        &mut self,
        check: &str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(check, Verdict::Failure, found.into(), Some(remedy.into()));
    }

    /// Whether anything does not work.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.iter().any(|one| one.verdict == Verdict::Failure)
    }
}

/// What the configuration needs of the user who asks: files to read, a directory to write.
pub(crate) fn rights(config: &Config, report: &mut Report) {
    let findings = run_checks(&config.checks, Depth::Validate);
    for problem in &findings.problems {
        let (found, remedy) = (&problem.found, &problem.expected);
        report.fail(
            "files",
            format!("{}: {found}", problem.key),
            remedy.as_str(),
        );
    }
    for note in &findings.notes {
        report.warn(
            "files",
            note.as_str(),
            "check the path, if the file should be there by now",
        );
    }
    if findings.problems.is_empty() {
        let user = account::name(rustix::process::geteuid().as_raw());
        report.fine(
            "files",
            format!("{user} may read what is there to be read, and write state"),
        );
    }
}

/// Looks at the host without asking the network.
pub(crate) fn look(config: &Config, report: &mut Report) {
    host::look(config, &HostRoot::default(), report);
    rivals::look(config, &HostRoot::default(), report);
}

/// Looks at the unit of the service.
pub(crate) fn look_at_unit(report: &mut Report) -> Option<Unit> {
    unit::look(report)
}

/// Asks instance metadata and AWS.
pub(crate) async fn ask(config: &Config, report: &mut Report) {
    let host = metadata::ask(config, &HostRoot::default(), report).await;
    calls::ask(config, &host, report).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_to_another_process_and_back() {
        let mut report = Report::default();
        report.fine("disk", "much");
        report.warn("clock", "nobody corrects it", "correct it");
        report.fail("files", "a \"quoted\" path", "read it");
        report.skip("unit", "no systemd");
        for finding in report.0 {
            assert_eq!(Finding::from_json(&finding.json()), Some(finding));
        }
        assert_eq!(
            Finding::from_json(&json!({"check": "x", "verdict": "odd"})),
            None
        );
    }
}
