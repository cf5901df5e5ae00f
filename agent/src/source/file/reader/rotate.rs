//! Files that lose their name, their content, or their reader.
//!
//! A renamed or deleted file is read on through its open descriptor: its writer may not have
//! noticed. It is closed when it is read to its end, has been quiet for a while, and everything in
//! it is delivered. A truncated file begins anew. A file that was renamed while the agent was not
//! running is looked for in its directory, under any name.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::follow::Place;
use super::{Reader, Timing};
use crate::checkpoint::{Resumed, directory};
use crate::fs::LogFs;
use crate::record::{FileId, Guard};
use crate::source::file::identity::{Head, Identity, Shape, guard_holds};
use crate::source::file::tail::Tail;

impl<F: LogFs> Reader<F> {
    /// Notes which files the last scan did not find. Those in a directory that could not be read
    /// stay as they are.
    pub(super) fn detach(&mut self, unreadable: &[(PathBuf, io::Error)], now: Instant) {
        let scan = self.scans;
        let mut detached = Vec::new();
        for (id, tail) in &mut self.tails {
            let hidden = unreadable
                .iter()
                .any(|(path, _)| tail.path.starts_with(path));
            if tail.scan != scan && tail.detached.is_none() && !hidden {
                tail.detached = Some(now);
                detached.push(*id);
            }
        }
        for id in detached {
            self.queue(id);
        }
    }

    /// Compares every file with what was last seen of it, and closes rotated ones that are done.
    pub(super) fn sweep(&mut self, now: Instant) {
        let (mut changed, mut done) = (Vec::new(), Vec::new());
        for (id, tail) in &mut self.tails {
            let Ok(shape) = self.fs.stat_open(&tail.file).map(|stat| stat.shape) else {
                continue;
            };
            if shape != tail.shape {
                tail.changed = now;
                changed.push(*id);
                continue;
            }
            let Some(since) = tail.detached else {
                continue;
            };
            if tail.queued || !finished(&self.fs, tail, now - since.max(tail.changed), self.timing)
            {
                continue;
            }
            if shape.size > tail.offset {
                tail.last = true;
                changed.push(*id);
            } else if self.ledger.position(*id).is_none_or(|at| at == tail.offset) {
                done.push((*id, shape.unlinked));
            }
        }
        for id in changed {
            self.queue(id);
        }
        for (id, unlinked) in done {
            self.close(id, unlinked);
        }
    }

    fn close(&mut self, id: FileId, unlinked: bool) {
        let Some(tail) = self.tails.remove(&id) else {
            return;
        };
        if self.by_number.get(&tail.identity.number()) == Some(&id) {
            self.by_number.remove(&tail.identity.number());
        }
        if unlinked {
            self.ledger.forget(id);
        } else {
            self.ledger.park(id);
        }
        self.health.files.set(self.tails.len() as u64);
        log::debug!(
            "{} was rotated and is delivered to its end",
            tail.path.display()
        );
    }

    /// Begins a truncated file anew, as another incarnation.
    pub(super) fn restart(&mut self, id: FileId, now: Instant) {
        let Some(mut tail) = self.tails.remove(&id) else {
            return;
        };
        self.tell_truncated(&tail.path);
        self.ledger.forget(id);
        self.opened = true;
        tail.id = self
            .ledger
            .open(tail.identity, &tail.path, 0, Guard::default());
        tail.offset = 0;
        tail.guard = Guard::default();
        tail.head = Head::default();
        tail.shape = Shape::default();
        tail.changed = now;
        tail.queued = false;
        let new = tail.id;
        self.by_number.insert(tail.identity.number(), new);
        for known in self.by_path.values_mut().filter(|known| **known == id) {
            *known = new;
        }
        self.tails.insert(new, tail);
        self.queue(new);
    }

    pub(super) fn tell_truncated(&self, path: &Path) {
        self.health.problems.add("truncated", 1);
        log::info!(
            "{} was truncated or replaced and is read from its start",
            path.display()
        );
    }

    /// Looks for files that an earlier run has followed and that no path leads to now.
    pub(super) fn look_for_lost(&mut self, now: Instant) {
        for lost in self.ledger.unclaimed(|id| self.tails.contains_key(&id)) {
            let Some(target) = self.targets.target_of(&lost.entry.path) else {
                // The configuration no longer wants it. It may want it again.
                self.ledger.park(lost.id);
                continue;
            };
            match find(&self.fs, &lost) {
                Ok(Some((file, identity))) => self.take_up(target, lost, file, identity, now),
                Ok(None) => {
                    self.ledger.forget(lost.id);
                    self.health.problems.add("file_gone", 1);
                    log::info!(
                        "{} went away while the agent was not running",
                        lost.entry.path.display()
                    );
                }
                Err(error) => {
                    let path = directory(&lost.entry);
                    self.trouble(&path, "directory_unreadable", &error);
                }
            }
        }
    }

    fn take_up(
        &mut self,
        target: usize,
        lost: Resumed,
        file: F::File,
        identity: Identity,
        now: Instant,
    ) {
        self.ledger.reopen(lost.id, identity);
        let place = Place {
            id: lost.id,
            path: lost.entry.path,
            offset: lost.entry.offset,
            guard: lost.entry.guard,
            head: lost.entry.head,
        };
        self.follow(target, file, identity, place, now);
        if let Some(tail) = self.tails.get_mut(&lost.id) {
            tail.detached = Some(now);
        }
    }
}

/// Whether nothing more will be written to a rotated file that has been quiet for so long. A writer
/// that the kernel knows of is waited for however long it says nothing.
fn finished<F: LogFs>(fs: &F, tail: &Tail<F>, quiet: Duration, timing: Timing) -> bool {
    if quiet < timing.writerless_wait.min(timing.rotate_wait) {
        return false;
    }
    match fs.is_written(&tail.file) {
        Some(true) => false,
        None => quiet >= timing.rotate_wait,
        // The last writer may have written between our look and its end.
        Some(false) => {
            quiet >= timing.writerless_wait
                && fs
                    .stat_open(&tail.file)
                    .is_ok_and(|stat| stat.shape == tail.shape)
        }
    }
}

/// Looks for a file under another name in its directory. `None` if it is not there, or is no
/// longer the file whose position is known.
fn find<F: LogFs>(fs: &F, lost: &Resumed) -> io::Result<Option<(F::File, Identity)>> {
    let names = match fs.list(&directory(&lost.entry)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    for candidate in names {
        if candidate.inode != lost.entry.identity.inode {
            continue;
        }
        let Some((file, stat)) = fs.open(&candidate.path)? else {
            continue;
        };
        let identity = stat.identity;
        if identity.could_be(&lost.entry.identity)
            && lost.entry.head.holds(fs, &file)?
            && guard_holds(fs, &file, lost.entry.offset, lost.entry.guard)?
        {
            return Ok(Some((file, identity)));
        }
    }
    Ok(None)
}
