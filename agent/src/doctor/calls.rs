//! Region, credentials, and each call that the configuration needs.
//!
//! A right is proved without an effect: events for a stream that does not exist, a datum from
//! before two weeks, the end of a wait that nobody is in. AWS looks at the rights first, so another
//! refusal than "denied" says that they are there. Only log groups cannot be proved so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plimsoll_aws::{
    AutoScaling, CloudWatch, CloudWatchLogs, Datum, DatumValue, Error, LifecycleAction,
    LifecycleResult, LogBatch, LogsApi, MetricsApi, ScalingApi, Series,
};
use plimsoll_core::catalog::{AGENT_CALLS, namespace};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_ops::doctor::{Report, connect, has_failed};
use serde_json::json;

use crate::config::Config;
use crate::fill_names;
use crate::health::Health;
use crate::identity::Host;

/// What is not there: a stream, a hook.
const NOBODY: &str = "plimsoll-doctor";
/// Groups that are asked for, each by a call.
const GROUPS_MAX: usize = 10;
/// Older than CloudWatch takes. Source: CloudWatch API reference, `PutMetricData`: two weeks.
const TOO_OLD: Duration = Duration::from_hours(24 * 21);
/// Asks AWS whatever the configuration will have the agent ask.
pub(super) async fn ask(config: &Config, host: &Host, report: &mut Report) {
    let Some(clients) = connect(&config.aws, report).await else {
        return;
    };
    logs(&clients.logs(), config, host, report).await;
    metrics(&clients.cloudwatch(), config, report).await;
    scaling(&clients.scaling(), config, host, report).await;
}

async fn logs(api: &CloudWatchLogs, config: &Config, host: &Host, report: &mut Report) {
    let filled = fill_names(config, host, &Health::default());
    let of_files = filled.files.iter().map(|one| &one.group.name);
    let groups: BTreeSet<&String> = of_files
        .chain(filled.journald.iter().map(|one| &one.group.name))
        .collect();
    for group in groups.into_iter().take(GROUPS_MAX) {
        let event = json!({ "timestamp": SystemClock.now().0, "message": NOBODY });
        let body = json!({ "logGroupName": group, "logStreamName": NOBODY, "logEvents": [event] });
        let batch = LogBatch {
            group: Arc::from(group.as_str()),
            stream: Arc::from(NOBODY),
            body: Bytes::from(body.to_string()),
            events: 1,
            billed_bytes: 0,
        };
        match api.put_log_events(&batch).await {
            Ok(_) => report.fine("logs", format!("events for {group} are taken")),
            Err(Error::NotFound { why, .. }) if why.contains("group") => report.warn(
                "logs",
                format!("there is no log group {group}; the agent makes it with its first events"),
                "allow logs:CreateLogGroup, or make it by `aws logs create-log-group`",
            ),
            Err(Error::NotFound { .. }) => {
                report.fine("logs", format!("events for {group} would be taken"));
            }
            Err(error) => has_failed("logs", &error, report),
        }
    }
}

async fn metrics(api: &CloudWatch, config: &Config, report: &mut Report) {
    let of_signals = config
        .signals
        .as_ref()
        .map(|signals| signals.namespace.as_str());
    let of_host = config.metrics.as_ref().map(|_| namespace::HOST);
    for namespace in of_host.into_iter().chain(of_signals) {
        let datum = Datum {
            series: Arc::new(Series {
                name: Arc::from(AGENT_CALLS.name),
                unit: AGENT_CALLS.unit,
                dimensions: Arc::new([]),
            }),
            time: SystemClock.now() - TOO_OLD,
            value: DatumValue::One(0.0),
            resolution_seconds: 60,
            additive: false,
        };
        match api.put_metric_data(namespace, &[datum]).await {
            Ok(()) | Err(Error::Rejected { .. }) => {
                report.fine("metrics", format!("metrics in {namespace} would be taken"));
            }
            Err(error) => has_failed("metrics", &error, report),
        }
    }
}

async fn scaling(api: &AutoScaling, config: &Config, host: &Host, report: &mut Report) {
    let Some(instance) = &host.instance else {
        return;
    };
    let (lifecycle, signals) = (&config.lifecycle, config.signals.as_ref());
    let given = signals.and_then(|signals| signals.group.clone());
    let mut group = given.or_else(|| instance.auto_scaling_group.clone());
    let hooks = lifecycle.termination_hook.is_some() || lifecycle.launch_hook.is_some();
    if group.is_none() && (hooks || signals.is_some()) {
        match api.group_of(&instance.instance_id).await {
            Ok(Some(name)) => {
                report.fine("auto_scaling", format!("the instance is in {name}, by its tag"));
                group = Some(name);
            }
            Ok(None) => report.warn(
                "auto_scaling",
                "the instance is in no Auto Scaling group, so signals wait and no hook is completed",
                "start it by a group, or set `signals.group`",
            ),
            Err(error) => has_failed("auto_scaling", &error, report),
        }
    }
    if let Some(group) = group.filter(|_| hooks) {
        let wait = LifecycleAction {
            group,
            hook: NOBODY.to_owned(),
            instance_id: instance.instance_id.clone(),
        };
        match api
            .complete_lifecycle_action(&wait, LifecycleResult::Continue)
            .await
        {
            Ok(_) | Err(Error::Rejected { .. }) => {
                report.fine("auto_scaling", "hooks would be completed");
            }
            Err(error) => has_failed("auto_scaling", &error, report),
        }
    }
}
