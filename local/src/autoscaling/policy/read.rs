//! `PutScalingPolicy`'s input and its limits.
//!
//! Sources: API reference, `PutScalingPolicy`, `TargetTrackingConfiguration`, `StepAdjustment`; user
//! guide, "Create a target tracking scaling policy using high-resolution metrics". Predictive
//! policies, and predefined metrics of load balancers, are refused by name.

use super::{Aggregation, Kind};
use crate::autoscaling::decide::{Adjustment, Step};
use crate::autoscaling::invalid;
use crate::input::Input;
use crate::service::Refusal;
use crate::value::Value;

/// Steps of a policy. Source: quotas.
const STEPS_MAX: usize = 20;
/// Queries of a customized metric. Source: as of an alarm on metric math.
const QUERIES_MAX: usize = 10;
/// Characters of a query's id and of an expression. Source: `TargetTrackingMetricDataQuery`.
const ID_MAX: usize = 255;
const EXPRESSION_MAX: usize = 2_047;
/// Periods of a metric in seconds, and what holds when nothing is said.
const PERIODS: [i64; 3] = [10, 30, 60];
const PERIOD: i64 = 60;

/// Reads the kind of a policy with all that belongs to it.
pub(super) fn kind(value: &Value, group: &str) -> Result<Kind, Refusal> {
    let input = Input::new(value, "ValidationError");
    let types = [
        "SimpleScaling",
        "StepScaling",
        "TargetTrackingScaling",
        "PredictiveScaling",
    ];
    let kind = input
        .choice("PolicyType", &types)?
        .unwrap_or("SimpleScaling");
    let forbidden: &[&str] = match kind {
        "TargetTrackingScaling" => &[
            "AdjustmentType",
            "ScalingAdjustment",
            "StepAdjustments",
            "MinAdjustmentMagnitude",
            "MinAdjustmentStep",
            "Cooldown",
            "MetricAggregationType",
        ],
        "StepScaling" => &[
            "ScalingAdjustment",
            "Cooldown",
            "TargetTrackingConfiguration",
        ],
        "SimpleScaling" => &[
            "StepAdjustments",
            "MetricAggregationType",
            "TargetTrackingConfiguration",
        ],
        _ => return Err(invalid("Predictive scaling is not available here.")),
    };
    if let Some(name) = forbidden.iter().find(|name| !value.member(name).is_null()) {
        return Err(invalid(format!(
            "{name} is not supported by policies of type {kind}."
        )));
    }
    match kind {
        "TargetTrackingScaling" => target(value.member("TargetTrackingConfiguration"), group),
        "StepScaling" => step(value, &input),
        _ => simple(value, &input),
    }
}

/// A member with seconds that are not negative.
pub(super) fn seconds(value: &Value, name: &str) -> Result<Option<i64>, Refusal> {
    let member = value.member(name);
    match member.integer() {
        None if member.is_null() => Ok(None),
        Some(seconds) if seconds >= 0 => Ok(Some(seconds)),
        _ => Err(invalid(format!(
            "{name} must be a number of seconds from 0."
        ))),
    }
}

fn adjustment(value: &Value, input: &Input<'_>) -> Result<(Adjustment, Option<i64>), Refusal> {
    let name = input.choice("AdjustmentType", &Adjustment::NAMES)?;
    let adjustment = name
        .and_then(Adjustment::read)
        .ok_or_else(|| invalid("AdjustmentType must be specified."))?;
    let magnitude = value.member("MinAdjustmentMagnitude").integer();
    if magnitude.is_some() && adjustment != Adjustment::Percent {
        return Err(invalid(
            "MinAdjustmentMagnitude is only supported by the adjustment type \
             PercentChangeInCapacity.",
        ));
    }
    Ok((adjustment, magnitude))
}

fn simple(value: &Value, input: &Input<'_>) -> Result<Kind, Refusal> {
    let (adjustment, magnitude) = adjustment(value, input)?;
    let by = value
        .member("ScalingAdjustment")
        .integer()
        .ok_or_else(|| invalid("ScalingAdjustment must be specified for SimpleScaling."))?;
    exact(adjustment, by)?;
    Ok(Kind::Simple {
        adjustment,
        magnitude,
        by,
        cooldown: seconds(value, "Cooldown")?,
    })
}

fn exact(adjustment: Adjustment, by: i64) -> Result<(), Refusal> {
    if adjustment == Adjustment::Exact && by < 0 {
        return Err(invalid(
            "ScalingAdjustment must not be negative for the adjustment type ExactCapacity.",
        ));
    }
    Ok(())
}

fn step(value: &Value, input: &Input<'_>) -> Result<Kind, Refusal> {
    let (adjustment, magnitude) = adjustment(value, input)?;
    let aggregation = match input.text("MetricAggregationType", 0, 32)? {
        None | Some("Average") => Aggregation::Average,
        Some("Minimum") => Aggregation::Minimum,
        Some("Maximum") => Aggregation::Maximum,
        Some(_) => {
            return Err(invalid(
                "MetricAggregationType must be one of Minimum, Maximum, Average.",
            ));
        }
    };
    let sent = value.member("StepAdjustments");
    let mut steps = Vec::new();
    for item in sent.items() {
        let bound = |name: &str| {
            item.member(name)
                .number()
                .filter(|number| number.is_finite())
        };
        let by = item
            .member("ScalingAdjustment")
            .integer()
            .ok_or_else(|| invalid("ScalingAdjustment must be specified for each step."))?;
        exact(adjustment, by)?;
        steps.push(Step {
            lower: bound("MetricIntervalLowerBound"),
            upper: bound("MetricIntervalUpperBound"),
            by,
        });
    }
    check_steps(&steps)?;
    Ok(Kind::Step {
        adjustment,
        magnitude,
        aggregation,
        steps,
        sent: sent.clone(),
    })
}

/// No gap, no overlap, at most one open end on each side; with steps below zero and a step that
/// is open above, that one must not begin below zero, and the other way round.
fn check_steps(steps: &[Step]) -> Result<(), Refusal> {
    if steps.is_empty() {
        return Err(invalid("At least one StepAdjustment must be specified."));
    }
    if steps.len() > STEPS_MAX {
        return Err(invalid(format!(
            "At most {STEPS_MAX} StepAdjustments are allowed."
        )));
    }
    let mut sorted: Vec<_> = steps.to_vec();
    let low = |step: &Step| step.lower.unwrap_or(f64::NEG_INFINITY);
    let high = |step: &Step| step.upper.unwrap_or(f64::INFINITY);
    sorted.sort_by(|a, b| low(a).total_cmp(&low(b)));
    if sorted.iter().any(|step| low(step) >= high(step)) {
        return Err(invalid(
            "The upper bound of a StepAdjustment must be greater than its lower bound.",
        ));
    }
    for pair in sorted.windows(2) {
        let [first, second] = pair else {
            continue;
        };
        if high(first) > low(second) {
            return Err(invalid("StepAdjustment intervals must not overlap."));
        }
        if high(first) < low(second) {
            return Err(invalid(
                "There must not be a gap between StepAdjustment intervals.",
            ));
        }
    }
    let (first, last) = (sorted.first(), sorted.last());
    let starts_below = first.is_some_and(|step| low(step) < 0.0);
    let ends_above = last.is_some_and(|step| high(step) > 0.0);
    if starts_below && first.is_some_and(|step| step.lower.is_some()) {
        return Err(invalid(
            "If a StepAdjustment has a negative lower bound, one must have no lower bound.",
        ));
    }
    if ends_above && last.is_some_and(|step| step.upper.is_some()) {
        return Err(invalid(
            "If a StepAdjustment has a positive upper bound, one must have no upper bound.",
        ));
    }
    Ok(())
}

fn target(value: &Value, group: &str) -> Result<Kind, Refusal> {
    if value.is_null() {
        return Err(invalid(
            "TargetTrackingConfiguration must be specified for TargetTrackingScaling.",
        ));
    }
    let target = value
        .member("TargetValue")
        .number()
        .filter(|target| *target > 0.0 && target.is_finite())
        .ok_or_else(|| invalid("TargetValue must be a number greater than 0."))?;
    let (predefined, customized) = (
        value.member("PredefinedMetricSpecification"),
        value.member("CustomizedMetricSpecification"),
    );
    let (period, watched) = match (predefined.is_null(), customized.is_null()) {
        (true, false) => custom(customized)?,
        (false, true) => predefined_metric(predefined, group)?,
        _ => {
            return Err(invalid(
                "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification \
                 must be specified.",
            ));
        }
    };
    Ok(Kind::Target {
        target,
        scales_in: value.member("DisableScaleIn").boolean() != Some(true),
        period,
        watched,
        sent: value.clone(),
    })
}

/// The metric that a predefined one stands for.
fn predefined_metric(value: &Value, group: &str) -> Result<Watched, Refusal> {
    let name = match value.member("PredefinedMetricType").text() {
        Some("ASGAverageCPUUtilization") => "CPUUtilization",
        Some("ASGAverageNetworkIn") => "NetworkIn",
        Some("ASGAverageNetworkOut") => "NetworkOut",
        other => {
            return Err(invalid(format!(
                "The predefined metric {} is not available here.",
                other.unwrap_or("without a name")
            )));
        }
    };
    let dimension = Value::map([
        ("Name", "AutoScalingGroupName".into()),
        ("Value", group.into()),
    ]);
    let watched = [
        ("MetricName", name.into()),
        ("Namespace", "AWS/EC2".into()),
        ("Dimensions", Value::List(vec![dimension])),
        ("Statistic", "Average".into()),
        ("Period", PERIOD.into()),
    ];
    let watched = watched.map(|(name, value)| (name.to_owned(), value));
    Ok((PERIOD, watched.into()))
}

fn period(value: &Value) -> Result<i64, Refusal> {
    match value.integer() {
        None if value.is_null() => Ok(PERIOD),
        Some(period) if PERIODS.contains(&period) => Ok(period),
        _ => Err(invalid("Period must be one of 10, 30, 60.")),
    }
}

type Watched = (i64, Vec<(String, Value)>);

/// A customized metric: one metric, or queries of which exactly one returns data.
fn custom(value: &Value) -> Result<Watched, Refusal> {
    let queries = value.member("Metrics").items();
    if queries.is_empty() {
        let statistics = ["Average", "Minimum", "Maximum", "SampleCount", "Sum"];
        let input = Input::new(value, "ValidationError");
        input.required("MetricName", 1, 255)?;
        input.required("Namespace", 1, 255)?;
        if input.choice("Statistic", &statistics)?.is_none() {
            return Err(invalid("Statistic must be specified."));
        }
        let period = period(value.member("Period"))?;
        let names = ["MetricName", "Namespace", "Dimensions", "Statistic", "Unit"];
        let mut watched: Vec<_> = names
            .iter()
            .map(|name| ((*name).to_owned(), value.member(name).clone()))
            .filter(|(_, value)| !value.is_null())
            .collect();
        watched.push(("Period".to_owned(), period.into()));
        return Ok((period, watched));
    }
    if !value.member("MetricName").is_null() {
        return Err(invalid("Metrics and MetricName are mutually exclusive."));
    }
    if queries.len() > QUERIES_MAX {
        return Err(invalid(format!(
            "At most {QUERIES_MAX} Metrics are allowed."
        )));
    }
    let (mut longest, mut read) = (0, Vec::new());
    for query in queries {
        let (period, query) = one_query(query)?;
        longest = longest.max(period);
        read.push(query);
    }
    let returns = |query: &&Value| query.member("ReturnData").boolean() != Some(false);
    if read.iter().filter(returns).count() != 1 {
        return Err(invalid(
            "Exactly one element of Metrics must have ReturnData set to true.",
        ));
    }
    let longest = if longest == 0 { PERIOD } else { longest };
    let queries = vec![("Metrics".to_owned(), Value::List(read))];
    Ok((longest, queries))
}

/// A query as PutMetricAlarm takes it, with its period (0 for an expression without one).
fn one_query(query: &Value) -> Result<(i64, Value), Refusal> {
    let input = Input::new(query, "ValidationError");
    input.required("Id", 1, ID_MAX)?;
    let expression = input.text("Expression", 1, EXPRESSION_MAX)?;
    let stat = query.member("MetricStat");
    if expression.is_some() != stat.is_null() {
        return Err(invalid(
            "Exactly one of Expression and MetricStat must be specified for each of Metrics.",
        ));
    }
    let mut members = Vec::new();
    let mut longest = 0;
    for (name, value) in query.members() {
        let value = match name.as_str() {
            "Period" if expression.is_some() => {
                longest = period(value)?;
                value.clone()
            }
            // The period of a metric may stand in the query itself or in its statistic.
            "Period" => continue,
            "MetricStat" => {
                let inner = stat.member("Period");
                let given = if inner.is_null() {
                    query.member("Period")
                } else {
                    inner
                };
                longest = period(given)?;
                let kept = stat.members().iter().filter(|(name, _)| name != "Period");
                let mut stat: Vec<_> = kept.cloned().collect();
                stat.push(("Period".to_owned(), longest.into()));
                Value::Map(stat)
            }
            _ => value.clone(),
        };
        members.push((name.clone(), value));
    }
    Ok((longest, Value::Map(members)))
}
