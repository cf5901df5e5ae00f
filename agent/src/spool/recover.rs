//! Reads what an earlier run left: what waits, what is in doubt, what is damaged.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::record::{HEAD, HEADER, HEADER_ANY};
use super::{Entry, RecordId, SUFFIX, Segment, Spool, SpoolFs, State, codec, record};

/// What a segment of an unknown version has for an ending.
const ASIDE: &str = "unknown";

impl<F: SpoolFs> Spool<F> {
    /// Reads all segments.
    pub(super) fn recover_all(&mut self) -> io::Result<()> {
        let names = self.fs.names(&self.directory)?;
        let numbers = names
            .iter()
            .filter_map(|name| segment_number(name.to_str()?));
        for segment in numbers.collect::<BTreeSet<u64>>() {
            // A number is not used again, even if its file cannot be read.
            self.next = segment.saturating_add(1);
            if let Err(error) = self.recover(segment) {
                self.tell_damage(1, 0);
                log::warn!(segment = segment; "a part of the spool of metrics cannot be read: {error}");
            }
        }
        Ok(())
    }

    /// Reads what an earlier run left in a segment.
    fn recover(&mut self, segment: u64) -> io::Result<()> {
        let path = self.path(segment);
        let bytes = self.fs.read(&path)?;
        if !bytes.starts_with(HEADER) {
            return self.put_aside(&path, &bytes);
        }
        let (found, damage) = record::scan(&bytes);
        if damage.places > 0 {
            self.tell_damage(damage.places, damage.datums);
        }
        let mut live = 0;
        for record in found.iter().filter(|record| record.state != State::Done) {
            let Some(batch) = codec::decode(record.payload) else {
                self.tell_damage(1, u64::from(record.datums));
                continue;
            };
            let entry = Entry {
                length: HEAD + record.payload.len(),
                datums: record.datums,
                namespace: self.intern(&batch.namespace),
                state: record.state,
                in_doubt: record.state == State::Trying,
            };
            let at = record.at as u64;
            self.waiting.insert(RecordId { segment, at }, entry);
            live += 1;
        }
        let bytes = bytes.len() as u64;
        self.bytes += bytes;
        self.segments.insert(
            segment,
            Segment {
                bytes,
                live,
                taken: 0,
            },
        );
        if live == 0 {
            self.remove(segment);
        }
        Ok(())
    }

    /// A segment of another version is kept for the agent that wrote it; one that was cut off before
    /// it had a header is nothing.
    fn put_aside(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if !bytes.starts_with(HEADER_ANY) {
            self.tell_damage(u64::from(!HEADER.starts_with(bytes)), 0);
            return self.fs.remove(path);
        }
        self.health.problems.add("spool_version", 1);
        log::warn!(path:? = path; "a part of the spool of metrics is of another version; it is kept aside");
        self.fs.rename(path, &path.with_extension(ASIDE))
    }

    pub(super) fn tell_damage(&self, places: u64, datums: u64) {
        if places > 0 && self.health.problems.add("spool_damaged", places) {
            log::warn!("a part of the spool of metrics is damaged; what cannot be read is dropped");
        }
        if datums > 0 {
            self.health.datums_dropped.add("spool_damaged", datums);
        }
    }
}

/// Whether a file of the spool's directory is one of its segments, by its name.
pub(crate) fn is_segment(name: &str) -> bool {
    segment_number(name).is_some()
}

/// How many datums wait in a segment, for who looks on and changes nothing; what is damaged counts
/// by its heads, and as one at least.
pub(crate) fn waiting_in(segment: &[u8]) -> u64 {
    let (found, damage) = record::scan(segment);
    let waiting = found.iter().filter(|record| record.state != State::Done);
    let waiting: u64 = waiting.map(|record| u64::from(record.datums)).sum();
    waiting + damage.datums.max(damage.places)
}

/// The number of a segment by its name.
fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SUFFIX)?;
    (number.len() == 16)
        .then(|| u64::from_str_radix(number, 16).ok())
        .flatten()
}
