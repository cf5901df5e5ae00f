//! What the host said at one tick, read once and shared by every scraper.
//!
//! Reading is the only I/O of the scrapers; what they do with a snapshot is pure, so a test makes
//! one from text. Each input is read only when a family that is on needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::ScrapeError;
use super::disk::Space;
use super::processes::{self, Counts};

/// The root below which `/proc`, `/sys` and all mount points lie. Tests point it at a tree of
/// their own.
#[derive(Clone, Debug)]
pub struct HostRoot(PathBuf);

impl Default for HostRoot {
    /// The machine itself.
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl HostRoot {
    /// A host that lies below `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// Where `absolute` lies on this host.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.0.join(absolute.trim_start_matches('/'))
    }
}

/// A file that scrapers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    Stat,
    Meminfo,
    Loadavg,
    Diskstats,
    NetDev,
    Mounts,
    SelfStat,
    SelfStatus,
    /// The names below `/sys/block`, not a file.
    Blocks,
    /// The states of all processes, not a file.
    Processes,
}

impl Input {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Stat => "/proc/stat",
            Self::Meminfo => "/proc/meminfo",
            Self::Loadavg => "/proc/loadavg",
            Self::Diskstats => "/proc/diskstats",
            Self::NetDev => "/proc/net/dev",
            Self::Mounts => "/proc/self/mounts",
            Self::SelfStat => "/proc/self/stat",
            Self::SelfStatus => "/proc/self/status",
            Self::Blocks => "/sys/block",
            Self::Processes => "/proc",
        }
    }
}

/// One reading of the host.
#[derive(Debug)]
pub(crate) struct Snapshot {
    taken: Instant,
    texts: BTreeMap<Input, Result<String, ScrapeError>>,
    blocks: Option<BTreeSet<String>>,
    processes: Option<Result<Counts, ScrapeError>>,
    spaces: Vec<(Arc<str>, Space)>,
}

impl Snapshot {
    /// Reads `inputs` of the host. Blocks for as long as that takes.
    pub(crate) fn read(root: &HostRoot, inputs: &BTreeSet<Input>) -> Self {
        let mut snapshot = Self::empty(Instant::now());
        for input in inputs {
            let path = root.path(input.path());
            match input {
                Input::Blocks => snapshot.blocks = names(&path),
                Input::Processes => {
                    let counts = processes::count(&path);
                    let counts = counts.map_err(|source| ScrapeError::unreadable(*input, source));
                    snapshot.processes = Some(counts);
                }
                file => {
                    // The kernel may hand out names that are not UTF-8; none of them is a number.
                    let text = fs::read(path)
                        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                        .map_err(|source| ScrapeError::unreadable(*file, source));
                    snapshot.texts.insert(*file, text);
                }
            }
        }
        snapshot
    }

    pub(crate) fn empty(taken: Instant) -> Self {
        Self {
            taken,
            texts: BTreeMap::new(),
            blocks: None,
            processes: None,
            spaces: Vec::new(),
        }
    }

    /// When it was read, for rates.
    pub(crate) fn taken(&self) -> Instant {
        self.taken
    }

    /// The text of a file.
    pub(crate) fn text(&self, input: Input) -> Result<&str, ScrapeError> {
        match self.texts.get(&input) {
            Some(Ok(text)) => Ok(text),
            Some(Err(error)) => Err(error.clone()),
            None => Err(ScrapeError::malformed(input, "anything: it was not read")),
        }
    }

    /// The whole block devices; `None` where `/sys` cannot be read.
    pub(crate) fn block_devices(&self) -> Option<&BTreeSet<String>> {
        self.blocks.as_ref()
    }

    /// The states of all processes.
    pub(crate) fn processes(&self) -> Result<Counts, ScrapeError> {
        self.processes.clone().unwrap_or_else(|| {
            Err(ScrapeError::malformed(
                Input::Processes,
                "anything: it was not read",
            ))
        })
    }

    /// The space of each mount that answered.
    pub(crate) fn spaces(&self) -> Result<&[(Arc<str>, Space)], ScrapeError> {
        self.text(Input::Mounts).map(|_| &*self.spaces)
    }

    /// Adds what the probe found out.
    pub(crate) fn set_spaces(&mut self, spaces: Vec<(Arc<str>, Space)>) {
        self.spaces = spaces;
    }

    /// Puts `text` in place of a file.
    #[cfg(test)]
    pub(crate) fn set_text(&mut self, input: Input, text: &str) {
        self.texts.insert(input, Ok(text.to_owned()));
    }

    /// Names the whole block devices.
    #[cfg(test)]
    pub(crate) fn set_blocks(&mut self, blocks: &[&str]) {
        self.blocks = Some(blocks.iter().map(|name| (*name).to_owned()).collect());
    }
}

fn names(directory: &Path) -> Option<BTreeSet<String>> {
    let entries = fs::read_dir(directory).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Some(names.collect())
}
