//! Region, credentials, and each call that the configuration needs.
//!
//! A right is proved without an effect: events for a stream that does not exist, a datum from
//! before two weeks, the end of a wait that nobody is in. AWS looks at the rights first, so another
//! refusal than "denied" says that they are there. Those that cannot be proved so are named by
//! `rights.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plimsoll_aws::{
    AutoScaling, Call, CloudWatch, CloudWatchLogs, Datum, DatumValue, Error, Lifecycle,
    LifecycleAction, LifecycleResult, LogBatch, LogsApi, MetricsApi, ScalingApi, Series,
};
use plimsoll_core::catalog::AGENT_CALLS;
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_ops::doctor::{Report, Rights, connect, has_failed};
use serde_json::json;

use super::rights;
use crate::config::Config;
use crate::fill_names;
use crate::health::Health;
use crate::identity::Host;
use crate::policy::{Needs, names_group};

/// What is not there: a stream, a hook.
const NOBODY: &str = "plimsoll-doctor";
/// Groups that are asked for, each by a call.
const GROUPS_MAX: usize = 10;
/// Namespaces that are asked for, each by a call.
const NAMESPACES_MAX: usize = 10;
/// Older than CloudWatch takes. Source: CloudWatch API reference, `PutMetricData`: two weeks.
const TOO_OLD: Duration = Duration::from_hours(24 * 21);
/// Asks AWS whatever the configuration will have the agent ask.
pub(super) async fn ask(config: &Config, host: &Host, report: &mut Report) {
    let mut tried = Rights::default();
    if let Some(clients) = connect(&config.aws, report).await {
        tried.connected = true;
        logs(&clients.logs(), config, host, (&mut tried, report)).await;
        metrics(&clients.cloudwatch(), config, (&mut tried, report)).await;
        scaling(&clients.scaling(), config, host, (&mut tried, report)).await;
    }
    rights::tell(&tried, config, host, report);
}

async fn logs(
    api: &CloudWatchLogs,
    config: &Config,
    host: &Host,
    (rights, report): (&mut Rights, &mut Report),
) {
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
        rights.tried(Call::PutLogEvents);
        match api.put_log_events(&batch).await {
            Ok(_) => report.fine("logs", format!("events for {group} are taken")),
            Err(Error::NotFound { why, .. }) if why.contains("group") => report.warn(
                "logs",
                format!("there is no log group {group}; the agent makes it with its first events"),
                "allow logs:CreateLogGroup, or make it by `aws logs create-log-group`",
            ),
            Err(Error::NotFound { .. }) => {
                let action = Call::PutLogEvents.action();
                report.fine(
                    "logs",
                    format!("{action}: events for {group} would be taken"),
                );
            }
            Err(error) => has_failed("logs", &error, report),
        }
    }
}

async fn metrics(api: &CloudWatch, config: &Config, (rights, report): (&mut Rights, &mut Report)) {
    let needs = Needs::of(config);
    let namespaces: BTreeSet<&String> = needs.namespaces().iter().collect();
    // Those of documents are not known before one comes.
    let known = namespaces.into_iter().filter(|name| *name != "*");
    for namespace in known.take(NAMESPACES_MAX) {
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
        rights.tried(Call::PutMetricData);
        match api.put_metric_data(namespace, &[datum]).await {
            Ok(()) | Err(Error::Rejected { .. }) => {
                report.fine("metrics", format!("metrics in {namespace} would be taken"));
            }
            Err(error) => has_failed("metrics", &error, report),
        }
    }
}

async fn scaling(
    api: &AutoScaling,
    config: &Config,
    host: &Host,
    (rights, report): (&mut Rights, &mut Report),
) {
    let Some(instance) = &host.instance else {
        return;
    };
    let (lifecycle, signals) = (&config.lifecycle, config.signals.as_ref());
    let given = signals.and_then(|signals| signals.group.clone());
    let mut group = given.or_else(|| instance.auto_scaling_group.clone());
    let hooks = lifecycle.termination_hook.is_some() || lifecycle.launch_hook.is_some();
    let matters = hooks || signals.is_some();
    if group.is_none() && !instance.tags_shown && names_group(config) {
        rights.tried(Call::DescribeTags);
        group = group_by_tag(api, &instance.instance_id, matters, report).await;
    } else if group.is_none() && matters {
        in_no_group(report);
    }
    if let Some(group) = group.filter(|_| hooks) {
        let wait = LifecycleAction {
            group,
            hook: NOBODY.to_owned(),
            instance_id: instance.instance_id.clone(),
        };
        rights.tried(Call::CompleteLifecycleAction);
        let done = api.complete_lifecycle_action(&wait, LifecycleResult::Continue);
        hook("completed", &done.await, report);
        if lifecycle.termination_hook.is_some() {
            rights.tried(Call::RecordLifecycleActionHeartbeat);
            let done = api.record_heartbeat(&wait).await;
            hook("prolonged", &done, report);
        }
    }
}

/// Asks EC2 for the group; whether the instance is in one may not matter.
async fn group_by_tag(
    api: &AutoScaling,
    instance_id: &str,
    matters: bool,
    report: &mut Report,
) -> Option<String> {
    let group = match api.group_of(instance_id).await {
        Ok(group) => group,
        Err(error) => {
            has_failed("auto_scaling", &error, report);
            return None;
        }
    };
    match &group {
        None if matters => in_no_group(report),
        None => {
            report.fine("auto_scaling", "the instance is in no Auto Scaling group");
        }
        Some(name) => {
            let found = format!("the instance is in {name}, by its tag");
            report.fine("auto_scaling", found);
        }
    }
    group
}

fn in_no_group(report: &mut Report) {
    report.warn(
        "auto_scaling",
        "the instance is in no Auto Scaling group, so signals wait and no hook is completed",
        "start it by a group, or set `signals.group`",
    );
}

/// What a call about a wait that nobody is in has shown.
fn hook(what: &str, answer: &Result<Lifecycle, Error>, report: &mut Report) {
    match answer {
        Ok(_) | Err(Error::Rejected { .. }) => {
            report.fine("auto_scaling", format!("waits of hooks would be {what}"));
        }
        Err(error) => has_failed("auto_scaling", error, report),
    }
}
