//! What the lines of a turn came to, before it is handed in.

use std::collections::HashMap;

use plimsoll_core::clock::UnixMillis;

use crate::aggregate::{Intake, SeriesKey, Slot};
use crate::derive::emf::Reading;

/// Values with their series. A turn is bounded, and so is this.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Series by what tells them apart: the rule and the values of its dimensions.
    known: HashMap<Box<[u8]>, u32>,
    series: Vec<Series>,
    values: Vec<(u32, UnixMillis, f64)>,
    /// The key that is looked up next; kept so that nothing is allocated for it.
    key: Vec<u8>,
    /// What documents of embedded metric format said.
    pub(crate) readings: Vec<Reading>,
}

/// A series of a turn.
#[derive(Debug)]
struct Series {
    key: SeriesKey,
    /// How many series behind it are zero, not unknown, when it has a value.
    zeros: u32,
    /// Where it is in the window that it was used in last.
    slot: Option<(u64, Slot)>,
}

impl Measured {
    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.readings.is_empty()
    }

    /// Begins the key of a series of a rule.
    pub(super) fn begin_key(&mut self, rule: usize) {
        self.key.clear();
        self.key.extend_from_slice(&rule.to_ne_bytes());
    }

    /// What else tells the series apart.
    pub(super) fn extend_key(&mut self, part: &[u8]) {
        self.key.extend_from_slice(part);
    }

    /// The number of the first of the series with this key. `make` gives all of them, each with
    /// how many behind it are zero when it has a value.
    pub(super) fn series(&mut self, make: impl FnOnce() -> Vec<(SeriesKey, u32)>) -> u32 {
        if let Some(first) = self.known.get(self.key.as_slice()) {
            return *first;
        }
        // A turn has far fewer lines than that.
        let first = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        self.known.insert(self.key.as_slice().into(), first);
        self.series
            .extend(make().into_iter().map(|(key, zeros)| Series {
                key,
                zeros,
                slot: None,
            }));
        first
    }

    /// A value of a series.
    pub(super) fn add(&mut self, series: u32, time: UnixMillis, value: f64) {
        self.values.push((series, time, value));
    }

    /// Puts everything into the windows of its time.
    pub(crate) fn hand_in(self, logs: &Intake, emf: &Intake) {
        let Self {
            mut series,
            values,
            readings,
            ..
        } = self;
        if !values.is_empty() {
            let mut windows = logs.hold();
            for (number, time, value) in values {
                let window = windows.window(time);
                let generation = window.generation();
                let number = number as usize;
                let known = series.get(number).and_then(|one| one.slot);
                let slot = match known {
                    Some((made, slot)) if made == generation => Some(slot),
                    _ => {
                        let zeros = series.get(number).map_or(0, |one| one.zeros as usize);
                        for zero in series.iter().skip(number + 1).take(zeros) {
                            let slot = window.slot(zero.key.clone());
                            window.add(slot, 0.0, 1.0);
                        }
                        series.get_mut(number).map(|one| {
                            let slot = window.slot(one.key.clone());
                            one.slot = Some((generation, slot));
                            slot
                        })
                    }
                };
                if let Some(slot) = slot {
                    window.add(slot, value, 1.0);
                }
            }
        }
        if !readings.is_empty() {
            let mut windows = emf.hold();
            for reading in readings {
                reading.hand_in(&mut windows);
            }
        }
    }

    /// Every value by the name of its metric and its dimensions.
    #[cfg(test)]
    pub(crate) fn told(&self) -> Vec<(String, f64)> {
        let values = self.values.iter();
        let told = values.map(|(number, _, value)| {
            let key = &self.series[*number as usize].key;
            let labels = key
                .labels
                .iter()
                .map(|(name, value)| format!(" {name}={value}"));
            (
                key.metric.name().to_owned() + &labels.collect::<String>(),
                *value,
            )
        });
        told.collect()
    }
}
