//! The sweep: every open file is compared with what was last seen of it.
//!
//! Hints may be lost, and some file systems send none. So every few seconds each file that is open
//! is looked at, and each file that rests where no hint would tell. A file that rests otherwise is
//! looked at by the scan, which sees its path anyway; so quiet files cost one look a scan.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::descriptors::{Listings, REST_AFTER, reach};
use super::{Reader, Timing};
use crate::checkpoint::Ledger;
use crate::fs::{LogFs, Stat};
use crate::record::FileId;
use crate::source::file::tail::Tail;

/// How often in a row an open file may fail to be looked at. A network file system whose server
/// has lost the file says `ESTALE` for ever, and the descriptor would be held for ever.
const FAILURES_MAX: u8 = 3;

/// What a look at a file came to.
enum Verdict {
    /// There is something to read.
    Changed,
    /// It was rotated and is delivered to its end; whether no name leads to it any more.
    Done(bool),
    /// It is quiet, and needs no descriptor.
    Quiet,
    /// It rests, and its name means another file or none.
    Lost,
    /// It cannot be looked at any more.
    Stale,
}

impl<F: LogFs> Reader<F> {
    /// Compares files with what was last seen of them, closes rotated ones that are done, and lets
    /// quiet ones rest.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.hold_for_a_last_look(now);
        let judge = Judge {
            fs: &self.fs,
            ledger: &self.ledger,
            timing: self.timing,
            hinted: self.watch.is_some(),
            now,
        };
        let tails = self.tails.iter_mut();
        let verdicts = tails.filter_map(|(id, tail)| Some((*id, judge.look_at(tail)?)));
        for (id, verdict) in verdicts.collect::<Vec<_>>() {
            match verdict {
                Verdict::Changed => self.queue(id),
                Verdict::Done(unlinked) => self.close(id, unlinked),
                Verdict::Quiet => self.rest(id),
                Verdict::Lost => self.seek(id, now),
                Verdict::Stale => self.give_up(id, now),
            }
        }
    }

    /// Opens files again that rest, were rotated and are delivered: to ask whether they have a
    /// writer, they must be open. No more at a time than may be.
    fn hold_for_a_last_look(&mut self, now: Instant) {
        let waiting = self.tails.values().filter(|tail| {
            tail.file.is_none()
                && !tail.queued
                && rotated_for(tail, now).is_some_and(|quiet| quiet >= self.timing.writerless_wait)
                && is_delivered(&self.ledger, tail)
        });
        let ids: Vec<FileId> = waiting
            .take(self.descriptors_max)
            .map(|tail| tail.id)
            .collect();
        for id in ids {
            if let Err(error) = self.open_again(id, now)
                && let Some(path) = self.tails.get(&id).map(|tail| tail.at.clone())
            {
                self.trouble(&path, "file_unreadable", &error);
            }
        }
    }

    /// Looks for a file that rests and is not where it was.
    fn seek(&mut self, id: FileId, now: Instant) {
        let Some(tail) = self.tails.get(&id) else {
            return;
        };
        if tail.detached.is_none() {
            // The scan finds what is there now, and then where this one went.
            self.scan_due = now;
            return;
        }
        match reach(&self.fs, tail, &mut Listings::new()) {
            Ok(Some((file, path))) => {
                self.hold(id, file, &path);
                self.queue(id);
                self.keep_within_budget();
            }
            Ok(None) => self.gone(id),
            // The next sweep tries again.
            Err(_) => {}
        }
    }

    /// Lets go of an open file that cannot be looked at. Its position is kept, so that a scan that
    /// finds it again goes on from there.
    fn give_up(&mut self, id: FileId, now: Instant) {
        let Some(tail) = self.drop_tail(id) else {
            return;
        };
        self.scan_due = now;
        self.health.problems.add("file_stale", 1);
        log::warn!(
            "{} can no longer be looked at, as when a file server has lost it; it is closed and \
             opened again when it is found",
            tail.path.display()
        );
    }
}

/// What a look is compared with.
struct Judge<'a, F> {
    fs: &'a F,
    ledger: &'a Ledger,
    timing: Timing,
    /// Whether hints tell of changes.
    hinted: bool,
    now: Instant,
}

impl<F: LogFs> Judge<'_, F> {
    fn look_at(&self, tail: &mut Tail<F>) -> Option<Verdict> {
        let shape = match self.stat(tail)? {
            Ok(Some(stat)) => stat.shape,
            Ok(None) => return Some(Verdict::Lost),
            Err(_) => {
                tail.failures = tail.failures.saturating_add(1);
                let stale = tail.file.is_some() && tail.failures >= FAILURES_MAX;
                return stale.then_some(Verdict::Stale);
            }
        };
        tail.failures = 0;
        if shape != tail.shape {
            tail.changed = self.now;
            return Some(Verdict::Changed);
        }
        let file = tail.file.as_ref().filter(|_| !tail.queued)?;
        if let Some(quiet) = rotated_for(tail, self.now)
            && quiet >= self.timing.writerless_wait.min(self.timing.rotate_wait)
        {
            match self.has_ended(tail, file, quiet) {
                Some(true) if shape.size > tail.offset => {
                    tail.last = true;
                    return Some(Verdict::Changed);
                }
                Some(true) if is_delivered(self.ledger, tail) => {
                    return Some(Verdict::Done(shape.unlinked));
                }
                // Its writer keeps it young.
                Some(false) => tail.changed = self.now,
                _ => {}
            }
        }
        let quiet = self.now - tail.changed;
        (quiet >= REST_AFTER && !tail.nameless && tail.event_due.is_none())
            .then_some(Verdict::Quiet)
    }

    /// How a file looks, if it is to be looked at; `Ok(None)` if another file has its name.
    fn stat(&self, tail: &Tail<F>) -> Option<io::Result<Option<Stat>>> {
        if let Some(file) = &tail.file {
            return Some(self.fs.stat_open(file).map(Some));
        }
        // A link's directory is watched, not the one where the file is.
        if tail.detached.is_none() && tail.real.is_none() && self.hinted {
            return None;
        }
        let path = tail.real.as_deref().unwrap_or(&tail.at);
        Some(match self.fs.stat(path) {
            Ok(stat) => Ok(tail.identity.is(&stat.identity).then_some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Whether nothing more will be written to a rotated file that has been quiet for so long;
    /// `None` if it is too early to tell. A writer that the kernel knows of is waited for however
    /// long it says nothing.
    fn has_ended(&self, tail: &Tail<F>, file: &F::File, quiet: Duration) -> Option<bool> {
        let ended = match self.fs.is_written(file) {
            Some(true) => return Some(false),
            None => quiet >= self.timing.rotate_wait,
            // The last writer may have written between our look and its end.
            Some(false) => {
                let stat = self.fs.stat_open(file);
                quiet >= self.timing.writerless_wait
                    && stat.is_ok_and(|stat| stat.shape == tail.shape)
            }
        };
        ended.then_some(true)
    }
}

/// Since when a rotated file has neither changed nor had a name of the configuration.
fn rotated_for<F: LogFs>(tail: &Tail<F>, now: Instant) -> Option<Duration> {
    tail.detached.map(|since| now - since.max(tail.changed))
}

fn is_delivered<F: LogFs>(ledger: &Ledger, tail: &Tail<F>) -> bool {
    let position = ledger.position(tail.id);
    position.is_none_or(|at| at == tail.offset)
}
