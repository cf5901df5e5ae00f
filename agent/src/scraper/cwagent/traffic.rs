//! Traffic of block devices and network interfaces, as what was added since the tick before.
//!
//! Partitions are told beside their device, and only interfaces that are up and no loopback.

use std::sync::Arc;

use plimsoll_core::catalog::cwagent as catalog;

use crate::sample::{Sample, as_value};
use crate::scraper::rate::{Rates, Reading};
use crate::scraper::snapshot::{Input, Snapshot};
use crate::scraper::{NameFilter, ScrapeError, Scraper, diskio, net};

/// The family `diskio`.
#[derive(Debug)]
pub(super) struct DiskIo {
    devices: NameFilter,
    rates: Rates<7>,
}

impl DiskIo {
    /// Tells the devices that the filter admits.
    pub(super) fn new(devices: NameFilter) -> Self {
        Self {
            devices,
            rates: Rates::default(),
        }
    }
}

impl Scraper for DiskIo {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let mut reading = Reading::new();
        for device in diskio::devices(now.text(Input::Diskstats)?) {
            let (name, work) = device?;
            if !self.devices.admits(name) {
                continue;
            }
            let name: Arc<str> = Arc::from(name);
            let in_progress = as_value(work.in_progress);
            out.push(Sample::of(
                &catalog::CW_DISKIO_IOPS_IN_PROGRESS,
                &name,
                in_progress,
            ));
            let counters = [
                work.reads,
                work.writes,
                work.read_bytes,
                work.write_bytes,
                work.read_ms,
                work.write_ms,
                work.busy_ms,
            ];
            reading.insert(name, counters);
        }
        for (name, change) in self.rates.advance(now.taken(), reading) {
            let metrics = [
                &catalog::CW_DISKIO_READS,
                &catalog::CW_DISKIO_WRITES,
                &catalog::CW_DISKIO_READ_BYTES,
                &catalog::CW_DISKIO_WRITE_BYTES,
                &catalog::CW_DISKIO_READ_TIME,
                &catalog::CW_DISKIO_WRITE_TIME,
                &catalog::CW_DISKIO_IO_TIME,
            ];
            let told = metrics.into_iter().zip(change.added);
            out.extend(told.map(|(m, added)| Sample::of(m, &name, as_value(added)).counted()));
        }
        Ok(())
    }
}

/// The family `net`.
#[derive(Debug)]
pub(super) struct Net {
    interfaces: NameFilter,
    rates: Rates<8>,
}

impl Net {
    /// Tells the interfaces that the filter admits.
    pub(super) fn new(interfaces: NameFilter) -> Self {
        Self {
            interfaces,
            rates: Rates::default(),
        }
    }
}

impl Scraper for Net {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let mut reading = Reading::new();
        for interface in net::interfaces(now.text(Input::NetDev)?) {
            let (name, traffic) = interface?;
            if now.is_up(name) && self.interfaces.admits(name) {
                let counters = [
                    traffic.bytes_out,
                    traffic.bytes_in,
                    traffic.packets_out,
                    traffic.packets_in,
                    traffic.drops_in,
                    traffic.drops_out,
                    traffic.errors_in,
                    traffic.errors_out,
                ];
                reading.insert(Arc::from(name), counters);
            }
        }
        for (name, change) in self.rates.advance(now.taken(), reading) {
            let metrics = [
                &catalog::CW_NET_BYTES_SENT,
                &catalog::CW_NET_BYTES_RECV,
                &catalog::CW_NET_PACKETS_SENT,
                &catalog::CW_NET_PACKETS_RECV,
                &catalog::CW_NET_DROP_IN,
                &catalog::CW_NET_DROP_OUT,
                &catalog::CW_NET_ERR_IN,
                &catalog::CW_NET_ERR_OUT,
            ];
            let told = metrics.into_iter().zip(change.added);
            out.extend(told.map(|(m, added)| Sample::of(m, &name, as_value(added)).counted()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::scraper::testing::{INTERVAL, both, named, scrape_twice, snapshot};

    fn all() -> NameFilter {
        NameFilter::new(&["*"], &[] as &[&str]).unwrap()
    }

    #[test]
    fn devices_and_their_partitions_are_told_as_what_was_added() {
        let first = "259 0 nvme0n1 10 0 100 7 20 0 200 9 3 1000 0\n\
                     259 1 nvme0n1p1 10 0 100 7 20 0 200 9 0 1000 0\n";
        let second = "259 0 nvme0n1 20 0 120 17 40 0 240 29 5 1500 0\n\
                      259 1 nvme0n1p1 20 0 120 17 40 0 240 29 0 900 0\n";
        let inputs = [(Input::Diskstats, first, second)];
        let (before, after) = scrape_twice(DiskIo::new(all()), &inputs);
        // The first point is dropped, but for what is no counter.
        let gauge = "diskio_iops_in_progress";
        assert_eq!(named(&before), [(gauge, 3.0), (gauge, 0.0)]);
        // One counter of the partition went backwards, so nothing is told of it.
        let expected = [
            (gauge, 5.0),
            (gauge, 0.0),
            ("diskio_reads", 10.0),
            ("diskio_writes", 20.0),
            ("diskio_read_bytes", 10_240.0),
            ("diskio_write_bytes", 20_480.0),
            ("diskio_read_time", 10.0),
            ("diskio_write_time", 20.0),
            ("diskio_io_time", 500.0),
        ];
        assert_eq!(named(&after), expected);
        let counted: Vec<bool> = after.iter().map(|sample| sample.additive).collect();
        assert_eq!(counted[..3], [false, false, true]);
    }

    #[test]
    fn interfaces_that_are_up_are_told_in_both_directions_apart() {
        let header = "Inter-|   Receive\n face |bytes\n";
        let table = |factor: u64| {
            let row = |name: &str| {
                let numbers: Vec<String> = (1..=16).map(|n| (n * factor).to_string()).collect();
                format!("{name}: {}\n", numbers.join(" "))
            };
            format!("{header}{}{}{}", row("lo"), row("eth0"), row("eth1"))
        };
        let start = Instant::now();
        let (first, second) = (table(1), table(3));
        let [first, second] =
            [(&first, start), (&second, start + INTERVAL)].map(|(text, taken)| {
                let mut taken = snapshot(taken, [(Input::NetDev, &**text)].into_iter());
                taken.set_interfaces_up(&["eth0"]);
                taken
            });
        let (before, after) = both(Net::new(all()), &first, &second);
        assert!(before.is_empty());
        assert!(after.iter().all(|sample| sample.additive));
        assert!(after.iter().all(|sample| sample.label() == Some("eth0")));
        let expected = [
            ("net_bytes_sent", 18.0),
            ("net_bytes_recv", 2.0),
            ("net_packets_sent", 20.0),
            ("net_packets_recv", 4.0),
            ("net_drop_in", 8.0),
            ("net_drop_out", 24.0),
            ("net_err_in", 6.0),
            ("net_err_out", 22.0),
        ];
        assert_eq!(named(&after), expected);
    }
}
