//! Counters that only grow, turned into rates per second.
//!
//! A rate needs two readings. A counter that went backwards (it wrapped, or its device was made
//! anew) gives none for that device in that tick, rather than a wrong one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::sample::as_value;

/// `N` counters of each device at one moment.
pub(crate) type Reading<const N: usize> = BTreeMap<Arc<str>, [u64; N]>;

/// The last reading of a family.
#[derive(Debug)]
pub(crate) struct Rates<const N: usize> {
    before: Option<(Instant, Reading<N>)>,
}

impl<const N: usize> Default for Rates<N> {
    fn default() -> Self {
        Self { before: None }
    }
}

impl<const N: usize> Rates<N> {
    /// Keeps `reading` and gives the rates since the one before, in the order of the devices.
    pub(crate) fn advance(
        &mut self,
        taken: Instant,
        reading: Reading<N>,
    ) -> Vec<(Arc<str>, [f64; N])> {
        let rates = self.before.as_ref().map_or_else(Vec::new, |(at, before)| {
            let seconds = taken.saturating_duration_since(*at).as_secs_f64();
            let devices = reading.iter().filter(|_| seconds > 0.0);
            devices
                .filter_map(|(name, now)| {
                    let rates = per_second(before.get(name)?, now, seconds)?;
                    Some((Arc::clone(name), rates))
                })
                .collect()
        });
        self.before = Some((taken, reading));
        rates
    }
}

fn per_second<const N: usize>(before: &[u64; N], now: &[u64; N], seconds: f64) -> Option<[f64; N]> {
    let mut rates = [0.0; N];
    for ((rate, now), before) in rates.iter_mut().zip(now).zip(before) {
        *rate = as_value(now.checked_sub(*before)?) / seconds;
    }
    Some(rates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reading(devices: &[(&str, u64, u64)]) -> Reading<2> {
        devices
            .iter()
            .map(|(name, a, b)| (Arc::from(*name), [*a, *b]))
            .collect()
    }

    #[test]
    fn only_devices_seen_twice_and_never_backwards_have_a_rate() {
        let start = Instant::now();
        let mut rates = Rates::default();
        let first = reading(&[("a", 100, 0), ("b", 100, 0), ("gone", 1, 1)]);
        assert!(rates.advance(start, first).is_empty());

        let later = start + Duration::from_secs(10);
        let second = reading(&[("a", 150, 20), ("b", 50, 20), ("new", 7, 7)]);
        assert_eq!(
            rates.advance(later, second.clone()),
            [(Arc::from("a"), [5.0, 2.0])]
        );
        assert!(rates.advance(later, second).is_empty(), "no time passed");
    }
}
