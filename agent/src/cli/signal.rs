//! `plimsoll-agent signal list | explain | test`: what signals are made of, what they cost, and what
//! they would say of given metrics.
//!
//! Reads the configuration and asks nothing else, so it never tells what a signal's value is now.

mod given;
mod json;

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use plimsoll_core::cli::print;
use plimsoll_core::config::nearest;

use super::{ConfigArgs, configuration};
use crate::config::{Probe, ProbeKind, SignalConfig, SignalsConfig};
use crate::estimate::SignalsPrice;

/// Whatever a policy asks of a metric for, its period must not be shorter than the samples.
/// Source: EC2 Auto Scaling API reference, `TargetTrackingMetricStat`, `Period`: 10, 30 or 60.
const PERIODS: [u64; 3] = [10, 30, 60];

#[derive(Debug, Args)]
pub(super) struct SignalArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Each signal with its expression and probes, and what all of them cost.
    List {
        /// One JSON object for machines to read.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// What a signal would say if its metrics were as given; it fails when the signal would be
    /// withheld.
    Test {
        /// Its name.
        name: String,
        /// A metric as `explain` prints it, and its value: `--with cpu_usage_active=72`.
        #[arg(long, value_name = "METRIC=VALUE", value_parser = given::pair)]
        with: Vec<(String, f64)>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// What a signal is computed from, what withholds it, and the policy that fits it.
    Explain {
        /// Its name.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// Does what the arguments say.
pub(super) fn run(args: &SignalArgs) -> Result<(), String> {
    let (Command::List { config, .. }
    | Command::Explain { config, .. }
    | Command::Test { config, .. }) = &args.command;
    let Some(signals) = configuration(config)?.signals else {
        return Err(format!("{}: no [[signal]]\n", config.path().display()));
    };
    let text = match &args.command {
        Command::List { json: true, .. } => json::list(&signals),
        Command::List { json: false, .. } => list(&signals),
        Command::Explain { name, .. } => explain(&signals, name)?,
        Command::Test { name, with, .. } => given::test(&signals, name, with)?,
    };
    print(&text);
    Ok(())
}

fn list(signals: &SignalsConfig) -> String {
    let mut text = String::new();
    for signal in &signals.signals {
        let unit = signal.unit.as_str();
        writeln!(
            text,
            "{} ({unit}, each {:?}) = {}",
            signal.name, signals.interval, signal.expression
        )
        .ok();
        for probe in &signal.health {
            writeln!(text, "  while {}", said(probe)).ok();
        }
    }
    writeln!(text, "a month, list prices: {}", SignalsPrice::of(signals)).ok();
    text
}

fn called<'s>(signals: &'s SignalsConfig, name: &str) -> Result<&'s SignalConfig, String> {
    let all = &signals.signals;
    all.iter()
        .find(|signal| *signal.name == *name)
        .ok_or_else(|| {
            let near = nearest(name, all.iter().map(|signal| &*signal.name));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("no signal is called \"{name}\"{near}\n")
        })
}

fn explain(signals: &SignalsConfig, name: &str) -> Result<String, String> {
    let signal = called(signals, name)?;
    let mut text = format!("{} = {}\n", signal.name, signal.expression);
    for other in signal.expression.signals() {
        writeln!(text, "  needs signal {other}").ok();
    }
    for metric in signal.expression.metrics() {
        writeln!(text, "  needs metric {metric}").ok();
    }
    let warm_up = signal.warm_up;
    writeln!(text, "  withheld for {warm_up:?} after the start and after each time its application begins to answer").ok();
    for probe in &signal.health {
        writeln!(text, "  withheld unless {}", said(probe)).ok();
    }
    writeln!(
        text,
        "  withheld while a metric is not told, a division is by zero, or the instance leaves"
    )
    .ok();
    let (seconds, unit) = (signals.interval.as_secs(), signal.unit.as_str());
    let group = signals.group.as_deref().unwrap_or("the instance's group");
    writeln!(
        text,
        "  told as {}, {}, {{AutoScalingGroupName = {group}}}, in {unit}, each {seconds} s, storage resolution 1 s",
        signals.namespace, signal.name
    )
    .ok();
    if let Some(target) = signal.target {
        let policy = policy(signals, signal, target);
        writeln!(text, "target tracking configuration that fits:\n{policy:#}").ok();
    }
    Ok(text)
}

/// Source: EC2 Auto Scaling API reference, `TargetTrackingConfiguration`; the metrics form is the
/// one whose period may be below a minute.
fn policy(signals: &SignalsConfig, signal: &SignalConfig, target: f64) -> serde_json::Value {
    let interval = signals.interval.as_secs();
    let period = PERIODS.into_iter().find(|period| *period >= interval);
    let group = signals.group.as_deref().unwrap_or("GROUP");
    serde_json::json!({
        "CustomizedMetricSpecification": { "Metrics": [{
            "Id": "signal",
            "MetricStat": {
                "Metric": {
                    "Namespace": signals.namespace,
                    "MetricName": &*signal.name,
                    "Dimensions": [{ "Name": "AutoScalingGroupName", "Value": group }],
                },
                "Stat": "Average",
                "Period": period.unwrap_or(60),
            },
            "ReturnData": true,
        }] },
        "TargetValue": target,
    })
}

fn said(probe: &Probe) -> String {
    match &probe.kind {
        ProbeKind::Http { host, path, .. } => format!("http://{host}{path} answers"),
        ProbeKind::Tcp(address) => format!("{address} takes connections"),
        ProbeKind::File(path) => format!("{} exists", path.display()),
        ProbeKind::Unit(unit) => format!("{unit} is active"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(super) fn signals() -> SignalsConfig {
        let text = "[signals]\ngroup = \"web\"\n[[signal]]\nname = \"busy\"\nunit = \"Percent\"\n\
                    expression = \"cpu_usage_active/2\"\ntarget = 70\nhealth = [{ file = \"/run/up\" }]\n";
        Config::from_text("agent.toml", text)
            .unwrap()
            .signals
            .unwrap()
    }

    #[test]
    fn a_list_tells_expression_probes_and_price() {
        let told = list(&signals());
        for expected in [
            "busy (Percent, each 10s) = cpu_usage_active / 2\n",
            "  while /run/up exists\n",
            "US$ 2.59 for 259200 calls of this instance; US$ 0.30 for 1 series",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn an_explanation_tells_needs_and_the_policy_that_fits() {
        let told = explain(&signals(), "busy").unwrap();
        for expected in [
            "  needs metric cpu_usage_active\n",
            "{AutoScalingGroupName = web}",
            "\"Period\": 10",
            "\"TargetValue\": 70.0",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
        let unknown = explain(&signals(), "bussy").unwrap_err();
        assert!(unknown.contains("did you mean `busy`?"), "{unknown}");
    }
}
