//! One alternative against one history.

use super::alarm::{RANGE_EXTRA, State, evaluate};
use super::fleet::{Fleet, Times};
use super::history::History;
use super::measure::Measure;
use super::policy::{adjusted, needed, step_of, surplus};
use super::rule::{Kind, Rule, Watch};
use super::signal::Signal;

/// Seconds of a step of the simulation.
const TICK: u32 = 2;
/// An alarm of less than a minute is evaluated each 10 s, another each minute. Source: CloudWatch
/// user guide, "High-resolution alarms".
const FAST: u32 = 10;
/// See [`FAST`]. An action is repeated each minute while its alarm stays in ALARM. Source: the same
/// guide, "Alarm actions".
const MINUTE: u32 = 60;
/// Hours in the month that estimates use.
const MONTH_HOURS: f64 = plimsoll_core::price::HOURS_PER_MONTH;

/// The group, the same for all alternatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Fewest instances.
    pub min: u32,
    /// Most instances.
    pub max: u32,
    /// Instances at the beginning, all of them warm.
    pub desired: u32,
    /// Seconds from launch to service.
    pub start_up: u32,
    /// Seconds from service until an instance carries its full share.
    pub warm_up: u32,
    /// What no instance should carry more than, in the unit of the history.
    pub objective: f64,
    /// US$ an hour, On-Demand.
    pub on_demand: f64,
    /// (Seconds since 1970, US$ an hour) from when a Spot price was in force, ascending.
    pub spot: Vec<(i64, f64)>,
}

/// Policies and the signal that they see.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Its name.
    pub name: String,
    /// How the metric gets to CloudWatch.
    pub signal: Signal,
    /// The policies, which all belong to the one group.
    pub rules: Vec<Rule>,
}

/// A change of the desired capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Seconds from the start.
    pub at: u32,
    /// Before.
    pub from: f64,
    /// After.
    pub to: f64,
}

/// The group at a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Seconds from the start.
    pub at: u32,
    /// Instances that are paid for.
    pub capacity: f64,
    /// Load; `None` in a gap.
    pub load: Option<f64>,
}

/// What came of an alternative.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The alternative's name.
    pub name: String,
    /// What it is judged by.
    pub measure: Measure,
    /// Every change.
    pub decisions: Vec<Decision>,
    /// The group at each minute.
    pub looks: Vec<Look>,
}

/// An alarm while it is replayed.
#[derive(Debug)]
struct Armed<'r> {
    rule: &'r Rule,
    watch: &'r Watch,
    /// Whether it is the alarm by which target tracking scales in.
    low: bool,
    state: State,
    acted: Option<u32>,
    metric: f64,
}

impl<'r> Armed<'r> {
    fn of(rule: &'r Rule) -> Vec<Self> {
        let armed = |watch, low| Self {
            rule,
            watch,
            low,
            state: State::Insufficient,
            acted: None,
            metric: 0.0,
        };
        match &rule.kind {
            Kind::Track { out, low, .. } => {
                let mut both = vec![armed(out, false)];
                both.extend(low.as_ref().map(|low| armed(low, true)));
                both
            }
            Kind::Step { watch, .. } | Kind::Simple { watch, .. } => vec![armed(watch, false)],
        }
    }

    /// Looks at the metric when it is time; whether the action is due.
    fn look(&mut self, fleet: &Fleet, now: u32) -> bool {
        let every = if self.watch.period < MINUTE {
            FAST
        } else {
            MINUTE
        };
        if !now.is_multiple_of(every) {
            return false;
        }
        let points = fleet.points(now, self.watch.period, self.watch.points + RANGE_EXTRA);
        if let Some(newest) = points.iter().flatten().next() {
            self.metric = *newest;
        }
        let breaching: Vec<Option<bool>> = points
            .iter()
            .map(|point| point.map(|value| self.watch.breaches(value)))
            .collect();
        self.state = evaluate(&breaching, self.watch.points, self.state);
        if self.state != State::Alarm {
            self.acted = None;
            return false;
        }
        let due = self.acted.is_none_or(|at| now >= at + MINUTE);
        if due {
            self.acted = Some(now);
        }
        due
    }
}

/// Replays `history` against `alternative`.
#[must_use]
pub fn run(history: &History, group: &Group, alternative: &Alternative) -> Outcome {
    let times = Times {
        start_up: group.start_up,
        warm_up: group.warm_up,
    };
    let mut fleet = Fleet::new(times, alternative.signal, group.desired);
    let mut armed: Vec<Armed<'_>> = alternative.rules.iter().flat_map(Armed::of).collect();
    let mut tally = Tally::default();
    let mut walk = history.walk();
    let mut now = 0;
    while now < history.length() {
        fleet.collect(now);
        let before = fleet.size();
        let after = decide(&fleet, group, &mut armed, now, &tally);
        if let Some(to) = after.filter(|to| to.total_cmp(&before).is_ne()) {
            fleet.resize(to, now);
            tally.decided(Decision {
                at: now,
                from: before,
                to,
            });
        }
        let load = walk.load(now);
        let used = load.map(|load| fleet.carry(load, now, TICK));
        tally.tick(now, &fleet, group, load, used, history.start);
        now += TICK;
    }
    tally.outcome(alternative, history, group, &fleet)
}

/// The capacity that the policies want, within the group's bounds; `None` when none wants anything.
/// Out: the largest of those that want out. In: only when no instance warms up, and the largest of
/// those that want in; target tracking only when all that may scale in agree. Source: Amazon EC2
/// Auto Scaling user guide, "Target tracking scaling policies" and "Dynamic scaling"; that the
/// largest wins among several that scale out is the usual reading.
fn decide(
    fleet: &Fleet,
    group: &Group,
    armed: &mut [Armed<'_>],
    now: u32,
    tally: &Tally,
) -> Option<f64> {
    let size = fleet.size();
    let due: Vec<bool> = armed
        .iter_mut()
        .map(|alarm| alarm.look(fleet, now))
        .collect();
    if !due.contains(&true) {
        return None;
    }
    let agreed = armed
        .iter()
        .filter(|alarm| alarm.low)
        .all(|alarm| alarm.state == State::Alarm);
    let longest = armed
        .iter()
        .map(|alarm| alarm.rule.warm_up.unwrap_or(group.warm_up))
        .max()?;
    let warming = fleet.warm(now, longest) < size;
    let wanted: Vec<f64> = armed
        .iter()
        .zip(due)
        .filter(|(alarm, due)| *due && (!alarm.low || agreed))
        .filter_map(|(alarm, _)| wish(alarm, fleet, group, now, tally.changed))
        .map(|to| to.clamp(f64::from(group.min), f64::from(group.max)))
        .collect();
    let most = wanted.iter().copied().reduce(f64::max)?;
    (most > size || !warming).then_some(most)
}

/// What one alarm's policy makes of the capacity.
fn wish(
    alarm: &Armed<'_>,
    fleet: &Fleet,
    group: &Group,
    now: u32,
    changed: Option<u32>,
) -> Option<f64> {
    let size = fleet.size();
    let warm = fleet.warm(now, alarm.rule.warm_up.unwrap_or(group.warm_up));
    match &alarm.rule.kind {
        Kind::Track { target, .. } if alarm.low => {
            Some(size - surplus(size, alarm.metric, *target))
        }
        Kind::Track { target, .. } => Some(needed(warm, alarm.metric, *target).max(size)),
        Kind::Step {
            watch,
            adjustment,
            steps,
            minimum,
        } => {
            let step = step_of(steps, alarm.metric - watch.threshold, watch.above)?;
            // What warms up counts toward the step already taken.
            let base = if step.by > 0.0 { warm } else { size };
            let to = adjusted(*adjustment, base, step.by, *minimum);
            Some(if to > base { to.max(size) } else { to })
        }
        Kind::Simple {
            adjustment,
            by,
            minimum,
            cooldown,
            ..
        } => {
            let waits = changed.is_some_and(|at| now < at + cooldown);
            (!waits).then(|| adjusted(*adjustment, size, *by, *minimum))
        }
    }
}

/// What is counted while a history is replayed.
#[derive(Debug, Default)]
struct Tally {
    measure: Measure,
    decisions: Vec<Decision>,
    looks: Vec<Look>,
    reversals: u32,
    /// When the capacity was changed last.
    changed: Option<u32>,
    instance_seconds: f64,
    spot: f64,
    over_since: Option<u32>,
}

impl Tally {
    fn decided(&mut self, decision: Decision) {
        let up = decision.to > decision.from;
        let turned = |last: &Decision| (last.to > last.from) != up;
        self.reversals += u32::from(self.decisions.last().is_some_and(turned));
        if up {
            self.measure.scale_outs += 1;
            if let (Some(since), None) = (self.over_since, self.measure.first_answer_seconds) {
                self.measure.first_answer_seconds = Some(decision.at - since);
            }
        } else {
            self.measure.scale_ins += 1;
        }
        self.changed = Some(decision.at);
        self.decisions.push(decision);
    }

    fn tick(
        &mut self,
        now: u32,
        fleet: &Fleet,
        group: &Group,
        load: Option<f64>,
        used: Option<f64>,
        start: i64,
    ) {
        let seconds = f64::from(TICK);
        self.instance_seconds += fleet.size() * seconds;
        self.spot += fleet.size() * seconds / 3600.0 * spot_price(group, start + i64::from(now));
        self.measure.most_capacity = self.measure.most_capacity.max(fleet.size());
        match used {
            Some(used) if used > group.objective => {
                self.measure.minutes_over += seconds / 60.0;
                self.over_since.get_or_insert(now);
            }
            None => self.measure.minutes_unknown += seconds / 60.0,
            Some(_) => {}
        }
        let ratio = used.unwrap_or(0.0) / group.objective;
        self.measure.worst_ratio = self.measure.worst_ratio.max(ratio);
        if now.is_multiple_of(MINUTE) {
            self.looks.push(Look {
                at: now,
                capacity: fleet.size(),
                load,
            });
        }
    }

    fn outcome(
        self,
        alternative: &Alternative,
        history: &History,
        group: &Group,
        fleet: &Fleet,
    ) -> Outcome {
        let length = f64::from(history.length());
        let hours = length / 3600.0;
        let mut measure = self.measure;
        measure.reversals_per_hour = f64::from(self.reversals) / hours.max(1.0);
        measure.mean_capacity = self.instance_seconds / length;
        measure.usd_on_demand = self.instance_seconds / 3600.0 * group.on_demand;
        measure.usd_month = measure.usd_on_demand / hours * MONTH_HOURS;
        measure.usd_spot = (!group.spot.is_empty()).then_some(self.spot);
        if self.instance_seconds > 0.0 {
            measure.wasted_share = (fleet.wasted / self.instance_seconds).min(1.0);
        }
        Outcome {
            name: alternative.name.clone(),
            measure,
            decisions: self.decisions,
            looks: self.looks,
        }
    }
}

/// The Spot price in force at `at`, or the first one before it was recorded.
fn spot_price(group: &Group, at: i64) -> f64 {
    let later = group.spot.partition_point(|(from, _)| *from <= at);
    let price = group.spot.get(later.saturating_sub(1));
    price.map_or(0.0, |(_, price)| *price)
}
