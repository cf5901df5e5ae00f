//! Scraped targets: one task asks each target over HTTP, at its own interval.
//!
//! What a target counts becomes what happened since the scrape before; so the first scrape tells
//! no counters, and those of a target that was away for a while tell all that happened meanwhile.
//! A target that hangs holds up nobody but itself. That it is away is told once, and once when it
//! is back; `prometheus_up` tells it to CloudWatch. Nothing here is ever sent to a target but the
//! request and its token, and no token is ever logged.

pub(crate) mod family;
mod fetch;
pub(crate) mod memory;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::shutdown::Shutdown;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::aggregate::Intake;
use crate::health::Health;
use crate::sample::{GivenMetric, Labels, MetricName};
use crate::source::told::{Told, Value, hand_in};
use family::{Exposition, TargetRules};
use fetch::{FetchError, fetch};
use memory::Memory;

/// The metric that tells whether a target was there.
pub(crate) const UP: &str = "prometheus_up";
/// Its dimension.
const TARGET: &str = "target";

/// A target, once it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusTarget {
    /// What it is called in logs and in the dimension of `prometheus_up`.
    pub name: String,
    /// The name or address of the host, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The value of the header `Host`.
    pub authority: String,
    /// The path with its query.
    pub path: String,
    /// The unix socket to connect to instead of host and port.
    pub socket: Option<PathBuf>,
    /// The time between two scrapes; that of the datums if it is not told.
    pub interval: Option<Duration>,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// The file that holds the bearer token, read at each scrape.
    pub token_file: Option<PathBuf>,
    /// What becomes of its series.
    pub rules: TargetRules,
}

/// What a task that scrapes is given.
pub(crate) struct Scraper {
    pub(crate) target: PrometheusTarget,
    /// The time between two scrapes unless the target has its own.
    pub(crate) interval: Duration,
    pub(crate) intake: Intake,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
}

/// Whether the target was there, and what it said.
#[derive(Debug, Default)]
struct Past {
    memory: Memory,
    /// When the last whole scrape began.
    before: Option<UnixMillis>,
    is_away: bool,
}

impl Scraper {
    /// Scrapes until the shutdown.
    pub(crate) async fn run(self, mut shutdown: Shutdown) {
        let interval = self.target.interval.unwrap_or(self.interval);
        let mut ticks = interval_at(Instant::now(), interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut past = Past::default();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.requested() => return,
            }
            tokio::select! {
                () = self.scrape(&mut past) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    /// Scrapes once.
    async fn scrape(&self, past: &mut Past) {
        let began = self.clock.now();
        let scraped = timeout(self.target.timeout, self.read(past, began)).await;
        let scraped = scraped.unwrap_or(Err(FetchError::Timeout));
        let up = if scraped.is_ok() { 1.0 } else { 0.0 };
        hand_in(&self.intake, began, [self.up(up)]);
        let name = self.target.name.as_str();
        match scraped {
            Ok(()) => {
                past.before = Some(began);
                if std::mem::take(&mut past.is_away) {
                    log::info!(target_name = name; "a target answers again");
                }
            }
            Err(error) => {
                self.health.problems.add(error.reason(), 1);
                if !std::mem::replace(&mut past.is_away, true) {
                    let error = plimsoll_core::error::chain(&error);
                    log::warn!(target_name = name, error = error.as_str(); "a target cannot be scraped");
                }
            }
        }
    }

    async fn read(&self, past: &mut Past, began: UnixMillis) -> Result<(), FetchError> {
        let mut body = fetch(&self.target).await?;
        let rules = &self.target.rules;
        let open_metrics = body.is_open_metrics();
        let mut reading = Exposition::begin(rules, &mut past.memory, past.before, open_metrics);
        while let Some(bytes) = body.next().await? {
            let told = reading.read(bytes);
            hand_in(&self.intake, began, told);
            // A long exposition leaves the thread to others between its pieces.
            tokio::task::yield_now().await;
        }
        let (told, mistakes) = reading.end();
        hand_in(&self.intake, began, told);
        for (reason, mistake) in mistakes {
            if self.health.problems.add(reason, mistake.count) {
                log::warn!(
                    target_name = self.target.name.as_str(), line = mistake.line, reason = reason;
                    "a target tells what is left out: {}", mistake.what
                );
            }
        }
        Ok(())
    }

    fn up(&self, value: f64) -> Told {
        let metric = GivenMetric {
            namespace: self.target.rules.namespace.clone(),
            ..GivenMetric::new(UP, Unit::None)
        };
        Told {
            metric: MetricName::from(metric),
            labels: Labels::one(TARGET, &Arc::from(&*self.target.name)),
            value: Value::Gauge(value),
        }
    }
}

#[cfg(test)]
mod tests;
