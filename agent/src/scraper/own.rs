//! The agent's own work, memory and processor time: family `agent`.
//!
//! Counters become what happened since the last tick, so that the `Sum` of any period is right
//! and a restart does not look like a fall. The first tick counts from the start of the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::catalog::{
    AGENT_BYTES_READ, AGENT_CALLS, AGENT_COST_PER_MONTH, AGENT_CPU, AGENT_DATUMS_DROPPED,
    AGENT_DATUMS_SENT, AGENT_EVENTS_REJECTED, AGENT_EVENTS_SENT, AGENT_FILES,
    AGENT_LIFECYCLE_NOTICES, AGENT_LINES_READ, AGENT_MEMORY, AGENT_OLDEST_UNSENT, AGENT_PROBLEMS,
    AGENT_QUEUE_BYTES, AGENT_RETRIES, AGENT_SIGNAL_AGE, AGENT_SIGNAL_DELAY, AGENT_SIGNAL_GAPS,
    AGENT_THROTTLES, Metric,
};
use plimsoll_core::counter::{Counter, Tally};
use plimsoll_ops::status::{CLOCK_TICKS_PER_SECOND, processor_ticks, resident_bytes};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::budget::{Totals, usd_per_month};
use crate::health::Health;
use crate::sample::{Labels, Sample, as_value};

const MILLIS_PER_SECOND: f64 = 1000.0;

/// The family `agent`.
#[derive(Debug)]
pub(crate) struct Own {
    health: Arc<Health>,
    counted: BTreeMap<&'static str, u64>,
    tallied: BTreeMap<(&'static str, &'static str), u64>,
    gaps: BTreeMap<(Arc<str>, &'static str), u64>,
    billed: (Instant, Totals),
    worked: Option<(Instant, u64)>,
}

impl Own {
    pub(crate) fn new(health: Arc<Health>, started: Instant) -> Self {
        let totals = Totals::of(&health);
        Self {
            health,
            counted: BTreeMap::new(),
            tallied: BTreeMap::new(),
            gaps: BTreeMap::new(),
            billed: (started, totals),
            worked: None,
        }
    }

    fn count(&mut self, metric: &'static Metric, counter: fn(&Health) -> &Counter) -> Sample {
        let now = counter(&self.health).value();
        let before = self.counted.insert(metric.name, now).unwrap_or(0);
        Sample::new(metric, as_value(now.saturating_sub(before))).counted()
    }

    /// Reasons that gave something since the last tick. A reason that never came up costs no
    /// series.
    fn tally(
        &mut self,
        metric: &'static Metric,
        tally: fn(&Health) -> &Tally,
        out: &mut Vec<Sample>,
    ) {
        for (reason, now) in tally(&self.health).snapshot() {
            let key = (metric.name, reason);
            let before = self.tallied.insert(key, now).unwrap_or(0);
            let count = as_value(now.saturating_sub(before));
            out.push(Sample::of(metric, &Arc::from(reason), count).counted());
        }
    }

    /// How old each signal is, how late it was at most, and what was withheld since the last tick.
    fn signals(&mut self, now: Instant, out: &mut Vec<Sample>) {
        for (signal, record) in self.health.signals.look() {
            let of = |metric, value| Sample::of(metric, &signal, value);
            if let Some(taken) = record.taken {
                let age = now.saturating_duration_since(taken).as_secs_f64();
                out.push(of(&AGENT_SIGNAL_AGE, age));
            }
            if let Some(delay) = record.delay_max {
                out.push(of(&AGENT_SIGNAL_DELAY, delay.as_secs_f64()));
            }
            for (reason, now) in record.gaps {
                let before = self
                    .gaps
                    .insert((Arc::clone(&signal), reason), now)
                    .unwrap_or(0);
                let labels = Labels::new([
                    (Arc::from("reason"), Arc::from(reason)),
                    (Arc::from("signal"), Arc::clone(&signal)),
                ]);
                let count = as_value(now.saturating_sub(before));
                let sample = Sample::new(&AGENT_SIGNAL_GAPS, count).labelled(&labels);
                out.push(sample.counted());
            }
        }
    }

    fn cost(&mut self, now: Instant) -> Option<Sample> {
        let totals = Totals::of(&self.health);
        let (then, before) = self.billed;
        self.billed = (now, totals);
        let usd = usd_per_month(&before, &totals, now.saturating_duration_since(then))?;
        Some(Sample::new(&AGENT_COST_PER_MONTH, usd))
    }

    fn processor(&mut self, now: &Snapshot) -> Result<Option<Sample>, ScrapeError> {
        let ticks = processor_ticks(now.text(Input::SelfStat)?)
            .ok_or_else(|| ScrapeError::malformed(Input::SelfStat, "user and system time"))?;
        let before = self.worked.replace((now.taken(), ticks));
        Ok(before.and_then(|(then, before)| {
            let seconds = now.taken().saturating_duration_since(then).as_secs_f64();
            let worked = as_value(ticks.checked_sub(before)?) / CLOCK_TICKS_PER_SECOND;
            (seconds > 0.0).then(|| Sample::new(&AGENT_CPU, worked * 100.0 / seconds))
        }))
    }
}

impl Scraper for Own {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        out.extend([
            self.count(&AGENT_LINES_READ, |health| &health.lines_read),
            self.count(&AGENT_BYTES_READ, |health| &health.bytes_read),
            self.count(&AGENT_EVENTS_SENT, |health| &health.events_sent),
            self.count(&AGENT_DATUMS_SENT, |health| &health.datums_sent),
            self.count(&AGENT_RETRIES, |health| &health.retries),
            self.count(&AGENT_THROTTLES, |health| &health.throttles),
        ]);
        let gauge = |metric, counter: &Counter| Sample::new(metric, as_value(counter.value()));
        let oldest = as_value(self.health.oldest_unsent_ms.value()) / MILLIS_PER_SECOND;
        out.extend([
            gauge(&AGENT_FILES, &self.health.files),
            gauge(&AGENT_QUEUE_BYTES, &self.health.queue_bytes),
            Sample::new(&AGENT_OLDEST_UNSENT, oldest),
        ]);
        self.tally(&AGENT_CALLS, |health| &health.calls, out);
        self.tally(
            &AGENT_EVENTS_REJECTED,
            |health| &health.events_rejected,
            out,
        );
        self.tally(&AGENT_DATUMS_DROPPED, |health| &health.datums_dropped, out);
        self.tally(&AGENT_PROBLEMS, |health| &health.problems, out);
        self.tally(
            &AGENT_LIFECYCLE_NOTICES,
            |health| &health.lifecycle_notices,
            out,
        );
        self.signals(now.taken(), out);
        out.extend(self.cost(now.taken()));
        out.extend(self.processor(now)?);
        let memory = resident_bytes(now.text(Input::SelfStatus)?)
            .ok_or_else(|| ScrapeError::malformed(Input::SelfStatus, "VmRSS"))?;
        out.push(Sample::new(&AGENT_MEMORY, as_value(memory)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::INTERVAL;
    use super::*;
    use plimsoll_core::catalog::AGENT_METRICS;

    fn snapshot(at: Instant, user_ticks: u64) -> Snapshot {
        let mut snapshot = Snapshot::empty(at);
        let stat = format!("7 (my agent) S 1 7 7 0 -1 0 0 0 0 0 {user_ticks} 50 0 0 20");
        snapshot.set_text(Input::SelfStat, &stat);
        snapshot.set_text(Input::SelfStatus, "Name: agent\nVmRSS:\t  8192 kB\n");
        snapshot
    }

    fn value(samples: &[Sample], metric: &Metric, of: Option<&str>) -> Option<f64> {
        samples
            .iter()
            .find(|sample| sample.name() == metric.name && sample.label() == of)
            .map(Sample::number)
    }

    #[test]
    fn counters_are_told_as_what_happened_since_the_last_tick() {
        let health = Arc::new(Health::default());
        let start = Instant::now();
        let mut own = Own::new(Arc::clone(&health), start);

        health.lines_read.add(10);
        health.calls.add("PutLogEvents", 2);
        health.files.set(3);
        health.oldest_unsent_ms.set(1500);
        let mut first = Vec::new();
        own.scrape(&snapshot(start + INTERVAL, 100), &mut first)
            .unwrap();
        assert_eq!(value(&first, &AGENT_LINES_READ, None), Some(10.0));
        assert_eq!(value(&first, &AGENT_CALLS, Some("PutLogEvents")), Some(2.0));
        assert_eq!(value(&first, &AGENT_OLDEST_UNSENT, None), Some(1.5));
        assert_eq!(value(&first, &AGENT_MEMORY, None), Some(8_388_608.0));
        assert_eq!(value(&first, &AGENT_CPU, None), None);

        health.lines_read.add(5);
        let mut second = Vec::new();
        own.scrape(&snapshot(start + INTERVAL * 2, 150), &mut second)
            .unwrap();
        assert_eq!(value(&second, &AGENT_LINES_READ, None), Some(5.0));
        assert_eq!(
            value(&second, &AGENT_CALLS, Some("PutLogEvents")),
            Some(0.0)
        );
        assert_eq!(value(&second, &AGENT_FILES, None), Some(3.0));
        // Half a second of work in ten seconds.
        assert_eq!(value(&second, &AGENT_CPU, None), Some(5.0));
    }

    #[test]
    fn every_metric_of_the_catalog_is_told() {
        let health = Arc::new(Health::default());
        let start = Instant::now();
        let mut own = Own::new(Arc::clone(&health), start);
        own.scrape(&snapshot(start, 100), &mut Vec::new()).unwrap();
        health.calls.add("PutLogEvents", 1);
        health.events_rejected.add("rejected", 1);
        health.datums_dropped.add("too_old", 1);
        health.problems.add("truncated", 1);
        health.lifecycle_notices.add("scale_in", 1);
        let signal = Arc::from("load");
        health
            .signals
            .accepted(&signal, 1.0, start, start + INTERVAL);
        health.signals.gap(&signal, "draining");
        let mut told = Vec::new();
        own.scrape(&snapshot(start + INTERVAL, 150), &mut told)
            .unwrap();
        for metric in AGENT_METRICS {
            let is_told = told.iter().any(|sample| sample.name() == metric.name);
            assert!(is_told, "{}", metric.name);
        }
    }
}
