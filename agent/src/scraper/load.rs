//! Load averages, from `/proc/loadavg`, and the share of each processor that is online.
//!
//! Source: `proc_loadavg(5)`; processors are counted by their lines in `/proc/stat`.

use plimsoll_core::catalog::{LOAD_1, LOAD_5, LOAD_15, LOAD_PER_VCPU};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// The family `load`.
#[derive(Debug, Default)]
pub(crate) struct Load;

impl Scraper for Load {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let [one, five, fifteen] = parse(now.text(Input::Loadavg)?)
            .ok_or_else(|| ScrapeError::malformed(Input::Loadavg, "three numbers"))?;
        out.extend([
            Sample::new(&LOAD_1, one),
            Sample::new(&LOAD_5, five),
            Sample::new(&LOAD_15, fifteen),
        ]);
        let processors = processors(now.text(Input::Stat)?);
        if processors > 0 {
            out.push(Sample::new(&LOAD_PER_VCPU, one / as_value(processors)));
        }
        Ok(())
    }
}

fn parse(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// How many lines `cpuN` there are.
fn processors(stat: &str) -> u64 {
    let numbered = |line: &&str| {
        line.strip_prefix("cpu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    stat.lines().filter(numbered).map(|_| 1).sum()
}

#[cfg(test)]
mod tests {
    use super::super::testing::scrape_once;
    use super::*;

    #[test]
    fn load_is_divided_by_the_processors_that_are_online() {
        let inputs = [
            (Input::Loadavg, "1.50 0.75 0.25 2/345 6789\n"),
            (
                Input::Stat,
                "cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nctxt 5\n",
            ),
        ];
        let samples = scrape_once(Load, &inputs).unwrap();
        let values: Vec<f64> = samples.iter().map(Sample::number).collect();
        assert_eq!(values, [1.5, 0.75, 0.25, 0.75]);
    }

    #[test]
    fn a_torn_file_is_an_error() {
        assert!(scrape_once(Load, &[(Input::Loadavg, "1.50 0.75")]).is_err());
    }
}
