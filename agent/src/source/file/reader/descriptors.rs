//! Which files hold a descriptor, and which rest without one.
//!
//! A file that was read to its end and is quiet rests: it costs a few hundred bytes and no
//! descriptor, however many there are. Hints and scans tell when it changes; then it is opened
//! again, if need be under another name in its directory, and its identity and guard are compared.
//! Only a file with a name can rest: one that was deleted while it is open is never let go of
//! before it is read.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::Instant;

use super::Reader;
use crate::fs::{LogFs, Name};
use crate::record::FileId;
use crate::source::file::tail::Tail;

/// Files with a name that are held open at most. With the descriptors of the runtime, the state
/// directory, the watch and a few connections this stays within 64.
pub(super) const DESCRIPTORS_MAX: usize = 48;
/// The share of the process's limit that files may hold if the limit is very low.
const LIMIT_SHARE: u64 = 4;
/// A file that has not changed for so long rests. Long enough that no file which is written about
/// once a minute is opened and closed all the time.
pub(super) const REST_AFTER: Duration = Duration::from_mins(1);

/// What directories hold, each listed once.
pub(super) type Listings = HashMap<PathBuf, Vec<Name>>;

/// Raises the process's limit on descriptors as far as it may, since deleted files that are not
/// yet read must be held beyond any budget, and says how many files may be held open otherwise.
pub(crate) fn descriptor_budget() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let share = current.map(|current| usize::try_from(current / LIMIT_SHARE).unwrap_or(usize::MAX));
    share.map_or(DESCRIPTORS_MAX, |share| share.clamp(1, DESCRIPTORS_MAX))
}

impl<F: LogFs> Reader<F> {
    /// Lets files rest until no more descriptors are held than may be: those first that wait for
    /// no turn and have not changed for longest. Files that all have something to read take turns.
    pub(super) fn keep_within_budget(&mut self) {
        while self.open.len() > self.descriptors_max {
            let held = self.open.iter().filter_map(|id| self.tails.get(id));
            let named = held.filter(|tail| !tail.nameless);
            let rank = |tail: &&Tail<F>| (tail.queued, tail.event_due.is_some(), tail.changed);
            let Some(first) = named.min_by_key(rank) else {
                return;
            };
            self.rest(first.id);
        }
    }

    /// Closes a file that can be opened again; if it cannot, it is marked as nameless. A file that
    /// waits for no turn must look as it did when it was read to its end, or it gets a turn.
    pub(super) fn rest(&mut self, id: FileId) {
        let Some(tail) = self.tails.get_mut(&id) else {
            return;
        };
        let real = self.fs.resolve(&tail.at);
        let seen = real.and_then(|real| Ok((self.fs.stat(&real)?, real)));
        match seen {
            Ok((stat, real)) if tail.identity.is(&stat.identity) => {
                if !tail.queued && stat.shape != tail.shape {
                    self.queue(id);
                    return;
                }
                tail.real = (*real != *tail.at).then(|| Arc::from(real));
                tail.file = None;
                self.open.remove(&id);
            }
            // The next scan sets it right, or finds that it was rotated.
            _ => tail.nameless = true,
        }
    }

    /// Gives a file that rests its descriptor back. If it is nowhere, it is not followed any more.
    ///
    /// # Errors
    /// When it may be there and cannot be opened.
    pub(super) fn open_again(&mut self, id: FileId, now: Instant) -> io::Result<()> {
        let Some(tail) = self.tails.get(&id).filter(|tail| tail.file.is_none()) else {
            return Ok(());
        };
        match reach(&self.fs, tail, &mut Listings::new())? {
            Some((file, path)) => {
                if *path != *tail.at {
                    // It was rotated, which the scan makes sure of.
                    self.scan_due = now;
                }
                self.hold(id, file, &path);
            }
            None => self.gone(id),
        }
        Ok(())
    }

    /// A file that rested has a descriptor again.
    pub(super) fn hold(&mut self, id: FileId, file: F::File, path: &Path) {
        if let Some(tail) = self.tails.get_mut(&id) {
            if *tail.at != *path {
                tail.at = Arc::from(path);
            }
            tail.file = Some(file);
            tail.real = None;
            self.open.insert(id);
        }
    }

    /// A file that rested was deleted, or moved to another directory.
    pub(super) fn gone(&mut self, id: FileId) {
        if let Some(tail) = self.drop_tail(id) {
            self.seek_rest(&tail);
        }
    }
}

/// Opens a file that rests, under any name in its directory; `None` if it is not there.
pub(super) fn reach<F: LogFs>(
    fs: &F,
    tail: &Tail<F>,
    listings: &mut Listings,
) -> io::Result<Option<(F::File, PathBuf)>> {
    let known = [tail.real.as_deref(), Some(&*tail.at)];
    for path in known.into_iter().flatten() {
        if let Some(file) = open_if(fs, tail, path)? {
            return Ok(Some((file, path.to_owned())));
        }
    }
    let Some(path) = name_of(fs, tail, listings) else {
        return Ok(None);
    };
    Ok(open_if(fs, tail, &path)?.map(|file| (file, path)))
}

/// Another name of a file in its directory.
pub(super) fn name_of<F: LogFs>(
    fs: &F,
    tail: &Tail<F>,
    listings: &mut Listings,
) -> Option<PathBuf> {
    let directory = tail.real.as_deref().unwrap_or(&tail.at).parent()?;
    if !listings.contains_key(directory) {
        let names = fs.list(directory).unwrap_or_default();
        listings.insert(directory.to_owned(), names);
    }
    let names = listings.get(directory)?.iter();
    let mut alike = names.filter(|name| name.inode == tail.identity.inode);
    let found = alike.find(|name| {
        fs.stat(&name.path)
            .is_ok_and(|stat| tail.identity.is(&stat.identity))
    });
    found.map(|name| name.path.clone())
}

fn open_if<F: LogFs>(fs: &F, tail: &Tail<F>, path: &Path) -> io::Result<Option<F::File>> {
    match fs.open(path) {
        Ok(Some((file, stat))) if tail.identity.is(&stat.identity) => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
