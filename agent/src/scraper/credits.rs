//! CPU credits of burstable instance types: what is earned less what is spent, an hour.
//!
//! The balance itself is known to AWS only (`AWS/EC2` `CPUCreditBalance`, every five minutes); this
//! tells a minute after a change whether it grows or shrinks. A credit is one processor at full use
//! for a minute. On by default and told on burstable types alone: one series. Other types, and
//! types that are not in the table, tell nothing.
//! Source: EC2 user guide, "Key concepts for burstable performance instances", table of credits
//! earned per hour.

use plimsoll_core::catalog::CPU_CREDITS_NET;

use super::cpu::{self, STEAL, Spent, Times};
use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::Sample;

const MINUTES_PER_HOUR: f64 = 60.0;

/// Size, credits earned an hour, processors: family T2.
const T2: [(&str, f64, f64); 7] = [
    ("nano", 3.0, 1.0),
    ("micro", 6.0, 1.0),
    ("small", 12.0, 1.0),
    ("medium", 24.0, 2.0),
    ("large", 36.0, 2.0),
    ("xlarge", 54.0, 4.0),
    ("2xlarge", 81.6, 8.0),
];

/// The same of the families T3, T3a and T4g.
const T3: [(&str, f64, f64); 7] = [
    ("nano", 6.0, 2.0),
    ("micro", 12.0, 2.0),
    ("small", 24.0, 2.0),
    ("medium", 24.0, 2.0),
    ("large", 36.0, 2.0),
    ("xlarge", 96.0, 4.0),
    ("2xlarge", 192.0, 8.0),
];

/// The family `credits`.
#[derive(Debug, Default)]
pub(crate) struct Credits {
    before: Option<Times>,
}

impl Scraper for Credits {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let Some((earned, processors)) = now.instance_type().and_then(earned) else {
            return Ok(());
        };
        let times = cpu::total(now.text(Input::Stat)?)?;
        let before = self.before.replace(times);
        if let Some(spent) = before.and_then(|before| Spent::between(&before, &times)) {
            // Time that the hypervisor gave to others is not paid for.
            let busy = (spent.active() - spent.share(STEAL)) / 100.0;
            let spent = busy * processors * MINUTES_PER_HOUR;
            out.push(Sample::new(&CPU_CREDITS_NET, earned - spent));
        }
        Ok(())
    }
}

/// Credits earned an hour, and processors.
fn earned(instance_type: &str) -> Option<(f64, f64)> {
    let (family, size) = instance_type.split_once('.')?;
    let table = match family {
        "t2" => &T2,
        "t3" | "t3a" | "t4g" => &T3,
        _ => return None,
    };
    let found = table.iter().find(|(name, _, _)| *name == size);
    found.map(|(_, earned, processors)| (*earned, *processors))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::super::testing::{INTERVAL, both, snapshot};
    use super::*;

    #[test]
    fn credits_are_told_on_burstable_types_alone() {
        let cases: [(Option<&str>, &[f64]); 5] = [
            // A tenth of two processors is busy: 12 an hour, which is what a t3.micro earns.
            (Some("t3.micro"), &[0.0]),
            (Some("t4g.xlarge"), &[72.0]),
            (Some("m7g.large"), &[]),
            (Some("t3.huge"), &[]),
            (None, &[]),
        ];
        for (instance_type, expected) in cases {
            let start = Instant::now();
            let texts = ["cpu  0 0 0 0 0 0 0 0\n", "cpu  60 0 40 880 0 0 0 20\n"];
            let [first, second] = texts.map(|text| {
                let mut taken = snapshot(start + INTERVAL, [(Input::Stat, text)].into_iter());
                taken.set_instance_type(instance_type.map(Arc::from));
                taken
            });
            let (before, after) = both(Credits::default(), &first, &second);
            assert!(before.is_empty());
            let values: Vec<f64> = after.iter().map(Sample::number).collect();
            assert_eq!(values.len(), expected.len(), "{instance_type:?}");
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-9, "{instance_type:?} {value}");
            }
        }
    }

    #[test]
    fn what_is_earned_is_the_documented_baseline() {
        // Source: the same table, "Baseline utilization per vCPU".
        for (name, baseline) in [
            ("t2.xlarge", 0.225),
            ("t3.large", 0.3),
            ("t3a.2xlarge", 0.4),
        ] {
            let (earned, processors) = earned(name).unwrap();
            assert!(
                (earned / processors / MINUTES_PER_HOUR - baseline).abs() < 1e-9,
                "{name}"
            );
        }
    }
}
