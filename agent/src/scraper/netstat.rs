//! How TCP fares, from the kernel's counters: family `netstat`.
//!
//! On by default, six series: segments sent again tell of a network that loses, overflows of a
//! program that does not accept in time, and both before users do. Nothing here walks sockets; the
//! file of all sockets is read only in the style of the amazon-cloudwatch-agent.
//! Source: RFC 4022 (`tcpRetransSegs`, `tcpOutSegs`, `tcpCurrEstab`); Linux,
//! `Documentation/networking/snmp_counter.rst`; `net/ipv4/proc.c` for `sockstat`.

use plimsoll_core::catalog::{
    NETSTAT_LISTEN_DROPS, NETSTAT_LISTEN_OVERFLOWS, NETSTAT_TCP_ESTABLISHED,
    NETSTAT_TCP_RETRANSMIT_PERCENT, NETSTAT_TCP_RETRANSMITS, NETSTAT_TCP_TIME_WAIT,
};

use super::rate::Counters;
use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// The family `netstat`.
#[derive(Debug, Default)]
pub(crate) struct Netstat {
    segments: Counters<2>,
    listeners: Counters<2>,
}

impl Scraper for Netstat {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let [again, sent, established] = columns(
            now.text(Input::Snmp)?,
            "Tcp: ",
            ["RetransSegs", "OutSegs", "CurrEstab"],
        )
        .ok_or_else(|| ScrapeError::malformed(Input::Snmp, "the counters of TCP"))?;
        out.push(Sample::new(&NETSTAT_TCP_ESTABLISHED, as_value(established)));
        if let Some(change) = self.segments.advance(now.taken(), [again, sent]) {
            let [again, sent] = change.added;
            // OutSegs does not count segments that hold only what was sent before (RFC 4022), so
            // the share may exceed the whole when nothing else was sent.
            let share = as_value(again) * 100.0 / as_value(sent.max(again).max(1));
            let [per_second, _] = change.per_second();
            out.extend([
                Sample::new(&NETSTAT_TCP_RETRANSMITS, per_second),
                Sample::new(&NETSTAT_TCP_RETRANSMIT_PERCENT, share),
            ]);
        }
        let names = ["ListenOverflows", "ListenDrops"];
        let listeners = columns(now.text(Input::Netstat)?, "TcpExt: ", names)
            .ok_or_else(|| ScrapeError::malformed(Input::Netstat, "the counters of listeners"))?;
        if let Some(change) = self.listeners.advance(now.taken(), listeners) {
            let [overflows, drops] = change.added;
            out.extend([
                Sample::new(&NETSTAT_LISTEN_OVERFLOWS, as_value(overflows)).counted(),
                Sample::new(&NETSTAT_LISTEN_DROPS, as_value(drops)).counted(),
            ]);
        }
        let waiting = time_wait(now.text(Input::Sockstat)?)
            .ok_or_else(|| ScrapeError::malformed(Input::Sockstat, "the sockets of TCP"))?;
        out.push(Sample::new(&NETSTAT_TCP_TIME_WAIT, as_value(waiting)));
        Ok(())
    }
}

/// The columns of these names: a line of names stands above a line of numbers.
fn columns<const N: usize>(text: &str, protocol: &str, wanted: [&str; N]) -> Option<[u64; N]> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let mut found = [None; N];
    for (name, number) in names
        .split_ascii_whitespace()
        .zip(numbers.split_ascii_whitespace())
    {
        if let Some(place) = wanted.iter().position(|wanted| *wanted == name)
            && let Some(slot) = found.get_mut(place)
        {
            *slot = number.parse().ok();
        }
    }
    let mut values = [0; N];
    for (value, found) in values.iter_mut().zip(found) {
        *value = found?;
    }
    Some(values)
}

/// `TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1` → 2.
fn time_wait(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP: "))?;
    let mut words = line.split_ascii_whitespace();
    words.find(|word| *word == "tw")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{named, scrape_once, scrape_twice};
    use super::*;

    fn snmp(established: u64, sent: u64, again: u64) -> String {
        format!(
            "Ip: Forwarding\nIp: 1\nTcp: MaxConn CurrEstab OutSegs RetransSegs\n\
             Tcp: -1 {established} {sent} {again}\n"
        )
    }

    fn netstat(overflows: u64, drops: u64) -> String {
        format!(
            "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 9 {overflows} {drops}\n"
        )
    }

    const SOCKSTAT: &str = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 7 mem 1\n";

    #[test]
    fn segments_listeners_and_sockets_are_told() {
        let (first, second) = (snmp(2, 1000, 10), snmp(4, 1400, 30));
        let (quiet, busy) = (netstat(1, 2), netstat(4, 9));
        let inputs = [
            (Input::Snmp, &*first, &*second),
            (Input::Netstat, &*quiet, &*busy),
            (Input::Sockstat, SOCKSTAT, SOCKSTAT),
        ];
        let (before, after) = scrape_twice(Netstat::default(), &inputs);
        let gauges = [
            ("netstat_tcp_established", 2.0),
            ("netstat_tcp_time_wait", 3.0),
        ];
        assert_eq!(named(&before), gauges);
        let expected = [
            ("netstat_tcp_established", 4.0),
            ("netstat_tcp_retransmits", 2.0),
            ("netstat_tcp_retransmit_percent", 5.0),
            ("netstat_listen_overflows", 3.0),
            ("netstat_listen_drops", 7.0),
            ("netstat_tcp_time_wait", 3.0),
        ];
        assert_eq!(named(&after), expected);
    }

    #[test]
    fn what_was_sent_again_is_never_more_than_all_and_nothing_is_none_of_nothing() {
        for (sent, again, percent) in [(1000, 14, 100.0), (1000, 10, 0.0)] {
            let (first, second) = (snmp(0, 1000, 10), snmp(0, sent, again));
            let quiet = netstat(0, 0);
            let inputs = [
                (Input::Snmp, &*first, &*second),
                (Input::Netstat, &*quiet, &*quiet),
                (Input::Sockstat, SOCKSTAT, SOCKSTAT),
            ];
            let (_, after) = scrape_twice(Netstat::default(), &inputs);
            assert_eq!(
                named(&after)[2],
                ("netstat_tcp_retransmit_percent", percent)
            );
        }
    }

    #[test]
    fn a_file_without_a_column_is_an_error() {
        let text = "Tcp: MaxConn CurrEstab OutSegs\nTcp: -1 1 1\n";
        assert!(scrape_once(Netstat::default(), &[(Input::Snmp, text)]).is_err());
    }
}
