//! A metric alarm: its settings, its state, and both as the API writes them.

pub(super) mod put;
pub(super) mod tell;
pub(super) mod watch;

use plimsoll_core::clock::UnixMillis;

use super::Statistic;
use super::evaluate::{Missing, State};
use super::query::Query;
use super::read::dimensions;
use super::store::MetricId;
use crate::value::Value;

/// How a value is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Beyond when greater or equal.
    GreaterOrEqual,
    /// Beyond when greater.
    Greater,
    /// Beyond when less or equal.
    LessOrEqual,
    /// Beyond when less.
    Less,
}

impl Comparison {
    const ALL: [Self; 4] = [
        Self::GreaterOrEqual,
        Self::Greater,
        Self::LessOrEqual,
        Self::Less,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "GreaterThanOrEqualToThreshold",
            Self::Greater => "GreaterThanThreshold",
            Self::LessOrEqual => "LessThanOrEqualToThreshold",
            Self::Less => "LessThanThreshold",
        }
    }

    pub(super) fn read(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|comparison| comparison.name() == name)
    }

    /// Whether the value breaches.
    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::LessOrEqual => value <= threshold,
            Self::Less => value < threshold,
        }
    }

    /// The words of a state's reason.
    fn phrase(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::LessOrEqual => "less than or equal to",
            Self::Less => "less than",
        }
    }
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Watched {
    /// A metric.
    Metric {
        /// Which metric.
        id: MetricId,
        /// In which unit; all together when absent.
        unit: Option<String>,
        /// The statistic.
        statistic: Statistic,
        /// Seconds.
        period: i64,
    },
    /// Metric math; exactly one query returns data.
    Math(Vec<Query>),
}

impl Watched {
    /// Its members as DescribeAlarms writes them.
    fn describe(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Metric {
                id,
                unit,
                statistic,
                period,
            } => {
                let name = if statistic.is_simple() {
                    "Statistic"
                } else {
                    "ExtendedStatistic"
                };
                vec![
                    ("MetricName", id.name.as_str().into()),
                    ("Namespace", id.namespace.as_str().into()),
                    (name, statistic.to_string().into()),
                    ("Dimensions", dimensions(&id.dimensions)),
                    ("Period", Value::Integer(*period)),
                    ("Unit", unit.clone().into()),
                ]
            }
            Self::Math(queries) => {
                let sent = queries.iter().map(|query| query.sent.clone()).collect();
                vec![
                    ("Metrics", Value::List(sent)),
                    ("Dimensions", Value::List(Vec::new())),
                ]
            }
        }
    }
}

/// Settings that PutMetricAlarm replaces as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) actions_enabled: bool,
    pub(super) ok_actions: Vec<String>,
    pub(super) alarm_actions: Vec<String>,
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) watched: Watched,
    pub(super) evaluation_periods: usize,
    /// As sent; all evaluated points when absent.
    pub(super) datapoints_to_alarm: Option<usize>,
    pub(super) threshold: f64,
    pub(super) comparison: Comparison,
    pub(super) missing: Missing,
    /// Whether it was named; the API shows it only then.
    pub(super) missing_named: bool,
}

impl Settings {
    /// Points that must breach.
    pub(super) fn to_alarm(&self) -> usize {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }

    /// Seconds of a period; of the longest where there are several.
    pub(super) fn period(&self) -> i64 {
        match &self.watched {
            Watched::Metric { period, .. } => *period,
            Watched::Math(queries) => queries.iter().filter_map(Query::period).max().unwrap_or(60),
        }
    }

    /// Whether it is billed and evaluated as a high-resolution alarm.
    pub(super) fn is_high_resolution(&self) -> bool {
        self.period() < 60
    }

    /// Actions on going to a state.
    pub(super) fn actions(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.ok_actions,
            State::Alarm => &self.alarm_actions,
            State::InsufficientData => &self.insufficient_data_actions,
        }
    }
}

/// An alarm.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarm {
    pub(super) arn: String,
    pub(super) settings: Settings,
    pub(super) tags: Vec<(String, String)>,
    pub(super) configured: UnixMillis,
    pub(super) state: State,
    pub(super) reason: String,
    /// JSON, empty for none.
    pub(super) reason_data: String,
    /// When the state or its reason last changed.
    pub(super) updated: UnixMillis,
    /// When the state last changed.
    pub(super) transitioned: UnixMillis,
    /// The end of the points that were last evaluated, in seconds.
    pub(super) evaluated: Option<i64>,
}

impl Alarm {
    /// The alarm as DescribeAlarms writes it.
    pub(super) fn describe(&self) -> Value {
        let settings = &self.settings;
        let text = |text: &str| Value::from(text);
        let count = |count: usize| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        let mut members = vec![
            ("AlarmName", text(&settings.name)),
            ("AlarmArn", text(&self.arn)),
            ("AlarmDescription", settings.description.clone().into()),
            (
                "AlarmConfigurationUpdatedTimestamp",
                Value::time(self.configured),
            ),
            ("ActionsEnabled", settings.actions_enabled.into()),
            ("OKActions", settings.ok_actions.clone().into()),
            ("AlarmActions", settings.alarm_actions.clone().into()),
            (
                "InsufficientDataActions",
                settings.insufficient_data_actions.clone().into(),
            ),
            ("StateValue", text(self.state.name())),
            ("StateReason", text(&self.reason)),
            ("StateUpdatedTimestamp", Value::time(self.updated)),
            ("StateTransitionedTimestamp", Value::time(self.transitioned)),
            ("EvaluationPeriods", count(settings.evaluation_periods)),
            (
                "DatapointsToAlarm",
                settings.datapoints_to_alarm.map_or(Value::Null, count),
            ),
            ("Threshold", settings.threshold.into()),
            ("ComparisonOperator", text(settings.comparison.name())),
        ];
        if !self.reason_data.is_empty() {
            members.push(("StateReasonData", text(&self.reason_data)));
        }
        if settings.missing_named {
            members.push(("TreatMissingData", text(settings.missing.name())));
        }
        members.extend(settings.watched.describe());
        Value::Map(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }
}
