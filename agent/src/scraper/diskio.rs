//! Traffic of block devices, from `/proc/diskstats`.
//!
//! Only whole devices that `/sys/block` lists are told: a partition's traffic is part of its
//! device's. Where `/sys` cannot be read, every line counts.
//! Source: Linux, `Documentation/admin-guide/iostats.rst`.

use plimsoll_core::catalog::{
    DISKIO_IO_TIME, DISKIO_READ_BYTES, DISKIO_READS, DISKIO_WRITE_BYTES, DISKIO_WRITES,
};

use std::sync::Arc;

use super::filter::NameFilter;
use super::rate::{Rates, Reading};
use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::Sample;

/// The unit of sector counts, whatever the device's own sector size.
/// Source: Linux, `Documentation/block/stat.rst`.
const SECTOR_BYTES: u64 = 512;
/// Milliseconds of work in a second of time are tenths of a percent.
const PERCENT_PER_MILLI: f64 = 0.1;

/// The family `diskio`.
#[derive(Debug)]
pub(crate) struct DiskIo {
    devices: NameFilter,
    rates: Rates<5>,
}

impl DiskIo {
    pub(crate) fn new(devices: NameFilter) -> Self {
        Self {
            devices,
            rates: Rates::default(),
        }
    }
}

impl Scraper for DiskIo {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let mut reading = Reading::new();
        for device in devices(now.text(Input::Diskstats)?) {
            let (name, work) = device?;
            let whole = now.block_devices().is_none_or(|all| all.contains(name));
            if whole && self.devices.admits(name) {
                let counters = [
                    work.reads,
                    work.read_bytes,
                    work.writes,
                    work.write_bytes,
                    work.busy_ms,
                ];
                reading.insert(Arc::from(name), counters);
            }
        }
        for (name, change) in self.rates.advance(now.taken(), reading) {
            let [reads, read_bytes, writes, write_bytes, busy_millis] = change.per_second();
            let busy = (busy_millis * PERCENT_PER_MILLI).min(100.0);
            out.extend([
                Sample::of(&DISKIO_READ_BYTES, &name, read_bytes),
                Sample::of(&DISKIO_WRITE_BYTES, &name, write_bytes),
                Sample::of(&DISKIO_READS, &name, reads),
                Sample::of(&DISKIO_WRITES, &name, writes),
                Sample::of(&DISKIO_IO_TIME, &name, busy),
            ]);
        }
        Ok(())
    }
}

/// What a block device counts since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) reads: u64,
    pub(super) read_bytes: u64,
    /// Milliseconds that reads waited, added up.
    pub(super) read_ms: u64,
    pub(super) writes: u64,
    pub(super) write_bytes: u64,
    /// Milliseconds that writes waited, added up.
    pub(super) write_ms: u64,
    /// Requests under way now.
    pub(super) in_progress: u64,
    /// Milliseconds with requests under way.
    pub(super) busy_ms: u64,
}

/// The devices of the table, partitions among them.
pub(super) fn devices(text: &str) -> impl Iterator<Item = Result<(&str, Work), ScrapeError>> {
    text.lines().map(|line| {
        parse(line).ok_or_else(|| ScrapeError::malformed(Input::Diskstats, "eleven counters"))
    })
}

fn parse(line: &str) -> Option<(&str, Work)> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let name = words.next()?;
    let mut columns = [0; 10];
    for column in &mut columns {
        *column = words.next()?.parse().ok()?;
    }
    let [
        reads,
        _,
        sectors_read,
        read_ms,
        writes,
        _,
        sectors_written,
        write_ms,
        in_progress,
        busy_ms,
    ] = columns;
    let bytes = |sectors: u64| sectors.checked_mul(SECTOR_BYTES);
    let work = Work {
        reads,
        read_bytes: bytes(sectors_read)?,
        read_ms,
        writes,
        write_bytes: bytes(sectors_written)?,
        write_ms,
        in_progress,
        busy_ms,
    };
    Some((name, work))
}

#[cfg(test)]
mod tests {
    use super::super::testing::scrape_twice;
    use super::*;

    #[test]
    fn whole_devices_are_told_and_partitions_and_ignored_ones_are_not() {
        let first = "259 0 nvme0n1 10 0 100 0 20 0 200 0 0 1000 0\n\
                     259 1 nvme0n1p1 10 0 100 0 20 0 200 0 0 1000 0\n\
                     7 0 loop0 1 0 1 0 1 0 1 0 0 1 0\n";
        let second = "259 0 nvme0n1 20 0 120 0 40 0 240 0 0 1500 0\n\
                      259 1 nvme0n1p1 20 0 120 0 40 0 240 0 0 1500 0\n\
                      7 0 loop0 9 0 9 0 9 0 9 0 0 9 0\n";
        let scraper = DiskIo::new(NameFilter::new(&["*"], &["loop*"]).unwrap());
        let (before, after) = scrape_twice(scraper, &[(Input::Diskstats, first, second)]);
        assert!(before.is_empty());
        assert!(after.iter().all(|sample| sample.label() == Some("nvme0n1")));
        let values: Vec<f64> = after.iter().map(Sample::number).collect();
        // Ten seconds passed between the two.
        assert_eq!(values, [1024.0, 2048.0, 1.0, 2.0, 5.0]);
    }

    #[test]
    fn a_line_with_missing_columns_is_not_read() {
        assert!(parse("259 0 nvme0n1 10 0 100").is_none());
        assert!(parse("").is_none());
    }
}
