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
    AutoScaling, Clients, CloudWatch, CloudWatchLogs, Datum, DatumValue, Error, LifecycleAction,
    LifecycleResult, LogBatch, LogsApi, MetricsApi, ScalingApi, Series,
};
use plimsoll_core::catalog::{AGENT_CALLS, namespace};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::error::chain;
use serde_json::json;

use super::Report;
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
/// Credentials that end sooner are worth a word; those of an instance are renewed before.
const EXPIRES_SOON: Duration = Duration::from_mins(5);

/// Asks AWS whatever the configuration will have the agent ask.
pub(super) async fn ask(config: &Config, host: &Host, report: &mut Report) {
    let clients = match Clients::connect(&config.aws).await {
        Ok(clients) => clients,
        Err(error) => {
            report.fail(
                "region",
                chain(&error),
                "set `aws.region`, or AWS_REGION for the service",
            );
            return;
        }
    };
    report.fine("region", format!("calls go to {}", clients.region()));
    if !has_credentials(&clients, report).await {
        return;
    }
    logs(&clients.logs(), config, host, report).await;
    metrics(&clients.cloudwatch(), config, report).await;
    scaling(&clients.scaling(), config, host, report).await;
}

async fn has_credentials(clients: &Clients, report: &mut Report) -> bool {
    match clients.credentials().await {
        Err(error) => {
            report.fail("credentials", error.to_string(), remedy(&error));
            false
        }
        Ok(found) => {
            let now = SystemClock.now();
            let left = found.expires.map(|at| at.since(now));
            let source = found.source;
            match left {
                Some(left) if left < EXPIRES_SOON => report.warn(
                    "credentials",
                    format!("from {source}, which end in {} s", left.as_secs()),
                    "renew them, unless whoever gives them does",
                ),
                Some(left) => {
                    let minutes = left.as_secs() / 60;
                    report.fine(
                        "credentials",
                        format!("from {source}, valid for {minutes} minutes"),
                    );
                }
                None => report.fine("credentials", format!("from {source}, without an end")),
            }
            true
        }
    }
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
            Err(error) => tell("logs", &error, report),
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
            Err(error) => tell("metrics", &error, report),
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
            Err(error) => tell("auto_scaling", &error, report),
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
            Err(error) => tell("auto_scaling", &error, report),
        }
    }
}

fn tell(check: &str, error: &Error, report: &mut Report) {
    match error {
        Error::Throttled { .. } => report.warn(check, error.to_string(), remedy(error)),
        _ => report.fail(check, error.to_string(), remedy(error)),
    }
}

/// What to do about a call that failed.
fn remedy(error: &Error) -> String {
    match error {
        Error::Denied { why, .. } if why.contains("no credentials") => {
            "give the instance a profile with the role of docs/permissions.md, or set `aws.profile`"
                .to_owned()
        }
        Error::Denied { action, .. } => {
            format!("allow {action} to the role of this host; see docs/permissions.md")
        }
        Error::Throttled { .. } => "ask again; if it lasts, ask for a higher quota".to_owned(),
        Error::Unavailable { why, .. } | Error::Unreachable { why, .. } => {
            by_network(why).to_owned()
        }
        Error::NotFound { .. } | Error::Rejected { .. } => {
            "correct what the configuration names".to_owned()
        }
    }
}

/// The remedy by the words of the network's errors.
fn by_network(why: &str) -> &'static str {
    let why = why.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["lookup", "dns", "resolve"]) {
        "the name has no address: look at /etc/resolv.conf, `aws.region`, and the VPC's DNS settings"
    } else if says(&["certificate", "tls", "handshake"]) {
        "TLS fails: set `aws.ca_bundle` if a proxy looks into it, or install ca-certificates"
    } else if says(&["proxy", "tunnel"]) {
        "the proxy does not let it through: look at `aws.proxy` and `aws.no_proxy`"
    } else {
        "nothing answers: allow TCP 443 in security group and route, add a VPC endpoint for the \
         service, or set `aws.proxy`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_own_remedy() {
        let unreachable = |why: &str| Error::Unreachable {
            call: "PutLogEvents",
            why: why.to_owned(),
        };
        let denied = |why: &str| Error::Denied {
            call: "PutLogEvents",
            action: "logs:PutLogEvents",
            why: why.to_owned(),
        };
        let cases = [
            (
                unreachable("dns error: failed to lookup address information"),
                "resolv.conf",
            ),
            (
                unreachable("invalid peer certificate: UnknownIssuer"),
                "aws.ca_bundle",
            ),
            (unreachable("tunnel error: unsuccessful"), "aws.proxy"),
            (
                unreachable("Connection refused (os error 111)"),
                "VPC endpoint",
            ),
            (denied("no credentials: none found"), "profile"),
            (denied("User is not authorized"), "allow logs:PutLogEvents"),
        ];
        for (error, expected) in cases {
            assert!(
                remedy(&error).contains(expected),
                "{error}: {}",
                remedy(&error)
            );
        }
    }
}
