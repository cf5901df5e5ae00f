//! Traffic, errors and drops of network interfaces, from `/proc/net/dev`.
//!
//! Source: `proc_pid_net(5)`; the columns are those of the kernel's `dev_seq_printf_stats`.

use std::sync::Arc;

use plimsoll_core::catalog::{
    NET_BYTES_RECV, NET_BYTES_SENT, NET_DROPS, NET_ERRORS, NET_PACKETS_RECV, NET_PACKETS_SENT,
};

use super::filter::NameFilter;
use super::rate::{Rates, Reading};
use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::Sample;

/// Lines above the first interface.
const HEADER_LINES: usize = 2;

/// What an interface counts since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) bytes_in: u64,
    pub(super) packets_in: u64,
    pub(super) errors_in: u64,
    pub(super) drops_in: u64,
    pub(super) bytes_out: u64,
    pub(super) packets_out: u64,
    pub(super) errors_out: u64,
    pub(super) drops_out: u64,
}

/// The interfaces of the table.
pub(super) fn interfaces(text: &str) -> impl Iterator<Item = Result<(&str, Traffic), ScrapeError>> {
    text.lines().skip(HEADER_LINES).map(|line| {
        parse(line).ok_or_else(|| ScrapeError::malformed(Input::NetDev, "sixteen counters"))
    })
}

/// The family `net`.
#[derive(Debug)]
pub(crate) struct Net {
    interfaces: NameFilter,
    rates: Rates<6>,
}

impl Net {
    pub(crate) fn new(interfaces: NameFilter) -> Self {
        Self {
            interfaces,
            rates: Rates::default(),
        }
    }
}

impl Scraper for Net {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::NetDev)?;
        let mut reading = Reading::new();
        for interface in interfaces(text) {
            let (name, traffic) = interface?;
            if self.interfaces.admits(name) {
                reading.insert(Arc::from(name), counters(&traffic));
            }
        }
        for (name, change) in self.rates.advance(now.taken(), reading) {
            let [bytes_in, packets_in, bytes_out, packets_out, errors, drops] = change.per_second();
            out.extend([
                Sample::of(&NET_BYTES_RECV, &name, bytes_in),
                Sample::of(&NET_BYTES_SENT, &name, bytes_out),
                Sample::of(&NET_PACKETS_RECV, &name, packets_in),
                Sample::of(&NET_PACKETS_SENT, &name, packets_out),
                Sample::of(&NET_ERRORS, &name, errors),
                Sample::of(&NET_DROPS, &name, drops),
            ]);
        }
        Ok(())
    }
}

/// Both directions of errors and drops are told together: which one it was is rarely the question,
/// and each would be a series.
fn counters(traffic: &Traffic) -> [u64; 6] {
    [
        traffic.bytes_in,
        traffic.packets_in,
        traffic.bytes_out,
        traffic.packets_out,
        traffic.errors_in.wrapping_add(traffic.errors_out),
        traffic.drops_in.wrapping_add(traffic.drops_out),
    ]
}

fn parse(line: &str) -> Option<(&str, Traffic)> {
    // An alias such as `eth0:1` holds a colon itself; the last one ends the name.
    let (name, numbers) = line.rsplit_once(':')?;
    let mut columns = [0; 12];
    let mut words = numbers.split_ascii_whitespace();
    for column in &mut columns {
        *column = words.next()?.parse().ok()?;
    }
    let [
        bytes_in,
        packets_in,
        errors_in,
        drops_in,
        _,
        _,
        _,
        _,
        bytes_out,
        packets_out,
        errors_out,
        drops_out,
    ] = columns;
    let traffic = Traffic {
        bytes_in,
        packets_in,
        errors_in,
        drops_in,
        bytes_out,
        packets_out,
        errors_out,
        drops_out,
    };
    Some((name.trim(), traffic))
}

#[cfg(test)]
mod tests {
    use super::super::testing::scrape_twice;
    use super::*;

    const HEADER: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n";

    #[test]
    fn both_directions_are_told_and_loopback_is_left_out() {
        let first = format!(
            "{HEADER}    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n  eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n"
        );
        let second = format!(
            "{HEADER}    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0:2000 30 2 4 0 0 0 0 4000 60 4 6 0 0 0 0\n"
        );
        let scraper = Net::new(NameFilter::new(&["*"], &["lo"]).unwrap());
        let (before, after) = scrape_twice(scraper, &[(Input::NetDev, &first, &second)]);
        assert!(before.is_empty());
        let values: Vec<f64> = after.iter().map(Sample::number).collect();
        assert_eq!(values, [100.0, 200.0, 2.0, 4.0, 0.2, 0.4]);
        assert!(after.iter().all(|sample| sample.label() == Some("eth0")));
    }

    #[test]
    fn an_alias_keeps_its_colon_and_a_torn_line_is_not_read() {
        let (name, _) = parse("eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").unwrap();
        assert_eq!(name, "eth0:1");
        assert!(parse("eth0: 1 2 3").is_none());
    }
}
