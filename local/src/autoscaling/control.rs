//! The control loop: alarms in, desired capacity out.
//!
//! A policy acts when an alarm that names it goes to ALARM, and again each minute while it stays
//! there. Of several results the largest capacity holds. Target-tracking policies scale in only
//! when all of them that may are ready; a policy without data is not ready. Nothing scales in
//! while an instance warms up. Without a value in what the alarm looks at nothing is decided.
//! Sources: user guide, "Target tracking scaling policies", "Step and simple scaling policies",
//! "Scaling cooldowns".

use plimsoll_core::clock::UnixMillis;

use super::decide::{float, needed, surplus};
use super::group::Group;
use super::policy::{Aggregation, Kind, Policy};
use crate::cloudwatch::{AlarmReading, State};

/// How long a policy waits between two decisions on the same alarm, in milliseconds.
const REPEAT_MS: i64 = 60_000;

/// A capacity that a policy asks for.
#[derive(Clone, Debug)]
struct Proposal {
    desired: i64,
    policy: String,
    alarm: String,
    /// Whether it comes from a policy that has a cooldown.
    simple: bool,
    /// Whether it comes from a policy that tracks a target.
    tracks: bool,
}

impl Group {
    /// Looks at the alarms and sets the desired capacity.
    pub(super) fn control(&mut self, readings: &[AlarmReading], now: UnixMillis) {
        let mut proposals = Vec::new();
        let names: Vec<String> = self.policies.keys().cloned().collect();
        for name in &names {
            let Some(mut policy) = self.policies.remove(name) else {
                continue;
            };
            let own: Vec<&AlarmReading> = readings
                .iter()
                .filter(|reading| reading.actions.contains(&policy.arn))
                .collect();
            if !matches!(policy.kind, Kind::Target { .. }) {
                let shown = |reading: &&AlarmReading| (reading.name.clone(), reading.arn.clone());
                policy.alarms = own.iter().map(shown).collect();
            }
            for reading in own {
                proposals.extend(self.consider(&mut policy, reading, now));
            }
            self.policies.insert(name.clone(), policy);
        }
        self.decide(proposals, readings, now);
    }

    /// What one policy asks for because of one alarm.
    fn consider(
        &self,
        policy: &mut Policy,
        reading: &AlarmReading,
        now: UnixMillis,
    ) -> Option<Proposal> {
        if reading.state != State::Alarm || !policy.enabled {
            policy.acted.remove(&reading.name);
            return None;
        }
        let acted = policy.acted.get(&reading.name);
        if acted.is_some_and(|at| (0..REPEAT_MS).contains(&(now.0 - at.0))) {
            return None;
        }
        let value = value(policy, reading)?;
        let desired = self.asked(policy, reading, value, now);
        // A policy that could not act yet looks again at the next moment.
        let desired = desired?;
        policy.acted.insert(reading.name.clone(), now);
        Some(Proposal {
            desired: desired.clamp(self.min, self.max),
            policy: policy.name.clone(),
            alarm: reading.name.clone(),
            simple: matches!(policy.kind, Kind::Simple { .. }),
            tracks: matches!(policy.kind, Kind::Target { .. }),
        })
    }

    fn asked(
        &self,
        policy: &Policy,
        reading: &AlarmReading,
        value: f64,
        now: UnixMillis,
    ) -> Option<i64> {
        let warmup = policy.warmup(self);
        let warm = self.warm(now, warmup);
        let warming = warm < self.live();
        match &policy.kind {
            Kind::Target { target, .. } if reading.above => {
                Some(needed(warm, value, *target).max(self.desired))
            }
            Kind::Target { target, .. } => {
                // Those that are still leaving are part of what the metric was measured on.
                let leaving = self.count(|one| one.life.is_leaving());
                let capacity = warm.saturating_add(leaving);
                let kept = capacity - surplus(capacity, value, *target);
                (!warming).then_some(kept.min(self.desired))
            }
            Kind::Step { .. } => {
                let distance = value - reading.threshold;
                let from_warm = policy.adjust(warm, distance, reading.above)?;
                let from_all = policy.adjust(self.desired, distance, reading.above)?;
                if from_all > self.desired || from_warm > warm {
                    // What warms up already is part of the step that is taken.
                    Some(from_warm.max(self.desired))
                } else {
                    (!warming).then_some(from_all)
                }
            }
            Kind::Simple { cooldown, .. } => {
                let free = self.cooling(*cooldown, now).is_none();
                free.then(|| policy.adjust(self.desired, 0.0, reading.above))?
            }
        }
    }

    /// Lets the largest capacity hold.
    fn decide(&mut self, proposals: Vec<Proposal>, readings: &[AlarmReading], now: UnixMillis) {
        let ready = self.all_ready(readings);
        let allowed = proposals
            .into_iter()
            .filter(|one| one.desired >= self.desired || !one.tracks || ready);
        let Some(chosen) = allowed.max_by_key(|one| one.desired) else {
            return;
        };
        if chosen.desired == self.desired {
            return;
        }
        let who = format!(
            "a monitor alarm {} in state ALARM triggered policy {}",
            chosen.alarm, chosen.policy
        );
        if chosen.simple {
            self.scaled = Some(now);
        }
        self.set_desired(chosen.desired, &who, now);
    }

    /// Whether every policy that tracks a target and may scale in has its low alarm in ALARM.
    fn all_ready(&self, readings: &[AlarmReading]) -> bool {
        let may = |policy: &&Policy| {
            policy.enabled
                && matches!(
                    policy.kind,
                    Kind::Target {
                        scales_in: true,
                        ..
                    }
                )
        };
        self.policies.values().filter(may).all(|policy| {
            readings.iter().any(|reading| {
                !reading.above
                    && reading.state == State::Alarm
                    && reading.actions.contains(&policy.arn)
            })
        })
    }

    /// The activity that a cooldown waits for, or that is the reason of it: while instances come
    /// or go, and for the cooldown after that. Only simple policies and requests that honour it
    /// wait. Source: "Scaling cooldowns for Amazon EC2 Auto Scaling".
    pub(super) fn cooling(&self, own: Option<i64>, now: UnixMillis) -> Option<String> {
        let scaled = self.scaled?;
        let newest = self.activities.iter().find(|one| one.started >= scaled);
        let ended = match newest {
            Some(activity) => activity.ended,
            None => Some(scaled),
        };
        let cooldown = own.unwrap_or(self.cooldown).saturating_mul(1000);
        let over = ended.is_some_and(|at| now.0 - at.0 >= cooldown);
        let id = newest.map_or_else(String::new, |activity| activity.id.clone());
        (!over).then_some(id)
    }
}

/// The metric's value over the newest minute that has any: the newest point for a target, and for steps what the
/// policy's aggregation makes of the minute's points.
fn value(policy: &Policy, reading: &AlarmReading) -> Option<f64> {
    let newest = *reading.points.last()?;
    let Kind::Step { aggregation, .. } = &policy.kind else {
        return Some(newest);
    };
    let points = reading.points.iter().copied();
    Some(match aggregation {
        Aggregation::Minimum => points.fold(newest, f64::min),
        Aggregation::Maximum => points.fold(newest, f64::max),
        Aggregation::Average => {
            let count = i64::try_from(reading.points.len()).unwrap_or(i64::MAX);
            points.sum::<f64>() / float(count)
        }
    })
}
