//! The rights that a configuration needs, and no others. Pure.
//!
//! `plimsoll-agent policy` prints them, `doctor` tries them, and the document below `packaging/iam`
//! is made of them. Names with placeholders become patterns, because each host fills them in its
//! own way.

#[cfg(test)]
mod tests;

use plimsoll_aws::policy::{Place, Policy};
use plimsoll_aws::{Call, beside};

use crate::config::stored;
use crate::config::{Config, LogsTemplate, MetricsConfig, Placeholder, Template};
use crate::derive::Refiner;

/// The dimension that names the Auto Scaling group.
const GROUP: &str = "AutoScalingGroupName";
/// Parameters of fleets, and those that the amazon-cloudwatch-agent's own policy allows.
/// Source: CloudWatch user guide, `CloudWatchAgentServerPolicy`.
const ANY_PARAMETER: [&str; 2] = ["plimsoll/*", "AmazonCloudWatch-*"];

/// What is asked of AWS. Names are patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Log groups that are written to.
    groups: Vec<String>,
    /// Those of them that are made with tags.
    tagged: Vec<String>,
    /// Those of them whose events are kept for a number of days.
    kept: Vec<String>,
    /// Namespaces of metrics.
    namespaces: Vec<String>,
    /// Whether hooks are completed.
    completes: bool,
    /// Whether their waits are prolonged.
    prolongs: bool,
    /// Whether the name of the Auto Scaling group matters.
    group_name: bool,
    /// Parameters that the configuration is read from, without the first slash.
    parameters: Vec<String>,
    /// The role that everything else is done in.
    role: Option<String>,
}

impl Needs {
    /// Everything that the agent can ever need, in its own namespaces. The role of `aws.role_arn` is
    /// no part of it: each is one that somebody chose.
    #[must_use]
    pub fn all() -> Self {
        let any = || vec!["*".to_owned()];
        Self {
            groups: any(),
            tagged: any(),
            kept: any(),
            namespaces: vec!["Plimsoll/*".to_owned()],
            completes: true,
            prolongs: true,
            group_name: true,
            parameters: ANY_PARAMETER.map(str::to_owned).to_vec(),
            role: None,
        }
    }

    /// What this configuration needs.
    #[must_use]
    pub(crate) fn of(config: &Config) -> Self {
        let mut needs = Self::default();
        if let Some(logs) = &config.logs {
            needs.add_logs(logs);
        }
        if let Some(metrics) = &config.metrics {
            needs.namespaces = namespaces(metrics, config.logs.as_ref());
        }
        let signals = config.signals.as_ref();
        needs
            .namespaces
            .extend(signals.map(|signals| signals.namespace.clone()));
        let lifecycle = &config.lifecycle;
        needs.prolongs = lifecycle.termination_hook.is_some();
        needs.completes = needs.prolongs || lifecycle.launch_hook.is_some();
        needs.group_name = names_group(config);
        if let Some(Ok(names)) = config.file.as_deref().and_then(stored::names) {
            needs.parameters = names.iter().map(|name| parameter(name)).collect();
        }
        needs.role = config.aws.role.as_ref().map(|role| role.arn.clone());
        needs
    }

    fn add_logs(&mut self, logs: &LogsTemplate) {
        for (name, settings) in logs.groups() {
            let name = name.pattern();
            if !settings.tags.is_empty() {
                self.tagged.push(name.clone());
            }
            if settings.retention_days.is_some() {
                self.kept.push(name.clone());
            }
            self.groups.push(name);
        }
    }

    /// The document. `keys` are ARNs of KMS keys that parameters are encrypted with.
    #[must_use]
    pub fn policy(&self, place: &Place, keys: &[String]) -> Policy {
        let mut policy = Policy::default();
        let groups = |names: &[String]| {
            let arns = names.iter().flat_map(|name| group_arns(place, name));
            arns.collect::<Vec<_>>()
        };
        let logs = [
            Call::CreateLogGroup,
            Call::CreateLogStream,
            Call::PutLogEvents,
        ];
        policy.allow("Logs", &logs.map(Call::action), groups(&self.groups));
        policy.allow("Tags", &[beside::TAG_LOG_GROUP], groups(&self.tagged));
        let keep = Call::PutRetentionPolicy.action();
        policy.allow("Retention", &[keep], groups(&self.kept));
        policy.allow_if(
            "Metrics",
            &[Call::PutMetricData.action()],
            // The call knows no resource.
            ["*".to_owned()],
            "cloudwatch:namespace",
            self.namespaces.iter().cloned(),
        );
        let hooks = [
            (self.completes, Call::CompleteLifecycleAction),
            (self.prolongs, Call::RecordLifecycleActionHeartbeat),
        ];
        let hooks = hooks.into_iter().filter(|(needed, _)| *needed);
        let hooks: Vec<&str> = hooks.map(|(_, call)| call.action()).collect();
        let any_group = place.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*");
        policy.allow("Lifecycle", &hooks, [any_group]);
        if self.group_name {
            // The call knows no resource.
            policy.allow(
                "NameOfTheGroup",
                &[Call::DescribeTags.action()],
                ["*".to_owned()],
            );
        }
        let named = self
            .parameters
            .iter()
            .map(|name| match name.strip_prefix("arn:") {
                Some(_) => name.clone(),
                None => place.arn("ssm", &format!("parameter/{name}")),
            });
        policy.allow("StoredConfiguration", &[Call::GetParameter.action()], named);
        if !self.parameters.is_empty() {
            let through = [format!("ssm.{}.amazonaws.com*", place.region)];
            let keys = keys.iter().cloned();
            policy.allow_if("Keys", &[beside::DECRYPT], keys, "kms:ViaService", through);
        }
        policy.allow("Role", &[Call::AssumeRole.action()], self.role.clone());
        if let Some(role) = &self.role {
            policy.notes.push(format!(
                "`Role`, `StoredConfiguration` and `Keys` are for the credentials that the host has, \
                 everything else is for {role}"
            ));
        }
        policy
    }

    /// Namespaces of metrics that are told; one that ends with `*` is not known better.
    pub(crate) fn namespaces(&self) -> &[String] {
        &self.namespaces
    }
}

/// Whether anything asks for the name of the Auto Scaling group.
pub(crate) fn names_group(config: &Config) -> bool {
    let lifecycle = &config.lifecycle;
    let hooks = lifecycle.termination_hook.is_some() || lifecycle.launch_hook.is_some();
    let signals = config
        .signals
        .as_ref()
        .is_some_and(|signals| signals.group.is_none());
    let logs = config.logs.as_ref();
    let logs = logs.is_some_and(|logs| logs.names(&Placeholder::AutoScalingGroup));
    hooks || signals || logs || config.metrics.as_ref().is_some_and(metrics_name_group)
}

fn metrics_name_group(metrics: &MetricsConfig) -> bool {
    let shape = &metrics.shape;
    let mut lists = shape.sets.iter().chain(&shape.aggregations).flatten();
    let mut appended = shape
        .append
        .iter()
        .chain(shape.append_of.values().flatten());
    let holds = |template: &Template| template.holds(&Placeholder::AutoScalingGroup);
    lists.any(|name| name.trim_end_matches('?') == GROUP)
        || appended.any(|(_, template)| holds(template))
}

/// Where metrics may go. A document of embedded metric format brings its own namespace.
fn namespaces(metrics: &MetricsConfig, logs: Option<&LogsTemplate>) -> Vec<String> {
    let shape = &metrics.shape;
    let mut all = vec![shape.namespace.clone()];
    all.extend(shape.namespace_of.values().cloned());
    let targets = metrics.applications.prometheus.iter();
    all.extend(targets.filter_map(|target| target.rules.namespace.as_deref().map(str::to_owned)));
    let refiners = logs.into_iter().flat_map(LogsTemplate::refiners);
    for namespace in refiners.flat_map(Refiner::namespaces) {
        all.push(namespace.to_owned());
    }
    if metrics.applications.emf.is_some() {
        all.push("*".to_owned());
    }
    all
}

/// A log group, and what is in it. A name that ends with `*` stands for both.
/// Source: CloudWatch Logs API reference, `LogGroup`, `arn` and `logGroupArn`.
fn group_arns(place: &Place, name: &str) -> Vec<String> {
    let group = place.arn("logs", &format!("log-group:{name}"));
    if name.ends_with('*') {
        return vec![group];
    }
    vec![format!("{group}:*"), group]
}

/// The name of a parameter as an ARN has it: without the slash in front, and without a version or a
/// label. Source: Systems Manager API reference, `GetParameter`, `Name`.
fn parameter(name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let (name, _version) = name.split_once(':').unwrap_or((name, ""));
    name.strip_prefix('/').unwrap_or(name).to_owned()
}
