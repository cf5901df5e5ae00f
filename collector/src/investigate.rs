//! What the rules say of events that lie in files: for an investigation, without AWS and without a
//! state that stays.
//!
//! The files go through the same steps as in a running collector (read, deduplicate, detect, and at
//! the end correlate), over a state in memory; nothing is told to anybody. What cannot be read is counted by
//! reason, and the rest goes on.

mod archive;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::clock::{Clock, SystemClock};
use tokio::task::{JoinError, spawn_blocking};

use crate::detect::Detectors;
use crate::finding::{Entity, Finding};
use crate::intake::take_in;
use crate::pipeline::absorb;
use crate::source::directory::{Format, files, read_bytes};
use crate::source::unpack::TEXT_BYTES_MAX;
use crate::source::{Gather, Problem, Reason, Unit, pipeline};
use crate::state::{State, StateError, Tx};

/// Why an investigation could not go on.
#[derive(Debug, thiserror::Error)]
pub enum InvestigateError {
    /// The state in memory failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The thread that read was lost.
    #[error("reading was interrupted: {0}")]
    Interrupted(#[from] JoinError),
}

/// What came out.
#[derive(Debug, Default)]
pub struct Report {
    /// Each file that was read, in the order of their paths.
    pub files: Vec<FileReport>,
    /// What could not be read, by reason; the first of each with its place.
    pub problems: BTreeMap<&'static str, (u64, String)>,
}

/// What one file came to.
#[derive(Debug)]
pub struct FileReport {
    /// The file, or the archive and its member.
    pub name: String,
    /// Events that were not in a file before it.
    pub events: u64,
    /// What the rules found in them, by time.
    pub findings: Vec<Found>,
}

/// A finding and the incident that it belongs to.
#[derive(Debug)]
pub struct Found {
    /// The finding.
    pub finding: Finding,
    /// The incident's id.
    pub incident: Option<String>,
}

impl Found {
    /// Who did it, if that is known.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        let mut entities = self.finding.entities.iter();
        entities.find_map(|entity| match entity {
            Entity::Principal(arn) => Some(arn.as_str()),
            _ => None,
        })
    }
}

/// Looks at everything below `paths`. `progress` hears of each file before it is read: how many are
/// done, of how many.
///
/// # Errors
/// See [`InvestigateError`]. A file that cannot be read is none.
pub async fn investigate(
    paths: &[PathBuf],
    detectors: Detectors,
    mut progress: impl FnMut(usize, usize),
) -> Result<Report, InvestigateError> {
    let desk = Desk {
        state: Arc::new(State::open_in_memory()?),
        detectors: Arc::new(detectors),
    };
    let mut report = Report::default();
    let mut all = Vec::new();
    for path in paths {
        let path = path.clone();
        let (found, unreadable) = spawn_blocking(move || files(&path)).await?;
        for (path, error) in unreadable {
            report.unreadable(&path, &error);
        }
        all.extend(found);
    }
    for (done, path) in all.iter().enumerate() {
        progress(done, all.len());
        desk.file(path, &mut report).await?;
    }
    progress(all.len(), all.len());
    desk.incidents(&mut report).await?;
    Ok(report)
}

/// Where files are looked at one after the other.
struct Desk {
    state: Arc<State>,
    detectors: Arc<Detectors>,
}

impl Desk {
    /// Reads a file, or each member of an archive.
    async fn file(&self, path: &Path, report: &mut Report) -> Result<(), InvestigateError> {
        if archive::is_one(path) {
            let mut members = archive::Members::open(path.to_owned());
            loop {
                let (returned, next) = spawn_blocking(move || {
                    let next = members.next();
                    (members, next)
                })
                .await?;
                members = returned;
                match next {
                    Ok(Some((name, bytes))) => self.bytes(name, bytes, report).await?,
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        report.unreadable(path, &error);
                        return Ok(());
                    }
                }
            }
        }
        let owned = path.to_owned();
        match spawn_blocking(move || read(&owned)).await? {
            Ok(bytes) => self.bytes(path.display().to_string(), bytes, report).await,
            Err(error) => {
                report.unreadable(path, &error);
                Ok(())
            }
        }
    }

    async fn bytes(
        &self,
        name: String,
        bytes: Vec<u8>,
        report: &mut Report,
    ) -> Result<(), InvestigateError> {
        let (outlet, mut units) = pipeline();
        let origin = name.clone();
        let reading = spawn_blocking(move || {
            let mut gather = Gather::new(&outlet);
            read_bytes(&bytes, Format::CloudTrail, &origin, &mut gather)?;
            gather.flush()
        });
        let mut file = FileReport {
            name,
            events: 0,
            findings: Vec::new(),
        };
        while let Some(mut delivery) = units.recv().await {
            let unit = std::mem::take(&mut delivery.unit);
            self.unit(unit, &mut file, report).await?;
            delivery.stored();
        }
        // It can only say that nobody took what it read, and we did.
        reading.await?.ok();
        file.findings
            .sort_by_key(|found| (found.finding.time_first, found.finding.id.clone()));
        report.files.push(file);
        Ok(())
    }

    async fn unit(
        &self,
        unit: Unit,
        file: &mut FileReport,
        report: &mut Report,
    ) -> Result<(), InvestigateError> {
        for problem in &unit.problems {
            report.problem(problem);
        }
        let (detectors, now) = (Arc::clone(&self.detectors), SystemClock.now());
        let taken = self
            .state
            .run(move |tx| take_in(tx, &unit, &detectors, now))
            .await?;
        file.events += taken.read.values().sum::<u64>();
        file.findings
            .extend(taken.findings.into_iter().map(|finding| Found {
                finding,
                incident: None,
            }));
        Ok(())
    }

    /// Makes incidents of the findings, now that all are known, and looks up whose each is.
    async fn incidents(&self, report: &mut Report) -> Result<(), InvestigateError> {
        let found = report.files.iter().flat_map(|file| &file.findings);
        let findings: Vec<Finding> = found.map(|found| found.finding.clone()).collect();
        let now = SystemClock.now();
        let owners = self
            .state
            .run(move |tx: &Tx<'_>| {
                absorb(tx, &findings, now)?;
                tx.owners(findings.iter().map(|finding| finding.id.as_str()))
            })
            .await?;
        for found in report.files.iter_mut().flat_map(|file| &mut file.findings) {
            found.incident = owners.get(&found.finding.id).cloned();
        }
        Ok(())
    }
}

impl Report {
    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let place = format!("{}: {error}", path.display());
        self.count(Reason::Unreadable, place);
    }

    fn problem(&mut self, problem: &Problem) {
        let Problem {
            origin,
            place,
            detail,
            ..
        } = problem;
        self.count(problem.reason, format!("{origin} {place}: {detail}"));
    }

    fn count(&mut self, reason: Reason, place: String) {
        let counted = self.problems.entry(reason.as_str()).or_insert((0, place));
        counted.0 += 1;
    }
}

/// A file's bytes, up to a few more than are looked at.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
