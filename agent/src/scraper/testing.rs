//! Snapshots from text, for the tests of the scrapers.

use std::time::{Duration, Instant};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::Sample;

/// The time between the two snapshots of [`scrape_twice`].
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

fn snapshot<'t>(taken: Instant, inputs: impl Iterator<Item = (Input, &'t str)>) -> Snapshot {
    let mut snapshot = Snapshot::empty(taken);
    snapshot.set_blocks(&["nvme0n1", "loop0"]);
    for (input, text) in inputs {
        snapshot.set_text(input, text);
    }
    snapshot
}

/// What one scrape of these inputs gives.
pub(super) fn scrape_once(
    mut scraper: impl Scraper,
    inputs: &[(Input, &str)],
) -> Result<Vec<Sample>, ScrapeError> {
    let mut samples = Vec::new();
    let snapshot = snapshot(Instant::now(), inputs.iter().copied());
    scraper.scrape(&snapshot, &mut samples)?;
    Ok(samples)
}

/// What a scrape of the first texts gives, and then one of the second.
pub(super) fn scrape_twice(
    mut scraper: impl Scraper,
    inputs: &[(Input, &str, &str)],
) -> (Vec<Sample>, Vec<Sample>) {
    let start = Instant::now();
    let first = snapshot(start, inputs.iter().map(|(input, text, _)| (*input, *text)));
    let second = snapshot(
        start + INTERVAL,
        inputs.iter().map(|(input, _, text)| (*input, *text)),
    );
    let (mut before, mut after) = (Vec::new(), Vec::new());
    scraper.scrape(&first, &mut before).unwrap();
    scraper.scrape(&second, &mut after).unwrap();
    (before, after)
}
