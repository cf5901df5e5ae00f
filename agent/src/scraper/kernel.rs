//! What the kernel says about itself besides the usual: threads that wait for their turn (family
//! `scheduler`), processes killed for lack of memory (`oom`), tables that may fill up (`limits`),
//! and the clock (`clock`).
//!
//! `oom`, `limits` and `clock` are on by default: few series, and each tells of a fault that no
//! other metric shows. `scheduler` is off: `load_per_vcpu`, `processes_running` and
//! `pressure_cpu_some` answer the same question, and its series would be paid on top.
//! Source: `proc_stat(5)`; Linux, `Documentation/admin-guide/sysctl/fs.rst`, `file-nr`, and
//! `Documentation/networking/nf_conntrack-sysctl.rst`; `adjtimex(2)`.

use plimsoll_core::catalog::{
    CLOCK_ERROR_MAX, CLOCK_OFFSET, CLOCK_SYNCHRONISED, CONNTRACK_USED, CONNTRACK_USED_PERCENT,
    CONTEXT_SWITCHES, FILE_DESCRIPTORS_USED, FILE_DESCRIPTORS_USED_PERCENT, OOM_KILLS, RUN_QUEUE,
    THREADS_BLOCKED,
};

use super::rate::Counters;
use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// Above it a limit on open files is none: systemd sets the largest number there is.
const FILES_UNLIMITED: u64 = 1 << 40;
const MICROS_PER_MILLI: f64 = 1000.0;

/// The family `scheduler`.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    switches: Counters<1>,
}

impl Scraper for Scheduler {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Stat)?;
        let required =
            |name| word_behind(text, name).ok_or_else(|| ScrapeError::malformed(Input::Stat, name));
        out.extend([
            Sample::new(&RUN_QUEUE, as_value(required("procs_running")?)),
            Sample::new(&THREADS_BLOCKED, as_value(required("procs_blocked")?)),
        ]);
        if let Some(change) = self.switches.advance(now.taken(), [required("ctxt")?]) {
            let [per_second] = change.per_second();
            out.push(Sample::new(&CONTEXT_SWITCHES, per_second));
        }
        Ok(())
    }
}

/// The family `oom`.
#[derive(Debug, Default)]
pub(crate) struct Oom {
    kills: Counters<1>,
}

impl Scraper for Oom {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        // Kernels before 4.13 do not count them.
        let Some(kills) = word_behind(now.text(Input::Vmstat)?, "oom_kill") else {
            return Ok(());
        };
        if let Some(change) = self.kills.advance(now.taken(), [kills]) {
            let [added] = change.added;
            out.push(Sample::new(&OOM_KILLS, as_value(added)).counted());
        }
        Ok(())
    }
}

/// The family `limits`.
#[derive(Debug, Default)]
pub(crate) struct Limits;

impl Scraper for Limits {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let [allocated, unused, most] = numbers(now.text(Input::FileNr)?)
            .ok_or_else(|| ScrapeError::malformed(Input::FileNr, "three numbers"))?;
        let used = allocated.saturating_sub(unused);
        out.push(Sample::new(&FILE_DESCRIPTORS_USED, as_value(used)));
        if most < FILES_UNLIMITED {
            out.extend(percent(used, most).map(|p| Sample::new(&FILE_DESCRIPTORS_USED_PERCENT, p)));
        }
        let (Some(count), Some(most)) = (
            now.optional(Input::ConntrackCount)?,
            now.optional(Input::ConntrackMax)?,
        ) else {
            return Ok(());
        };
        let number = |text, input| {
            let [number] =
                numbers(text).ok_or_else(|| ScrapeError::malformed(input, "a number"))?;
            Ok(number)
        };
        let count = number(count, Input::ConntrackCount)?;
        let most = number(most, Input::ConntrackMax)?;
        out.push(Sample::new(&CONNTRACK_USED, as_value(count)));
        out.extend(percent(count, most).map(|p| Sample::new(&CONNTRACK_USED_PERCENT, p)));
        Ok(())
    }
}

/// The family `clock`.
#[derive(Debug, Default)]
pub(crate) struct ClockHealth;

impl Scraper for ClockHealth {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let Some(clock) = now.clock()? else {
            return Ok(());
        };
        let offset = as_value(clock.offset_us.unsigned_abs()) / MICROS_PER_MILLI;
        let signed = if clock.offset_us < 0 { -offset } else { offset };
        let error_max = u64::try_from(clock.error_max_us).unwrap_or(0);
        out.extend([
            Sample::new(&CLOCK_OFFSET, signed),
            Sample::new(&CLOCK_ERROR_MAX, as_value(error_max) / MICROS_PER_MILLI),
            Sample::new(
                &CLOCK_SYNCHRONISED,
                f64::from(u8::from(clock.is_synchronised)),
            ),
        ]);
        Ok(())
    }
}

/// The number behind a name at the begin of a line.
fn word_behind(text: &str, name: &str) -> Option<u64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let mut words = text.split_ascii_whitespace();
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = words.next()?.parse().ok()?;
    }
    Some(numbers)
}

/// `part` as a share of `whole`; nothing of nothing.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| as_value(part) * 100.0 / as_value(whole))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{named, scrape_once, scrape_once_lacking, scrape_twice};
    use super::*;

    #[test]
    fn waiting_threads_are_told_as_they_are_and_switches_as_a_rate() {
        let first = "cpu  1 2 3 4\nctxt 1000\nprocs_running 3\nprocs_blocked 1\n";
        let second = "cpu  1 2 3 4\nctxt 1500\nprocs_running 4\nprocs_blocked 0\n";
        let (before, after) = scrape_twice(Scheduler::default(), &[(Input::Stat, first, second)]);
        assert_eq!(
            named(&before),
            [("run_queue", 3.0), ("threads_blocked", 1.0)]
        );
        let expected = [
            ("run_queue", 4.0),
            ("threads_blocked", 0.0),
            ("context_switches", 50.0),
        ];
        assert_eq!(named(&after), expected);
    }

    #[test]
    fn kills_are_counted_between_ticks_and_old_kernels_do_not_count() {
        let cases: [(&str, &str, &[f64]); 3] = [
            (
                "pgfault 9\noom_kill 5\n",
                "oom_kill_x 7\noom_kill 7\n",
                &[2.0],
            ),
            ("oom_kill 5\n", "oom_kill 1\n", &[]),
            ("pgfault 5\n", "pgfault 9\n", &[]),
        ];
        for (first, second, expected) in cases {
            let (before, after) = scrape_twice(Oom::default(), &[(Input::Vmstat, first, second)]);
            assert!(before.is_empty());
            let values: Vec<f64> = after.iter().map(Sample::number).collect();
            assert_eq!(values, expected);
            assert!(after.iter().all(|sample| sample.additive));
        }
    }

    #[test]
    fn tables_are_told_with_their_limit_where_there_is_one() {
        let tracked = [
            (Input::FileNr, "1200\t200\t4000\n"),
            (Input::ConntrackCount, "50\n"),
            (Input::ConntrackMax, "200\n"),
        ];
        let expected = [
            ("file_descriptors_used", 1000.0),
            ("file_descriptors_used_percent", 25.0),
            ("conntrack_used", 50.0),
            ("conntrack_used_percent", 25.0),
        ];
        assert_eq!(named(&scrape_once(Limits, &tracked).unwrap()), expected);
        let unlimited = [(Input::FileNr, "1200\t0\t9223372036854775807\n")];
        let lacking = [Input::ConntrackCount, Input::ConntrackMax];
        let samples = scrape_once_lacking(Limits, &unlimited, &lacking).unwrap();
        assert_eq!(named(&samples), [("file_descriptors_used", 1200.0)]);
        assert!(scrape_once(Limits, &[(Input::FileNr, "1200 0")]).is_err());
    }
}
