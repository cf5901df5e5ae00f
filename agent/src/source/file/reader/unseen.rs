//! Files that came and were rotated away while nobody looked: the agent was not running, or was kept
//! from running for a while.
//!
//! A file that the agent has seen is found again by what it is. One that it has never seen is known
//! by nothing but its name, and that is no longer the one the configuration asks for. So at the
//! first look the neighbours of each known file are looked at: a file whose name is the known name
//! and a suffix (`app.log.1`, `app.log-20261124`), and that was born after the agent last wrote its
//! positions, is a rotation that nobody has read. Older ones were read when they had their name, or
//! had been written before anyone asked for them.
//!
//! A file that was copied and truncated twice between two looks has a past that is in the second copy
//! alone. So when a truncation is noticed, neighbours that were born since the last look are read
//! as well, unless they are copies of what is known or of what the file holds now.
//!
//! Compressed files are left alone: when they were born says nothing about when they were written.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::Reader;
use crate::fs::{Kind, LogFs, Name};
use crate::record::FileId;
use crate::source::file::identity::{HEAD_BYTES, Head};

/// What rotation puts between a file's name and its number or date.
const SEPARATORS: &[u8] = b".-_~";
/// Endings of compressed files.
const COMPRESSED: [&str; 7] = ["gz", "bz2", "xz", "zst", "lz4", "Z", "zip"];
/// Files that are taken up so at one start. A machine that was down for longer than this many
/// rotations has deleted the oldest anyway.
const UNSEEN_MAX: usize = 1024;

impl<F: LogFs> Reader<F> {
    /// Follows rotated files that were never seen, oldest first.
    pub(super) fn look_for_unseen(&mut self, now: Instant) {
        let Some(stopped) = self.ledger.stopped() else {
            return;
        };
        let mut found = Vec::new();
        for (directory, names) in self.known_names() {
            match self.fs.list(&directory) {
                Ok(listed) => found.extend(listed.into_iter().filter_map(|candidate| {
                    let base = names.iter().find(|base| is_rotation_of(&candidate, base))?;
                    Some((candidate.path, directory.join(&**base)))
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.trouble(&directory, "directory_unreadable", &error),
            }
        }
        let mut born: Vec<_> = found
            .into_iter()
            .filter_map(|(path, base)| {
                let stat = self.fs.stat(&path).ok()?;
                let born = stat.identity.born.filter(|born| *born >= stopped)?;
                (stat.shape.size > 0).then_some((born, path, base))
            })
            .collect();
        born.sort_unstable();
        for (_, path, base) in born.into_iter().take(UNSEEN_MAX) {
            self.take_up_unseen(&path, &base, now);
        }
    }

    /// Follows copies of what a file held between two truncations of which only the last was
    /// noticed: `head` is how it began, and `written` when it was last seen to be written, before
    /// them.
    pub(super) fn look_for_passed(&mut self, id: FileId, head: Head, written: i128, now: Instant) {
        let Some(at) = self.tails.get(&id).map(|tail| Arc::clone(&tail.at)) else {
            return;
        };
        let (Some(directory), Some(base)) = (at.parent(), at.file_name()) else {
            return;
        };
        let Ok(names) = self.fs.list(directory) else {
            return;
        };
        let mut passed: Vec<_> = names
            .into_iter()
            .filter(|name| is_rotation_of(name, base))
            .filter_map(|name| {
                let stat = self.fs.stat(&name.path).ok()?;
                let born = stat.identity.born?;
                let new = i128::from(born) >= written && stat.shape.size > 0;
                let known = self.ledger.find(&stat.identity, |_| false).is_some();
                (new && !known).then_some((born, name.path))
            })
            .collect();
        passed.sort_unstable();
        for (_, path) in passed.into_iter().take(UNSEEN_MAX) {
            if self.has_passed(id, head, &path).unwrap_or(false) {
                self.take_up_unseen(&path, &at, now);
            }
        }
    }

    /// Whether a file is neither a copy of what began like `head`, nor of what file `id` holds now.
    fn has_passed(&self, id: FileId, head: Head, path: &Path) -> io::Result<bool> {
        let Some((copy, stat)) = self.fs.open(path)? else {
            return Ok(false);
        };
        let known = head.len > 0 && head.holds(&self.fs, &copy)?;
        let Some(file) = self.tails.get(&id).and_then(|tail| tail.file.as_ref()) else {
            return Ok(!known);
        };
        // A copy of what the file holds now is not longer than it.
        let shorter = stat.shape.size <= self.fs.stat_open(file)?.shape.size;
        let len = u16::try_from(stat.shape.size).unwrap_or(HEAD_BYTES);
        let present = shorter && Head::read(&self.fs, file, len)?.holds(&self.fs, &copy)?;
        Ok(!known && !present)
    }

    /// Directories with the names of files in them that are or were followed.
    fn known_names(&self) -> BTreeMap<PathBuf, Vec<Box<OsStr>>> {
        let mut known: BTreeMap<PathBuf, Vec<Box<OsStr>>> = BTreeMap::new();
        for path in self.ledger.paths() {
            if let (Some(directory), Some(name)) = (path.parent(), path.file_name())
                && self.targets.matches(&path)
            {
                let names = known.entry(directory.to_owned()).or_default();
                if !names.iter().any(|known| **known == *name) {
                    names.push(name.into());
                }
            }
        }
        known
    }

    fn take_up_unseen(&mut self, path: &Path, base: &Path, now: Instant) {
        // A rotated name that is in the glob as well was found there.
        if self.targets.matches(path) {
            return;
        }
        let Some(target) = self.targets.target_of(base) else {
            return;
        };
        let followed = self.tails.len();
        match self.found_as(target, path, base, now) {
            Ok(()) if self.tails.len() > followed => {
                self.health.problems.add("rotated_unseen", 1);
                log::info!(
                    "{} came and was rotated while nobody looked, and is read",
                    path.display()
                );
            }
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.trouble(path, "file_unreadable", &error),
        }
    }
}

/// Whether a name is another one with a suffix as rotation gives it.
fn is_rotation_of(candidate: &Name, base: &OsStr) -> bool {
    let name = candidate.path.file_name().unwrap_or_default();
    let suffix = name.as_bytes().strip_prefix(base.as_bytes());
    let ending = candidate.path.extension().and_then(OsStr::to_str);
    candidate.kind == Kind::File
        && suffix
            .and_then(<[u8]>::first)
            .is_some_and(|first| SEPARATORS.contains(first))
        && ending.is_none_or(|ending| !COMPRESSED.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_the_known_name_and_a_suffix_and_not_compressed() {
        let check = |name: &str, expected: bool| {
            let candidate = Name {
                path: Path::new("/var/log").join(name),
                inode: 1,
                kind: Kind::File,
            };
            let is = is_rotation_of(&candidate, OsStr::new("app.log"));
            assert_eq!(is, expected, "{name}");
        };
        for name in [
            "app.log.1",
            "app.log-20261124",
            "app.log_old",
            "app.log.1.txt",
        ] {
            check(name, true);
        }
        for name in [
            "app.log",
            "app.logs",
            "other.log.1",
            "app.log.2.gz",
            "app.log-1.zst",
        ] {
            check(name, false);
        }
    }
}
