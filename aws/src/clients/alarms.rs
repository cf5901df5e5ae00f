//! Alarms and dashboards through the SDK.

use aws_sdk_cloudwatch::operation::put_dashboard::PutDashboardError;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, DashboardValidationMessage, Dimension, MetricAlarm, StateValue,
    Statistic, Tag,
};

use super::CloudWatch;
use crate::failure::failure;
use crate::words::clean;
use crate::{Alarm, AlarmState, AlarmsApi, Call, Error, StoredAlarm};

impl AlarmsApi for CloudWatch {
    async fn put_alarm(&self, alarm: &Alarm) -> Result<(), Error> {
        let dimensions = alarm
            .dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let tags = alarm
            .tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        self.calm
            .put_metric_alarm()
            .alarm_name(&alarm.name)
            .alarm_description(&alarm.description)
            .namespace(&alarm.namespace)
            .metric_name(&alarm.metric)
            .set_dimensions(Some(dimensions.collect()))
            .statistic(Statistic::from(alarm.statistic.as_str()))
            .period(to_i32(alarm.period_seconds))
            .evaluation_periods(to_i32(alarm.evaluation_periods))
            .datapoints_to_alarm(to_i32(alarm.datapoints_to_alarm))
            .comparison_operator(ComparisonOperator::from(alarm.comparison.as_str()))
            .threshold(alarm.threshold)
            .treat_missing_data(&alarm.treat_missing_data)
            .set_alarm_actions(Some(alarm.alarm_actions.clone()))
            .set_ok_actions(Some(alarm.ok_actions.clone()))
            .set_tags(Some(tags.collect()).filter(|tags: &Vec<Tag>| !tags.is_empty()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(Call::PutMetricAlarm, &error))
    }

    async fn describe_alarms(&self, prefix: &str) -> Result<Vec<StoredAlarm>, Error> {
        let mut pages = self
            .calm
            .describe_alarms()
            .set_alarm_name_prefix(Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
            .alarm_types(AlarmType::MetricAlarm)
            .into_paginator()
            .send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure(Call::DescribeAlarms, &error))?;
            alarms.extend(page.metric_alarms().iter().map(stored));
        }
        Ok(alarms)
    }

    async fn put_dashboard(&self, name: &str, body: &str) -> Result<Vec<String>, Error> {
        let sent = self
            .calm
            .put_dashboard()
            .dashboard_name(name)
            .dashboard_body(body)
            .send()
            .await;
        match sent {
            Ok(output) => Ok(messages(output.dashboard_validation_messages())),
            Err(error) => {
                let found = match error.as_service_error() {
                    Some(PutDashboardError::DashboardInvalidInputError(invalid)) => {
                        messages(invalid.dashboard_validation_messages())
                    }
                    _ => Vec::new(),
                };
                Err(with_messages(failure(Call::PutDashboard, &error), &found))
            }
        }
    }

    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, Error> {
        let found = self.calm.get_dashboard().dashboard_name(name).send().await;
        match found {
            Ok(output) => Ok(output.dashboard_body().map(ToOwned::to_owned)),
            Err(error) => match failure(Call::GetDashboard, &error) {
                Error::NotFound { .. } => Ok(None),
                other => Err(other),
            },
        }
    }
}

/// The service's findings in a dashboard body, with their places.
fn messages(found: &[DashboardValidationMessage]) -> Vec<String> {
    found
        .iter()
        .map(|found| {
            let message = clean(found.message().unwrap_or_default());
            match found.data_path() {
                Some(path) => format!("{path}: {message}"),
                None => message,
            }
        })
        .collect()
}

fn with_messages(error: Error, found: &[String]) -> Error {
    match error {
        Error::Rejected { call, code, why } if !found.is_empty() => Error::Rejected {
            call,
            code,
            why: format!("{why}: {}", found.join("; ")),
        },
        other => other,
    }
}

fn stored(alarm: &MetricAlarm) -> StoredAlarm {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let number = |value: Option<i32>| value.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let dimensions = alarm
        .dimensions()
        .iter()
        .map(|dimension| (text(dimension.name()), text(dimension.value())));
    let evaluation_periods = number(alarm.evaluation_periods());
    StoredAlarm {
        alarm: Alarm {
            name: text(alarm.alarm_name()),
            description: text(alarm.alarm_description()),
            namespace: text(alarm.namespace()),
            metric: text(alarm.metric_name()),
            dimensions: dimensions.collect(),
            statistic: text(alarm.statistic().map(Statistic::as_str)),
            period_seconds: number(alarm.period()),
            evaluation_periods,
            // CloudWatch leaves it out when it equals the evaluation periods.
            datapoints_to_alarm: alarm
                .datapoints_to_alarm()
                .map_or(evaluation_periods, |n| number(Some(n))),
            comparison: text(alarm.comparison_operator().map(ComparisonOperator::as_str)),
            threshold: alarm.threshold().unwrap_or_default(),
            treat_missing_data: alarm.treat_missing_data().unwrap_or("missing").to_owned(),
            alarm_actions: alarm.alarm_actions().to_vec(),
            ok_actions: alarm.ok_actions().to_vec(),
            tags: std::collections::BTreeMap::new(),
        },
        state: match alarm.state_value() {
            Some(StateValue::Ok) => AlarmState::Ok,
            Some(StateValue::Alarm) => AlarmState::Alarm,
            _ => AlarmState::InsufficientData,
        },
        reason: text(alarm.state_reason()),
    }
}

/// The SDK counts in `i32`; a larger number is refused by the service in any case.
fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
