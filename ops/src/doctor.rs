//! What keeps a service from doing its work on this host, each with its remedy.
//!
//! Looks and asks, and changes nothing. What only one service needs it looks at itself; here is what
//! both have: the report, the unit, the account that the service runs as, disk and clock, instance
//! metadata, credentials, and the remedy of each error of AWS.

mod account;
mod aws;
mod environment;
mod host;
mod metadata;
mod proved;
mod rights;
mod unit;

use std::fmt::Write as _;
use std::process::ExitCode;

use plimsoll_core::cli::{FAILED, print};
use serde_json::Value;

use crate::protocol::object;

pub use account::{Account, name};
pub use aws::{connect, has_failed};
pub use host::{clock, disk};
pub use metadata::instance;
pub use proved::{Rights, Untried};
pub use rights::{Who, running, who};
pub use unit::{Unit, unit};

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
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
    /// As it is printed.
    #[must_use]
    pub fn word(self) -> &'static str {
        let found = WORDS.iter().find(|(verdict, _)| *verdict == self);
        found.map_or("", |(_, word)| word)
    }
}

/// What one look has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, a word.
    pub check: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub found: String,
    /// What to do; for warnings and failures alone.
    pub remedy: Option<String>,
}

impl Finding {
    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        object([
            ("check", self.check.as_str().into()),
            ("verdict", self.verdict.word().into()),
            ("found", self.found.as_str().into()),
            ("remedy", self.remedy.as_deref().into()),
        ])
    }

    /// What another process of this program has told, or `None` if it is not understood.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
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
pub struct Report(pub Vec<Finding>);

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

    /// All is as it should be.
    pub fn fine(&mut self, check: &str, found: impl Into<String>) {
        self.add(check, Verdict::Fine, found.into(), None);
    }

    /// It could not be asked here, or does not matter.
    pub fn skip(&mut self, check: &str, why: impl Into<String>) {
        self.add(check, Verdict::Skipped, why.into(), None);
    }

    /// It works, and may not for long, or costs something.
    pub fn warn(&mut self, check: &str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Verdict::Warning, found.into(), Some(remedy.into()));
    }

    /// It does not work.
    pub fn fail(&mut self, check: &str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Verdict::Failure, found.into(), Some(remedy.into()));
    }

    /// An object of JSON on each line.
    #[must_use]
    pub fn json(&self) -> String {
        let mut lines = String::new();
        for one in &self.0 {
            writeln!(lines, "{}", one.json()).ok();
        }
        lines
    }

    /// Prints all of it, for machines or for people; 1 if anything does not work.
    #[must_use]
    pub fn tell(&self, json: bool) -> ExitCode {
        print(&if json {
            self.json()
        } else {
            self.0.iter().map(line).collect()
        });
        if self.has_failed() {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }

    /// Whether anything does not work.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.iter().any(|one| one.verdict == Verdict::Failure)
    }
}

/// A finding as people read it.
#[must_use]
pub fn line(finding: &Finding) -> String {
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
    use serde_json::json;

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
