//! The arithmetic of scaling: how many instances a metric asks for. Pure: no clock, no group.
//!
//! Sources: Amazon EC2 Auto Scaling user guide, "Target tracking scaling policies", "Step and
//! simple scaling policies"; AWS re:Post, "slow down Auto Scaling group target tracking scale out".
//! How far a target-tracking policy scales in is not published; [`surplus`] says what is taken.

/// How a step or simple policy changes capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adjustment {
    /// By so many instances.
    Change,
    /// To so many instances.
    Exact,
    /// By so many per cent.
    Percent,
}

impl Adjustment {
    /// The names on the wire.
    pub(super) const NAMES: [&'static str; 3] = [
        "ChangeInCapacity",
        "ExactCapacity",
        "PercentChangeInCapacity",
    ];

    /// Reads the name on the wire.
    pub(super) fn read(name: &str) -> Option<Self> {
        let all = [Self::Change, Self::Exact, Self::Percent];
        let found = Self::NAMES.iter().position(|known| *known == name)?;
        all.get(found).copied()
    }

    /// The name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Change => "ChangeInCapacity",
            Self::Exact => "ExactCapacity",
            Self::Percent => "PercentChangeInCapacity",
        }
    }
}

/// One step: between the bounds (relative to the alarm's threshold) this adjustment holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// Where it begins; open when absent.
    pub(super) lower: Option<f64>,
    /// Where it ends; open when absent.
    pub(super) upper: Option<f64>,
    /// Instances or per cent.
    pub(super) by: i64,
}

/// The step that holds `distance` beyond the threshold. Above the threshold a step includes its
/// lower bound, below it its upper bound. Source: "Step adjustments for step scaling".
pub(super) fn step(steps: &[Step], distance: f64, above: bool) -> Option<i64> {
    let holds = |step: &&Step| {
        let (from, to) = (step.lower, step.upper);
        if above {
            from.is_none_or(|from| distance >= from) && to.is_none_or(|to| distance < to)
        } else {
            from.is_none_or(|from| distance > from) && to.is_none_or(|to| distance <= to)
        }
    };
    steps.iter().find(holds).map(|step| step.by)
}

/// The capacity after an adjustment of `capacity`. A share is rounded as AWS documents it: above
/// 1 down, from 0 to 1 to 1, from -1 to 0 to -1, below -1 towards zero; then `magnitude` is the
/// least change. Never below zero.
pub(super) fn adjusted(
    capacity: i64,
    adjustment: Adjustment,
    by: i64,
    magnitude: Option<i64>,
) -> i64 {
    let change = match adjustment {
        Adjustment::Exact => return by.max(0),
        Adjustment::Change => by,
        Adjustment::Percent => {
            let change = rounded(float(capacity) * float(by) / 100.0);
            let least = magnitude.unwrap_or(0);
            if change == 0 {
                0
            } else {
                change.signum() * change.abs().max(least)
            }
        }
    };
    capacity.saturating_add(change).max(0)
}

/// A share of instances as whole ones. Source: "Scaling adjustment types".
pub(super) fn rounded(share: f64) -> i64 {
    if share == 0.0 {
        0
    } else if share.abs() < 1.0 {
        whole(share.signum())
    } else {
        whole(share.trunc())
    }
}

/// How many instances keep the metric at its target when `warm` ones have it at `metric`:
/// capacity is taken to be inversely proportional to it, and a part of one is a whole one.
pub(super) fn needed(warm: i64, metric: f64, target: f64) -> i64 {
    // The small part undoes what floating point adds to a quotient that is whole.
    whole((float(warm) * metric / target - NOISE).ceil()).max(0)
}

/// How many of `capacity` instances can go so that those that stay are at or below the target:
/// whole ones only, so 1.5 is 1.
pub(super) fn surplus(capacity: i64, metric: f64, target: f64) -> i64 {
    let share = float(capacity) - float(capacity) * metric / target;
    whole((share + NOISE).floor()).clamp(0, capacity)
}

/// What floating point may add to a quotient of small numbers.
const NOISE: f64 = 1e-9;

/// A whole number as a float.
pub(super) fn float(number: i64) -> f64 {
    i32::try_from(number).map_or(f64::MAX, f64::from)
}

fn whole(number: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float to integer cast saturates"
    )]
    let whole = number as i64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_instances_is_rounded_as_documented() {
        for (share, expected) in [
            (12.7, 12),
            (0.67, 1),
            (1.0, 1),
            (-0.58, -1),
            (-6.67, -6),
            (0.0, 0),
        ] {
            assert_eq!(rounded(share), expected, "{share}");
        }
    }

    #[test]
    fn adjustments_follow_their_type_and_the_least_magnitude() {
        for (adjustment, by, magnitude, expected) in [
            (Adjustment::Change, 3, None, 7),
            (Adjustment::Change, -9, None, 0),
            (Adjustment::Exact, 5, None, 5),
            (Adjustment::Percent, 25, None, 5),
            // The documented example: 25 per cent of 4 is 1, at least 2 are asked for.
            (Adjustment::Percent, 25, Some(2), 6),
            (Adjustment::Percent, -10, None, 3),
            (Adjustment::Percent, -10, Some(2), 2),
            (Adjustment::Percent, 0, Some(2), 4),
        ] {
            assert_eq!(
                adjusted(4, adjustment, by, magnitude),
                expected,
                "{adjustment:?} {by} {magnitude:?}"
            );
        }
    }

    #[test]
    fn a_step_holds_its_bounds_on_the_side_of_the_threshold() {
        let step_of = |lower, upper, by| Step { lower, upper, by };
        let out = [
            step_of(Some(0.0), Some(10.0), 0),
            step_of(Some(10.0), Some(20.0), 10),
            step_of(Some(20.0), None, 30),
        ];
        for (distance, by) in [
            (0.0, Some(0)),
            (10.0, Some(10)),
            (20.0, Some(30)),
            (-1.0, None),
        ] {
            assert_eq!(step(&out, distance, true), by, "{distance}");
        }
        let into = [
            step_of(Some(-10.0), Some(0.0), 0),
            step_of(Some(-20.0), Some(-10.0), -10),
            step_of(None, Some(-20.0), -30),
        ];
        for (distance, by) in [
            (0.0, Some(0)),
            (-10.0, Some(-10)),
            (-20.0, Some(-30)),
            (1.0, None),
        ] {
            assert_eq!(step(&into, distance, false), by, "{distance}");
        }
    }

    #[test]
    fn target_tracking_adds_whole_instances_and_removes_only_what_is_too_much() {
        // 1.5 more are needed: 2 are added. 1.5 are too much: 1 goes.
        assert_eq!(needed(4, 68.75, 50.0), 6);
        assert_eq!(surplus(4, 31.25, 50.0), 1);
        assert_eq!(needed(3, 0.7 + 0.1, 0.8), 3);
        assert_eq!(surplus(10, 0.0, 50.0), 10);
        assert_eq!(surplus(4, 90.0, 50.0), 0);
    }
}
