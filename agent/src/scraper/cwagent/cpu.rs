//! Processor time: shares between two ticks, and seconds since boot, of all processors together
//! and of each, with the dimension `cpu`.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::catalog::{Metric, cwagent as catalog};

use crate::sample::{Labels, Sample, as_value};
use crate::scraper::cpu::{
    self, GUEST, GUEST_NICE, IDLE, IOWAIT, IRQ, NICE, SOFTIRQ, STEAL, SYSTEM, Spent, Times, USER,
    WHOLE,
};
use crate::scraper::snapshot::{Input, Snapshot};
use crate::scraper::{CpuSelection, ScrapeError, Scraper};

/// What all processors together are called.
const TOTAL: &str = "cpu-total";
/// Source: Linux, `include/uapi/asm-generic/param.h`, `USER_HZ`, which is the same on every
/// architecture that EC2 has.
const TICKS_PER_SECOND: f64 = 100.0;

/// The family `cpu`.
#[derive(Debug)]
pub(super) struct Cpu {
    selection: CpuSelection,
    before: BTreeMap<Box<str>, (Labels, Times)>,
}

impl Cpu {
    /// Tells what the selection says.
    pub(super) fn new(selection: CpuSelection) -> Self {
        Self {
            selection,
            before: BTreeMap::new(),
        }
    }
}

impl Scraper for Cpu {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Stat)?;
        let total = self.selection.total.then(|| cpu::total(text)).transpose()?;
        let each = self.selection.per_core.then(|| cpu::processors(text));
        let all = total.map(|times| (TOTAL, times)).into_iter();
        let mut seen = BTreeMap::new();
        for (name, times) in all.chain(each.into_iter().flatten()) {
            // A processor that was off for a while begins anew.
            let before = self.before.remove(name);
            let labels = match &before {
                Some((labels, _)) => labels.clone(),
                None => Labels::one("cpu", &Arc::from(name)),
            };
            let spent = before.and_then(|(_, before)| Spent::between(&before, &times));
            if let Some(spent) = spent {
                let shares = usage(&spent).into_iter();
                out.extend(shares.map(|(m, value)| Sample::new(m, value).labelled(&labels)));
            }
            let seconds = time(&times).into_iter();
            out.extend(seconds.map(|(m, ticks)| {
                Sample::new(m, as_value(ticks) / TICKS_PER_SECOND).labelled(&labels)
            }));
            seen.insert(Box::from(name), (labels, times));
        }
        self.before = seen;
        Ok(())
    }
}

fn usage(spent: &Spent) -> [(&'static Metric, f64); 11] {
    [
        (&catalog::CW_CPU_USAGE_ACTIVE, spent.active()),
        (&catalog::CW_CPU_USAGE_USER, spent.user()),
        (&catalog::CW_CPU_USAGE_NICE, spent.nice()),
        (&catalog::CW_CPU_USAGE_SYSTEM, spent.share(SYSTEM)),
        (&catalog::CW_CPU_USAGE_IDLE, spent.share(IDLE)),
        (&catalog::CW_CPU_USAGE_IOWAIT, spent.share(IOWAIT)),
        (&catalog::CW_CPU_USAGE_IRQ, spent.share(IRQ)),
        (&catalog::CW_CPU_USAGE_SOFTIRQ, spent.share(SOFTIRQ)),
        (&catalog::CW_CPU_USAGE_STEAL, spent.share(STEAL)),
        (&catalog::CW_CPU_USAGE_GUEST, spent.share(GUEST)),
        (&catalog::CW_CPU_USAGE_GUEST_NICE, spent.share(GUEST_NICE)),
    ]
}

fn time(times: &Times) -> [(&'static Metric, u64); 11] {
    let ticks = |column: usize| times.get(column).copied().unwrap_or(0);
    let whole: u64 = times.iter().take(WHOLE).sum();
    [
        (&catalog::CW_CPU_TIME_ACTIVE, whole - ticks(IDLE)),
        (&catalog::CW_CPU_TIME_USER, ticks(USER)),
        (&catalog::CW_CPU_TIME_NICE, ticks(NICE)),
        (&catalog::CW_CPU_TIME_SYSTEM, ticks(SYSTEM)),
        (&catalog::CW_CPU_TIME_IDLE, ticks(IDLE)),
        (&catalog::CW_CPU_TIME_IOWAIT, ticks(IOWAIT)),
        (&catalog::CW_CPU_TIME_IRQ, ticks(IRQ)),
        (&catalog::CW_CPU_TIME_SOFTIRQ, ticks(SOFTIRQ)),
        (&catalog::CW_CPU_TIME_STEAL, ticks(STEAL)),
        (&catalog::CW_CPU_TIME_GUEST, ticks(GUEST)),
        (&catalog::CW_CPU_TIME_GUEST_NICE, ticks(GUEST_NICE)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scraper::testing::scrape_twice;

    const FIRST: &str = "cpu  100 10 100 800 0 0 0 0 50 5\ncpu0 1 1 1 1\nintr 5\n";
    const SECOND: &str =
        "cpu  130 20 120 820 5 5 10 10 60 10\ncpu0 2 1 1 2\ncpu1 9 9 9 9\nintr 9\n";

    fn told(total: bool, per_core: bool) -> Vec<(String, String, f64)> {
        let scraper = Cpu::new(CpuSelection { total, per_core });
        let (_, after) = scrape_twice(scraper, &[(Input::Stat, FIRST, SECOND)]);
        let told = after.iter().map(|sample| {
            let label = sample.label().unwrap_or_default();
            (sample.name().to_owned(), label.to_owned(), sample.number())
        });
        told.collect()
    }

    #[test]
    fn guests_are_taken_out_of_the_share_of_users_and_left_in_their_seconds() {
        let told = told(true, false);
        assert!(told.iter().all(|(_, label, _)| label == "cpu-total"));
        let value = |name: &str| told.iter().find(|(n, ..)| n == name).unwrap().2;
        // 110 ticks passed, 20 of them idle.
        for (name, ticks) in [
            ("cpu_usage_active", 90.0),
            ("cpu_usage_user", 20.0),
            ("cpu_usage_nice", 5.0),
            ("cpu_usage_idle", 20.0),
            ("cpu_usage_guest", 10.0),
            ("cpu_usage_guest_nice", 5.0),
            ("cpu_usage_softirq", 10.0),
        ] {
            assert!((value(name) - ticks / 1.1).abs() < 1e-9, "{name}");
        }
        for (name, seconds) in [
            ("cpu_time_user", 1.3),
            ("cpu_time_active", 3.0),
            ("cpu_time_guest", 0.6),
        ] {
            assert!(
                (value(name) - seconds).abs() < 1e-9,
                "{name} {}",
                value(name)
            );
        }
        assert_eq!(told.len(), 22);
    }

    #[test]
    fn each_processor_is_told_when_asked_and_a_new_one_has_no_share_yet() {
        let each = told(false, true);
        let of = |cpu: &str| each.iter().filter(|(_, label, _)| label == cpu).count();
        assert_eq!([of("cpu-total"), of("cpu0"), of("cpu1")], [0, 22, 11]);
        assert!(told(false, false).is_empty());
    }
}
