//! The state directory of the model: what was written to it, and what a loss of power leaves.
//!
//! Content is durable once it was synced, a name once its directory was. Of what is not, a loss of
//! power keeps as much as chance wants: of unsynced bytes a part from the front, maybe with a torn
//! end; of unsynced names those that changed first, as a journal replays them. A renamed file can
//! so have its new name and old content, or its new content under a name that is gone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;

/// Bytes of a torn end that were allocated and never written.
const TORN_BYTES: usize = 40;

/// The state directory.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: Vec<StateFile>,
    names: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    /// Changes of names that are not durable, in order.
    journal: Vec<NameChange>,
    lock: Arc<()>,
    /// Whether nothing more fits.
    pub(super) full: bool,
}

#[derive(Debug, Default)]
struct StateFile {
    content: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Made(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
}

impl Disk {
    /// The lock, unless someone has it.
    pub(super) fn lock(&self) -> Option<Arc<()>> {
        (Arc::strong_count(&self.lock) == 1).then(|| Arc::clone(&self.lock))
    }

    /// What a file holds now.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.files[*file].content.clone())
    }

    /// Makes or empties a file.
    pub(super) fn create(&mut self, path: &Path) -> usize {
        if let Some(file) = self.names.get(path) {
            self.files[*file].content.clear();
            return *file;
        }
        let file = self.files.len();
        self.files.push(StateFile::default());
        self.change(NameChange::Made(path.to_owned(), file));
        file
    }

    /// Writes at the end: half of it if the disk is full.
    pub(super) fn append(&mut self, file: usize, bytes: &[u8]) -> io::Result<()> {
        let content = &mut self.files[file].content;
        if self.full {
            content.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.extend_from_slice(bytes);
        Ok(())
    }

    /// Makes content durable.
    pub(super) fn sync(&mut self, file: usize) {
        let file = &mut self.files[file];
        file.durable.clone_from(&file.content);
    }

    /// Gives a file another name.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(NameChange::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// Makes names durable.
    pub(super) fn sync_directory(&mut self) {
        self.durable.clone_from(&self.names);
        self.journal.clear();
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.journal.push(change);
    }

    /// The power goes and comes back.
    pub(super) fn lose_power(&mut self, rng: &mut Rng) {
        let replayed = rng.usize(..=self.journal.len());
        for change in self.journal.drain(..).take(replayed) {
            change.apply(&mut self.durable);
        }
        self.names.clone_from(&self.durable);
        for file in &mut self.files {
            file.lose_power(rng);
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Made(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl StateFile {
    fn lose_power(&mut self, rng: &mut Rng) {
        let appended = self.content.starts_with(&self.durable);
        let least = if appended { self.durable.len() } else { 0 };
        let kept = rng.usize(least..=self.content.len());
        if !appended && rng.bool() {
            self.content.clone_from(&self.durable);
        } else if kept < self.content.len() {
            self.content.truncate(kept);
            if rng.bool() {
                self.content.resize(kept + TORN_BYTES, 0);
            }
        }
        self.durable.clone_from(&self.content);
    }
}
