//! What one policy makes of a metric: the arithmetic of target tracking and of steps.
//!
//! Source: Amazon EC2 Auto Scaling user guide, "Target tracking scaling policies" and "Step and
//! simple scaling policies". Capacities are whole numbers kept as `f64`.

/// Slack for sums that are whole but for rounding in binary.
const EPSILON: f64 = 1e-9;

/// Capacity that target tracking needs: `warm` instances at `metric` are enough for `target` after
/// scaling in proportion, rounded up. Source: the guide, "adds 2 when 1.5 more are needed".
#[must_use]
pub fn needed(warm: f64, metric: f64, target: f64) -> f64 {
    (warm * metric / target - EPSILON).ceil()
}

/// Instances that can go without the metric rising over the target, rounded down. Source: the
/// guide, a surplus of 1.5 removes 1. The algorithm itself is not published.
#[must_use]
pub fn surplus(warm: f64, metric: f64, target: f64) -> f64 {
    (warm - warm * metric / target + EPSILON).floor().max(0.0)
}

/// How a step changes the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// Adds or removes instances.
    Change,
    /// Sets the capacity.
    Exact,
    /// Adds or removes a share in percent.
    Percent,
}

impl Adjustment {
    /// As `AdjustmentType` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Change => "ChangeInCapacity",
            Self::Exact => "ExactCapacity",
            Self::Percent => "PercentChangeInCapacity",
        }
    }
}

/// One step: bounds relative to the threshold, and the adjustment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Lower bound; minus infinity when not given.
    pub lower: f64,
    /// Upper bound; infinity when not given.
    pub upper: f64,
    /// Instances or percent.
    pub by: f64,
}

/// The step that `distance` (metric − threshold) falls into. Above the threshold the lower bound
/// belongs to the step, below it the upper one.
#[must_use]
pub fn step_of(steps: &[Step], distance: f64, above: bool) -> Option<&Step> {
    steps.iter().find(|step| {
        if above {
            step.lower <= distance && distance < step.upper
        } else {
            step.lower < distance && distance <= step.upper
        }
    })
}

/// The capacity after an adjustment of `capacity`. A percentage above 1 is rounded down, between 0
/// and 1 up to 1, the same below zero; `magnitude_min` is the least change of a percentage.
#[must_use]
pub fn adjusted(kind: Adjustment, capacity: f64, by: f64, magnitude_min: f64) -> f64 {
    match kind {
        Adjustment::Change => capacity + by,
        Adjustment::Exact => by,
        Adjustment::Percent => {
            let exact = capacity * by / 100.0;
            if exact == 0.0 {
                return capacity;
            }
            let size = (exact.abs() + EPSILON).floor().max(1.0).max(magnitude_min);
            capacity + size.copysign(exact)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: f64, right: f64) -> bool {
        (left - right).abs() < EPSILON
    }

    #[test]
    fn target_tracking_user_guide_adds_two_when_one_and_a_half_are_needed() {
        assert!(same(needed(3.0, 75.0, 50.0), 5.0));
        assert!(same(needed(4.0, 50.0, 50.0), 4.0));
    }

    #[test]
    fn target_tracking_user_guide_removes_one_of_a_surplus_of_one_and_a_half() {
        assert!(same(surplus(3.0, 25.0, 50.0), 1.0));
    }

    #[test]
    fn step_scaling_user_guide_rounds_percentages() {
        for (capacity, by, expected) in [
            (100.0, -6.67, 94.0),
            (10.0, 5.0, 11.0),
            (10.0, -5.0, 9.0),
            (127.0, 10.0, 139.0),
            (10.0, 0.0, 10.0),
        ] {
            let found = adjusted(Adjustment::Percent, capacity, by, 0.0);
            assert!(same(found, expected), "{capacity} {by}: {found}");
        }
        assert!(same(adjusted(Adjustment::Percent, 4.0, 25.0, 2.0), 6.0));
    }

    #[test]
    fn step_scaling_user_guide_bounds_belong_to_the_step_farther_from_the_threshold() {
        let step = |lower, upper, by| Step { lower, upper, by };
        let out = [
            step(0.0, 10.0, 0.0),
            step(10.0, 20.0, 10.0),
            step(20.0, f64::INFINITY, 30.0),
        ];
        let found: Vec<f64> = [0.0, 9.9, 10.0, 20.0]
            .iter()
            .filter_map(|at| step_of(&out, *at, true).map(|s| s.by))
            .collect();
        assert_eq!(found, [0.0, 0.0, 10.0, 30.0]);
        let down = [
            step(-10.0, 0.0, 0.0),
            step(-20.0, -10.0, -10.0),
            step(f64::NEG_INFINITY, -20.0, -30.0),
        ];
        assert_eq!(step_of(&down, -10.0, false).map(|s| s.by), Some(-10.0));
        assert_eq!(step_of(&down, -20.0, false).map(|s| s.by), Some(-30.0));
    }
}
