//! What should be: the alarms of the fleet and one dashboard.

use std::collections::BTreeMap;

use plimsoll_aws::Alarm;
use plimsoll_dashboards::{Inventory, alarms, fleet};

use super::MARK;
use crate::config::PlanConfig;

/// The tag that alarms get when they are made.
const TAG: (&str, &str) = ("managed-by", "plimsoll");

/// What should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// Alarms, by name.
    pub alarms: Vec<Alarm>,
    /// The dashboard's name and body, if one is wanted.
    pub dashboard: Option<(String, String)>,
    /// Whether the events that are drawn on the dashboard count. They come and go with incidents,
    /// which only a running collector knows.
    pub compare_events: bool,
}

/// What should be for `inventory` under `config`.
///
/// # Errors
/// Never in practice: a dashboard is plain data.
pub fn desired(config: &PlanConfig, inventory: &Inventory) -> Result<Desired, serde_json::Error> {
    let mut desired = Desired::default();
    if config.alarms {
        desired.alarms = alarms::alarms(inventory)
            .into_iter()
            .map(|alarm| call(alarm, config))
            .collect();
        desired.alarms.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if let Some(name) = &config.dashboard {
        let body = fleet(inventory).to_json()?;
        desired.dashboard = Some((name.clone(), body));
    }
    Ok(desired)
}

/// An alarm of the fleet as the call takes it.
fn call(alarm: alarms::Alarm, config: &PlanConfig) -> Alarm {
    let told: Vec<String> = config.alarm_topic_arn.iter().cloned().collect();
    let runbook = config
        .runbook_url
        .as_ref()
        .map_or_else(String::new, |url| format!(" Runbook: {url}"));
    Alarm {
        name: alarm.name,
        description: format!("{}{runbook} {MARK}.", alarm.description),
        namespace: alarm.metric.namespace.to_owned(),
        metric: alarm.metric.name.to_owned(),
        dimensions: alarm.dimensions,
        statistic: alarm.statistic.as_str().to_owned(),
        period_seconds: alarm.period_seconds,
        evaluation_periods: alarm.evaluation_periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm,
        comparison: alarm.comparison.as_str().to_owned(),
        threshold: alarm.threshold,
        treat_missing_data: alarm.missing.as_str().to_owned(),
        alarm_actions: told.clone(),
        ok_actions: told,
        tags: BTreeMap::from([(TAG.0.to_owned(), TAG.1.to_owned())]),
    }
}
