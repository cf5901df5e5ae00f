//! Policies as they are handed to AWS: the input of `put-scaling-policy` and `put-metric-alarm`.
//!
//! Names, namespaces and dimensions are not looked at: the history is the metric. What would change
//! the outcome and is not simulated is refused by name.

use std::path::Path;

use plimsoll_core::config::nearest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::policy::{Adjustment, Step};
use super::rule::{Kind, Rule, Watch};

/// Seconds of a simple policy's cooldown when neither it nor the group says. Source: Amazon EC2
/// Auto Scaling user guide, "Scaling cooldowns".
const COOLDOWN: u32 = 300;
/// Most steps of a policy. Source: Amazon EC2 Auto Scaling quotas.
const STEPS_MAX: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    #[serde(rename = "PolicyName")]
    name: String,
    /// `SimpleScaling` when not given, as AWS has it.
    #[serde(rename = "PolicyType")]
    kind: Option<String>,
    adjustment_type: Option<String>,
    min_adjustment_magnitude: Option<f64>,
    scaling_adjustment: Option<f64>,
    cooldown: Option<u32>,
    estimated_instance_warmup: Option<u32>,
    metric_aggregation_type: Option<String>,
    enabled: Option<bool>,
    step_adjustments: Option<Vec<StepAdjustment>>,
    target_tracking_configuration: Option<Tracking>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StepAdjustment {
    metric_interval_lower_bound: Option<f64>,
    metric_interval_upper_bound: Option<f64>,
    scaling_adjustment: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tracking {
    target_value: f64,
    disable_scale_in: Option<bool>,
    customized_metric_specification: Option<Metric>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    period: Option<u32>,
    metrics: Option<Vec<Query>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    metric_stat: Option<Stat>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    period: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    period: u32,
    evaluation_periods: usize,
    #[serde(rename = "DatapointsToAlarm")]
    breaching_points: Option<usize>,
    threshold: f64,
    comparison_operator: String,
    treat_missing_data: Option<String>,
    statistic: Option<String>,
}

/// What a policy may hold. The first line is read, the second changes nothing here.
const POLICY_KEYS: [&str; 13] = [
    "PolicyName",
    "PolicyType",
    "AdjustmentType",
    "MinAdjustmentMagnitude",
    "ScalingAdjustment",
    "Cooldown",
    "EstimatedInstanceWarmup",
    "StepAdjustments",
    "TargetTrackingConfiguration",
    "MetricAggregationType",
    "Enabled",
    "AutoScalingGroupName",
    "AutoScalingGroupARN",
];
/// What target tracking may hold: its metric is the history.
const TRACKING_KEYS: [&str; 4] = [
    "TargetValue",
    "DisableScaleIn",
    "CustomizedMetricSpecification",
    "PredefinedMetricSpecification",
];
/// What an alarm may hold: its metric is the history, and its actions are the policy.
const ALARM_KEYS: [&str; 18] = [
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "Statistic",
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Unit",
    "Tags",
];

/// Reads a policy, and the alarm that starts it: step and simple policies need one, target tracking
/// makes its own.
///
/// # Errors
/// The file, and what is wrong or not simulated.
pub fn rule(policy: &Path, alarm: Option<&Path>) -> Result<Rule, String> {
    let read: Policy = json(policy, &POLICY_KEYS)?;
    let watch = match alarm {
        None => None,
        Some(path) => {
            let read: Alarm = json(path, &ALARM_KEYS)?;
            Some(watch(&read).map_err(|problem| format!("{}: {problem}", path.display()))?)
        }
    };
    made(read, watch).map_err(|problem| format!("{}: {problem}", policy.display()))
}

/// A key that nobody knows may be a misspelt one that would have changed everything.
fn known(read: &Json, keys: &[&str]) -> Result<(), String> {
    let held = read.as_object().into_iter().flat_map(|held| held.keys());
    for key in held {
        if !keys.contains(&key.as_str()) {
            let near = nearest(key, keys.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(format!("{key}: unknown, or not simulated{near}"));
        }
    }
    Ok(())
}

fn json<T: DeserializeOwned>(path: &Path, keys: &[&str]) -> Result<T, String> {
    let named = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let read: Json = serde_json::from_str(&text).map_err(|error| named(error.to_string()))?;
    known(&read, keys).map_err(named)?;
    if let Some(tracking) = read.get("TargetTrackingConfiguration") {
        known(tracking, &TRACKING_KEYS).map_err(named)?;
    }
    serde_json::from_value(read).map_err(|error| named(error.to_string()))
}

fn watch(alarm: &Alarm) -> Result<Watch, String> {
    period(alarm.period)?;
    if !(1..=100).contains(&alarm.evaluation_periods) {
        return Err("EvaluationPeriods: expected 1 to 100".to_owned());
    }
    if alarm
        .breaching_points
        .is_some_and(|points| points != alarm.evaluation_periods)
    {
        return Err(
            "DatapointsToAlarm: only as many as EvaluationPeriods are simulated".to_owned(),
        );
    }
    if let Some(other) = alarm
        .treat_missing_data
        .as_deref()
        .filter(|how| *how != "missing")
    {
        return Err(format!(
            "TreatMissingData: found {other}, only missing is simulated"
        ));
    }
    if let Some(other) = alarm.statistic.as_deref().filter(|name| *name != "Average") {
        return Err(format!(
            "Statistic: found {other}, only Average is simulated"
        ));
    }
    let (above, inclusive) = match alarm.comparison_operator.as_str() {
        "GreaterThanThreshold" => (true, false),
        "GreaterThanOrEqualToThreshold" => (true, true),
        "LessThanThreshold" => (false, false),
        "LessThanOrEqualToThreshold" => (false, true),
        other => return Err(format!("ComparisonOperator: {other} is not simulated")),
    };
    Ok(Watch {
        period: alarm.period,
        points: alarm.evaluation_periods,
        threshold: alarm.threshold,
        above,
        inclusive,
    })
}

/// The periods that an alarm may have. Source: `PutMetricAlarm`, `Period`.
fn period(seconds: u32) -> Result<u32, String> {
    let fits = matches!(seconds, 10 | 30)
        || (seconds > 0 && seconds.is_multiple_of(60) && seconds <= 3600);
    if fits {
        Ok(seconds)
    } else {
        Err(format!(
            "Period: found {seconds}, expected 10, 30 or a multiple of 60 up to 3600"
        ))
    }
}

fn made(policy: Policy, watch: Option<Watch>) -> Result<Rule, String> {
    if policy.enabled == Some(false) {
        return Err("Enabled: a policy that is off does nothing; leave it out".to_owned());
    }
    if let Some(other) = policy
        .metric_aggregation_type
        .as_deref()
        .filter(|how| *how != "Average")
    {
        return Err(format!(
            "MetricAggregationType: found {other}, only Average is simulated"
        ));
    }
    let minimum = policy.min_adjustment_magnitude.unwrap_or(0.0);
    let missing = "an alarm is needed: alarm = \"FILE\" with the input of put-metric-alarm";
    let kind = match policy.kind.as_deref().unwrap_or("SimpleScaling") {
        "TargetTrackingScaling" => {
            let tracking = policy
                .target_tracking_configuration
                .ok_or("TargetTrackingConfiguration is missing")?;
            if watch.is_some() {
                return Err("target tracking makes its own alarms: alarm is not used".to_owned());
            }
            return tracked(&policy.name, &tracking, policy.estimated_instance_warmup);
        }
        "StepScaling" => Kind::Step {
            watch: watch.ok_or(missing)?,
            adjustment: adjustment(policy.adjustment_type.as_deref())?,
            steps: steps(policy.step_adjustments.unwrap_or_default())?,
            minimum,
        },
        "SimpleScaling" => Kind::Simple {
            watch: watch.ok_or(missing)?,
            adjustment: adjustment(policy.adjustment_type.as_deref())?,
            by: policy
                .scaling_adjustment
                .ok_or("ScalingAdjustment is missing")?,
            minimum,
            cooldown: policy.cooldown.unwrap_or(COOLDOWN),
        },
        other => {
            return Err(format!(
                "PolicyType: {other} is not simulated; TargetTrackingScaling, StepScaling and \
                 SimpleScaling are"
            ));
        }
    };
    Ok(Rule {
        name: policy.name,
        kind,
        warm_up: policy.estimated_instance_warmup,
    })
}

fn tracked(name: &str, tracking: &Tracking, warm_up: Option<u32>) -> Result<Rule, String> {
    if tracking.target_value.is_nan() || tracking.target_value <= 0.0 {
        return Err("TargetValue: expected more than zero".to_owned());
    }
    let metric = tracking.customized_metric_specification.as_ref();
    let queried = || {
        let queries = metric?.metrics.as_ref()?;
        queries
            .iter()
            .find_map(|query| query.metric_stat.as_ref()?.period)
    };
    let seconds = metric
        .and_then(|metric| metric.period)
        .or_else(queried)
        .unwrap_or(60);
    if !matches!(seconds, 10 | 30 | 60) {
        return Err(format!("Period: found {seconds}, expected 10, 30 or 60"));
    }
    let scale_in = !tracking.disable_scale_in.unwrap_or(false);
    Ok(Rule::track(
        name,
        tracking.target_value,
        seconds,
        warm_up,
        scale_in,
    ))
}

fn adjustment(name: Option<&str>) -> Result<Adjustment, String> {
    match name {
        Some("ChangeInCapacity") => Ok(Adjustment::Change),
        Some("ExactCapacity") => Ok(Adjustment::Exact),
        Some("PercentChangeInCapacity") => Ok(Adjustment::Percent),
        other => Err(format!(
            "AdjustmentType: found {}, expected ChangeInCapacity, ExactCapacity or \
             PercentChangeInCapacity",
            other.unwrap_or("nothing")
        )),
    }
}

/// Steps in the order of their bounds, which must leave no gap and not overlap. Source: Amazon EC2
/// Auto Scaling user guide, "Step and simple scaling policies".
fn steps(read: Vec<StepAdjustment>) -> Result<Vec<Step>, String> {
    if read.is_empty() || read.len() > STEPS_MAX {
        return Err(format!(
            "StepAdjustments: {}, expected 1 to {STEPS_MAX}",
            read.len()
        ));
    }
    let mut steps: Vec<Step> = read
        .into_iter()
        .map(|step| Step {
            lower: step
                .metric_interval_lower_bound
                .unwrap_or(f64::NEG_INFINITY),
            upper: step.metric_interval_upper_bound.unwrap_or(f64::INFINITY),
            by: step.scaling_adjustment,
        })
        .collect();
    steps.sort_by(|left, right| left.lower.total_cmp(&right.lower));
    if steps.iter().any(|step| step.lower >= step.upper) {
        return Err("StepAdjustments: a lower bound is not below its upper bound".to_owned());
    }
    let apart = |pair: &[Step]| pair.first().map(|s| s.upper) != pair.get(1).map(|s| s.lower);
    if steps.windows(2).any(apart) {
        return Err("StepAdjustments: steps overlap or leave a gap".to_owned());
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        serde_json::from_str(text).unwrap()
    }

    fn alarm(change: &str) -> Result<Watch, String> {
        let base = r#"{"Period": 60, "EvaluationPeriods": 3, "Threshold": 80,
            "ComparisonOperator": "GreaterThanThreshold"}"#;
        let mut whole: serde_json::Value = serde_json::from_str(base).unwrap();
        let change: serde_json::Value = serde_json::from_str(change).unwrap();
        for (key, value) in change.as_object().unwrap() {
            whole[key] = value.clone();
        }
        watch(&serde_json::from_value(whole).unwrap())
    }

    #[test]
    fn what_is_not_simulated_is_refused_by_name() {
        for (change, expected) in [
            (r#"{"DatapointsToAlarm": 2}"#, "DatapointsToAlarm"),
            (r#"{"TreatMissingData": "breaching"}"#, "TreatMissingData"),
            (r#"{"Statistic": "Maximum"}"#, "Statistic"),
            (r#"{"Period": 20}"#, "Period"),
            (
                r#"{"ComparisonOperator": "GreaterThanUpperThreshold"}"#,
                "ComparisonOperator",
            ),
        ] {
            assert!(alarm(change).unwrap_err().contains(expected), "{change}");
        }
        for (change, expected) in [
            (r#""Enabled": false"#, "Enabled"),
            (
                r#""MetricAggregationType": "Maximum""#,
                "MetricAggregationType",
            ),
            (r#""PolicyType": "SimpleScaling""#, "an alarm is needed"),
        ] {
            let read = policy(&format!(r#"{{"PolicyName": "p", {change}}}"#));
            assert!(made(read, None).unwrap_err().contains(expected), "{change}");
        }
        let misspelt = serde_json::json!({ "EstimatedInstanceWarmUp": 0 });
        let told = known(&misspelt, &POLICY_KEYS).unwrap_err();
        assert!(
            told.contains("did you mean `EstimatedInstanceWarmup`?"),
            "{told}"
        );
        let predictive = policy(r#"{"PolicyName": "p", "PolicyType": "PredictiveScaling"}"#);
        assert!(
            made(predictive, None)
                .unwrap_err()
                .contains("PredictiveScaling")
        );
    }

    #[test]
    fn steps_that_overlap_or_leave_a_gap_are_refused() {
        let step = |lower, upper| StepAdjustment {
            metric_interval_lower_bound: lower,
            metric_interval_upper_bound: upper,
            scaling_adjustment: 1.0,
        };
        assert!(steps(vec![step(Some(10.0), None), step(Some(0.0), Some(10.0))]).is_ok());
        for wrong in [
            vec![step(Some(0.0), Some(10.0)), step(Some(11.0), None)],
            vec![step(Some(0.0), Some(10.0)), step(Some(9.0), None)],
            vec![step(Some(5.0), Some(5.0))],
            Vec::new(),
        ] {
            assert!(steps(wrong).unwrap_err().contains("StepAdjustments"));
        }
    }

    #[test]
    fn target_tracking_has_the_alarms_that_were_observed() {
        let tracking = |more: &str| {
            let text = format!(
                r#"{{"PolicyName": "p", "PolicyType": "TargetTrackingScaling",
                "TargetTrackingConfiguration": {{"TargetValue": 50 {more}}}}}"#
            );
            made(policy(&text), None).unwrap()
        };
        let off = tracking(r#", "DisableScaleIn": true"#);
        assert!(matches!(off.kind, Kind::Track { low: None, .. }));
        let rule = tracking("");
        let Kind::Track {
            out,
            low: Some(low),
            ..
        } = rule.kind
        else {
            panic!("target tracking");
        };
        assert_eq!((out.period, out.points, low.points), (60, 3, 15));
        assert!((low.threshold - 35.0).abs() < 1e-9 && (out.threshold - 50.0).abs() < 1e-9);
    }
}
