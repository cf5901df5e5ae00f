//! `plimsoll-collector investigate`: what the rules say of CloudTrail events in files.
//!
//! Exit code 0 when everything was read, whatever was found; 1 when something was not, told on
//! standard error.

use std::fmt::Write as _;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use clap::Args;
use plimsoll_aws::check_region;
use plimsoll_core::cli::{complain, count_mistakes, failure, print, runtime};
use plimsoll_ops::protocol::object;
use plimsoll_ops::shown::clean;
use serde_json::Value;

use super::{BLOCKING_THREADS_MAX, PROGRAM};
use crate::detect::{Detectors, RuleError, RuleSet};
use crate::finding::Severity;
use crate::investigate::{FileReport, Found, Report, investigate};

/// Look for attacks in CloudTrail events that lie in files.
#[derive(Debug, Args)]
pub(super) struct InvestigateArgs {
    /// CloudTrail files (.json, .json.gz, .jsonl), directories of them, or tar archives.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// One JSON object for each finding.
    #[arg(long)]
    json: bool,
    /// Rules of this directory besides those that are built in; one with the id of a built-in rule
    /// takes its place.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Leave out what is less severe.
    #[arg(long, value_name = "LEVEL", default_value = "low", value_parser = severity)]
    min_severity: Severity,
    /// A Region in use, so that others are new at once; may be given again. Else Regions are learned
    /// from the first seven days of the events.
    #[arg(long = "home-region", value_name = "REGION", value_parser = region)]
    home_regions: Vec<String>,
}

/// Reads, finds and tells.
pub(super) fn run(args: &InvestigateArgs) -> Result<(), String> {
    let rules = rules(args).map_err(|errors| count_mistakes(&errors))?;
    let mut detectors = Detectors {
        rules,
        ..Detectors::default()
    };
    detectors
        .regions
        .home
        .extend(args.home_regions.iter().cloned());
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let bar = Bar::default();
    let looked = runtime.block_on(investigate(&args.paths, detectors, |done, all| {
        bar.show(done, all);
    }));
    runtime.shutdown_background();
    let mut report = looked.map_err(|error| failure(PROGRAM, &error))?;
    for file in &mut report.files {
        file.findings
            .retain(|found| found.finding.severity >= args.min_severity);
    }
    print(&if args.json {
        lines(&report)
    } else {
        table(&report)
    });
    let mut unread = String::new();
    for (reason, (count, first)) in &report.problems {
        writeln!(unread, "{reason}: {count}, the first: {}", clean(first)).ok();
    }
    if unread.is_empty() {
        Ok(())
    } else {
        Err(unread)
    }
}

fn rules(args: &InvestigateArgs) -> Result<RuleSet, Vec<RuleError>> {
    let built_in = RuleSet::built_in()?;
    match &args.rules {
        None => Ok(built_in),
        Some(directory) => Ok(built_in.with(RuleSet::load(directory)?)),
    }
}

fn severity(word: &str) -> Result<Severity, String> {
    Severity::parse(word).ok_or_else(|| {
        let all = Severity::ALL.map(Severity::as_str);
        format!("expected one of: {}", all.join(", "))
    })
}

fn region(name: &str) -> Result<String, String> {
    check_region(name).map(|()| name.to_owned())
}

/// A line that says how far it is, for people alone.
#[derive(Debug)]
struct Bar {
    is_shown: bool,
}

impl Default for Bar {
    fn default() -> Self {
        Self {
            is_shown: stderr().is_terminal(),
        }
    }
}

impl Bar {
    const WIDTH: usize = 30;

    fn show(&self, done: usize, all: usize) {
        if self.is_shown {
            complain(&Self::line(done, all));
        }
    }

    /// The line, which takes the place of the one before; at the end it is wiped away.
    fn line(done: usize, all: usize) -> String {
        if done >= all {
            return "\r\x1b[K".to_owned();
        }
        let full = Self::WIDTH * done / all;
        let (full, rest) = ("#".repeat(full), "-".repeat(Self::WIDTH - full));
        format!("\r\x1b[K[{full}{rest}] {done} of {all} files")
    }
}

/// A finding on each line.
fn lines(report: &Report) -> String {
    let mut text = String::new();
    for file in &report.files {
        for found in &file.findings {
            writeln!(text, "{}", json(file, found)).ok();
        }
    }
    text
}

fn json(file: &FileReport, found: &Found) -> Value {
    let finding = &found.finding;
    let events = finding.evidence.iter().map(|one| one.reference.as_str());
    object([
        ("rule", finding.rule.as_str().into()),
        ("title", finding.title.as_str().into()),
        ("severity", finding.severity.as_str().into()),
        ("time", finding.time_first.to_string().into()),
        ("principal", found.principal().into()),
        ("account", finding.account.as_deref().into()),
        ("region", finding.region.as_deref().into()),
        ("event_ids", events.collect::<Vec<_>>().into()),
        ("incident", found.incident.as_deref().into()),
        ("summary", finding.summary.as_str().into()),
        ("file", file.name.as_str().into()),
    ])
}

/// A paragraph for each file, and the sums.
fn table(report: &Report) -> String {
    let mut text = String::new();
    let (mut events, mut findings) = (0, 0);
    for file in &report.files {
        events += file.events;
        findings += file.findings.len();
        writeln!(
            text,
            "{}: {} events, {} findings",
            clean(&file.name),
            file.events,
            file.findings.len()
        )
        .ok();
        for (found, count) in by_rule(&file.findings) {
            text.push_str(&row(found, count));
        }
    }
    let files = report.files.len();
    text + &format!("{files} files, {events} events, {findings} findings\n")
}

fn row(found: &Found, count: usize) -> String {
    let finding = &found.finding;
    format!(
        "  {:<13} {:>5}x  {}  {}  {}\n      {}\n",
        finding.severity.as_str(),
        count,
        finding.time_first,
        found.incident.as_deref().unwrap_or("-"),
        clean(&finding.title),
        clean(&finding.summary),
    )
}

/// The first finding of each rule with its number, the worst first.
fn by_rule(findings: &[Found]) -> Vec<(&Found, usize)> {
    let mut rows: Vec<(&Found, usize)> = Vec::new();
    for found in findings {
        let same = |row: &&mut (&Found, usize)| row.0.finding.title == found.finding.title;
        match rows.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => rows.push((found, 1)),
        }
    }
    rows.sort_by_key(|(found, _)| std::cmp::Reverse(found.finding.severity));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_full_at_the_end_and_then_gone() {
        let line = Bar::line(5, 10);
        let half = Bar::WIDTH / 2;
        assert!(line.contains(&format!("[{}{}]", "#".repeat(half), "-".repeat(half))));
        assert!(line.ends_with("5 of 10 files"));
        assert_eq!(Bar::line(10, 10), "\r\x1b[K");
        assert_eq!(Bar::line(0, 0), "\r\x1b[K");
    }
}
