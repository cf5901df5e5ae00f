//! What is replayed: a history, a group, alternatives. Read from TOML.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use plimsoll_core::config::{Document, Field, Section};
use plimsoll_core::price::on_demand_hourly;
use serde::Deserialize;

use super::history::{History, Unit};
use super::input;
use super::rule::Rule;
use super::run::{Alternative, Group};
use super::signal::Signal;

/// Most instances of a group that is simulated.
pub const INSTANCES_MAX: u32 = 1_000;
/// The longest start or warm-up.
pub const START_MAX: Duration = Duration::from_hours(1);
/// From launch to service when nobody says: what a small Linux instance with a load balancer's
/// health check usually takes. An assumption.
pub const START_UP: Duration = Duration::from_secs(90);
/// From service to the full share when nobody says. An assumption.
pub const WARM_UP: Duration = Duration::from_mins(1);

/// Everything that a back-test needs.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The load.
    pub history: History,
    /// The group.
    pub group: Group,
    /// What to compare.
    pub alternatives: Vec<Alternative>,
    /// The instance type that was priced.
    pub instance_type: String,
}

/// What a file says before other files are read.
#[derive(Debug)]
struct Raw {
    file: Option<String>,
    unit: Unit,
    group: Group,
    instance_type: String,
    spot_prices: Option<String>,
    alternatives: Vec<RawAlternative>,
}

#[derive(Debug)]
struct RawAlternative {
    name: String,
    signal: Signal,
    policies: Vec<(String, Option<String>)>,
}

/// Reads a scenario; paths in it are relative to it. `history` comes before the one that it names.
///
/// # Errors
/// Every mistake of the file with its place, else the first of the files that it names.
pub fn read(path: &Path, history: Option<&Path>) -> Result<Scenario, String> {
    let document = Document::read(path).map_err(|problems| problems.to_string())?;
    let raw = document
        .parse(|root| Some(raw(root)))
        .map_err(|problems| problems.to_string())?;
    let beside = |name: &str| path.parent().unwrap_or(Path::new("")).join(name);
    let named: PathBuf = match (history, &raw.file) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => beside(name),
        (None, None) => {
            return Err(format!(
                "{}: history.file: missing, expected a file, or one on the command line",
                path.display()
            ));
        }
    };
    let mut alternatives = Vec::with_capacity(raw.alternatives.len());
    for alternative in raw.alternatives {
        let read = |(policy, alarm): &(String, Option<String>)| -> Result<Rule, String> {
            input::rule(
                &beside(policy),
                alarm.as_ref().map(|name| beside(name)).as_deref(),
            )
        };
        alternatives.push(Alternative {
            rules: alternative
                .policies
                .iter()
                .map(read)
                .collect::<Result<_, _>>()?,
            name: alternative.name,
            signal: alternative.signal,
        });
    }
    let mut group = raw.group;
    if let Some(name) = raw.spot_prices {
        group.spot = spot_prices(&beside(&name), &raw.instance_type)?;
    }
    Ok(Scenario {
        history: History::read(&named, raw.unit)?,
        group,
        alternatives,
        instance_type: raw.instance_type,
    })
}

fn raw(root: &mut Section<'_>) -> Raw {
    let (mut file, mut unit) = (None, Unit::Total);
    if let Some(mut history) = root.take_section("history") {
        file = history.take_name("file").map(|field| field.value);
        let units = [("total", Unit::Total), ("per_instance", Unit::PerInstance)];
        unit = history
            .take_choice("unit", &units)
            .map_or(unit, |field| field);
        history.finish();
    }
    let mut group = Group {
        min: 1,
        max: 10,
        desired: 1,
        start_up: seconds(START_UP),
        warm_up: seconds(WARM_UP),
        objective: 0.0,
        on_demand: 0.0,
        spot: Vec::new(),
    };
    let (mut instance_type, mut spot_prices) = (String::new(), None);
    match root.take_section("group") {
        Some(mut section) => {
            (instance_type, spot_prices) = take_group(&mut section, &mut group);
            section.finish();
        }
        None => root.report_missing("group", "expected [group] with objective and instance_type"),
    }
    let mut alternatives = Vec::new();
    for mut section in root.take_sections("alternative") {
        alternatives.push(take_alternative(&mut section));
        section.finish();
    }
    if alternatives.is_empty() {
        root.report_missing("alternative", "expected one [[alternative]] or more");
    }
    Raw {
        file,
        unit,
        group,
        instance_type,
        spot_prices,
        alternatives,
    }
}

fn seconds(length: Duration) -> u32 {
    u32::try_from(length.as_secs()).unwrap_or(u32::MAX)
}

fn whole(section: &mut Section<'_>, key: &'static str, least: u32) -> Option<u32> {
    let allowed = u64::from(least)..=u64::from(INSTANCES_MAX);
    u32::try_from(section.take_integer(key, allowed)?).ok()
}

fn take_group(section: &mut Section<'_>, group: &mut Group) -> (String, Option<String>) {
    group.min = whole(section, "min", 0).unwrap_or(group.min);
    group.max = whole(section, "max", 1).unwrap_or(group.max);
    if group.min > group.max {
        let found = format!("found {}, below min = {}", group.max, group.min);
        section.report("max", &found, "expected no less than min", None);
    }
    group.desired = whole(section, "desired", 0)
        .unwrap_or(group.min)
        .clamp(group.min.min(group.max), group.max);
    let mut time = |key, default| {
        section
            .take_duration(key, Duration::ZERO..=START_MAX)
            .map_or(default, seconds)
    };
    group.start_up = time("start_up", group.start_up);
    group.warm_up = time("warm_up", group.warm_up);
    match section.take_number("objective", f64::MIN_POSITIVE..=1e15) {
        Some(objective) => group.objective = objective,
        None => section.report_missing(
            "objective",
            "expected what one instance should carry at most, in the unit of the history",
        ),
    }
    let written = section.take_number("on_demand", 0.0..=1e4);
    let kind = section.take_name("instance_type");
    match (written, &kind) {
        (Some(price), _) => group.on_demand = price,
        (None, Some(field)) => match price(&field.value) {
            Ok(price) => group.on_demand = price,
            Err(problem) => section.reject(
                field,
                &format!("found \"{}\"", field.value),
                &format!("expected {problem}"),
            ),
        },
        (None, None) => section.report_missing("instance_type", "expected a type or on_demand"),
    }
    if let Some(spot) = section.take_number("spot", 0.0..=1e4) {
        group.spot = vec![(i64::MIN, spot)];
    }
    let prices = section.take_name("spot_prices").map(|field| field.value);
    (
        kind.map_or_else(|| "instance".to_owned(), |field: Field<String>| field.value),
        prices,
    )
}

/// The list price of an instance type.
///
/// # Errors
/// What to say instead.
pub fn price(kind: &str) -> Result<f64, String> {
    on_demand_hourly(kind).ok_or_else(|| {
        "a type of the price list (c5 to c7i, m5 to m7i, r5 to r7i, t3, g4dn to g6, p2 to p5), or \
         its price an hour as on_demand"
            .to_owned()
    })
}

fn take_alternative(section: &mut Section<'_>) -> RawAlternative {
    let name = section.take_name("name").map(|field| field.value);
    let signal = section.take_choice("signal", &Signal::all());
    let mut policies = Vec::new();
    for mut policy in section.take_sections("policy") {
        let file = policy.take_name("file").map(|field| field.value);
        let alarm = policy.take_name("alarm").map(|field| field.value);
        match file {
            Some(file) => policies.push((file, alarm)),
            None => policy.report_missing("file", "expected the input of put-scaling-policy"),
        }
        policy.finish();
    }
    if policies.is_empty() {
        section.report_missing("policy", "expected one [[alternative.policy]] or more");
    }
    RawAlternative {
        name: name.unwrap_or_else(|| "unnamed".to_owned()),
        signal: signal.unwrap_or(Signal::AGENT),
        policies,
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SpotHistory {
    spot_price_history: Vec<SpotPrice>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SpotPrice {
    instance_type: String,
    #[serde(rename = "SpotPrice")]
    price: String,
    timestamp: String,
}

/// The prices of `kind` in what `aws ec2 describe-spot-price-history` prints, ascending by time.
///
/// # Errors
/// The file and what is wrong with it.
pub fn spot_prices(path: &Path, kind: &str) -> Result<Vec<(i64, f64)>, String> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let read: SpotHistory =
        serde_json::from_str(&text).map_err(|error| named(error.to_string()))?;
    let mut prices = Vec::new();
    for entry in read.spot_price_history {
        if entry.instance_type != kind {
            continue;
        }
        let at: Option<Timestamp> = entry.timestamp.parse().ok();
        let price: Option<f64> = entry.price.parse().ok();
        match (at, price.filter(|price| price.is_finite() && *price >= 0.0)) {
            (Some(at), Some(price)) => prices.push((at.as_second(), price)),
            _ => {
                return Err(named(format!(
                    "found Timestamp {} with SpotPrice {}, expected a time and US$ an hour",
                    entry.timestamp, entry.price
                )));
            }
        }
    }
    if prices.is_empty() {
        return Err(named(format!("no price of {kind}")));
    }
    prices.sort_by_key(|(at, _)| *at);
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spot_prices_are_those_of_the_type_in_the_order_of_time_or_a_clear_refusal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spot.json");
        let asked = |entries: &str| {
            let text = format!(r#"{{"SpotPriceHistory": [{entries}]}}"#);
            std::fs::write(&path, text).unwrap();
            spot_prices(&path, "m7g.large")
        };
        let entry = |kind: &str, price: &str, at: &str| {
            format!(r#"{{"InstanceType": "{kind}", "SpotPrice": "{price}", "Timestamp": "{at}"}}"#)
        };
        let later = entry("m7g.large", "0.04", "2026-11-24T01:00:00Z");
        let first = entry("m7g.large", "0.03", "2026-11-24T00:00:00+00:00");
        let other = entry("c7g.large", "0.02", "2026-11-24T00:00:00Z");
        let prices = asked(&format!("{later},{other},{first}")).unwrap();
        assert_eq!(prices.len(), 2);
        assert!(prices[0].0 < prices[1].0 && prices[0].1 < prices[1].1);
        for (entries, expected) in [
            (other, "no price of m7g.large"),
            (
                entry("m7g.large", "cheap", "2026-11-24T00:00:00Z"),
                "SpotPrice cheap",
            ),
            (entry("m7g.large", "0.03", "noon"), "Timestamp noon"),
        ] {
            let told = asked(&entries).unwrap_err();
            assert!(
                told.contains(expected) && told.contains("spot.json"),
                "{told}"
            );
        }
    }
}
