//! `plimsoll-collector backtest`: files in, a table, JSON and a plot out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use plimsoll_core::cli::print;
use plimsoll_core::config::parse_duration;

use crate::backtest::history::{History, Unit};
use crate::backtest::rule::Rule;
use crate::backtest::run::{Alternative, Group, Outcome, run};
use crate::backtest::scenario::{
    INSTANCES_MAX, START_MAX, START_UP, Scenario, WARM_UP, price, read, spot_prices,
};
use crate::backtest::search::{Found, search};
use crate::backtest::signal::Signal;
use crate::backtest::{input, plot, report};

/// Share of the history that may be over the objective unless `--allow-minutes` says.
const ALLOWED_SHARE: f64 = 0.01;

/// What to replay, and how to show it.
#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// The load: CSV with time,value and perhaps capacity, or what `aws cloudwatch get-metric-statistics` or
    /// `get-metric-data` prints.
    #[arg(value_name = "HISTORY", required_unless_present = "scenario")]
    history: Option<PathBuf>,
    /// A TOML file with the group and the alternatives; it may name the history.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "policy", "instance_type"])]
    scenario: Option<PathBuf>,
    /// What one instance should carry, in the unit of the history.
    #[arg(long, value_name = "N", required_unless_present = "scenario")]
    target: Option<f64>,
    /// Values of the history are averages of its instances, with the capacity in a third column.
    #[arg(long)]
    per_instance: bool,
    /// Input of `aws autoscaling put-scaling-policy` with target tracking, each an alternative of
    /// its own. None: target tracking at --target, by three signals.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// Instance type, for its price.
    #[arg(long, value_name = "TYPE", default_value = "m7g.large")]
    instance_type: String,
    /// Output of `aws ec2 describe-spot-price-history`.
    #[arg(long, value_name = "FILE")]
    spot_prices: Option<PathBuf>,
    /// Fewest instances.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=i64::from(INSTANCES_MAX)))]
    min: u32,
    /// Most instances.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(INSTANCES_MAX)))]
    max: u32,
    /// From the launch of an instance to its service. Default: 90s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    start_up: Option<Duration>,
    /// From service until an instance carries its full share. Default: 60s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    warm_up: Option<Duration>,
    /// Look for better parameters, and print them as input for the AWS CLI.
    #[arg(long)]
    suggest: bool,
    /// Minutes over the target that a suggestion may have. Default: 1 % of the history.
    #[arg(long, value_name = "N", requires = "suggest", value_parser = minutes)]
    allow_minutes: Option<f64>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// Write a plot.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|minutes| minutes.is_finite() && *minutes >= 0.0)
        .ok_or_else(|| "expected minutes, zero or more".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).map_err(str::to_owned)?;
    if length > START_MAX {
        return Err(format!("expected at most {START_MAX:?}"));
    }
    Ok(length)
}

/// Does it.
///
/// # Errors
/// The line to complain with: a file, its line or key, and what was expected.
pub(super) fn backtest(args: &BacktestArgs) -> Result<(), String> {
    let scenario = scenario(args).map_err(|problem| format!("{problem}\n"))?;
    let outcomes: Vec<Outcome> = scenario
        .alternatives
        .iter()
        .map(|alternative| run(&scenario.history, &scenario.group, alternative))
        .collect();
    let allowed = args
        .allow_minutes
        .unwrap_or(f64::from(scenario.history.length()) / 60.0 * ALLOWED_SHARE);
    let found = args
        .suggest
        .then(|| search(&scenario.history, &scenario.group, allowed))
        .flatten();
    if let Some(path) = &args.svg {
        let shown: Vec<&Outcome> = outcomes
            .iter()
            .chain(found.as_ref().map(|found: &Found| &found.outcome))
            .collect();
        write_whole(path, &plot::svg(&scenario, &shown))
            .map_err(|error| format!("{}: {error}\n", path.display()))?;
    }
    if args.json {
        print(&format!(
            "{:#}\n",
            report::json(&scenario, &outcomes, found.as_ref())
        ));
    } else {
        print(&report::table(&scenario, &outcomes, found.as_ref()));
    }
    Ok(())
}

/// Writes beside the file and then renames, so that nobody sees half of it.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, text)?;
    std::fs::rename(&partial, path)
}

fn scenario(args: &BacktestArgs) -> Result<Scenario, String> {
    if let Some(path) = &args.scenario {
        return read(path, args.history.as_deref());
    }
    let (Some(history), Some(target)) = (&args.history, args.target) else {
        return Err("expected HISTORY and --target, or --scenario".to_owned());
    };
    if !(target.is_finite() && target > 0.0) {
        return Err(format!("--target: found {target}, expected more than zero"));
    }
    if args.min > args.max {
        return Err(format!(
            "--max: found {}, expected no less than --min {}",
            args.max, args.min
        ));
    }
    let unit = if args.per_instance {
        Unit::PerInstance
    } else {
        Unit::Total
    };
    let seconds = |length: Duration| u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
    let spot = match &args.spot_prices {
        Some(path) => spot_prices(path, &args.instance_type)?,
        None => Vec::new(),
    };
    let group = Group {
        min: args.min,
        max: args.max,
        desired: args.min,
        start_up: seconds(args.start_up.unwrap_or(START_UP)),
        warm_up: seconds(args.warm_up.unwrap_or(WARM_UP)),
        objective: target,
        on_demand: price(&args.instance_type).map_err(|expected| {
            format!(
                "--instance-type: found {}, expected {expected}",
                args.instance_type
            )
        })?,
        spot,
    };
    Ok(Scenario {
        history: History::read(history, unit)?,
        group,
        alternatives: alternatives(args, target)?,
        instance_type: args.instance_type.clone(),
    })
}

fn alternatives(args: &BacktestArgs, target: f64) -> Result<Vec<Alternative>, String> {
    if args.policy.is_empty() {
        let tracked = |(name, signal): (&str, Signal)| {
            let period = if signal.collection < 60 { 10 } else { 60 };
            Alternative {
                name: format!("target {target}, {name}"),
                signal,
                rules: vec![Rule::track(name, target, period, None, true)],
            }
        };
        return Ok(Signal::all().into_iter().take(3).map(tracked).collect());
    }
    let read = |path: &PathBuf| {
        let rule = input::rule(path, None)?;
        Ok(Alternative {
            name: rule.name.clone(),
            signal: Signal::AGENT,
            rules: vec![rule],
        })
    };
    args.policy.iter().map(read).collect()
}
