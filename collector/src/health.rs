//! What the collector counts about its own work.
//!
//! Sources, the pipeline and the sinks add to these; [`crate::sink::metrics`] turns them into
//! metrics. Nothing reads them to decide anything.

mod pulse;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::counter::{Counter, Tally};

pub use pulse::{Beat, Pulse};

/// One set of counters, shared by every part.
#[derive(Debug, Default)]
pub struct Health {
    /// Signals that were taken in, by source.
    pub signals_read: Tally,
    /// Inputs that could not be read, by reason.
    pub signals_rejected: Tally,
    /// New findings of security, by severity.
    pub findings: Tally,
    /// Detection rules in use.
    pub rules_loaded: Counter,
    /// Notifications that SNS accepted.
    pub notifications_sent: Arc<Counter>,
    /// Calls to AWS that failed, by reason.
    pub calls_failed: Arc<Tally>,
    /// Pages of Cost Explorer, each US$0.01.
    pub cost_requests: Arc<Counter>,
    last_signal: Mutex<BTreeMap<&'static str, UnixMillis>>,
    cost: Mutex<Option<Cost>>,
    pulses: Mutex<Vec<Arc<Pulse>>>,
}

/// Cost of the last day that is known, in US$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// What it was.
    pub daily: f64,
    /// What it was expected to be; `None` while too little is known.
    pub expected: Option<f64>,
}

impl Health {
    /// Notes that `source` is read, and gave nothing new before `now`.
    pub fn watch(&self, source: &'static str, now: UnixMillis) {
        self.last_signals().entry(source).or_insert(now);
        self.signals_read.add(source, 0);
    }

    /// Notes that `source` gave `count` signals at `now`.
    pub fn read(&self, source: &'static str, count: u64, now: UnixMillis) {
        self.signals_read.add(source, count);
        if count > 0 {
            self.last_signals().insert(source, now);
        }
    }

    /// When each source last gave something, in order.
    #[must_use]
    pub fn last_signal(&self) -> Vec<(&'static str, UnixMillis)> {
        self.last_signals()
            .iter()
            .map(|(source, at)| (*source, *at))
            .collect()
    }

    /// Another source or sink whose pulse is felt from now on.
    pub fn pulse(&self, kind: &'static str, place: &str, clock: &Arc<dyn Clock>) -> Arc<Pulse> {
        let pulse = Pulse::new(kind, place, Arc::clone(clock));
        self.locked_pulses().push(Arc::clone(&pulse));
        pulse
    }

    /// Sources and sinks in the order in which they were started.
    #[must_use]
    pub fn pulses(&self) -> Vec<Arc<Pulse>> {
        self.locked_pulses().clone()
    }

    /// Those before have ended; others are started.
    pub fn forget_pulses(&self) {
        self.locked_pulses().clear();
        self.last_signals().clear();
    }

    /// Sets the cost of the last known day.
    pub fn set_cost(&self, cost: Cost) {
        *self.cost.lock().unwrap_or_else(PoisonError::into_inner) = Some(cost);
    }

    /// The cost of the last known day.
    #[must_use]
    pub fn cost(&self) -> Option<Cost> {
        *self.cost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_pulses(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Pulse>>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_signals(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, UnixMillis>> {
        self.last_signal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
