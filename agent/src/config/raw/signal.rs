//! `[signals]` and `[[signal]]`.

mod known;
mod order;
mod probe;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::catalog::{UNITS, Unit, namespace};
use plimsoll_core::config::{Field, Section, nearest};

use super::super::{LogsTemplate, MetricsConfig, SignalConfig, SignalsConfig};
use super::host::every_family;
use super::metrics::{default_selection, is_namespace};
use crate::scraper::{Family, OFF_BY_DEFAULT, Selection};
use crate::signal::expression::Expression;
use crate::signal::preset::PRESETS;
use known::Known;

/// Fast enough for alarms with periods of 10 seconds.
const INTERVAL: Duration = Duration::from_secs(10);
/// A gauge of a source that tells each minute outlives one gap of it.
const STALE_AFTER: Duration = Duration::from_secs(90);
const STALE_AFTER_MAX: Duration = Duration::from_mins(15);
const WARM_UP_MAX: Duration = Duration::from_hours(1);
/// Each is a custom metric of high resolution; a group scales by a few.
const SIGNALS_MAX: usize = 50;
/// What a target may be; a number that can be divided by and is no mistake.
const TARGETS: std::ops::RangeInclusive<f64> = 1e-6..=1e15;

/// One `[[signal]]`, still with the places of what it says.
struct Draft<'d> {
    section: Section<'d>,
    written: Option<Field<String>>,
    config: Option<SignalConfig>,
}

/// Reads both; `None` if there is no signal.
pub(super) fn read(
    root: &mut Section<'_>,
    metrics: Option<&MetricsConfig>,
    logs: Option<&LogsTemplate>,
) -> Option<SignalsConfig> {
    let mut config = SignalsConfig {
        interval: INTERVAL,
        namespace: namespace::SIGNAL.to_owned(),
        group: None,
        selection: selection(metrics),
        stale_after: STALE_AFTER,
        signals: Vec::new(),
    };
    let (mut warm_up, mut health) = (Duration::ZERO, Vec::new());
    let mut common = root.take_section("signals");
    if let Some(section) = &mut common {
        interval(section, &mut config);
        let name = section.take_name("namespace");
        if let Some(name) = name.filter(|name| is_namespace(section, name)) {
            config.namespace = name.value;
        }
        let group = section.take_name("group");
        config.group = group
            .filter(|name| is_name(section, name))
            .map(|name| name.value);
        let stale = section.take_duration("stale_after", INTERVAL..=STALE_AFTER_MAX);
        config.stale_after = stale.unwrap_or(STALE_AFTER);
        let written = section.take_duration("warm_up", Duration::ZERO..=WARM_UP_MAX);
        warm_up = written.unwrap_or(warm_up);
        health = probe::read(section).unwrap_or(health);
    }
    if let Some(section) = common {
        section.finish();
    }
    let tables = root.take_sections("signal");
    if tables.len() > SIGNALS_MAX {
        let found = format!("found {} signals", tables.len());
        root.report(
            "signal",
            &found,
            &format!("expected at most {SIGNALS_MAX}"),
            None,
        );
    }
    let drafts = tables
        .into_iter()
        .map(|section| draft(section, warm_up, &health));
    let drafts: Vec<Draft<'_>> = drafts.collect();
    check(&drafts, &Known::new(metrics, logs));
    let mut signals = Vec::new();
    for draft in drafts {
        signals.extend(draft.config);
        draft.section.finish();
    }
    config.signals = order::ordered(signals);
    (!config.signals.is_empty()).then_some(config)
}

/// All of the host that needs no table of its own, and what has one; not the agent itself, whose
/// counters are told once.
fn selection(metrics: Option<&MetricsConfig>) -> Selection {
    let measured = metrics.map(|metrics| metrics.selection.clone());
    let mut selection = measured.unwrap_or_else(default_selection);
    let measured = std::mem::take(&mut selection.families);
    let is_wanted = |family: Family| {
        let without_table = !OFF_BY_DEFAULT.contains(&family) || family == Family::Scheduler;
        family != Family::Agent
            && (without_table || measured.iter().any(|one| one.family == family))
    };
    selection.families = every_family().filter(|one| is_wanted(one.family)).collect();
    selection
}

fn interval(section: &mut Section<'_>, config: &mut SignalsConfig) {
    let allowed = Duration::from_secs(1)..=Duration::from_mins(1);
    let Some(interval) = section.take_duration("interval", allowed) else {
        return;
    };
    if interval.subsec_nanos() == 0 && 60 % interval.as_secs() == 0 {
        config.interval = interval;
    } else {
        let expected = "expected whole seconds of which a minute is a multiple";
        section.report("interval", &format!("found {interval:?}"), expected, None);
    }
}

fn draft<'d>(
    mut section: Section<'d>,
    warm_up: Duration,
    health: &[super::super::Probe],
) -> Draft<'d> {
    let name = section.take_name("name");
    if name.is_none() && section.keys().all(|key| key != "name") {
        section.report_missing("name", "expected the name of the metric");
    }
    let name = name.filter(|name| is_name(&section, name));
    let written = section.take_name("expression");
    let preset = section.take_choice("preset", &PRESETS.map(|preset| (preset.name, preset)));
    let unit = unit(&mut section);
    let target = section.take_number("target", TARGETS);
    let own = section.take_duration("warm_up", Duration::ZERO..=WARM_UP_MAX);
    let probes = probe::read(&mut section);
    let both = ["expression", "preset"];
    let given = both
        .into_iter()
        .filter(|key| section.keys().any(|known| known == *key));
    match given.count() {
        0 => section.report_missing("expression", "expected it, or `preset`"),
        1 => {}
        _ => section.report(
            "preset",
            "found `expression` as well",
            "expected one of them",
            None,
        ),
    }
    let text = match (&written, preset) {
        (Some(text), _) => Some(text.value.clone()),
        (None, preset) => preset.map(|preset| preset.expression.to_owned()),
    };
    let config = name.zip(text).and_then(|(name, text)| {
        Some(SignalConfig {
            name: Arc::from(name.value),
            unit: unit
                .or(preset.map(|preset| preset.unit))
                .unwrap_or(Unit::None),
            expression: expression(&section, written.as_ref(), &text)?,
            text,
            target,
            warm_up: own.unwrap_or(warm_up),
            health: probes.unwrap_or_else(|| health.to_vec()),
        })
    });
    Draft {
        section,
        written,
        config,
    }
}

fn expression(
    section: &Section<'_>,
    written: Option<&Field<String>>,
    text: &str,
) -> Option<Expression> {
    match Expression::read(text) {
        Ok(expression) => Some(expression),
        Err(mistake) => {
            if written.is_some() {
                let found = format!("character {}: found {}", mistake.at, mistake.found);
                let expected = format!("expected {}", mistake.expected);
                section.report("expression", &found, &expected, mistake.near);
            }
            None
        }
    }
}

/// What one signal alone cannot say: whether the others and its metrics exist.
fn check(drafts: &[Draft<'_>], known: &Known<'_>) {
    let all = || {
        drafts
            .iter()
            .filter_map(|draft| Some((draft, draft.config.as_ref()?)))
    };
    for (index, (draft, config)) in all().enumerate() {
        let key = if draft.written.is_some() {
            "expression"
        } else {
            "preset"
        };
        let report = |found: &str, expected: &str, near| {
            draft.section.report(key, found, expected, near);
        };
        if all()
            .take(index)
            .any(|(_, other)| other.name == config.name)
        {
            let found = format!("found \"{}\" twice", config.name);
            draft
                .section
                .report("name", &found, "expected each name once", None);
        }
        let expression = &config.expression;
        if expression.metrics().next().is_none() && expression.signals().next().is_none() {
            report(
                "found no metric",
                "expected one: a constant says nothing of the load",
                None,
            );
        }
        for name in expression.signals() {
            if !all().any(|(_, other)| other.name == *name) {
                let names = all().map(|(_, other)| &*other.name);
                let found = format!("found signal \"{name}\"");
                report(
                    &found,
                    "expected the name of a [[signal]]",
                    nearest(name, names),
                );
            }
        }
        for metric in expression.metrics() {
            if let Err(unknown) = known.check(metric) {
                let found = format!("found metric \"{}\"", metric.name);
                report(&found, &unknown.expected, unknown.near);
            }
        }
        let configs: Vec<&SignalConfig> = all().map(|(_, config)| config).collect();
        if let Some(cycle) = order::cycle(&configs, &config.name) {
            report(
                &format!("found a cycle: {cycle}"),
                "expected signals without one",
                None,
            );
        }
    }
}

fn unit(section: &mut Section<'_>) -> Option<Unit> {
    let written = section.take_name("unit")?;
    let unit = Unit::parse(&written.value);
    if unit.is_none() {
        let words = UNITS.iter().map(|unit| unit.as_str());
        let found = format!("found \"{}\"", written.value);
        let expected = "expected a unit of CloudWatch such as Percent, Count or Count/Second";
        section.reject_near(&written, &found, expected, &written.value, words);
    }
    unit
}

/// Source: CloudWatch API reference, `MetricDatum` and `Dimension`.
fn is_name(section: &Section<'_>, name: &Field<String>) -> bool {
    let text = &name.value;
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let good =
        text.len() <= limits::NAME_MAX && text.bytes().all(printable) && !text.starts_with(':');
    if !good {
        let expected = "expected up to 255 printable characters of ASCII, not starting with :";
        section.reject(name, &format!("found \"{text}\""), expected);
    }
    good
}
