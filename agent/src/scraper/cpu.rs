//! Processor time by use, from `/proc/stat`: over all processors, and of the busiest one.
//!
//! Each figure is a share of the time between two ticks, so the first tick gives none. Guest time
//! is part of user time in the kernel's figures and is taken out of it, as the
//! amazon-cloudwatch-agent does; `active` is everything but idle. The busiest processor is told by
//! default, because one that is full hides in the mean of many; each of them would be a series.
//! Source: `proc_stat(5)`.

use plimsoll_core::catalog::{
    CPU_USAGE_ACTIVE, CPU_USAGE_ACTIVE_MAX_CORE, CPU_USAGE_IOWAIT, CPU_USAGE_STEAL,
    CPU_USAGE_SYSTEM, CPU_USAGE_USER,
};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// The family `cpu`.
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    before: Option<Times>,
    cores_before: Vec<(u32, Times)>,
    cores: Vec<(u32, Times)>,
}

impl Scraper for Cpu {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Stat)?;
        let times = total(text)?;
        if let Some(spent) = self
            .before
            .and_then(|before| Spent::between(&before, &times))
        {
            out.extend([
                Sample::new(&CPU_USAGE_ACTIVE, spent.active()),
                Sample::new(&CPU_USAGE_USER, spent.user()),
                Sample::new(&CPU_USAGE_SYSTEM, spent.share(SYSTEM)),
                Sample::new(&CPU_USAGE_IOWAIT, spent.share(IOWAIT)),
                Sample::new(&CPU_USAGE_STEAL, spent.share(STEAL)),
            ]);
        }
        self.before = Some(times);
        out.extend(
            self.busiest(text)
                .map(|share| Sample::new(&CPU_USAGE_ACTIVE_MAX_CORE, share)),
        );
        Ok(())
    }
}

impl Cpu {
    /// How busy the busiest of the processors was that were online at both ticks.
    fn busiest(&mut self, text: &str) -> Option<f64> {
        std::mem::swap(&mut self.cores, &mut self.cores_before);
        self.cores.clear();
        let numbered = processors(text)
            .filter_map(|(name, times)| Some((name.strip_prefix("cpu")?.parse().ok()?, times)));
        self.cores.extend(numbered);
        let shares = self.cores.iter().filter_map(|(core, now)| {
            let mut earlier = self.cores_before.iter();
            let (_, before) = earlier.find(|(known, _)| known == core)?;
            Spent::between(before, now).map(|spent| spent.active())
        });
        shares.reduce(f64::max)
    }
}

/// Ticks of a processor since boot, in the order of the kernel's columns: user, nice, system,
/// idle, iowait, irq, softirq, steal, guest, `guest_nice`.
pub(super) type Times = [u64; 10];

/// User time, guests included.
pub(super) const USER: usize = 0;
/// User time of low priority, guests included.
pub(super) const NICE: usize = 1;
/// Time in the kernel.
pub(super) const SYSTEM: usize = 2;
/// Time with nothing to do.
pub(super) const IDLE: usize = 3;
/// Idle time while a disk request was waiting.
pub(super) const IOWAIT: usize = 4;
/// Time in hardware interrupts.
pub(super) const IRQ: usize = 5;
/// Time in software interrupts.
pub(super) const SOFTIRQ: usize = 6;
/// Time that the hypervisor gave to others.
pub(super) const STEAL: usize = 7;
/// Time of virtual processors.
pub(super) const GUEST: usize = 8;
/// Time of virtual processors of low priority.
pub(super) const GUEST_NICE: usize = 9;
/// The columns that add up to all time; guest columns are counted in user and nice already.
pub(super) const WHOLE: usize = 8;

/// The times of all processors together.
pub(super) fn total(stat: &str) -> Result<Times, ScrapeError> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    line.and_then(parse)
        .ok_or_else(|| ScrapeError::malformed(Input::Stat, "no line of all processors"))
}

/// The times of each processor that is online, by the kernel's name for it.
pub(super) fn processors(stat: &str) -> impl Iterator<Item = (&str, Times)> {
    // They stand together at the top.
    let lines = stat.lines().take_while(|line| line.starts_with("cpu"));
    lines.filter_map(|line| {
        let (name, columns) = line.split_once(' ')?;
        let is_numbered = name.len() > "cpu".len();
        is_numbered.then_some(())?;
        Some((name, parse(columns)?))
    })
}

/// Columns that an old kernel lacks read as zero.
fn parse(line: &str) -> Option<Times> {
    let mut times = [0; 10];
    let mut columns = 0;
    for (time, text) in times.iter_mut().zip(line.split_ascii_whitespace()) {
        *time = text.parse().ok()?;
        columns += 1;
    }
    (columns > IDLE).then_some(times)
}

/// What was spent between two readings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    ticks: Times,
    whole: u64,
}

impl Spent {
    /// `None` when no time passed or the counters began anew. The kernel may lower iowait a
    /// little; that alone counts as no iowait.
    /// Source: `proc_stat(5)`, "iowait ... not reliable".
    pub(super) fn between(before: &Times, now: &Times) -> Option<Self> {
        let mut ticks = [0; 10];
        for (column, (spent, (now, before))) in
            ticks.iter_mut().zip(now.iter().zip(before)).enumerate()
        {
            *spent = match now.checked_sub(*before) {
                Some(difference) => difference,
                None if column == IOWAIT => 0,
                None => return None,
            };
        }
        let whole: u64 = ticks.iter().take(WHOLE).sum();
        (whole > 0).then_some(Self { ticks, whole })
    }

    fn percent(&self, ticks: u64) -> f64 {
        as_value(ticks) * 100.0 / as_value(self.whole)
    }

    fn ticks(&self, column: usize) -> u64 {
        self.ticks.get(column).copied().unwrap_or(0)
    }

    /// The share of one column, in percent.
    pub(super) fn share(&self, column: usize) -> f64 {
        self.percent(self.ticks(column))
    }

    /// The share of all that was not idle, in percent.
    pub(super) fn active(&self) -> f64 {
        self.percent(self.whole - self.ticks(IDLE))
    }

    /// User time without guests, in percent.
    pub(super) fn user(&self) -> f64 {
        self.percent(self.ticks(USER).saturating_sub(self.ticks(GUEST)))
    }

    /// User time of low priority without guests, in percent.
    pub(super) fn nice(&self) -> f64 {
        self.percent(self.ticks(NICE).saturating_sub(self.ticks(GUEST_NICE)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::scrape_twice;
    use super::*;

    fn values(first: &str, second: &str) -> Vec<f64> {
        let (before, after) = scrape_twice(Cpu::default(), &[(Input::Stat, first, second)]);
        assert!(before.is_empty(), "the first tick gives no share");
        after.iter().map(Sample::number).collect()
    }

    #[test]
    fn shares_are_of_the_time_between_two_ticks() {
        let cases: [(&str, &str, &[f64]); 4] = [
            (
                "cpu  100 0 100 800 0 0 0 0 0 0\n",
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
    fn the_busiest_processor_is_one_that_was_online_at_both_ticks() {
        let first = "cpu  0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 100\ncpu2 9 0 0 9\nintr 1\n";
        // The third went off, a fourth came on that was busy since boot.
        let second = "cpu  90 0 0 110\ncpu0 20 0 0 80\ncpu1 70 0 0 130\ncpu3 900 0 0 0\nintr 2\n";
        assert_eq!(values(first, second).last(), Some(&70.0));
    }

    #[test]
    fn a_file_without_the_line_is_an_error() {
        assert!(total("intr 5\n").is_err());
        assert!(parse("1 2 x 4").is_none());
        assert!(parse("1 2").is_none());
    }
}
