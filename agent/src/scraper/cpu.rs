//! Processor time by use, over all processors, from `/proc/stat`.
//!
//! Each figure is a share of the time between two ticks, so the first tick gives none. Guest time
//! is part of user time in the kernel's figures and is taken out of it, as the
//! amazon-cloudwatch-agent does; `active` is everything but idle.
//! Source: `proc_stat(5)`.

use plimsoll_core::catalog::{
    CPU_USAGE_ACTIVE, CPU_USAGE_IOWAIT, CPU_USAGE_STEAL, CPU_USAGE_SYSTEM, CPU_USAGE_USER,
};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// The family `cpu`.
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    before: Option<Times>,
}

impl Scraper for Cpu {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let times = parse(now.text(Input::Stat)?)
            .ok_or_else(|| ScrapeError::malformed(Input::Stat, "no line of all processors"))?;
        if let Some(shares) = self.before.and_then(|before| shares(&before, &times)) {
            out.extend(shares);
        }
        self.before = Some(times);
        Ok(())
    }
}

/// Ticks of all processors since boot, in the order of the kernel's columns: user, nice, system,
/// idle, iowait, irq, softirq, steal, guest, `guest_nice`.
type Times = [u64; 10];

const USER: usize = 0;
const SYSTEM: usize = 2;
const IDLE: usize = 3;
const IOWAIT: usize = 4;
const STEAL: usize = 7;
const GUEST: usize = 8;
/// The columns that add up to all time; guest columns are counted in user and nice already.
const WHOLE: usize = 8;

/// Reads the line of all processors. Columns that an old kernel lacks read as zero.
fn parse(stat: &str) -> Option<Times> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut times = [0; 10];
    let mut columns = 0;
    for (time, text) in times.iter_mut().zip(line.split_ascii_whitespace()) {
        *time = text.parse().ok()?;
        columns += 1;
    }
    (columns > IDLE).then_some(times)
}

/// The shares of the time between two readings. `None` when no time passed or the counters began
/// anew. The kernel may lower iowait a little; that alone counts as no iowait.
/// Source: `proc_stat(5)`, "iowait ... not reliable".
fn shares(before: &Times, now: &Times) -> Option<[Sample; 5]> {
    let mut delta = [0; 10];
    for (column, value) in delta.iter_mut().enumerate() {
        *value = match now.get(column)?.checked_sub(*before.get(column)?) {
            Some(difference) => difference,
            None if column == IOWAIT => 0,
            None => return None,
        };
    }
    let whole: u64 = delta.iter().take(WHOLE).sum();
    if whole == 0 {
        return None;
    }
    let share = |ticks: u64| as_value(ticks) * 100.0 / as_value(whole);
    Some([
        Sample::new(&CPU_USAGE_ACTIVE, share(whole - delta[IDLE])),
        Sample::new(
            &CPU_USAGE_USER,
            share(delta[USER].saturating_sub(delta[GUEST])),
        ),
        Sample::new(&CPU_USAGE_SYSTEM, share(delta[SYSTEM])),
        Sample::new(&CPU_USAGE_IOWAIT, share(delta[IOWAIT])),
        Sample::new(&CPU_USAGE_STEAL, share(delta[STEAL])),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::testing::scrape_twice;
    use super::*;

    fn values(first: &str, second: &str) -> Vec<f64> {
        let (before, after) = scrape_twice(Cpu::default(), &[(Input::Stat, first, second)]);
        assert!(before.is_empty(), "the first tick gives no share");
        after.iter().map(|sample| sample.number()).collect()
    }

    #[test]
    fn shares_are_of_the_time_between_two_ticks() {
        let cases: [(&str, &str, &[f64]); 4] = [
            (
                "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4\n",
                "cpu  130 0 120 840 5 0 0 5 10 0\n",
                &[60.0, 20.0, 20.0, 5.0, 5.0],
            ),
            // The counters began anew: nothing can be told.
            (
                "cpu  100 0 100 800 0 0 0 0\n",
                "cpu  1 0 1 8 0 0 0 0\n",
                &[],
            ),
            // No time passed.
            (
                "cpu  100 0 0 800 0 0 0 0\n",
                "cpu  100 0 0 800 0 0 0 0\n",
                &[],
            ),
            // The kernel lowered iowait.
            (
                "cpu  0 0 0 0 9 0 0 0\n",
                "cpu  50 0 0 50 8 0 0 0\n",
                &[50.0, 50.0, 0.0, 0.0, 0.0],
            ),
        ];
        for (first, second, expected) in cases {
            assert_eq!(values(first, second), expected, "{second}");
        }
    }

    #[test]
    fn a_file_without_the_line_is_an_error() {
        assert!(parse("intr 5\n").is_none());
        assert!(parse("cpu  1 2 x 4\n").is_none());
        assert!(parse("cpu  1 2\n").is_none());
    }
}
