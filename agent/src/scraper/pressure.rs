//! Time lost to waiting for processors, memory and disks, from `/proc/pressure`.
//!
//! The kernel's running averages would be averaged again; its totals of stalled time give the exact
//! share of the time between two ticks. On by default, because load and utilisation do not tell
//! whether anyone waits. `full` (all tasks that had work waited at once) is two series more and is
//! told when `[metrics.pressure] full` asks for it. A kernel without pressure tells nothing.
//! Source: Linux, `Documentation/accounting/psi.rst`.

use std::time::Instant;

use plimsoll_core::catalog::{
    Metric, PRESSURE_CPU_SOME, PRESSURE_IO_FULL, PRESSURE_IO_SOME, PRESSURE_MEMORY_FULL,
    PRESSURE_MEMORY_SOME,
};

use super::rate::Counters;
use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::Sample;

/// Totals are in microseconds; this makes a share in percent of those in a second.
const PERCENT_PER_MICRO: f64 = 1e-4;

/// The files, the words of their lines and what they become. A processor is never fully stalled
/// for the whole host, so the kernel's `full` of it is always zero.
const LINES: [(Input, &str, &Metric, bool); 5] = [
    (Input::PressureCpu, "some", &PRESSURE_CPU_SOME, false),
    (Input::PressureMemory, "some", &PRESSURE_MEMORY_SOME, false),
    (Input::PressureMemory, "full", &PRESSURE_MEMORY_FULL, true),
    (Input::PressureIo, "some", &PRESSURE_IO_SOME, false),
    (Input::PressureIo, "full", &PRESSURE_IO_FULL, true),
];

/// The family `pressure`.
#[derive(Debug)]
pub(crate) struct Pressure {
    full: bool,
    before: [Counters<1>; LINES.len()],
}

impl Pressure {
    /// `full`: whether that is told too.
    pub(crate) fn new(full: bool) -> Self {
        Self {
            full,
            before: [Counters::default(); LINES.len()],
        }
    }
}

impl Scraper for Pressure {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        for ((input, word, metric, is_full), counters) in LINES.iter().zip(&mut self.before) {
            if *is_full && !self.full {
                continue;
            }
            let Some(text) = now.optional(*input)? else {
                continue;
            };
            let stalled = stalled(text, word)
                .ok_or_else(|| ScrapeError::malformed(*input, "a total of stalled time"))?;
            out.extend(
                share(counters, now.taken(), stalled).map(|share| Sample::new(metric, share)),
            );
        }
        Ok(())
    }
}

fn share(counters: &mut Counters<1>, taken: Instant, stalled: u64) -> Option<f64> {
    let [per_second] = counters.advance(taken, [stalled])?.per_second();
    // The kernel's clock and ours are read at slightly different moments.
    Some((per_second * PERCENT_PER_MICRO).min(100.0))
}

/// The microseconds behind `total=`.
fn stalled(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    let total = line.split_ascii_whitespace().last()?;
    total.strip_prefix("total=")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{scrape_once, scrape_twice, scrape_twice_lacking};
    use super::*;

    fn text(some: u64, full: u64) -> String {
        let averages = "avg10=1.50 avg60=0.00 avg300=0.00";
        format!("some {averages} total={some}\nfull {averages} total={full}\n")
    }

    #[test]
    fn the_share_is_of_the_time_between_two_ticks() {
        let (cpu, memory, io) = (text(0, 0), text(7, 5), text(50, 50));
        let later = (
            text(2_500_000, 0),
            text(1_000_007, 500_005),
            text(11_000_000, 50),
        );
        let inputs = [
            (Input::PressureCpu, &*cpu, &*later.0),
            (Input::PressureMemory, &*memory, &*later.1),
            (Input::PressureIo, &*io, &*later.2),
        ];
        for (full, expected) in [
            (false, vec![25.0, 10.0, 100.0]),
            (true, vec![25.0, 10.0, 5.0, 100.0, 0.0]),
        ] {
            let (before, after) = scrape_twice(Pressure::new(full), &inputs);
            assert!(before.is_empty());
            let values: Vec<f64> = after.iter().map(Sample::number).collect();
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn a_kernel_without_pressure_is_no_error_and_a_torn_file_is() {
        let lacking = [Input::PressureCpu, Input::PressureMemory, Input::PressureIo];
        assert!(scrape_twice_lacking(Pressure::new(true), &[], &lacking).is_empty());
        let torn = [(Input::PressureCpu, "some avg10=0.00 avg60=0.0")];
        assert!(scrape_once(Pressure::new(true), &torn).is_err());
    }
}
