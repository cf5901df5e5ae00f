//! Counters of network interfaces as their drivers tell them, above all what EC2 says about the
//! allowances of the instance.
//!
//! The amazon-cloudwatch-agent tells what a counter says. So do we, but for allowances that were
//! exceeded: these are told as what was added, because a sum that only grows cannot be alarmed on.
//! Loopback is always left out, and an interface whose driver counts nothing is no mistake.
//! Source: Amazon EC2 User Guide, "Monitor network performance for ENA settings on your EC2
//! instance"; the system call is in [`crate::sys::ethtool`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::catalog::{
    ETHTOOL_BW_IN_ALLOWANCE_EXCEEDED, ETHTOOL_BW_OUT_ALLOWANCE_EXCEEDED,
    ETHTOOL_CONNTRACK_ALLOWANCE_AVAILABLE, ETHTOOL_CONNTRACK_ALLOWANCE_EXCEEDED,
    ETHTOOL_LINKLOCAL_ALLOWANCE_EXCEEDED, ETHTOOL_PPS_ALLOWANCE_EXCEEDED, Metric, Unit,
};

use super::Style;
use super::aside::{Device, Look};
use super::filter::NameFilter;
use super::snapshot::HostRoot;
use crate::aggregate::Folded;
use crate::sample::{GivenMetric, Labels, MetricName, Sample, as_value};
use crate::sys::ethtool::{Statistics, statistics};

/// Counters that are told unless the configuration names others.
pub const ALLOWANCES: [&str; 1] = ["*_allowance_*"];
/// Those that the catalog knows.
const KNOWN: [&Metric; 6] = [
    &ETHTOOL_BW_IN_ALLOWANCE_EXCEEDED,
    &ETHTOOL_BW_OUT_ALLOWANCE_EXCEEDED,
    &ETHTOOL_PPS_ALLOWANCE_EXCEEDED,
    &ETHTOOL_CONNTRACK_ALLOWANCE_EXCEEDED,
    &ETHTOOL_LINKLOCAL_ALLOWANCE_EXCEEDED,
    &ETHTOOL_CONNTRACK_ALLOWANCE_AVAILABLE,
];
/// What the names of all metrics begin with.
const PREFIX: &str = "ethtool_";
/// How the counters of ENA end that only grow and that somebody has to know of.
const EXCEEDED: &str = "_allowance_exceeded";
const INTERFACES: &str = "/sys/class/net";
/// Source: Linux, `include/uapi/linux/if.h`, `IFF_LOOPBACK`.
const LOOPBACK: u32 = 0x8;
/// Interfaces that are asked in one look; an instance has at most 15 of its own.
const INTERFACES_MAX: usize = 64;
/// Names of counters that are kept; with more, all are made anew.
const NAMES_MAX: usize = 10_000;

/// Which counters are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EthtoolSelection {
    /// Of which interfaces.
    pub interfaces: NameFilter,
    /// Which, by their name without the prefix or with it.
    pub counters: NameFilter,
}

/// How an interface is asked; a parameter so that a test needs none.
type Ask = fn(&str) -> io::Result<Statistics>;

/// The family `ethtool`.
pub(super) struct Ethtool {
    root: HostRoot,
    style: Style,
    selection: EthtoolSelection,
    ask: Ask,
    names: BTreeMap<String, MetricName>,
    before: BTreeMap<(Arc<str>, String), u64>,
}

impl Ethtool {
    pub(super) fn new(root: HostRoot, style: Style, selection: EthtoolSelection) -> Self {
        Self {
            root,
            style,
            selection,
            ask: statistics,
            names: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }

    /// The interfaces to ask, without loopback.
    fn interfaces(&self) -> io::Result<Vec<String>> {
        let directory = self.root.path(INTERFACES);
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let Ok(name) = entry?.file_name().into_string() else {
                continue;
            };
            // What has no flags is no interface, such as `bonding_masters`.
            let flags = fs::read_to_string(directory.join(&name).join("flags"));
            let flags = flags.ok().and_then(|text| {
                let digits = text.trim().trim_start_matches("0x");
                u32::from_str_radix(digits, 16).ok()
            });
            let is_meant = flags.is_some_and(|flags| flags & LOOPBACK == 0);
            if is_meant && self.selection.interfaces.admits(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn admits(&self, counter: &str) -> bool {
        let counters = &self.selection.counters;
        counters.admits(counter) || counters.admits(&format!("{PREFIX}{counter}"))
    }

    /// The metric of a counter. Names are kept, because they are made of text.
    fn metric(&mut self, counter: &str) -> MetricName {
        if let Some(known) = self.names.get(counter) {
            return known.clone();
        }
        let name = format!("{PREFIX}{counter}");
        let mut known = KNOWN.iter();
        let metric = match known.find(|metric| metric.name == name) {
            Some(metric) => MetricName::from(*metric),
            None => MetricName::from(GivenMetric::new(&name, Unit::None)),
        };
        self.names.insert(counter.to_owned(), metric.clone());
        metric
    }

    /// Adds what one interface tells.
    fn tell(
        &mut self,
        interface: &str,
        told: Statistics,
        before: &BTreeMap<(Arc<str>, String), u64>,
        look: &mut Look,
    ) {
        let interface: Arc<str> = Arc::from(interface);
        let labels = Labels::new([
            (Arc::from("interface"), Arc::clone(&interface)),
            (Arc::from("driver"), Arc::from(told.driver)),
        ]);
        for (counter, value) in told.counters {
            if counter.is_empty() || !self.admits(&counter) {
                continue;
            }
            let is_added_up = self.style == Style::Plimsoll && counter.ends_with(EXCEEDED);
            let metric = self.metric(&counter);
            let value = if is_added_up {
                let key = (Arc::clone(&interface), counter);
                let added = before
                    .get(&key)
                    .and_then(|before| value.checked_sub(*before));
                self.before.insert(key, value);
                match added {
                    Some(added) => added,
                    // The first look, or an interface that was made anew.
                    None => continue,
                }
            } else {
                value
            };
            look.samples.push(Sample {
                metric,
                labels: labels.clone(),
                value: Folded::One(as_value(value)),
                additive: is_added_up,
            });
        }
    }
}

impl Device for Ethtool {
    fn look(&mut self, _now: Instant) -> Look {
        let mut look = Look::default();
        let interfaces = match self.interfaces() {
            Ok(interfaces) => interfaces,
            Err(error) => {
                let why = format!("{INTERFACES} cannot be read: {error}");
                look.trouble("host_unreadable", 1, why);
                return look;
            }
        };
        if let Some(beyond) = interfaces.len().checked_sub(INTERFACES_MAX + 1) {
            let count = u64::try_from(beyond + 1).unwrap_or(u64::MAX);
            let why = format!("only {INTERFACES_MAX} interfaces are asked for their counters");
            look.trouble("ethtool_too_many", count, why);
        }
        // Only interfaces that answer are remembered.
        let before = std::mem::take(&mut self.before);
        if self.names.len() > NAMES_MAX {
            self.names.clear();
        }
        for interface in interfaces.iter().take(INTERFACES_MAX) {
            match (self.ask)(interface) {
                Ok(told) => self.tell(interface, told, &before, &mut look),
                // It counts nothing, or has just been taken away.
                Err(error) if is_no_mistake(&error) => {}
                Err(error) => {
                    let why = format!("{interface} does not tell its counters: {error}");
                    look.trouble("ethtool_failed", 1, why);
                }
            }
        }
        look
    }
}

fn is_no_mistake(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENODEV))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethtool(style: Style, counters: &[&str], ask: Ask) -> (tempfile::TempDir, Ethtool) {
        let host = tempfile::tempdir().unwrap();
        for (name, flags) in [("ens5", "0x1003"), ("ens6", "0x1003"), ("lo", "0x9")] {
            let directory = host.path().join("sys/class/net").join(name);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("flags"), format!("{flags}\n")).unwrap();
        }
        fs::write(host.path().join("sys/class/net/bonding_masters"), "").unwrap();
        let selection = EthtoolSelection {
            interfaces: NameFilter::new(&["*"], &["ens6"]).unwrap(),
            counters: NameFilter::new(counters, &[] as &[&str]).unwrap(),
        };
        let root = HostRoot::at(host.path());
        let ethtool = Ethtool {
            ask,
            ..Ethtool::new(root, style, selection)
        };
        (host, ethtool)
    }

    fn ena(exceeded: u64) -> Statistics {
        let counters = [
            ("bw_in_allowance_exceeded", exceeded),
            ("conntrack_allowance_available", 9000),
            ("queue_0_tx_cnt", 7),
            ("", 1),
        ];
        Statistics {
            driver: "ena".to_owned(),
            counters: counters.map(|(name, n)| (name.to_owned(), n)).to_vec(),
        }
    }

    fn told(look: &Look) -> Vec<(String, f64, bool)> {
        let samples = look.samples.iter();
        samples
            .map(|sample| (sample.name().to_owned(), sample.number(), sample.additive))
            .collect()
    }

    #[test]
    fn allowances_that_were_exceeded_are_told_as_what_was_added() {
        let (_host, mut ethtool) = ethtool(Style::Plimsoll, &ALLOWANCES, |_| Ok(ena(100)));
        let available = (
            "ethtool_conntrack_allowance_available".to_owned(),
            9000.0,
            false,
        );
        let first = ethtool.look(Instant::now());
        assert_eq!(told(&first), std::slice::from_ref(&available));
        let labels: Vec<String> = first.samples[0]
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(labels, ["driver=ena", "interface=ens5"]);
        ethtool.ask = |_| Ok(ena(130));
        for added in [30.0, 0.0] {
            let look = ethtool.look(Instant::now());
            let exceeded = ("ethtool_bw_in_allowance_exceeded".to_owned(), added, true);
            assert_eq!(told(&look), [exceeded, available.clone()]);
        }
        ethtool.ask = |_| Ok(ena(5));
        assert_eq!(
            told(&ethtool.look(Instant::now())),
            [available],
            "it was made anew"
        );
    }

    #[test]
    fn the_style_of_the_cloudwatch_agent_tells_what_counters_say() {
        let wanted = ["ethtool_bw_in*", "queue_*"];
        let (_host, mut ethtool) = ethtool(Style::CloudWatchAgent, &wanted, |_| Ok(ena(100)));
        let expected = [
            ("ethtool_bw_in_allowance_exceeded".to_owned(), 100.0, false),
            ("ethtool_queue_0_tx_cnt".to_owned(), 7.0, false),
        ];
        assert_eq!(told(&ethtool.look(Instant::now())), expected);
    }

    #[test]
    fn an_interface_without_counters_is_passed_over_and_a_failing_one_is_counted() {
        let cases: [(Ask, &[&str]); 3] = [
            (|_| Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)), &[]),
            (|_| Ok(Statistics::default()), &[]),
            (
                |_| Err(io::ErrorKind::InvalidData.into()),
                &["ethtool_failed"],
            ),
        ];
        for (ask, expected) in cases {
            let (_host, mut ethtool) = ethtool(Style::Plimsoll, &["*"], ask);
            let look = ethtool.look(Instant::now());
            let reasons: Vec<&str> = look.troubles.iter().map(|one| one.reason).collect();
            assert_eq!(reasons, expected);
            assert!(look.samples.is_empty());
        }
    }
}
