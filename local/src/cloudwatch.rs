//! CloudWatch: metrics, alarms that are really evaluated, dashboards.
//!
//! Data lives in a bounded [`Store`]. PutMetricData is all or nothing; reads see it at once; alarms
//! look at it when [`CloudWatch::tick`] says so. Composite alarms, anomaly detection, Metrics
//! Insights and metric streams are not here.

mod alarm;
mod alarms;
mod bucket;
mod dashboard;
mod evaluate;
mod history;
mod math;
mod put;
mod query;
mod read;
mod refuse;
mod scaling;
mod statistic;
mod store;

use std::collections::VecDeque;

use plimsoll_core::clock::UnixMillis;

use crate::service::{Answer, Call, Notification};
use crate::state::unknown_operation;
use crate::value::Value;

use alarms::Alarms;
use dashboard::Dashboards;
use store::Store;

pub use bucket::Bucket;
pub use evaluate::{Missing, State, evaluate, range};
pub(crate) use put::{MAGNITUDE_MAX, UNITS};
pub use scaling::{ARRIVALS_MAX, AlarmReading, Arrival};
pub use statistic::Statistic;
pub use store::{Datum, Fill, MetricId};

/// The service.
#[derive(Debug)]
pub struct CloudWatch {
    account: String,
    store: Store,
    writes: u64,
    aged: UnixMillis,
    alarms: Alarms,
    dashboards: Dashboards,
    arrivals: VecDeque<Arrival>,
}

impl CloudWatch {
    /// An empty service. AWS looks at whole minutes; with `prompt`, an alarm also looks at the
    /// running one where what is there decides already: a sum, count or maximum above a threshold
    /// stays above it.
    #[must_use]
    pub fn new(account: &str, region: &str, prompt: bool) -> Self {
        Self {
            account: account.to_owned(),
            store: Store::default(),
            writes: 0,
            aged: UnixMillis::default(),
            alarms: Alarms::new(account, region, prompt),
            dashboards: Dashboards::default(),
            arrivals: VecDeque::new(),
        }
    }

    /// Answers a call.
    ///
    /// # Errors
    /// What AWS refuses, in its words.
    pub fn call(&mut self, call: &Call) -> Answer {
        match call.operation.as_str() {
            "PutMetricData" => {
                for datum in put::read(call)? {
                    self.record(&datum);
                    scaling::remember(&mut self.arrivals, datum, call.now);
                }
                Ok(Value::Null)
            }
            "ListMetrics" => read::list(&self.store, call),
            "GetMetricData" => read::data(&self.store, call),
            "GetMetricStatistics" => read::statistics(&self.store, call),
            _ => self
                .alarms
                .call(call)
                .or_else(|| self.dashboards.call(call, &self.account))
                .unwrap_or_else(|| Err(unknown_operation(&call.operation))),
        }
    }

    /// Adds a datum that did not come by PutMetricData, such as one of the embedded metric format.
    pub fn record(&mut self, datum: &Datum) {
        self.writes += 1;
        self.store.add(datum, self.writes);
    }

    /// Ages the data once a minute and evaluates the alarms that are due.
    pub fn tick(&mut self, now: UnixMillis) {
        const MINUTE_MS: u64 = 60_000;
        if now.0.abs_diff(self.aged.0) >= MINUTE_MS {
            self.aged = now;
            self.store.age(now);
        }
        self.alarms.tick(&self.store, now);
    }

    /// How full the store of metrics is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        self.store.fill()
    }

    /// How many alarms there are: standard ones and high-resolution ones.
    #[must_use]
    pub fn alarm_counts(&self) -> (usize, usize) {
        self.alarms.counts()
    }

    /// How many dashboards there are.
    #[must_use]
    pub fn dashboard_count(&self) -> usize {
        self.dashboards.len()
    }

    /// What the alarms have to tell since the last call.
    pub fn take_notifications(&mut self) -> Vec<Notification> {
        std::mem::take(&mut self.alarms.notifications)
    }
}
