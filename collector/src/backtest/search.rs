//! Looks for better policies: a fixed list of candidates, each replayed, the cheapest good one taken.
//!
//! Good is: it does not thrash and is over the objective for no more minutes than allowed. When no
//! candidate is good, the one that is over for the fewest minutes is taken, those that thrash last.

use serde_json::{Value as Json, json};

use super::history::History;
use super::policy::{Adjustment, Step};
use super::rule::{Kind, Rule, Watch};
use super::run::{Alternative, Group, Outcome, run};
use super::signal::Signal;

/// Targets of target tracking, as shares of the objective.
const TARGETS: [f64; 6] = [0.95, 0.9, 0.8, 0.7, 0.6, 0.5];
/// Periods of target tracking. Source: `CustomizedMetricSpecification`, `Period`.
const PERIODS: [u32; 2] = [10, 60];
/// Thresholds of steps out, as shares of the objective.
const THRESHOLDS: [f64; 3] = [0.95, 0.85, 0.7];
/// Thresholds of steps in, as shares of that out.
const QUIET: [f64; 2] = [0.6, 0.5];
/// Sizes of three steps out, in percent of the capacity.
const SIZES: [[f64; 3]; 2] = [[20.0, 50.0, 100.0], [10.0, 25.0, 50.0]];

/// A candidate, what came of it, and how many were tried.
#[derive(Clone, Debug)]
pub struct Found {
    /// The policies.
    pub alternative: Alternative,
    /// What came of them.
    pub outcome: Outcome,
    /// Candidates tried.
    pub tried: usize,
    /// Whether it is within what is allowed and does not thrash.
    pub good: bool,
}

/// The best candidate, for at most `allowed` minutes over the objective. The same answer for the
/// same input.
#[must_use]
pub fn search(history: &History, group: &Group, allowed: f64) -> Option<Found> {
    let candidates = candidates(group);
    let tried = candidates.len();
    let mut best: Option<(Rank, Found)> = None;
    for alternative in candidates {
        let outcome = run(history, group, &alternative);
        let rank = Rank::of(&outcome, allowed);
        if best.as_ref().is_none_or(|(before, _)| rank.before(before)) {
            let good = rank.good;
            let found = Found {
                alternative,
                outcome,
                tried,
                good,
            };
            best = Some((rank, found));
        }
    }
    best.map(|(_, found)| found)
}

#[derive(Clone, Copy, Debug)]
struct Rank {
    good: bool,
    thrashes: bool,
    minutes: f64,
    usd: f64,
}

impl Rank {
    fn of(outcome: &Outcome, allowed: f64) -> Self {
        let thrashes = outcome.measure.thrash().is_some();
        Self {
            good: !thrashes && outcome.measure.minutes_over <= allowed,
            thrashes,
            minutes: outcome.measure.minutes_over,
            usd: outcome.measure.usd_on_demand,
        }
    }

    /// Whether this is better; what is equal is not.
    fn before(&self, other: &Self) -> bool {
        match (self.good, other.good) {
            (true, true) => self.usd < other.usd,
            (true, false) => true,
            (false, true) => false,
            (false, false) if self.thrashes != other.thrashes => other.thrashes,
            (false, false) => self.minutes < other.minutes,
        }
    }
}

fn candidates(group: &Group) -> Vec<Alternative> {
    let mut all = Vec::new();
    for warm_up in [group.warm_up, group.warm_up * 2] {
        for share in TARGETS {
            for period in PERIODS {
                let target = rounded(group.objective * share);
                let rule = Rule::track("suggested", target, period, Some(warm_up), true);
                all.push(named(format!("target {target}, {period} s"), vec![rule]));
            }
        }
        for share in THRESHOLDS {
            for quiet in QUIET {
                for sizes in SIZES {
                    let out = rounded(group.objective * share);
                    let rules = stepped(out, rounded(out * quiet), sizes, warm_up);
                    all.push(named(format!("steps from {out}"), rules));
                }
            }
        }
    }
    all
}

fn named(name: String, rules: Vec<Rule>) -> Alternative {
    Alternative {
        name,
        signal: Signal::AGENT,
        rules,
    }
}

/// Three digits are as many as a target is worth.
fn rounded(value: f64) -> f64 {
    let size = 10_f64.powf(value.abs().log10().floor() - 2.0);
    let text = format!("{:.3}", (value / size).round() * size);
    text.parse().unwrap_or(value)
}

/// Out by three sizes, the more the further above the threshold; in one by one after 15 quiet
/// minutes.
fn stepped(out: f64, quiet: f64, sizes: [f64; 3], warm_up: u32) -> Vec<Rule> {
    let step = |lower, upper, by| Step { lower, upper, by };
    let (near, far) = (rounded(out * 0.2), rounded(out * 0.5));
    let [small, middle, large] = sizes;
    let up = Kind::Step {
        watch: Watch {
            period: 10,
            points: 3,
            threshold: out,
            above: true,
            inclusive: false,
        },
        adjustment: Adjustment::Percent,
        steps: vec![
            step(0.0, near, small),
            step(near, far, middle),
            step(far, f64::INFINITY, large),
        ],
        minimum: 1.0,
    };
    let down = Kind::Step {
        watch: Watch {
            period: 60,
            points: 15,
            threshold: quiet,
            above: false,
            inclusive: false,
        },
        adjustment: Adjustment::Change,
        steps: vec![step(f64::NEG_INFINITY, 0.0, -1.0)],
        minimum: 0.0,
    };
    let rule = |name: &str, kind| Rule {
        name: name.to_owned(),
        kind,
        warm_up: Some(warm_up),
    };
    vec![rule("suggested-out", up), rule("suggested-in", down)]
}

/// A list of `Policy` and, where there is one, `Alarm`: input of `put-scaling-policy` and
/// `put-metric-alarm` without the metric: its name,
/// namespace and dimensions are the caller's.
#[must_use]
pub fn as_input(rules: &[Rule]) -> Json {
    rules
        .iter()
        .map(|rule| match &rule.kind {
            Kind::Track { .. } => json!({ "Policy": policy_input(rule) }),
            Kind::Step { watch, .. } | Kind::Simple { watch, .. } => {
                json!({ "Policy": policy_input(rule), "Alarm": alarm_input(watch) })
            }
        })
        .collect()
}

fn policy_input(rule: &Rule) -> Json {
    match &rule.kind {
        Kind::Track { target, out, low } => json!({
            "PolicyName": rule.name,
            "PolicyType": "TargetTrackingScaling",
            "EstimatedInstanceWarmup": rule.warm_up,
            "TargetTrackingConfiguration": {
                "TargetValue": target,
                "CustomizedMetricSpecification": { "Statistic": "Average", "Period": out.period },
                "DisableScaleIn": low.is_none(),
            },
        }),
        Kind::Step {
            adjustment,
            steps,
            minimum,
            ..
        } => json!({
            "PolicyName": rule.name,
            "PolicyType": "StepScaling",
            "AdjustmentType": adjustment.name(),
            "MinAdjustmentMagnitude": (*adjustment == Adjustment::Percent).then_some(minimum),
            "EstimatedInstanceWarmup": rule.warm_up,
            "StepAdjustments": steps.iter().map(step_input).collect::<Vec<_>>(),
        }),
        Kind::Simple {
            adjustment,
            by,
            minimum,
            cooldown,
            ..
        } => json!({
            "PolicyName": rule.name,
            "PolicyType": "SimpleScaling",
            "AdjustmentType": adjustment.name(),
            "ScalingAdjustment": by,
            "MinAdjustmentMagnitude": minimum,
            "Cooldown": cooldown,
        }),
    }
}

fn step_input(step: &Step) -> Json {
    let mut written = json!({ "ScalingAdjustment": step.by });
    for (key, bound) in [
        ("MetricIntervalLowerBound", step.lower),
        ("MetricIntervalUpperBound", step.upper),
    ] {
        if bound.is_finite() {
            written[key] = json!(bound);
        }
    }
    written
}

fn alarm_input(watch: &Watch) -> Json {
    let operator = match (watch.above, watch.inclusive) {
        (true, false) => "GreaterThanThreshold",
        (true, true) => "GreaterThanOrEqualToThreshold",
        (false, false) => "LessThanThreshold",
        (false, true) => "LessThanOrEqualToThreshold",
    };
    json!({
        "Statistic": "Average",
        "Period": watch.period,
        "EvaluationPeriods": watch.points,
        "Threshold": watch.threshold,
        "ComparisonOperator": operator,
        "TreatMissingData": "missing",
    })
}
