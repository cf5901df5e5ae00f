//! Signals as one JSON object: what `signal list` tells, for machines to read.

use serde_json::{Value, json};

use super::{SignalConfig, SignalsConfig};
use crate::config::{Probe, ProbeKind};
use crate::estimate::SignalsPrice;

/// The object and a newline. Durations are in seconds, the price in US dollars a month.
pub(super) fn list(signals: &SignalsConfig) -> String {
    let price = SignalsPrice::of(signals);
    let all: Vec<Value> = signals.signals.iter().map(signal).collect();
    let list = json!({
        "namespace": signals.namespace,
        "group": signals.group,
        "interval_seconds": signals.interval.as_secs(),
        "signals": all,
        "month": {
            "calls_of_this_instance": price.calls,
            "calls_usd": price.calls_usd,
            "series_of_the_group": price.series,
            "series_usd": price.series_usd,
        },
    });
    format!("{list}\n")
}

fn signal(signal: &SignalConfig) -> Value {
    let expression = &signal.expression;
    let metrics: Vec<String> = expression.metrics().map(ToString::to_string).collect();
    let signals: Vec<String> = expression.signals().map(ToString::to_string).collect();
    json!({
        "name": &*signal.name,
        "unit": signal.unit.as_str(),
        "expression": expression.to_string(),
        "metrics": metrics,
        "signals": signals,
        "target": signal.target,
        "warm_up_seconds": signal.warm_up.as_secs_f64(),
        "health": signal.health.iter().map(probe).collect::<Vec<_>>(),
    })
}

fn probe(probe: &Probe) -> Value {
    let (kind, asked) = match &probe.kind {
        ProbeKind::Http { host, path, .. } => ("http", format!("http://{host}{path}")),
        ProbeKind::Tcp(address) => ("tcp", address.to_string()),
        ProbeKind::File(path) => ("file", path.display().to_string()),
        ProbeKind::Unit(unit) => ("unit", unit.clone()),
    };
    json!({
        kind: asked,
        "interval_seconds": probe.interval.as_secs_f64(),
        "timeout_seconds": probe.timeout.as_secs_f64(),
        "failures": probe.failures,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::signals;
    use super::*;

    #[test]
    fn the_object_tells_what_the_text_tells() {
        let told: Value = serde_json::from_str(&list(&signals())).expect("JSON");
        assert_eq!(
            told["signals"],
            json!([{
                "name": "busy", "unit": "Percent", "expression": "cpu_usage_active / 2",
                "metrics": ["cpu_usage_active"], "signals": [], "target": 70.0,
                "warm_up_seconds": 0.0,
                "health": [{ "file": "/run/up", "interval_seconds": 5.0,
                             "timeout_seconds": 2.0, "failures": 2 }],
            }])
        );
        assert_eq!(
            (&told["group"], &told["interval_seconds"]),
            (&json!("web"), &json!(10))
        );
        let month = &told["month"];
        assert_eq!(month["calls_of_this_instance"], json!(259_200.0));
        assert_eq!(month["series_of_the_group"], json!(1));
    }
}
