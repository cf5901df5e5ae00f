//! What expressions name of the host, read with as few families of metrics as tell it.
//!
//! Which family tells a metric is not written anywhere but in the families, so all of them are asked
//! at the start, and again from time to time while a metric is missing: a file system may be mounted
//! and a device appear later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::board::Board;
use super::super::expression::FeedName;
use crate::health::Health;
use crate::scraper::{Family, HostRoot, Scrapers, Selection};

/// Ticks in a row of which every family is asked what it tells; a rate needs two.
const LOOKS: u32 = 3;
/// How long it takes at least until all are asked again.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// The host's metrics that expressions name.
pub(super) struct HostMetrics {
    scrapers: Scrapers,
    /// Their names.
    wanted: BTreeSet<Arc<str>>,
    every: BTreeSet<Family>,
    /// The families that told any of them in the last looks.
    useful: BTreeSet<Family>,
    looks_left: u32,
    looked: Instant,
}

impl HostMetrics {
    pub(super) fn new(
        root: HostRoot,
        selection: &Selection,
        health: Arc<Health>,
        wanted: BTreeSet<Arc<str>>,
    ) -> Self {
        Self {
            scrapers: Scrapers::new(root, selection, health),
            wanted,
            every: selection.families.iter().map(|one| one.family).collect(),
            useful: BTreeSet::new(),
            looks_left: LOOKS,
            looked: Instant::now(),
        }
    }

    /// Reads once for rates.
    pub(super) async fn prime(&mut self) {
        self.scrapers.prime().await;
    }

    /// A metric is missing: asks every family again, if that was not done within the last minute.
    pub(super) fn look_again(&mut self) {
        if self.looks_left == 0 && self.looked.elapsed() >= AGAIN_AFTER {
            self.looks_left = LOOKS;
            self.looked = Instant::now();
        }
    }

    /// Reads what is wanted and writes it down.
    pub(super) async fn note(&mut self, board: &mut Board) {
        let families = if self.looks_left > 0 {
            &self.every
        } else {
            &self.useful
        };
        let told = self
            .scrapers
            .scrape(|family| families.contains(&family))
            .await;
        for (family, samples) in told {
            for sample in samples {
                if self.wanted.contains(sample.metric.name()) {
                    self.useful.insert(family);
                    board.note(FeedName::Host, sample);
                }
            }
        }
        self.looks_left = self.looks_left.saturating_sub(1);
    }
}
