//! The collector's metrics: what is open, what it may cost, and how the collector itself is.
//!
//! Gauges are sent in every interval, also when they are zero, so that an alarm that went off
//! comes back. Counts are sent as what was added in the interval; when a call fails they are sent
//! with the next, so that nothing is lost, and nothing is sent twice after a clear refusal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{Datum, DatumValue, Error, MetricsApi, Series};
use plimsoll_core::catalog::{
    COST_ANOMALIES_OPEN, COST_AT_RISK, COST_DAILY, COST_EXPECTED, FINDINGS, INCIDENTS_OPEN, Metric,
    NOTIFICATIONS_SENT, NOTIFICATIONS_WAITING, RULES_LOADED, SIGNALS_READ, SIGNALS_REJECTED,
    SOURCE_AGE,
};
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::shutdown::Shutdown;

use crate::finding::{Kind, Severity};
use crate::health::{Health, Pulse};
use crate::incident::Incident;
use crate::state::{State, StateError};

/// Every metric is a minute's, at the price of the standard resolution.
const RESOLUTION_SECONDS: u8 = 60;

/// Sends the metrics.
#[derive(Debug)]
pub struct Publisher<M> {
    api: M,
    state: Arc<State>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    /// What was sent of each count.
    told: BTreeMap<(&'static str, &'static str), u64>,
}

/// The counts of one moment: metric, dimension's value, total.
type Totals = Vec<(&'static Metric, &'static str, u64)>;

impl<M: MetricsApi> Publisher<M> {
    /// A publisher of `health` and of what `state` holds.
    #[must_use]
    pub fn new(api: M, state: Arc<State>, health: Arc<Health>, clock: Arc<dyn Clock>) -> Self {
        let pulse = health.pulse("metrics", "CloudWatch", &clock);
        Self {
            api,
            state,
            health,
            clock,
            pulse,
            told: BTreeMap::new(),
        }
    }

    /// Sends every `interval` until it is asked to stop, and once more then.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub async fn run(
        mut self,
        interval: Duration,
        mut shutdown: Shutdown,
    ) -> Result<(), StateError> {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                _ = ticks.tick() => self.send().await?,
            }
        }
        self.send().await
    }

    /// Sends one set of metrics. A failed call is told and made up for with the next.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub async fn send(&mut self) -> Result<(), StateError> {
        let (open, waiting) = self
            .state
            .run(|tx| Ok::<_, StateError>((tx.open_incidents()?, tx.letters_waiting()?)))
            .await?;
        let now = self.clock.now();
        let mut by_namespace: BTreeMap<&str, Vec<Datum>> = BTreeMap::new();
        for (namespace, datum) in gauges(&open, waiting, &self.health, now) {
            by_namespace.entry(namespace).or_default().push(datum);
        }
        let totals = totals(&self.health);
        for (metric, value, total) in &totals {
            let told = self.told.get(&(metric.name, *value)).copied().unwrap_or(0);
            let added = total.saturating_sub(told);
            let (namespace, datum) = datum(metric, value, as_number(added), now);
            by_namespace.entry(namespace).or_default().push(datum);
        }
        for (namespace, datums) in by_namespace {
            match self.api.put_metric_data(namespace, &datums).await {
                Ok(()) => self.note_told(namespace, &totals),
                Err(error) => self.note_failed(namespace, &error),
            }
        }
        Ok(())
    }

    fn note_told(&mut self, namespace: &str, totals: &Totals) {
        self.pulse.worked();
        for (metric, value, total) in totals {
            if metric.namespace == namespace {
                self.told.insert((metric.name, value), *total);
            }
        }
    }

    fn note_failed(&self, namespace: &str, error: &Error) {
        self.health.calls_failed.add(error.reason(), 1);
        self.pulse.failed(error);
        log::warn!(namespace; "metrics were not accepted and are made up for: {error}");
    }
}

/// What is so now.
fn gauges(open: &[Incident], waiting: u64, health: &Health, now: UnixMillis) -> Vec<Placed> {
    let count = |kind: Kind, severity: Option<Severity>| {
        let of_kind = open.iter().filter(|incident| incident.kind == kind);
        let matching = of_kind.filter(|incident| severity.is_none_or(|s| s == incident.severity));
        as_number(u64::try_from(matching.count()).unwrap_or(u64::MAX))
    };
    let mut datums: Vec<Placed> = Severity::ALL
        .into_iter()
        .map(|severity| {
            let value = count(Kind::Security, Some(severity));
            datum(&INCIDENTS_OPEN, severity.as_str(), value, now)
        })
        .collect();
    let at_risk: f64 = open
        .iter()
        .filter_map(|incident| incident.usd_per_day)
        .sum();
    datums.push(datum(
        &COST_ANOMALIES_OPEN,
        "",
        count(Kind::Cost, None),
        now,
    ));
    datums.push(datum(&COST_AT_RISK, "", at_risk, now));
    datums.push(datum(&NOTIFICATIONS_WAITING, "", as_number(waiting), now));
    datums.push(datum(
        &RULES_LOADED,
        "",
        as_number(health.rules_loaded.value()),
        now,
    ));
    for (source, last) in health.last_signal() {
        let age = now.since(last).as_secs_f64();
        datums.push(datum(&SOURCE_AGE, source, age, now));
    }
    if let Some(cost) = health.cost() {
        datums.push(datum(&COST_DAILY, "", cost.daily, now));
        let expected = cost.expected.map(|usd| datum(&COST_EXPECTED, "", usd, now));
        datums.extend(expected);
    }
    datums
}

/// What was counted since the start.
fn totals(health: &Health) -> Totals {
    let mut totals: Totals = Vec::new();
    let found: BTreeMap<&str, u64> = health.findings.snapshot().into_iter().collect();
    for severity in Severity::ALL {
        let word = severity.as_str();
        totals.push((&FINDINGS, word, found.get(word).copied().unwrap_or(0)));
    }
    let read = health.signals_read.snapshot().into_iter();
    totals.extend(read.map(|(source, count)| (&SIGNALS_READ, source, count)));
    let rejected = health.signals_rejected.snapshot().into_iter();
    totals.extend(rejected.map(|(reason, count)| (&SIGNALS_REJECTED, reason, count)));
    totals.push((&NOTIFICATIONS_SENT, "", health.notifications_sent.value()));
    totals
}

/// A datum with its namespace.
type Placed = (&'static str, Datum);

/// A datum of a metric with at most one dimension, whose value is `value`.
fn datum(metric: &'static Metric, value: &str, number: f64, now: UnixMillis) -> Placed {
    let dimensions = metric.dimensions.iter().take(1);
    let datum = Datum {
        series: Arc::new(Series {
            name: metric.name.into(),
            unit: metric.unit,
            dimensions: dimensions
                .map(|name| ((*name).into(), value.into()))
                .collect(),
        }),
        time: now,
        value: DatumValue::One(number),
        resolution_seconds: RESOLUTION_SECONDS,
        additive: false,
    };
    (metric.namespace, datum)
}

/// A count as CloudWatch takes it. Beyond 2^32 the count is cut, which no interval reaches.
fn as_number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_aws::testing::{FakeMetrics, rejected};
    use plimsoll_core::clock::ManualClock;

    fn publisher(health: &Arc<Health>) -> (Publisher<FakeMetrics>, FakeMetrics) {
        let api = FakeMetrics::default();
        let state = Arc::new(State::open_in_memory().unwrap());
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_524_360_000)));
        let publisher = Publisher::new(api.clone(), state, Arc::clone(health), clock);
        (publisher, api)
    }

    fn value(datums: &[Datum], name: &str, dimension: &str) -> Option<f64> {
        let of = |datum: &&Datum| {
            datum.name() == name
                && datum
                    .dimensions()
                    .iter()
                    .all(|(_, value)| &**value == dimension)
        };
        datums.iter().rev().find(of).map(|datum| datum.value.sum())
    }

    #[tokio::test]
    async fn gauges_are_sent_when_they_are_zero_so_that_alarms_come_back() {
        let health = Arc::new(Health::default());
        health.watch("cloudtrail", UnixMillis(1_795_524_300_000));
        let (mut publisher, api) = publisher(&health);
        publisher.send().await.unwrap();
        let datums = api.datums();
        for severity in Severity::ALL {
            assert_eq!(
                value(&datums, "incidents_open", severity.as_str()),
                Some(0.0)
            );
        }
        assert_eq!(value(&datums, "cost_anomalies_open", ""), Some(0.0));
        assert_eq!(value(&datums, "cost_at_risk_per_day", ""), Some(0.0));
        assert_eq!(value(&datums, "source_age", "cloudtrail"), Some(60.0));
        assert_eq!(
            value(&datums, "cost_daily", ""),
            None,
            "nothing is known of the cost"
        );
    }

    #[tokio::test]
    async fn counts_are_what_was_added_and_survive_a_failed_call() {
        let health = Arc::new(Health::default());
        let (mut publisher, api) = publisher(&health);
        health.read("cloudtrail", 5, UnixMillis(0));
        publisher.send().await.unwrap();
        assert_eq!(
            value(&api.datums(), "signals_read", "cloudtrail"),
            Some(5.0)
        );
        health.read("cloudtrail", 2, UnixMillis(0));
        // The namespaces go out in order: Collector, Cost, Security.
        api.answer(Err(rejected("PutMetricData", "Throttling")));
        publisher.send().await.unwrap();
        health.read("cloudtrail", 1, UnixMillis(0));
        publisher.send().await.unwrap();
        assert_eq!(
            value(&api.datums(), "signals_read", "cloudtrail"),
            Some(3.0)
        );
        publisher.send().await.unwrap();
        assert_eq!(
            value(&api.datums(), "signals_read", "cloudtrail"),
            Some(0.0)
        );
    }
}
