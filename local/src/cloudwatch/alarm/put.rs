//! PutMetricAlarm's input and its limits.
//!
//! Limits: CloudWatch API reference, PutMetricAlarm; CloudWatch quotas. Alarms on anomaly bands,
//! `PromQL` and Metrics Insights are refused by name: nothing here evaluates them.

use super::super::evaluate::Missing;
use super::super::store::MetricId;
use super::super::{Statistic, put, query, refuse};
use super::{Comparison, Settings, Watched};
use crate::input::Input;
use crate::service::Refusal;
use crate::value::Value;

/// Characters of a name.
const NAME_MAX: usize = 255;
/// Characters of a description.
const DESCRIPTION_MAX: usize = 1024;
/// Actions for each state.
const ACTIONS_MAX: usize = 5;
/// Characters of an action's ARN.
const ARN_MAX: usize = 1024;
/// Queries of an alarm on metric math.
const QUERIES_MAX: usize = 10;
/// Tags of an alarm.
pub(in super::super) const TAGS_MAX: usize = 50;
/// Seconds that the points of an alarm may span.
const SPAN_MAX: i64 = 86_400;
/// The same with periods of an hour and more.
const LONG_SPAN_MAX: i64 = 7 * 86_400;
/// The period from which the longer span is allowed.
const LONG_PERIOD: i64 = 3_600;
/// The comparisons of alarms on anomaly bands.
const BAND: [&str; 3] = [
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];

/// Reads and checks the settings.
pub(in super::super) fn read(value: &Value) -> Result<Settings, Refusal> {
    let input = Input::new(value, "ValidationError");
    let band = value
        .member("ComparisonOperator")
        .text()
        .is_some_and(|name| BAND.contains(&name));
    if band
        || !value.member("ThresholdMetricId").is_null()
        || !value.member("EvaluationCriteria").is_null()
    {
        return Err(refuse::validation(
            "Alarms on anomaly bands and on PromQL are not available here.",
        ));
    }
    let comparison = input.required("ComparisonOperator", 1, usize::MAX)?;
    let comparison = Comparison::read(comparison).ok_or_else(|| {
        let allowed: Vec<_> = Comparison::ALL.iter().map(|one| one.name()).collect();
        input.violation(
            &format!("'{comparison}'"),
            "comparisonOperator",
            &format!(
                "Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            ),
        )
    })?;
    let threshold = value
        .member("Threshold")
        .number()
        .filter(|number| number.is_finite());
    let evaluation_periods = count(&input, "EvaluationPeriods")?
        .ok_or_else(|| refuse::validation("EvaluationPeriods is required."))?;
    let datapoints_to_alarm = count(&input, "DatapointsToAlarm")?;
    if datapoints_to_alarm.is_some_and(|points| points > evaluation_periods) {
        return Err(refuse::validation(
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
        ));
    }
    let missing = input.text("TreatMissingData", 1, 255)?;
    let settings = Settings {
        name: input.required("AlarmName", 1, NAME_MAX)?.to_owned(),
        description: input
            .text("AlarmDescription", 0, DESCRIPTION_MAX)?
            .map(str::to_owned),
        actions_enabled: value.member("ActionsEnabled").boolean().unwrap_or(true),
        ok_actions: actions(value, "OKActions")?,
        alarm_actions: actions(value, "AlarmActions")?,
        insufficient_data_actions: actions(value, "InsufficientDataActions")?,
        watched: watched(value)?,
        evaluation_periods,
        datapoints_to_alarm,
        threshold: threshold.ok_or_else(|| refuse::validation("Threshold is required."))?,
        comparison,
        missing: treatment(value, missing)?,
        missing_named: missing.is_some(),
    };
    check_span(&settings)?;
    Ok(settings)
}

/// Tags as `Key` and `Value`.
pub(in super::super) fn tags(value: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let mut tags = Vec::new();
    for item in value.member("Tags").items() {
        let input = Input::new(item, "ValidationError");
        tags.push((
            input.required("Key", 1, 128)?.to_owned(),
            input.required("Value", 0, 256)?.to_owned(),
        ));
    }
    if tags.len() > TAGS_MAX {
        return Err(refuse::validation(format!(
            "At most {TAGS_MAX} tags are allowed."
        )));
    }
    Ok(tags)
}

/// Alarms of DynamoDB ignore missing data unless they say otherwise.
/// Source: CloudWatch user guide, missing data.
fn treatment(value: &Value, named: Option<&str>) -> Result<Missing, Refusal> {
    match named {
        Some(name) => Missing::read(name).ok_or_else(|| {
            refuse::validation(format!(
                "The value '{name}' for TreatMissingData is not breaching, notBreaching, ignore \
                 or missing."
            ))
        }),
        None if value.member("Namespace").text() == Some("AWS/DynamoDB") => Ok(Missing::Ignore),
        None => Ok(Missing::Missing),
    }
}

fn count(input: &Input<'_>, name: &str) -> Result<Option<usize>, Refusal> {
    let count = input.integer(name, 1, i64::from(u32::MAX))?;
    Ok(count.and_then(|count| usize::try_from(count).ok()))
}

fn actions(value: &Value, name: &str) -> Result<Vec<String>, Refusal> {
    let items = value.member(name).items();
    if items.len() > ACTIONS_MAX {
        return Err(refuse::validation(format!(
            "The collection {name} must not have a size greater than {ACTIONS_MAX}."
        )));
    }
    items
        .iter()
        .map(|item| match item.text() {
            Some(arn) if is_action(arn) => Ok(arn.to_owned()),
            other => Err(refuse::validation(format!(
                "Invalid arn syntax: {}",
                other.unwrap_or_default()
            ))),
        })
        .collect()
}

/// `arn:partition:service:…`, six parts.
fn is_action(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    arn.chars().count() <= ARN_MAX
        && matches!(parts.as_slice(), ["arn", partition, service, _, _, resource]
            if partition.starts_with("aws") && !service.is_empty() && !resource.is_empty())
}

fn watched(value: &Value) -> Result<Watched, Refusal> {
    let (name, metrics) = (value.member("MetricName"), value.member("Metrics").items());
    match (name.is_null(), metrics.is_empty()) {
        (false, true) => metric(value),
        (true, false) => math(value, metrics),
        (false, false) => Err(refuse::combination(
            "The parameters MetricName and Metrics are mutually exclusive and you have specified \
             both.",
        )),
        (true, true) => Err(refuse::missing("MetricName")),
    }
}

fn metric(value: &Value) -> Result<Watched, Refusal> {
    let input = Input::new(value, "ValidationError");
    let statistic = match (
        input.text("Statistic", 1, 64)?,
        input.text("ExtendedStatistic", 1, 64)?,
    ) {
        (Some(name), None) => Statistic::read(name).filter(|found| found.is_simple()),
        (None, Some(name)) => Statistic::read(name).filter(|found| !found.is_simple()),
        _ => {
            return Err(refuse::combination(
                "Exactly one of Statistic and ExtendedStatistic must be specified.",
            ));
        }
    };
    Ok(Watched::Metric {
        id: MetricId {
            namespace: input.required("Namespace", 1, NAME_MAX)?.to_owned(),
            name: input.required("MetricName", 1, NAME_MAX)?.to_owned(),
            dimensions: put::dimensions(value.member("Dimensions"), "")
                .map_err(|refusal| refuse::validation(refusal.message))?,
        },
        unit: query::unit(value.member("Unit"), "")
            .map_err(|refusal| refuse::validation(refusal.message))?,
        statistic: statistic
            .ok_or_else(|| refuse::validation("The value for the statistic is not supported."))?,
        period: period(value.member("Period"))?,
    })
}

/// 10, 20, 30 or a multiple of 60.
fn period(value: &Value) -> Result<i64, Refusal> {
    match value.integer() {
        Some(period) if [10, 20, 30].contains(&period) || (period > 0 && period % 60 == 0) => {
            Ok(period)
        }
        _ => Err(refuse::validation(
            "Period must be 10, 20, 30 or a multiple of 60.",
        )),
    }
}

fn math(value: &Value, metrics: &[Value]) -> Result<Watched, Refusal> {
    let alone = [
        "Statistic",
        "ExtendedStatistic",
        "Namespace",
        "Dimensions",
        "Period",
        "Unit",
    ];
    if let Some(name) = alone.into_iter().find(|name| !value.member(name).is_null()) {
        return Err(refuse::combination(format!(
            "The parameters {name} and Metrics are mutually exclusive and you have specified both."
        )));
    }
    if metrics.len() > QUERIES_MAX {
        return Err(refuse::validation(format!(
            "The collection Metrics must not have a size greater than {QUERIES_MAX}."
        )));
    }
    let queries = query::read(metrics, "Metrics")?;
    for query in &queries {
        if let query::What::Expression { tree, .. } = &query.what
            && tree.has_function("SEARCH")
        {
            return Err(refuse::validation("SEARCH is not supported in alarms."));
        }
        if let query::What::Metric { period, .. } = &query.what
            && !([10, 20, 30].contains(period) || period % 60 == 0)
        {
            return Err(refuse::validation(
                "Period must be 10, 20, 30 or a multiple of 60.",
            ));
        }
    }
    if queries.iter().filter(|query| query.return_data).count() != 1 {
        return Err(refuse::validation(
            "Exactly one element of the metrics list should return data.",
        ));
    }
    Ok(Watched::Math(queries))
}

fn check_span(settings: &Settings) -> Result<(), Refusal> {
    let periods = i64::try_from(settings.evaluation_periods).unwrap_or(i64::MAX);
    let span = periods.saturating_mul(settings.period());
    let (max, days) = if settings.period() >= LONG_PERIOD {
        (LONG_SPAN_MAX, "7 days")
    } else {
        (SPAN_MAX, "1 day")
    };
    if span > max {
        return Err(refuse::validation(format!(
            "Metrics cannot be checked across more than {days} (EvaluationPeriods * Period must \
             be <= {max})."
        )));
    }
    Ok(())
}
