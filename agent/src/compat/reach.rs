//! How AWS is reached, which the amazon-cloudwatch-agent is told in three sections: Region, endpoints
//! and role.

use super::agent::Agent;
use super::logs::Logs;
use super::metrics::Metrics;
use super::reader::Item;
use super::report::Notes;
use super::toml::Table;

/// `[aws]` and what is below it.
pub(super) fn tables(agent: &Agent, metrics: &Metrics, logs: &Logs, notes: &Notes) -> Vec<Table> {
    let mut aws = Table::named("aws");
    if let Some(region) = &agent.region {
        aws.set("region", region.value.clone(), &region.at);
    }
    let mut endpoints = Table::named("aws.endpoint_urls");
    for (service, endpoint) in [("monitoring", &metrics.endpoint), ("logs", &logs.endpoint)] {
        if let Some(endpoint) = endpoint {
            endpoints.set(service, url(&endpoint.value), &endpoint.at);
        }
    }
    if let Some(dual) = &agent.dual_stack {
        if dual.value && !endpoints.is_empty() {
            let how = "endpoint_override names the endpoint, so this has no effect";
            notes.changed(&dual.at, how);
        } else {
            aws.set("dual_stack", dual.value, &dual.at);
        }
    }
    if let Some(role) = role(agent, metrics, logs, notes) {
        aws.set("role_arn", role.value, &role.at);
    }
    let tables = [aws, endpoints].into_iter();
    tables.filter(|table| !table.is_empty()).collect()
}

/// The one role that there is here. Metrics and logs with different ones are refused: the logs of
/// one account must not go to another.
fn role(agent: &Agent, metrics: &Metrics, logs: &Logs, notes: &Notes) -> Option<Item<String>> {
    let arn = |role: &Option<Item<String>>| {
        let role = role.clone()?;
        if role.value.starts_with("arn:") && role.value.contains(":role/") {
            return Some(role);
        }
        notes.not_supported(&role.at, "not the ARN of a role, so none is assumed");
        None
    };
    let usual = arn(&agent.role);
    let of_metrics = arn(&metrics.role).or_else(|| usual.clone());
    let of_logs = arn(&logs.role).or(usual);
    let name = |role: &Option<Item<String>>| role.as_ref().map(|role| role.value.clone());
    if !logs.is_used || !metrics.is_used {
        return if logs.is_used { of_logs } else { of_metrics };
    }
    let (one, other) = (name(&of_metrics), name(&of_logs));
    if one != other
        && let Some(role) = of_logs.as_ref().or(of_metrics.as_ref())
    {
        let told = |name: Option<String>| name.unwrap_or_else(|| "none".to_owned());
        let found = format!(
            "found {} for metrics and {} for logs",
            told(one),
            told(other)
        );
        let expected = "expected one role; run two services for two";
        notes.wrong(&role.at, &found, expected, None);
    }
    of_metrics
}

/// An endpoint with its scheme, which may be left out there.
fn url(endpoint: &str) -> String {
    if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("https://{endpoint}")
    }
}
