//! Snapshots from text, for the tests of the scrapers.

use std::time::{Duration, Instant};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::Sample;

/// The time between the two snapshots of [`scrape_twice`].
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// A host with two whole devices, of which `eth0` and `lo` are up.
pub(super) fn snapshot<'t>(
    taken: Instant,
    inputs: impl Iterator<Item = (Input, &'t str)>,
) -> Snapshot {
    let mut snapshot = Snapshot::empty(taken);
    snapshot.set_blocks(&["nvme0n1", "loop0"]);
    for (input, text) in inputs {
        snapshot.set_text(input, text);
    }
    snapshot
}

/// What one scrape of these inputs gives.
pub(super) fn scrape_once(
    scraper: impl Scraper,
    inputs: &[(Input, &str)],
) -> Result<Vec<Sample>, ScrapeError> {
    scrape_once_lacking(scraper, inputs, &[])
}

/// The same on a host that has no such files.
pub(super) fn scrape_once_lacking(
    mut scraper: impl Scraper,
    inputs: &[(Input, &str)],
    lacking: &[Input],
) -> Result<Vec<Sample>, ScrapeError> {
    let mut samples = Vec::new();
    let mut snapshot = snapshot(Instant::now(), inputs.iter().copied());
    for input in lacking {
        snapshot.set_lacking(*input);
    }
    scraper.scrape(&snapshot, &mut samples)?;
    Ok(samples)
}

/// What a scrape of the first texts gives, and then one of the second.
pub(super) fn scrape_twice(
    scraper: impl Scraper,
    inputs: &[(Input, &str, &str)],
) -> (Vec<Sample>, Vec<Sample>) {
    let start = Instant::now();
    let first = snapshot(start, inputs.iter().map(|(input, text, _)| (*input, *text)));
    let second = snapshot(
        start + INTERVAL,
        inputs.iter().map(|(input, _, text)| (*input, *text)),
    );
    both(scraper, &first, &second)
}

/// What both scrapes of a host give that has no such files.
pub(super) fn scrape_twice_lacking(
    scraper: impl Scraper,
    inputs: &[(Input, &str, &str)],
    lacking: &[Input],
) -> Vec<Sample> {
    let start = Instant::now();
    let mut first = snapshot(start, inputs.iter().map(|(input, text, _)| (*input, *text)));
    let later = start + INTERVAL;
    let mut second = snapshot(later, inputs.iter().map(|(input, _, text)| (*input, *text)));
    for input in lacking {
        first.set_lacking(*input);
        second.set_lacking(*input);
    }
    let (mut all, after) = both(scraper, &first, &second);
    all.extend(after);
    all
}

/// What a scrape of each snapshot gives.
pub(super) fn both(
    mut scraper: impl Scraper,
    first: &Snapshot,
    second: &Snapshot,
) -> (Vec<Sample>, Vec<Sample>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    scraper.scrape(first, &mut before).unwrap();
    scraper.scrape(second, &mut after).unwrap();
    (before, after)
}

/// Names and values.
pub(super) fn named(samples: &[Sample]) -> Vec<(&str, f64)> {
    let pairs = samples
        .iter()
        .map(|sample| (sample.name(), sample.number()));
    pairs.collect()
}
