//! Files of a directory, each read once in each of its versions.
//!
//! The directory is looked through at an interval, and at once when the system hints at something
//! new, subdirectories included, in the order of paths, which for CloudTrail's names is the order
//! of time. A file counts as done when the effects of
//! all its records are stored; then its size and time of writing are remembered. A file that
//! changes is read again as a whole, and the events that were in it before are recognised by their
//! ids. This source never changes or removes a file, and never follows a link to a directory.

mod hint;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::shutdown::Shutdown;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::unpack::{TEXT_BYTES_MAX, unpack};
use super::{
    Closed, FileVersion, Gather, Outlet, Problem, Progress, Reason, Unit, cloudtrail, cost,
    guardduty,
};
use crate::health::Pulse;
use crate::state::{State, StateError};
use hint::Hints;

/// Files come in bursts: the first hint waits this long for the others.
const SETTLE: Duration = Duration::from_millis(200);
/// Passes that hints ask for take at most this share of the time, so that a tree of many thousand
/// files in which something is always new is not walked without end.
const HINTED_SHARE: u32 = 10;
/// What a file may be called. Others, such as one that is being written under a name of its own,
/// are not looked at.
const SUFFIXES: [&str; 6] = [
    ".json",
    ".json.gz",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
];
/// Directories inside directories. CloudTrail's own tree is nine deep.
const DEPTH_MAX: usize = 24;
/// Files that are looked at in one pass; more of them are reported as a problem.
const FILES_MAX: usize = 200_000;

/// What the files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CloudTrail records.
    CloudTrail,
    /// GuardDuty findings.
    GuardDuty,
    /// Answers of GetCostAndUsage, daily and grouped by service.
    Cost,
}

/// Why a source ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The pipeline ended first.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The thread that read was lost with its runtime.
    #[error("reading was interrupted")]
    Interrupted,
}

/// The source.
#[derive(Debug)]
pub struct DirectorySource {
    root: PathBuf,
    format: Format,
    every: Duration,
    state: Arc<State>,
    outlet: Outlet,
    pulse: Arc<Pulse>,
}

/// What is remembered between two passes.
#[derive(Debug, Default)]
struct Known {
    /// Read to the end.
    done: HashMap<PathBuf, FileVersion>,
    /// Could not be opened in the last pass, and that was reported.
    failed: BTreeSet<PathBuf>,
}

impl DirectorySource {
    /// Reads the files under `root`, or the one file `root`, and looks for new ones every `every`.
    /// `pulse` feels whether `root` can be read.
    #[must_use]
    pub fn new(
        root: PathBuf,
        format: Format,
        every: Duration,
        state: Arc<State>,
        outlet: Outlet,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            root,
            format,
            every,
            state,
            outlet,
            pulse,
        }
    }

    /// Reads until it is asked to stop.
    ///
    /// # Errors
    /// See [`Ended`].
    pub async fn run(self, mut shutdown: Shutdown) -> Result<(), Ended> {
        let mut known = self.known().await?;
        let mut hints = Hints::new();
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hinted_from = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                // Watching begins before the look: what comes between the two is not missed.
                _ = ticks.tick() => hints.watch(&self.root).await,
                () = hinted(&mut hints, hinted_from) => {}
            }
            hints.clear();
            let begun = Instant::now();
            known = self.pass(known, shutdown.clone()).await?;
            hinted_from = Instant::now() + begun.elapsed() * HINTED_SHARE;
            if known.failed.contains(&self.root) {
                hints.forget();
            }
        }
    }

    /// Reads what is there now, once.
    ///
    /// # Errors
    /// See [`Ended`].
    pub async fn run_once(self, shutdown: Shutdown) -> Result<(), Ended> {
        let known = self.known().await?;
        self.pass(known, shutdown).await.map(drop)
    }

    async fn known(&self) -> Result<Known, Ended> {
        let root = self.root.clone();
        let done = self.state.run(move |tx| tx.files_done(&root)).await?;
        Ok(Known {
            done,
            failed: BTreeSet::new(),
        })
    }

    /// One pass: looks at everything, then reads what is new, one file after the other.
    async fn pass(&self, mut known: Known, shutdown: Shutdown) -> Result<Known, Ended> {
        let root = self.root.clone();
        let found = blocking(move || look(&root)).await?;
        let mut failed = BTreeSet::new();
        for (path, error) in found.unreadable {
            self.failed(&path, &error, &known, &mut failed).await?;
        }
        for (path, version) in &found.files {
            if shutdown.is_requested() {
                return Ok(known);
            }
            if known.done.get(path) == Some(version) {
                continue;
            }
            let turn = self.outlet.turn().await?;
            let (file, format, outlet) = (path.clone(), self.format, self.outlet.clone());
            let read = blocking(move || read_file(&file, format, &outlet)).await??;
            drop(turn);
            match read {
                Ok(version) => {
                    known.done.insert(path.clone(), version);
                }
                // Removed since it was listed: as if it had never been there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.failed(path, &error, &known, &mut failed).await?,
            }
        }
        if !failed.contains(&self.root) {
            self.pulse.worked();
        }
        known.failed = failed;
        self.forget_gone(&mut known, &found.files).await?;
        Ok(known)
    }

    /// Tells that a path cannot be read, unless the last pass told so already. It is tried again
    /// in every pass.
    async fn failed(
        &self,
        path: &Path,
        error: &io::Error,
        known: &Known,
        failed: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Closed> {
        failed.insert(path.to_owned());
        if path == self.root {
            self.pulse.failed(error);
        }
        if known.failed.contains(path) {
            return Ok(());
        }
        let problem = Problem {
            reason: Reason::Unreadable,
            origin: path.to_string_lossy().into_owned(),
            place: String::new(),
            detail: error.to_string(),
            sample: String::new(),
        };
        let unit = Unit {
            problems: vec![problem],
            ..Unit::default()
        };
        self.outlet.submit(unit).await
    }

    /// Forgets the files that were read and no longer exist.
    async fn forget_gone(
        &self,
        known: &mut Known,
        files: &BTreeMap<PathBuf, FileVersion>,
    ) -> Result<(), StateError> {
        let is_gone = |path: &&PathBuf| !files.contains_key(*path);
        let gone: Vec<PathBuf> = known.done.keys().filter(is_gone).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        for path in &gone {
            known.done.remove(path);
        }
        self.state
            .run(move |tx| gone.iter().try_for_each(|path| tx.file_gone(path)))
            .await
    }
}

/// Completes when the system hints at something new, but not before `from`.
async fn hinted(hints: &mut Hints, from: Instant) {
    hints.told().await;
    sleep_until(from.max(Instant::now() + SETTLE)).await;
}

/// Runs what blocks on a thread for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Ended> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Ended::Interrupted)
}

/// What there is in a directory.
#[derive(Debug, Default)]
struct Found {
    files: BTreeMap<PathBuf, FileVersion>,
    unreadable: Vec<(PathBuf, io::Error)>,
}

/// Every file under `root` that has one of the names, in the order of paths, and what could not be
/// looked at. Where `root` is a file itself, it may have any name. Blocks.
pub(crate) fn files(root: &Path) -> (Vec<PathBuf>, Vec<(PathBuf, io::Error)>) {
    let found = look(root);
    (found.files.into_keys().collect(), found.unreadable)
}

/// Whether a file of this name is looked at.
pub(crate) fn is_named(name: &str) -> bool {
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// Looks at everything under `root`.
fn look(root: &Path) -> Found {
    let mut found = Found::default();
    list(root, DEPTH_MAX, &mut found);
    if found.files.len() > FILES_MAX {
        let error = io::Error::other(format!("more than {FILES_MAX} files; the rest is not read"));
        found.unreadable.push((root.to_owned(), error));
    }
    found
}

/// Finds every file under `path` that has one of the names. Where `path` is a file itself, it may
/// have any name.
fn list(path: &Path, depth_left: usize, found: &mut Found) {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            add(path.to_owned(), found);
            return;
        }
        Err(error) => {
            found.unreadable.push((path.to_owned(), error));
            return;
        }
    };
    for entry in entries.flatten() {
        if found.files.len() > FILES_MAX {
            return;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth_left > 0 && !cloudtrail::holds_no_records(&name) {
                list(&entry.path(), depth_left - 1, found);
            }
        } else if is_named(&name) {
            add(entry.path(), found);
        }
    }
}

/// Adds a file in the version that is there now.
fn add(path: PathBuf, found: &mut Found) {
    match fs::metadata(&path) {
        Ok(metadata) => {
            let version = version_of(&path, &metadata);
            found.files.insert(path, version);
        }
        // Removed between listing and looking: as if it had never been listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => found.unreadable.push((path, error)),
    }
}

fn version_of(path: &Path, metadata: &fs::Metadata) -> FileVersion {
    use std::os::unix::fs::MetadataExt as _;
    let nanos = metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec());
    FileVersion {
        path: path.to_owned(),
        size: metadata.len(),
        modified_nanos: nanos,
    }
}

/// Reads one file to its end. The outer error ends the source, the inner one is the file's.
fn read_file(
    path: &Path,
    format: Format,
    outlet: &Outlet,
) -> Result<io::Result<FileVersion>, Closed> {
    let read = || {
        let file = File::open(path)?;
        // Taken before reading: a file that grows meanwhile has another version afterwards.
        let version = version_of(path, &file.metadata()?);
        let mut bytes = Vec::new();
        let limit = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX);
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok((version, bytes))
    };
    let (version, bytes) = match read() {
        Ok(read) => read,
        Err(error) => return Ok(Err(error)),
    };
    let origin = path.to_string_lossy();
    let mut gather = Gather::new(outlet);
    gather.progress(Progress::Reread {
        origin: origin.clone().into_owned(),
    });
    read_bytes(&bytes, format, &origin, &mut gather)?;
    gather.progress(Progress::File(version.clone()));
    gather.flush()?;
    Ok(Ok(version))
}

/// Reads what a file or an object holds.
pub(crate) fn read_bytes(
    bytes: &[u8],
    format: Format,
    origin: &str,
    gather: &mut Gather<'_>,
) -> Result<(), Closed> {
    let unpacked = unpack(bytes);
    for (reason, detail) in unpacked.flaws {
        gather.problem(Problem {
            reason,
            origin: origin.to_owned(),
            place: String::new(),
            detail,
            sample: String::new(),
        })?;
    }
    match format {
        Format::CloudTrail => cloudtrail::read(&unpacked.text, origin, gather),
        Format::GuardDuty => guardduty::read(&unpacked.text, origin, gather),
        Format::Cost => cost::read(&unpacked.text, origin, gather),
    }
}

#[cfg(test)]
mod tests;
