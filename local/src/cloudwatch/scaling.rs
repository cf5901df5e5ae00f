//! What Auto Scaling sees of alarms, and the newest datums with the time of their arrival.

use std::collections::VecDeque;

use plimsoll_core::clock::UnixMillis;

use super::evaluate::State;
use super::store::Datum;
use super::{CloudWatch, Statistic};

/// Datums that are remembered one by one.
pub const ARRIVALS_MAX: usize = 20_000;

/// An alarm that scales something.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmReading {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it does in ALARM.
    pub actions: Vec<String>,
    /// Its state.
    pub state: State,
    /// Whether it goes to ALARM above its threshold.
    pub above: bool,
    /// Its threshold.
    pub threshold: f64,
    /// The values of the newest minute with any that it saw, oldest first; one with periods of a minute.
    pub points: Vec<f64>,
}

/// A datum that came in by PutMetricData.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When it came in.
    pub arrived: UnixMillis,
    /// What came.
    pub datum: Datum,
}

impl Arrival {
    /// The average of its samples.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.datum.bucket.read(Statistic::Average)
    }
}

impl CloudWatch {
    /// The alarms that scale something.
    #[must_use]
    pub fn scaling_alarms(&self) -> Vec<AlarmReading> {
        self.alarms.scaling(&self.store)
    }

    /// The newest datums, oldest first.
    pub fn arrivals(&self) -> impl Iterator<Item = &Arrival> {
        self.arrivals.iter()
    }
}

/// Remembers what came in.
pub(super) fn remember(arrivals: &mut VecDeque<Arrival>, datum: Datum, arrived: UnixMillis) {
    if arrivals.len() >= ARRIVALS_MAX {
        arrivals.pop_front();
    }
    arrivals.push_back(Arrival { arrived, datum });
}
