//! Lost files that are read on from what they were compressed to.
//!
//! A search goes on by a bounded step each round, one search at a time, so that live files are not
//! kept waiting. The file keeps its incarnation and its place in the checkpoint, which counts bytes
//! of the content: after a restart it is lost again, found again, and goes on.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::Reader;
use super::follow::Place;
use crate::checkpoint::{Entry, Resumed};
use crate::fs::archive::Damage;
use crate::fs::{LogFs, Stat};
use crate::record::FileId;
use crate::source::file::archive::{Search, Step, is_compressed};
use crate::source::file::identity::Identity;
use crate::source::file::tail::Tail;

/// Archives that are read at once. Each holds up to a megabyte and its descriptor; searches wait
/// until there is room.
const READING_MAX: usize = 4;
/// Compressed files that are known not to be text. Beyond it they are looked at once more.
const COMPRESSED_MAX: usize = 4096;

/// Searches and archives under way.
#[derive(Debug)]
pub(super) struct Archives<F: LogFs> {
    searches: VecDeque<Search<F>>,
    reading: Vec<Reading>,
    /// Compressed files that globs fit.
    compressed: HashSet<Identity>,
}

#[derive(Debug)]
struct Reading {
    id: FileId,
    path: PathBuf,
    damage: Damage,
}

impl<F: LogFs> Default for Archives<F> {
    fn default() -> Self {
        Self {
            searches: VecDeque::new(),
            reading: Vec::new(),
            compressed: HashSet::new(),
        }
    }
}

impl<F: LogFs> Archives<F> {
    /// Whether a search can go on now.
    pub(super) fn has_work(&self) -> bool {
        self.is_searching() && self.reading.len() < READING_MAX
    }

    /// Whether a search is not over.
    pub(super) fn is_searching(&self) -> bool {
        !self.searches.is_empty()
    }

    /// Whether a file is read on from an archive.
    pub(super) fn is_reading(&self, id: FileId) -> bool {
        self.reading.iter().any(|reading| reading.id == id)
    }

    /// Leaves what is not found to the next start of the agent.
    pub(super) fn stop_searching(&mut self) {
        self.searches.clear();
    }
}

impl<F: LogFs> Reader<F> {
    /// Looks for a file that is nowhere in what it may have been compressed to.
    pub(super) fn seek_in_archives(&mut self, target: usize, lost: Resumed) {
        self.seek_lost(target, lost, false);
    }

    /// Looks for what a file was before it was truncated, since rotation by copy leaves it in the
    /// copy, or for one that is nowhere and had nothing to read when it was last looked at. It is
    /// not told if there is none.
    pub(super) fn seek_quietly(&mut self, lost: Resumed) {
        match self.targets.target_of(&lost.entry.path) {
            Some(target) => self.seek_lost(target, lost, true),
            None => self.ledger.forget(lost.id),
        }
    }

    /// Looks for a file that rested and is nowhere. What was written to it after the last look at
    /// it, and an unfinished line at its end, may be in an archive.
    pub(super) fn seek_rest(&mut self, tail: &Tail<F>) {
        let entry = Entry {
            identity: tail.identity,
            head: tail.head,
            path: tail.path.to_path_buf(),
            offset: tail.offset,
            guard: tail.guard,
            parked: false,
        };
        let lost = Resumed { id: tail.id, entry };
        let unread = tail.queued || tail.shape.size > tail.offset;
        match self.targets.target_of(&tail.path) {
            Some(target) if unread => self.seek_in_archives(target, lost),
            _ => self.seek_quietly(lost),
        }
    }

    fn seek_lost(&mut self, target: usize, lost: Resumed, quiet: bool) {
        let (id, path) = (lost.id, lost.entry.path.clone());
        if self.archives.searches.iter().any(|one| one.lost.id == id) {
            return;
        }
        match Search::new(&self.fs, target, lost) {
            Ok(search) if search.is_vain() => self.lose(id, &path, quiet),
            Ok(mut search) => {
                search.quiet = quiet;
                self.archives.searches.push_back(search);
            }
            Err(error) => {
                let directory = path.parent().unwrap_or(&path);
                self.trouble(directory, "directory_unreadable", &error);
            }
        }
    }

    /// Goes on with the search that came first.
    pub(super) fn search_archives(&mut self, now: Instant) {
        self.tell_damage();
        if !self.archives.has_work() {
            return;
        }
        let Some(mut search) = self.archives.searches.pop_front() else {
            return;
        };
        if self.tails.contains_key(&search.lost.id) {
            // It has come back.
            return;
        }
        match search.step(&self.fs) {
            Step::Searching => self.archives.searches.push_front(search),
            Step::Found { file, path, damage } => {
                let id = search.lost.id;
                log::info!(
                    "{} was compressed before all of it was read, and is read on from {}",
                    search.lost.entry.path.display(),
                    path.display()
                );
                self.read_on(search.target, search.lost, (file, &path), now);
                self.archives.reading.push(Reading { id, path, damage });
            }
            Step::Nowhere { unread } => {
                let (id, path) = (search.lost.id, search.lost.entry.path);
                let quiet = search.quiet;
                match unread {
                    Some((archive, why)) => {
                        self.ledger.forget(id);
                        self.tell_unread(&path, &archive, &why);
                    }
                    None => self.lose(id, &path, quiet),
                }
            }
        }
    }

    /// A file is nowhere: what was not read of it is gone.
    fn lose(&mut self, id: FileId, path: &Path, quiet: bool) {
        self.ledger.forget(id);
        if quiet {
            return;
        }
        self.health.problems.add("file_gone", 1);
        log::info!(
            "{} went away, and with it what was not yet read of it",
            path.display()
        );
    }

    fn read_on(
        &mut self,
        target: usize,
        lost: Resumed,
        (file, path): (F::File, &Path),
        now: Instant,
    ) {
        let Resumed { id, entry } = lost;
        let identity = entry.identity;
        // Its inode may be another file's by now, which keeps its entry.
        let number = identity.number();
        let other = self.by_number.get(&number).copied();
        let place = Place {
            id,
            path: entry.path,
            offset: entry.offset,
            guard: entry.guard,
            head: entry.head,
        };
        self.follow(target, (file, identity), place, path, now);
        match other {
            Some(other) => self.by_number.insert(number, other),
            None => self.by_number.remove(&number),
        };
        if let Some(tail) = self.tails.get_mut(&id) {
            tail.detached = Some(now);
            // By its name it cannot be opened again as what it is read as.
            tail.nameless = true;
        }
        self.health.files.set(self.tails.len() as u64);
    }

    /// Tells what was found wrong with archives, and forgets those that are read.
    fn tell_damage(&mut self) {
        if self.archives.reading.is_empty() {
            return;
        }
        for reading in std::mem::take(&mut self.archives.reading) {
            if let Some(why) = reading.damage.get() {
                let path = self.tails.get(&reading.id).map(|tail| tail.path.clone());
                let path = path.as_deref().unwrap_or(&reading.path);
                self.tell_unread(path, &reading.path, why);
            }
            if self.tails.contains_key(&reading.id) && reading.damage.get().is_none() {
                self.archives.reading.push(reading);
            }
        }
    }

    fn tell_unread(&self, path: &Path, archive: &Path, why: &str) {
        self.health.problems.add("rotated_compressed_unread", 1);
        log::warn!(
            "{} was compressed before all of it was read, and the rest cannot be read from {}: \
             {why}; compress logs a rotation later (logrotate: delaycompress)",
            path.display(),
            archive.display()
        );
    }

    /// Whether a file is compressed and therefore no log to follow. It is told once that such files
    /// are left out.
    pub(super) fn is_archive(&mut self, path: &Path, stat: &Stat) -> io::Result<bool> {
        if self.archives.compressed.contains(&stat.identity) {
            return Ok(true);
        }
        if !is_compressed(&self.fs, path)? {
            return Ok(false);
        }
        if self.archives.compressed.len() >= COMPRESSED_MAX {
            self.archives.compressed.clear();
        }
        self.archives.compressed.insert(stat.identity);
        if self.health.problems.add("compressed_skipped", 1) {
            log::info!(
                "{} is compressed: such files are not followed, exclude them to hear no more of it",
                path.display()
            );
        }
        Ok(true)
    }
}
