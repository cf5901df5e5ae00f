//! Whether everything that was in the files at one moment has been read.
//!
//! The directories are looked through first, so that files count which no hint has told of yet, and
//! copies and archives are waited for until it is known what they are. Then each file's end is
//! noted, and the file counts as read once that was passed, whatever is written behind it. A line
//! without an end and an event that may go on are waited for no longer than their own timeouts; a
//! file that cannot be read, or may not be because its stream is stuck, keeps the answer back.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::Reader;
use crate::fs::LogFs;
use crate::record::FileId;
use crate::source::file::tail::Tail;

/// How far an answer is.
#[derive(Debug, Default)]
pub(super) enum Asked {
    /// Nobody waits for one.
    #[default]
    No,
    /// Files are looked for.
    Looking,
    /// Files that are not read up to the end that they had.
    Reading(BTreeMap<FileId, u64>),
}

/// Of a file that must be read until nothing more is there.
const TO_ITS_END: u64 = u64::MAX;

impl<F: LogFs> Reader<F> {
    /// From now on it is known when all is read that is there now.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.asked = Asked::Looking;
        self.look_once_more(now);
    }

    /// Whether all is read that was there when it was asked; once.
    pub(crate) fn has_read_all(&mut self) -> bool {
        let Asked::Reading(ends) = &mut self.asked else {
            return false;
        };
        let tails = &self.tails;
        ends.retain(|id, end| tails.get(id).is_some_and(|tail| !is_read(tail, *end)));
        let all = ends.is_empty() && !self.archives.is_searching();
        if all {
            self.asked = Asked::No;
        }
        all
    }

    /// Notes the ends of all files once nothing is looked for any more.
    pub(super) fn note_ends(&mut self, now: Instant) {
        let looks = self.scan_due <= now || self.sweep_due <= now;
        let Asked::Looking = self.asked else { return };
        if looks || !self.held.is_empty() || self.archives.is_searching() {
            return;
        }
        let all = self.tails.iter();
        let ends: BTreeMap<FileId, u64> = all.map(|(id, tail)| (*id, self.end_of(tail))).collect();
        for (id, end) in &ends {
            if self.tails.get(id).is_some_and(|tail| tail.offset < *end) {
                self.queue(*id);
            }
        }
        self.asked = Asked::Reading(ends);
    }

    /// A file is followed that may have been there when it was asked, under whatever name.
    pub(super) fn note_end_of(&mut self, id: FileId) {
        if let Asked::Reading(ends) = &mut self.asked
            && let Some(tail) = self.tails.get(&id)
        {
            ends.insert(id, tail.seen.size);
        }
    }

    /// Up to where a file must be read.
    fn end_of(&self, tail: &Tail<F>) -> u64 {
        let looked = match &tail.file {
            Some(file) => self.fs.stat_open(file),
            None => self.fs.stat(tail.real.as_deref().unwrap_or(&tail.at)),
        };
        let stat = looked
            .ok()
            .filter(|stat| tail.file.is_some() || tail.identity.is(&stat.identity));
        match stat.map(|stat| stat.shape.size) {
            // A turn shows whether it is still the same.
            Some(size) if size < tail.offset || (size == tail.offset && tail.queued) => TO_ITS_END,
            // Of an archive it is not known how much is in it.
            Some(_) if self.archives.is_reading(tail.id) => TO_ITS_END,
            Some(size) => size,
            None => TO_ITS_END,
        }
    }
}

fn is_read<F: LogFs>(tail: &Tail<F>, end: u64) -> bool {
    // As a turn leaves it that could not read the file.
    let unreadable = tail.shape.written == i128::MIN;
    tail.offset >= end || (!tail.queued && tail.event_due.is_none() && !unreadable)
}
