//! Metrics that wait out an outage, on disk.
//!
//! A directory of segment files of about a mebibyte, each a row of records ([`record`]) of one batch
//! each ([`codec`]). A record is appended and synced before the caller lets go of the batch, and the
//! directory is synced when a segment is new. Its state is one byte that is overwritten in place:
//! *trying* is on the disk before the call, so that an end in the middle of a call is known as an
//! unknown outcome at the next start; *pending* is on the disk once it is known that the call had no
//! effect; *done* is not waited for, since a record that is found as tried is given the care of one.
//! A segment of which all is done is removed.
//!
//! The size is bounded. At the bound the oldest segment goes, and its datums are counted. What is
//! under way is in the caller's hands and is never removed. All of it blocks; the caller keeps it
//! off the runtime.

pub(crate) mod codec;
mod disk;
#[cfg(test)]
pub(crate) mod faulty;
mod record;
mod recover;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_aws::limits::metrics::{DATUMS_MAX, REQUEST_BYTES_MAX};

use crate::batch::metrics::{MetricBatch, REQUEST_OVERHEAD_BYTES, encoded_bytes_max};
use crate::health::Health;
pub(crate) use disk::SpoolFs;
pub(crate) use record::State;
use record::{HEADER, STATE_AT};
pub(crate) use recover::{is_segment, waiting_in};

/// The directory, within the state directory.
pub(crate) const DIRECTORY: &str = "metrics-spool";
/// Held while an agent uses the directory.
pub(crate) const LOCK_NAME: &str = "lock";
const SUFFIX: &str = ".spool";
/// The length at which another segment is begun. What is dropped at the bound is dropped by
/// segments, so a small spool has smaller ones.
const SEGMENT_BYTES: u64 = 1024 * 1024;
const SEGMENTS_MIN: u64 = 8;
/// Records that are remembered: some 6 MiB. At a batch per second, 18 hours.
const RECORDS_MAX: usize = 65_536;
/// How many records a call is filled from: those of other namespaces in between are passed over.
const LOOK_AHEAD: usize = 4_096;

/// Where a record is. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordId {
    segment: u64,
    at: u64,
}

/// A batch that was taken out for a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    /// Its record, which must be [restored](Spool::restore) or [done](Spool::done).
    pub(crate) id: RecordId,
    /// What is to be sent.
    pub(crate) batch: MetricBatch,
    /// Whether an earlier run may have sent it already.
    pub(crate) in_doubt: bool,
}

/// The spool.
#[derive(Debug)]
pub(crate) struct Spool<F: SpoolFs> {
    fs: F,
    directory: PathBuf,
    bytes_max: u64,
    health: Arc<Health>,
    segments: BTreeMap<u64, Segment>,
    /// What waits.
    waiting: BTreeMap<RecordId, Entry>,
    /// What is in the caller's hands.
    taken: BTreeMap<RecordId, Entry>,
    namespaces: BTreeSet<Arc<str>>,
    /// The segment that is appended to.
    active: Option<(u64, F::File)>,
    next: u64,
    bytes: u64,
    _lock: F::Lock,
}

#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    bytes: u64,
    /// Records that are not done.
    live: usize,
    /// Those of them that are in the caller's hands.
    taken: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    length: usize,
    datums: u16,
    namespace: Arc<str>,
    /// What the disk says.
    state: State,
    in_doubt: bool,
}

impl<F: SpoolFs> Spool<F> {
    /// Opens the spool and reads what waits in it.
    ///
    /// # Errors
    /// When the directory cannot be made or read, or another agent holds it.
    pub(crate) fn open(
        fs: F,
        directory: &Path,
        bytes_max: u64,
        health: Arc<Health>,
    ) -> io::Result<Self> {
        let lock = fs.lock(&directory.join(LOCK_NAME))?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::ResourceBusy, "in use by another agent")
        })?;
        let mut spool = Self {
            fs,
            directory: directory.to_owned(),
            bytes_max,
            health,
            segments: BTreeMap::new(),
            waiting: BTreeMap::new(),
            taken: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            active: None,
            next: 0,
            bytes: 0,
            _lock: lock,
        };
        spool.recover_all()?;
        Ok(spool)
    }

    /// Datums that wait.
    pub(crate) fn datums(&self) -> usize {
        self.waiting
            .values()
            .map(|one| usize::from(one.datums))
            .sum()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes a batch, which then survives any end, and keeps it for the caller to be restored or
    /// done.
    ///
    /// # Errors
    /// When it is not on the disk: it is full or read-only, or the spool is smaller than the batch.
    pub(crate) fn append(&mut self, batch: &MetricBatch, state: State) -> io::Result<RecordId> {
        let datums = u16::try_from(batch.datums.len()).map_err(io::Error::other)?;
        let record = record::encode(&codec::encode(batch), datums, state)
            .ok_or_else(|| io::Error::other("a batch of more than 4 GiB"))?;
        let length = record.len() as u64;
        self.make_room(length)?;
        let (segment, mut file) = self.segment_for(length)?;
        let at = self.segments.get(&segment).map_or(0, |one| one.bytes);
        let written = self.fs.append(&mut file, &record);
        if let Err(error) = written.and_then(|()| self.fs.sync(&file)) {
            // What may be there must never be sent as well as what the caller still has.
            if self.segments.get(&segment).is_none_or(|one| one.live == 0) {
                self.remove(segment);
            } else if self.fs.shorten(&file, at).is_err() {
                drop(self.fs.overwrite(&file, at + STATE_AT, State::Done.byte()));
            }
            return Err(error);
        }
        self.active = Some((segment, file));
        self.bytes += length;
        let id = RecordId { segment, at };
        let entry = Entry {
            length: record.len(),
            datums,
            namespace: self.intern(&batch.namespace),
            state,
            in_doubt: false,
        };
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.bytes += length;
            segment.live += 1;
            segment.taken += 1;
        }
        self.taken.insert(id, entry);
        Ok(id)
    }

    /// Takes out what fills a call: the oldest batch and those after it that go to the same
    /// namespace, at most `most`. The disk knows that they are tried. Empty if nothing waits.
    ///
    /// # Errors
    /// When the disk cannot be told. Then nothing is taken, since after a crash it would be sent
    /// again.
    pub(crate) fn take(&mut self, most: usize) -> io::Result<Vec<Taken>> {
        let Some((_, first)) = self.waiting.first_key_value() else {
            return Ok(Vec::new());
        };
        let (namespace, mut room) = (Arc::clone(&first.namespace), DATUMS_MAX);
        let mut bytes_left = REQUEST_BYTES_MAX - REQUEST_OVERHEAD_BYTES;
        let (mut all, mut lost) = (Vec::new(), Vec::new());
        for (id, entry) in self.waiting.iter().take(LOOK_AHEAD) {
            if entry.namespace != namespace {
                continue;
            }
            let datums = usize::from(entry.datums);
            if datums > room || all.len() >= most {
                break;
            }
            let Some(batch) = self.read(*id, entry)? else {
                lost.push(*id);
                continue;
            };
            let bytes: usize = batch.datums.iter().map(encoded_bytes_max).sum();
            if bytes > bytes_left && !all.is_empty() {
                break;
            }
            bytes_left = bytes_left.saturating_sub(bytes);
            room -= datums;
            all.push(Taken {
                id: *id,
                batch,
                in_doubt: entry.in_doubt,
            });
        }
        for id in lost {
            if let Some(entry) = self.waiting.remove(&id) {
                self.tell_damage(1, u64::from(entry.datums));
                self.forget(id.segment, false);
            }
        }
        let ids: Vec<RecordId> = all.iter().map(|one| one.id).collect();
        for id in &ids {
            if let Some(entry) = self.waiting.remove(id) {
                self.taken.insert(*id, entry);
                self.segment(id.segment, |segment| segment.taken += 1);
            }
        }
        if let Err(error) = self.try_now(&ids) {
            self.restore(&ids);
            return Err(error);
        }
        Ok(all)
    }

    /// Tells the disk that a call with these is about to begin.
    ///
    /// # Errors
    /// When it cannot be told; the call must not be made.
    pub(crate) fn try_now(&mut self, ids: &[RecordId]) -> io::Result<()> {
        self.mark(ids, State::Trying)
    }

    /// Puts back what surely had no effect.
    pub(crate) fn restore(&mut self, ids: &[RecordId]) {
        let is_sure = |id: &&RecordId| self.taken.get(id).is_some_and(|entry| !entry.in_doubt);
        let sure: Vec<RecordId> = ids.iter().filter(is_sure).copied().collect();
        // If the disk cannot be told, a crash leaves it in doubt, and this run still knows better.
        drop(self.mark(&sure, State::Pending));
        for id in ids {
            if let Some(entry) = self.taken.remove(id) {
                self.waiting.insert(*id, entry);
                self.segment(id.segment, |segment| segment.taken -= 1);
            }
        }
    }

    /// Ends records that were taken by CloudWatch, or given up and counted.
    pub(crate) fn done(&mut self, ids: &[RecordId]) {
        for id in ids {
            let Some(entry) = self.taken.remove(id) else {
                continue;
            };
            let last = self
                .segments
                .get(&id.segment)
                .is_none_or(|one| one.live <= 1);
            if !last && let Err(error) = self.overwrite(*id, State::Done) {
                log::debug!(datums = entry.datums; "the spool could not be told what was sent: {error}");
            }
            self.forget(id.segment, true);
        }
    }

    fn mark(&mut self, ids: &[RecordId], state: State) -> io::Result<()> {
        let mut segments = BTreeSet::new();
        for id in ids {
            if self.taken.get(id).is_some_and(|entry| entry.state != state) {
                self.overwrite(*id, state)?;
                segments.insert(id.segment);
                if let Some(entry) = self.taken.get_mut(id) {
                    entry.state = state;
                }
            }
        }
        for segment in segments {
            self.with_file(segment, F::sync)?;
        }
        Ok(())
    }

    fn overwrite(&self, id: RecordId, state: State) -> io::Result<()> {
        self.with_file(id.segment, |fs, file| {
            fs.overwrite(file, id.at + STATE_AT, state.byte())
        })
    }

    /// A batch as it is on the disk; `None` if it is damaged.
    fn read(&self, id: RecordId, entry: &Entry) -> io::Result<Option<MetricBatch>> {
        let bytes = self.with_file(id.segment, |fs, file| {
            fs.read_part(file, id.at, entry.length)
        })?;
        let record = record::decode(&bytes, 0);
        Ok(record.and_then(|record| codec::decode(record.payload)))
    }

    fn with_file<T>(
        &self,
        segment: u64,
        work: impl FnOnce(&F, &F::File) -> io::Result<T>,
    ) -> io::Result<T> {
        work(&self.fs, &self.fs.reopen(&self.path(segment))?)
    }

    /// A record of a segment is no longer needed, and with the last one the segment.
    fn forget(&mut self, segment: u64, taken: bool) {
        self.segment(segment, |one| {
            one.live = one.live.saturating_sub(1);
            one.taken = one.taken.saturating_sub(usize::from(taken));
        });
        if self.segments.get(&segment).is_some_and(|one| one.live == 0) {
            self.remove(segment);
        }
    }

    fn segment(&mut self, segment: u64, change: impl FnOnce(&mut Segment)) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            change(segment);
        }
    }

    fn remove(&mut self, segment: u64) {
        if self
            .active
            .as_ref()
            .is_some_and(|(active, _)| *active == segment)
        {
            self.active = None;
        }
        let Some(removed) = self.segments.remove(&segment) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        if let Err(error) = self.fs.remove(&self.path(segment)) {
            self.health.problems.add("spool_remove", 1);
            log::warn!(segment = segment; "a part of the spool of metrics that is sent cannot be removed: {error}");
        }
    }

    /// Drops oldest segments until there is room.
    fn make_room(&mut self, length: u64) -> io::Result<()> {
        let needed = length + HEADER.len() as u64;
        loop {
            let records = self.waiting.len() + self.taken.len();
            if self.bytes + needed <= self.bytes_max && records < RECORDS_MAX {
                return Ok(());
            }
            let oldest = self.segments.iter().find(|(_, one)| one.taken == 0);
            let Some((&segment, _)) = oldest.filter(|_| needed <= self.bytes_max) else {
                return Err(io::Error::new(
                    io::ErrorKind::QuotaExceeded,
                    "the spool is full",
                ));
            };
            let from = RecordId { segment, at: 0 };
            let mut dropped = self.waiting.split_off(&from);
            let after = RecordId {
                segment: segment + 1,
                at: 0,
            };
            let mut later = dropped.split_off(&after);
            self.waiting.append(&mut later);
            let datums: u64 = dropped.values().map(|one| u64::from(one.datums)).sum();
            if self.health.datums_dropped.add("spool_full", datums) {
                log::warn!(bytes_max = self.bytes_max; "the spool of metrics is full; its oldest datums are dropped");
            }
            self.remove(segment);
        }
    }

    /// The segment to append to, which is new if there is none or it is long enough.
    fn segment_for(&mut self, length: u64) -> io::Result<(u64, F::File)> {
        let segment_bytes = SEGMENT_BYTES.min(self.bytes_max / SEGMENTS_MIN);
        if let Some((segment, file)) = self.active.take() {
            let bytes = self.segments.get(&segment).map_or(0, |one| one.bytes);
            if bytes + length <= segment_bytes {
                return Ok((segment, file));
            }
        }
        let segment = self.next;
        let path = self.path(segment);
        let made = self.fs.create(&path).and_then(|mut file| {
            self.fs.append(&mut file, HEADER)?;
            self.fs.sync(&file)?;
            self.fs.sync_directory(&self.directory)?;
            Ok(file)
        });
        match made {
            Ok(file) => {
                self.next += 1;
                let bytes = HEADER.len() as u64;
                self.bytes += bytes;
                self.segments.insert(
                    segment,
                    Segment {
                        bytes,
                        ..Segment::default()
                    },
                );
                Ok((segment, file))
            }
            Err(error) => {
                drop(self.fs.remove(&path));
                Err(error)
            }
        }
    }

    fn intern(&mut self, namespace: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.namespaces.get(namespace) {
            return Arc::clone(known);
        }
        self.namespaces.insert(Arc::clone(namespace));
        Arc::clone(namespace)
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{segment:016x}{SUFFIX}"))
    }
}

#[cfg(test)]
mod tests;
