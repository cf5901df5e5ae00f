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
        for line in text.lines().skip(HEADER_LINES) {
            let (name, counters) = parse(line)
                .ok_or_else(|| ScrapeError::malformed(Input::NetDev, "sixteen counters"))?;
            if self.interfaces.admits(name) {
                reading.insert(Arc::from(name), counters);
            }
        }
        for (name, rates) in self.rates.advance(now.taken(), reading) {
            let [bytes_in, packets_in, bytes_out, packets_out, errors, drops] = rates;
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

/// Name; bytes and packets received, bytes and packets sent, errors and drops both ways.
fn parse(line: &str) -> Option<(&str, [u64; 6])> {
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
    Some((
        name.trim(),
        [
            bytes_in,
            packets_in,
            bytes_out,
            packets_out,
            errors_in.checked_add(errors_out)?,
            drops_in.checked_add(drops_out)?,
        ],
    ))
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
        let values: Vec<f64> = after.iter().map(|sample| sample.number()).collect();
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
