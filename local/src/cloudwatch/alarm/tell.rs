//! What an alarm tells an SNS topic when its state changes.
//!
//! Source: CloudWatch user guide, "Notify users on alarm changes"; Amazon SNS message format of
//! CloudWatch alarms.

use plimsoll_core::clock::UnixMillis;
use serde_json::{Value as Json, json};

use super::super::evaluate::State;
use super::super::query::{Query, What};
use super::{Alarm, Watched};
use crate::service::Notification;

/// Regions and the names that notifications use for them. Others are named by their code.
/// Source: AWS general reference, service endpoints.
const REGIONS: &[(&str, &str)] = &[
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
    ("ca-central-1", "Canada (Central)"),
    ("eu-central-1", "EU (Frankfurt)"),
    ("eu-west-1", "EU (Ireland)"),
    ("eu-west-2", "EU (London)"),
    ("eu-west-3", "EU (Paris)"),
    ("eu-north-1", "EU (Stockholm)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("sa-east-1", "South America (Sao Paulo)"),
];
/// The longest subject that SNS takes.
const SUBJECT_MAX: usize = 99;

impl Alarm {
    /// The notification of a topic about the alarm's present state.
    pub(in super::super) fn notification(
        &self,
        topic: &str,
        from: State,
        account: &str,
        region: &str,
    ) -> Notification {
        let named = REGIONS.iter().find(|(code, _)| *code == region);
        let place = named.map_or(region, |(_, name)| name);
        let subject = format!(
            "{}: \"{}\" in {place}",
            self.state.name(),
            self.settings.name
        );
        Notification {
            topic: topic.to_owned(),
            subject: subject.chars().take(SUBJECT_MAX).collect(),
            message: self.message(from, account, place).to_string(),
            at: self.transitioned,
        }
    }

    fn message(&self, from: State, account: &str, place: &str) -> Json {
        let settings = &self.settings;
        json!({
            "AlarmName": settings.name,
            "AlarmDescription": settings.description,
            "AWSAccountId": account,
            "AlarmConfigurationUpdatedTimestamp": stamp(self.configured),
            "NewStateValue": self.state.name(),
            "NewStateReason": self.reason,
            "StateChangeTime": stamp(self.transitioned),
            "Region": place,
            "AlarmArn": self.arn,
            "OldStateValue": from.name(),
            "OKActions": settings.ok_actions,
            "AlarmActions": settings.alarm_actions,
            "InsufficientDataActions": settings.insufficient_data_actions,
            "Trigger": self.trigger(),
        })
    }

    fn trigger(&self) -> Json {
        let settings = &self.settings;
        let mut trigger = json!({
            "Period": settings.period(),
            "EvaluationPeriods": settings.evaluation_periods,
            "DatapointsToAlarm": settings.to_alarm(),
            "ComparisonOperator": settings.comparison.name(),
            "Threshold": settings.threshold,
            "TreatMissingData": settings.missing.name(),
            "EvaluateLowSampleCountPercentile": "",
        });
        match &settings.watched {
            Watched::Metric {
                id,
                unit,
                statistic,
                ..
            } => {
                let dimensions = id.dimensions.iter();
                let dimensions: Vec<_> = dimensions
                    .map(|(name, value)| json!({"name": name, "value": value}))
                    .collect();
                trigger["MetricName"] = id.name.as_str().into();
                trigger["Namespace"] = id.namespace.as_str().into();
                trigger["Unit"] = unit.clone().into();
                trigger["Dimensions"] = dimensions.into();
                if statistic.is_simple() {
                    trigger["StatisticType"] = "Statistic".into();
                    trigger["Statistic"] = statistic.to_string().to_uppercase().into();
                } else {
                    trigger["StatisticType"] = "ExtendedStatistic".into();
                    trigger["ExtendedStatistic"] = statistic.to_string().into();
                }
            }
            Watched::Math(queries) => {
                trigger["Metrics"] = queries.iter().map(query).collect();
            }
        }
        trigger
    }
}

fn query(query: &Query) -> Json {
    let mut json = json!({
        "Id": query.id,
        "Label": query.label,
        "ReturnData": query.return_data,
    });
    match &query.what {
        What::Metric {
            id,
            statistic,
            period,
            ..
        } => {
            let dimensions: Vec<_> = id
                .dimensions
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect();
            json["MetricStat"] = json!({
                "Metric": {
                    "Namespace": id.namespace,
                    "MetricName": id.name,
                    "Dimensions": dimensions,
                },
                "Period": period,
                "Stat": statistic.to_string(),
            });
        }
        What::Expression { .. } => {
            json["Expression"] = query.sent.member("Expression").text().into();
        }
    }
    json
}

/// `2026-11-24T12:46:00.000+0000`.
fn stamp(at: UnixMillis) -> String {
    at.to_string().replace('Z', "+0000")
}
