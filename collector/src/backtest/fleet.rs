//! The simulated group: instances that start and warm up, and what they tell about themselves.

use std::collections::VecDeque;

use super::signal::Signal;

/// Capacity that is ended within this time of its launch was wasted, in seconds: the definition of
/// [`super::measure::Measure::wasted_share`].
const WASTED: u32 = 3600;
/// Seconds of samples that are kept: what the longest alarm looks back on.
const KEPT: u32 = 7200;

/// What a group is made of. Seconds and instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    /// From the launch of an instance to its service.
    pub(super) start_up: u32,
    /// From service until it carries its full share, in even steps.
    pub(super) warm_up: u32,
}

/// One datum of the group's metric: the average over its instances.
#[derive(Clone, Copy, Debug)]
struct Sample {
    from: u32,
    sum: f64,
    count: f64,
}

/// Instances, newest last, and the metric.
#[derive(Debug)]
pub(super) struct Fleet {
    times: Times,
    signal: Signal,
    /// When each was launched; `None` those that were there.
    launched: Vec<Option<u32>>,
    under_way: VecDeque<(u32, Sample)>,
    known: VecDeque<Sample>,
    sum: f64,
    count: f64,
    /// Instance seconds of what was ended within an hour.
    pub(super) wasted: f64,
}

impl Fleet {
    pub(super) fn new(times: Times, signal: Signal, instances: u32) -> Self {
        Self {
            times,
            signal,
            launched: (0..instances).map(|_| None).collect(),
            under_way: VecDeque::new(),
            known: VecDeque::new(),
            sum: 0.0,
            count: 0.0,
            wasted: 0.0,
        }
    }

    /// Instances that are paid for.
    pub(super) fn size(&self) -> f64 {
        f64::from(u32::try_from(self.launched.len()).unwrap_or(u32::MAX))
    }

    /// Instances whose warm-up of `warm_up` seconds is over at `now`.
    pub(super) fn warm(&self, now: u32, warm_up: u32) -> f64 {
        let ready = self.times.start_up + warm_up;
        let warm = self
            .launched
            .iter()
            .filter(|at| at.is_none_or(|at| now >= at + ready));
        f64::from(u32::try_from(warm.count()).unwrap_or(u32::MAX))
    }

    /// What an instance can carry at `now`, of 1; `None` when it is not in service.
    fn share(&self, launched: Option<u32>, now: u32) -> Option<f64> {
        let Some(launched) = launched else {
            return Some(1.0);
        };
        let served = now.checked_sub(launched + self.times.start_up)?;
        if served >= self.times.warm_up {
            return Some(1.0);
        }
        Some(f64::from(served) / f64::from(self.times.warm_up))
    }

    /// Spreads `load` for `tick` seconds from `now` by what each can carry; gives the utilisation of
    /// one that carries its full share, infinite when none carries anything.
    pub(super) fn carry(&mut self, load: f64, now: u32, tick: u32) -> f64 {
        let shares: f64 = self
            .launched
            .iter()
            .filter_map(|at| self.share(*at, now))
            .sum();
        if shares <= 0.0 {
            return if load > 0.0 { f64::INFINITY } else { 0.0 };
        }
        let full = load / shares;
        let (mut sum, mut count) = (0.0, 0.0);
        for launched in &self.launched {
            let share = self.share(*launched, now);
            let told = share.filter(|share| !self.signal.withhold_while_warming || *share >= 1.0);
            if let Some(share) = told {
                sum += share * full;
                count += 1.0;
            }
        }
        self.sum += sum * f64::from(tick);
        self.count += count * f64::from(tick);
        full
    }

    /// Ends the interval at `now`, when it is one, and takes in what has arrived by then.
    pub(super) fn collect(&mut self, now: u32) {
        if now > 0 && now.is_multiple_of(self.signal.collection) {
            if self.count > 0.0 {
                let sample = Sample {
                    from: now - self.signal.collection,
                    sum: self.sum,
                    count: self.count,
                };
                self.under_way.push_back((now + self.signal.delay, sample));
            }
            self.sum = 0.0;
            self.count = 0.0;
        }
        while let Some((_, sample)) = self.under_way.pop_front_if(|(at, _)| *at <= now) {
            self.known.push_back(sample);
        }
        while self
            .known
            .pop_front_if(|sample| sample.from + KEPT < now)
            .is_some()
        {}
    }

    /// The averages of the `range` periods that are over at `now`, newest first; `None` where
    /// nothing is known.
    pub(super) fn points(&self, now: u32, period: u32, range: usize) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0, 0.0); range];
        let end = now - now % period;
        for sample in self.known.iter().rev() {
            let Some(age) = end.checked_sub(sample.from + 1) else {
                continue;
            };
            let index = usize::try_from(age / period).unwrap_or(usize::MAX);
            let Some((sum, count)) = sums.get_mut(index) else {
                break;
            };
            *sum += sample.sum;
            *count += sample.count;
        }
        sums.into_iter()
            .map(|(sum, count)| (count > 0.0).then(|| sum / count))
            .collect()
    }

    /// Launches or ends instances until there are `wanted`, the newest first to be ended.
    pub(super) fn resize(&mut self, wanted: f64, now: u32) {
        while self.size() < wanted {
            self.launched.push(Some(now));
        }
        while self.size() > wanted {
            let Some(launched) = self.launched.pop() else {
                break;
            };
            let age = launched.map_or(u32::MAX, |at| now - at);
            if age <= WASTED {
                self.wasted += f64::from(age);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        start_up: 60,
        warm_up: 120,
    };

    /// The metric of the minute in which a second instance carries a half at the most.
    fn told(signal: Signal) -> f64 {
        let mut fleet = Fleet::new(TIMES, signal, 1);
        fleet.resize(2.0, 0);
        for now in (0..=180).step_by(2) {
            fleet.collect(now);
            fleet.carry(60.0, now, 2);
        }
        let points = fleet.points(120, 60, 1);
        points[0].expect("a point")
    }

    #[test]
    fn an_instance_that_warms_up_lowers_the_average_unless_it_withholds_its_metric() {
        let other = Signal {
            withhold_while_warming: false,
            ..Signal::AGENT
        };
        assert!(told(Signal::AGENT) > 45.0, "{}", told(Signal::AGENT));
        assert!(told(other) < 40.0, "{}", told(other));
    }

    #[test]
    fn what_is_ended_within_an_hour_was_wasted_and_the_newest_goes_first() {
        let mut fleet = Fleet::new(TIMES, Signal::AGENT, 1);
        fleet.resize(2.0, 0);
        fleet.resize(3.0, 4000);
        fleet.resize(2.0, 4600);
        assert!((fleet.wasted - 600.0).abs() < 1e-9);
        fleet.resize(0.0, 5000);
        assert!(
            (fleet.wasted - 600.0).abs() < 1e-9,
            "older than an hour, and from before"
        );
    }
}
