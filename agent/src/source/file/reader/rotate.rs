//! Files that lose their name, their content, or their reader.
//!
//! A renamed or deleted file is read on through its open descriptor: its writer may not have
//! noticed. It is closed when it is read to its end, has been quiet for a while, and everything in
//! it is delivered. A truncated file begins anew. A file that was renamed while the agent was not
//! running is looked for in its directory, under any name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::Reader;
use super::copies::{Copy, RECENT, Wanted};
use super::descriptors::{Listings, name_of, reach};
use super::follow::Place;
use crate::checkpoint::{Resumed, directory};
use crate::fs::LogFs;
use crate::record::{FileId, Guard};
use crate::source::file::framing::FileFraming;
use crate::source::file::identity::{Head, Identity, Shape, guard_holds};
use crate::source::file::tail::Tail;

impl<F: LogFs> Reader<F> {
    /// Notes which files the last scan did not find, and looks for their new names. Those in a
    /// directory that could not be read stay as they are.
    pub(super) fn detach(&mut self, unreadable: &[(PathBuf, io::Error)], now: Instant) {
        let scan = self.scans;
        let mut listings = Listings::new();
        let (mut found, mut gone, mut queued) = (Vec::new(), Vec::new(), Vec::new());
        for (id, tail) in &mut self.tails {
            let hidden = unreadable.iter().any(|(path, _)| tail.at.starts_with(path));
            if tail.scan == scan || hidden {
                continue;
            }
            if tail.detached.is_none() {
                tail.detached = Some(now);
                queued.push(*id);
                if tail.file.is_some() {
                    match name_of(&self.fs, tail, &mut listings) {
                        Some(name) => tail.at = Arc::from(name),
                        None => tail.nameless = true,
                    }
                } else {
                    match reach(&self.fs, tail, &mut listings) {
                        Ok(Some(file)) => found.push((*id, file)),
                        Ok(None) => gone.push(*id),
                        // Its turn tries again, and tells.
                        Err(_) => {}
                    }
                }
            }
            if !tail.nameless {
                self.by_path.entry(Arc::clone(&tail.at)).or_insert(*id);
            }
        }
        for (id, (file, path)) in found {
            self.hold(id, file, &path);
            self.keep_within_budget();
        }
        for id in gone {
            self.gone(id);
        }
        for id in queued {
            self.queue(id);
        }
    }

    /// Lets go of a rotated file that is delivered to its end.
    pub(super) fn close(&mut self, id: FileId, unlinked: bool) {
        let Some(tail) = self.drop_tail(id) else {
            return;
        };
        if unlinked {
            self.ledger.forget(id);
        } else {
            self.ledger.park(id);
        }
        log::debug!(
            "{} was rotated and is delivered to its end",
            tail.path.display()
        );
    }

    /// Follows a file no more.
    pub(super) fn drop_tail(&mut self, id: FileId) -> Option<Tail<F>> {
        let tail = self.tails.remove(&id)?;
        if self.by_number.get(&tail.identity.number()) == Some(&id) {
            self.by_number.remove(&tail.identity.number());
        }
        self.open.remove(&id);
        self.health.files.set(self.tails.len() as u64);
        Some(tail)
    }

    /// Begins a truncated file anew, as another incarnation.
    pub(super) fn restart(&mut self, id: FileId, now: Instant) {
        let Some(mut tail) = self.tails.remove(&id) else {
            return;
        };
        self.tell_truncated(&tail.path);
        let copy = self.find_copy(&Wanted {
            at: &tail.at,
            offset: tail.offset,
            guard: tail.guard,
            head: tail.head,
            written: tail.shape.written,
        });
        let (head, written) = (tail.head, tail.seen.written);
        self.opened = true;
        // Opened before the old one is forgotten: a disk that takes only the first still knows the
        // file.
        tail.id = self
            .ledger
            .open(tail.identity, &tail.path, 0, Guard::default());
        if copy.is_none() {
            self.ledger.forget(id);
        }
        let before = (tail.offset, tail.guard, tail.head, tail.framing.clone());
        tail.offset = 0;
        tail.guard = Guard::default();
        tail.head = Head::default();
        tail.shape = Shape::default();
        tail.look(&self.fs);
        tail.changed = now;
        tail.queued = false;
        tail.framing = tail.framing.restarted();
        tail.event_due = None;
        let new = tail.id;
        self.by_number.insert(tail.identity.number(), new);
        for known in self.by_path.values_mut().filter(|known| **known == id) {
            *known = new;
        }
        if self.open.remove(&id) {
            self.open.insert(new);
        }
        if let Some(copy) = copy {
            self.hand_over(id, &tail, before, copy, now);
        }
        self.ledger.sends_to(new, &tail.stream);
        self.tails.insert(new, tail);
        self.note_end_of(new);
        self.queue(new);
        self.look_for_passed(new, head, written, now);
    }

    /// The copy of a truncated file goes on as the incarnation that the file was: what is on its
    /// way counts for it.
    fn hand_over(
        &mut self,
        id: FileId,
        original: &Tail<F>,
        (offset, guard, head, framing): (u64, Guard, Head, FileFraming),
        copy: Copy<F::File>,
        now: Instant,
    ) {
        self.tell_copied(&original.path, &copy.path);
        self.ledger.reopen(id, copy.identity);
        self.by_number.insert(copy.identity.number(), id);
        self.open.insert(id);
        let mut tail = Tail {
            id,
            identity: copy.identity,
            path: Arc::clone(&original.path),
            stream: Arc::clone(&original.stream),
            dated: original.dated.clone(),
            refiner: original.refiner.clone(),
            file: Some(copy.file),
            at: Arc::from(copy.path),
            real: None,
            nameless: false,
            failures: 0,
            offset,
            guard,
            head,
            shape: Shape::default(),
            seen: Shape::default(),
            queued: false,
            detached: Some(now),
            changed: now,
            scan: self.scans,
            last: false,
            told: original.told,
            framing,
            rate: original.rate,
            event_due: None,
        };
        tail.look(&self.fs);
        self.ledger.sends_to(id, &tail.stream);
        self.tails.insert(id, tail);
        self.queue(id);
    }

    /// The same for a file that was truncated while the agent was not running.
    pub(super) fn take_up_copy(&mut self, target: usize, known: Resumed, now: Instant) {
        let recent = self.ledger.stopped().map(i128::from).unwrap_or_default();
        let written = if known.entry.offset == 0 {
            recent - RECENT.as_nanos().cast_signed()
        } else {
            i128::MIN
        };
        let copy = self.find_copy(&Wanted {
            at: &known.entry.path,
            offset: known.entry.offset,
            guard: known.entry.guard,
            head: known.entry.head,
            written,
        });
        match copy {
            Some(copy) => {
                self.tell_copied(&known.entry.path, &copy.path);
                self.take_up(target, known, (copy.file, copy.identity, copy.path), now);
            }
            None => self.seek_quietly(known),
        }
    }

    fn tell_copied(&self, path: &Path, copy: &Path) {
        self.health.problems.add("file_copied", 1);
        log::info!(
            "what {} held before is read on from its copy {}",
            path.display(),
            copy.display()
        );
    }

    pub(super) fn tell_truncated(&self, path: &Path) {
        self.health.problems.add("truncated", 1);
        log::info!(
            "{} was truncated or replaced and is read from its start",
            path.display()
        );
    }

    /// Looks for files that an earlier run has followed and that no path leads to now. What cannot
    /// be looked at now, as those that are `hidden`, is looked for again at the next scan.
    pub(super) fn look_for_lost(&mut self, hidden: &[Identity], now: Instant) {
        let undecided = std::mem::take(&mut self.undecided);
        let first = self.scans == 1;
        for lost in self.ledger.unclaimed(|id| self.tails.contains_key(&id)) {
            if !first && !undecided.contains(&lost.id) {
                continue;
            }
            if hidden.iter().any(|one| one.could_be(&lost.entry.identity)) {
                self.undecided.insert(lost.id);
                continue;
            }
            let Some(target) = self.targets.target_of(&lost.entry.path) else {
                // The configuration no longer wants it. It may want it again.
                self.ledger.park(lost.id);
                continue;
            };
            match find(&self.fs, &lost) {
                Ok(Some(found)) => self.take_up(target, lost, found, now),
                Ok(None) => self.seek_in_archives(target, lost),
                Err(error) => {
                    self.undecided.insert(lost.id);
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
        (file, identity, path): Found<F>,
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
        self.follow(target, (file, identity), place, &path, now);
        if let Some(tail) = self.tails.get_mut(&lost.id) {
            tail.detached = Some(now);
        }
    }
}

/// A file that was found under another name.
type Found<F> = (<F as LogFs>::File, Identity, PathBuf);

/// Looks for a file under another name in its directory. `None` if it is not there, or is no
/// longer the file whose position is known.
fn find<F: LogFs>(fs: &F, lost: &Resumed) -> io::Result<Option<Found<F>>> {
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
            return Ok(Some((file, identity, candidate.path)));
        }
    }
    Ok(None)
}
