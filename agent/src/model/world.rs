//! The log files of the model: inodes, names, writers, and what befalls them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use plimsoll_core::clock::{Clock, ManualClock, UnixMillis};
use tokio::time::Instant;

use super::action::FileAction;
use super::deeds::WRITTEN;
use super::disk::Disk;
use super::oracle::Oracle;
use super::run::Setup;

/// Directories that exist. The first two are looked into by the globs.
pub(super) const DIRECTORIES: [&str; 6] = [
    "/sim/log",
    "/sim/log/web",
    "/sim/old",
    "/sim/data",
    "/sim",
    "/",
];
/// What the configuration of the model includes.
pub(super) const GLOBS: [&str; 2] = ["/sim/log/app*.log", "/sim/log/web/app*.log"];
/// Inode numbers below are those of directories and links.
const FIRST_NUMBER: u64 = 100;
const START: UnixMillis = UnixMillis(1_800_000_000_000);

/// Tells inodes apart for ever, unlike their numbers.
pub(super) type Key = usize;

/// Everything outside the agent.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) clock: Arc<ManualClock>,
    pub(super) kernel: Kernel,
    pub(super) inodes: Vec<Inode>,
    pub(super) names: BTreeMap<PathBuf, Node>,
    /// Directories that may not be read.
    pub(super) denied: BTreeSet<PathBuf>,
    pub(super) oracle: Oracle,
    pub(super) state: Disk,
    /// What happens while the agent looks: after so many calls.
    pub(super) pending: Option<(usize, FileAction)>,
    /// Whether it did.
    pub(super) disturbed: bool,
    /// Whether the clock went back, so that events may be sorted otherwise than their lines.
    pub(super) stepped_back: bool,
    pub(super) rng: Rng,
    /// Whether there are fewer descriptors than files.
    pub(super) crowded: bool,
    pub(super) writers: [Option<(Key, Arc<()>)>; WRITTEN.len()],
    ticks: u32,
    /// Counts changes of names, or of anything.
    pub(super) shifts: u32,
    pub(super) tokens: usize,
}

/// What the kernel and the file system tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    /// When a file was born.
    pub(super) births: bool,
    /// Its handle.
    pub(super) handles: bool,
    /// Whether it is open for writing.
    pub(super) leases: bool,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(Key),
    Link(PathBuf),
}

/// A file, whatever its names.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    pub(super) born: u64,
    pub(super) written: i128,
    pub(super) content: Vec<u8>,
    /// Counts truncations.
    pub(super) epoch: usize,
    /// Complete lines, in order.
    pub(super) lines: Vec<usize>,
    /// Where the line begins that has no end yet.
    pub(super) tail: usize,
    /// Who has it open.
    pub(super) held: Arc<()>,
    /// Whether reading fails.
    pub(super) broken: bool,
    pub(super) duty: super::duty::Duty,
}

impl World {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            now: Instant::now(),
            clock: Arc::new(ManualClock::at(START)),
            kernel: setup.kernel,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            denied: BTreeSet::new(),
            oracle: Oracle::default(),
            state: Disk::default(),
            pending: None,
            disturbed: false,
            stepped_back: false,
            crowded: setup.crowded,
            rng: Rng::with_seed(setup.seed),
            writers: [const { None }; WRITTEN.len()],
            ticks: 0,
            shifts: 0,
            tokens: 0,
        }
    }

    /// Time passes.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.clock.advance(time);
    }

    /// Someone sets the clock.
    pub(super) fn step_clock(&mut self, seconds: i64) {
        self.stepped_back |= seconds < 0;
        let now = self.clock.now().0 + seconds * 1000;
        self.clock.set(UnixMillis(now));
    }

    /// Does one thing to the files.
    pub(super) fn apply(&mut self, action: &FileAction) {
        self.see_matches();
        self.shifts += 1;
        self.change(action);
        self.see_matches();
    }

    /// The file that a writer has open; it opens or makes the one of its path if need be.
    pub(super) fn writer(&mut self, writer: usize) -> Key {
        let writer = writer % WRITTEN.len();
        if let Some((key, _)) = &self.writers[writer] {
            return *key;
        }
        let path = Path::new(WRITTEN[writer]);
        let key = match self.names.get(path) {
            Some(Node::File(key)) => *key,
            _ => self.create(path),
        };
        self.writers[writer] = Some((key, Arc::clone(&self.inodes[key].held)));
        key
    }

    /// Whether a writer has the file open, as far as the kernel says.
    pub(super) fn is_written(&self, key: Key) -> Option<bool> {
        let mut open = self.writers.iter().flatten();
        self.kernel
            .leases
            .then(|| open.any(|(open, _)| *open == key))
    }

    /// All writers end.
    pub(super) fn close_writers(&mut self) {
        self.writers = [const { None }; WRITTEN.len()];
    }

    /// Makes a file. It takes the lowest number that is free, as most file systems do.
    pub(super) fn create(&mut self, path: &Path) -> Key {
        let used: BTreeSet<u64> = (0..self.inodes.len())
            .filter(|key| self.exists(*key))
            .map(|key| self.inodes[key].number)
            .collect();
        let mut free = FIRST_NUMBER;
        while used.contains(&free) {
            free += 1;
        }
        let written = self.tick();
        let key = self.inodes.len();
        self.inodes.push(Inode {
            number: free,
            born: u64::try_from(written).unwrap_or(0),
            written,
            content: Vec::new(),
            epoch: 0,
            lines: Vec::new(),
            tail: 0,
            held: Arc::default(),
            broken: false,
            duty: super::duty::Duty::new(self.now),
        });
        self.names.insert(path.to_owned(), Node::File(key));
        key
    }

    /// No two changes of a file have the same time. On a real file system they can; then a file
    /// that is rewritten with the same length is noticed when it grows.
    pub(super) fn tick(&mut self) -> i128 {
        self.ticks += 1;
        i128::from(self.clock.now().0) * 1_000_000 + i128::from(self.ticks)
    }

    /// A regular file by a number, with one of its names.
    pub(super) fn file(&self, pick: usize) -> Option<(PathBuf, Key)> {
        let files = || {
            self.names.iter().filter_map(|(path, node)| match node {
                Node::File(key) => Some((path, *key)),
                Node::Link(_) => None,
            })
        };
        let count = files().count();
        let (path, key) = files().nth(pick.checked_rem(count)?)?;
        Some((path.clone(), key))
    }

    /// The file that a path leads to.
    pub(super) fn resolve(&self, path: &Path) -> io::Result<Key> {
        let mut node = self.names.get(path);
        if let Some(Node::Link(to)) = node {
            node = self.names.get(to);
        }
        match node {
            Some(Node::File(key)) => Ok(*key),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The directories in which a file has a name.
    pub(super) fn homes(&self, key: Key) -> impl Iterator<Item = &Path> {
        self.names
            .iter()
            .filter(move |(_, node)| **node == Node::File(key))
            .filter_map(|(path, _)| path.parent())
    }

    /// Whether no name leads to a file.
    pub(super) fn is_unlinked(&self, key: Key) -> bool {
        self.homes(key).next().is_none()
    }

    /// Whether a file has a name or is open.
    pub(super) fn exists(&self, key: Key) -> bool {
        Arc::strong_count(&self.inodes[key].held) > 1 || !self.is_unlinked(key)
    }
}

/// Names, each with the inode's key, its number and its length.
impl Display for World {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (path, node) in &self.names {
            match node {
                Node::File(key) => {
                    let inode = &self.inodes[*key];
                    let (number, len) = (inode.number, inode.content.len());
                    write!(f, "{} #{key} {number}:{len}, ", path.display())?;
                }
                Node::Link(to) => write!(f, "{} -> {}, ", path.display(), to.display())?,
            }
        }
        Ok(())
    }
}
