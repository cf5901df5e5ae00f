//! What `[metrics]` says about series: appended dimensions, aggregations, rules, and the keys that
//! every table of a scraper or of another source of metrics has.

use std::time::Duration;

use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::catalog::{UNITS, Unit};
use plimsoll_core::config::{Section, nearest};

use super::super::template::Template;
use super::super::{Feed, MetricRule, MetricsConfig, Shape};
use super::metrics::{INTERVAL_MAX, INTERVAL_MIN, is_namespace, patterns};
use crate::scraper::NameFilter;

/// Each aggregation is one more series for every metric that has its dimensions.
const AGGREGATIONS_MAX: usize = 32;
/// More series than this cost more than US$ 3,000 a month for a single metric.
const SERIES_PER_METRIC_MAX: u64 = 10_000;

/// Reads the keys of `[metrics]` itself.
pub(super) fn read(section: &mut Section<'_>, config: &mut MetricsConfig) {
    let shape = &mut config.shape;
    shape.append = append(section);
    if let Some(lists) = section.take_string_lists("aggregation_dimensions") {
        if lists.len() > AGGREGATIONS_MAX {
            let found = format!("found {} lists", lists.len());
            let expected = format!("expected at most {AGGREGATIONS_MAX}");
            section.report("aggregation_dimensions", &found, &expected, None);
        }
        shape.aggregations = lists;
    }
    let written = section.keys().any(|key| key == "per_instance");
    let names = patterns(section, "per_instance");
    if written {
        shape.per_instance = NameFilter::new(&names, NONE).unwrap_or_default();
    }
    let written = section.keys().any(|key| key == "in_every_list");
    let names = patterns(section, "in_every_list");
    if written {
        shape.in_every_list = NameFilter::new(&names, NONE).unwrap_or_default();
    }
    if let Some(series) = section.take_integer("series_per_metric", 1..=SERIES_PER_METRIC_MAX) {
        config.series_per_metric_max = usize::try_from(series).unwrap_or(usize::MAX);
    }
    for mut rule in section.take_sections("rule") {
        let read = read_rule(&mut rule);
        rule.finish();
        shape.rules.push(read);
    }
}

const NONE: &[&str] = &[];

/// Reads what every table of a scraper or of another source may say.
pub(super) fn common(table: &mut Section<'_>, feed: Feed, config: &mut MetricsConfig) {
    let interval = seconds(table, "interval");
    let sample_interval = match feed {
        Feed::Host(_) => seconds(table, "sample_interval"),
        _ => None,
    };
    if let Feed::Host(family) = feed {
        let mut families = config.selection.families.iter_mut();
        if let Some(one) = families.find(|one| one.family == family) {
            one.interval = interval.unwrap_or(one.interval);
            one.sample_interval = sample_interval.unwrap_or(one.sample_interval.min(one.interval));
            if !is_multiple(one.interval, one.sample_interval) {
                let (looks, tells) = (one.sample_interval, one.interval);
                let found = format!("found {looks:?} with an interval of {tells:?}");
                let expected = "expected a time of which `interval` is a multiple";
                table.report("sample_interval", &found, expected, None);
            }
        }
    } else {
        let of = interval.map(|interval| (feed, interval));
        config.applications.interval_of.extend(of);
    }
    if let Some(namespace) = table.take_name("namespace")
        && is_namespace(table, &namespace)
    {
        config.shape.namespace_of.insert(feed, namespace.value);
    }
    measurements(table, feed, &mut config.shape);
    let append = append(table);
    if !append.is_empty() {
        config.shape.append_of.insert(feed, append);
    }
}

fn measurements(table: &mut Section<'_>, feed: Feed, shape: &mut Shape) {
    let names = patterns(table, "measurements");
    if !names.is_empty() {
        let names = NameFilter::new(&names, NONE).unwrap_or_default();
        shape.only_of.insert(feed, names);
    }
}

/// A whole number of seconds.
pub(super) fn seconds(section: &mut Section<'_>, key: &'static str) -> Option<Duration> {
    let found = section.take_duration(key, INTERVAL_MIN..=INTERVAL_MAX)?;
    if found.subsec_nanos() == 0 {
        return Some(found);
    }
    let expected = "expected whole seconds, the finest that CloudWatch stores";
    section.report(key, &format!("found {found:?}"), expected, None);
    None
}

/// Whether `whole` holds `part` a whole number of times.
pub(super) fn is_multiple(whole: Duration, part: Duration) -> bool {
    whole.as_secs().is_multiple_of(part.as_secs().max(1))
}

fn append(section: &mut Section<'_>) -> Vec<(String, Template)> {
    const KEY: &str = "append_dimensions";
    let written = section.take_string_map(KEY);
    if written.len() > limits::DIMENSIONS_MAX {
        let found = format!("found {} names", written.len());
        let expected = format!("expected at most {}", limits::DIMENSIONS_MAX);
        section.report(KEY, &found, &expected, None);
    }
    let mut append = Vec::with_capacity(written.len());
    for (name, text) in written {
        if name.is_empty() || !name.is_ascii() || name.starts_with(':') {
            let expected = "expected names in ASCII that do not begin with a colon";
            section.report(KEY, &format!("found \"{name}\""), expected, None);
        }
        match Template::parse(&text) {
            Ok(template) if text.is_ascii() && !text.trim().is_empty() => {
                append.push((name, template));
            }
            Ok(_) => {
                let found = format!("found {name} = \"{text}\"");
                section.report(
                    KEY,
                    &found,
                    "expected a value in ASCII that is not blank",
                    None,
                );
            }
            Err(error) => {
                let expected =
                    "expected text with placeholders such as {instance_id} or {tag:Role}";
                section.report(KEY, &format!("{name}: {error}"), expected, None);
            }
        }
    }
    append
}

fn read_rule(rule: &mut Section<'_>) -> MetricRule {
    let names = patterns(rule, "match");
    if names.is_empty() {
        rule.report_missing("match", "the names of metrics, with * and ?");
    }
    let rename = rule.take_name("rename").and_then(|name| {
        if name.value.is_ascii() && name.value.len() <= limits::NAME_MAX {
            return Some(name.value);
        }
        let found = format!("found \"{}\"", name.value);
        rule.reject(&name, &found, "expected up to 255 characters of ASCII");
        None
    });
    let unit = rule.take_string("unit").and_then(|unit| {
        let known = Unit::parse(&unit.value);
        if known.is_none() {
            let words = || UNITS.iter().map(|unit| unit.as_str());
            let allowed: Vec<&str> = words().collect();
            let found = format!("found \"{}\"", unit.value);
            let expected = format!("expected one of: {}", allowed.join(", "));
            let problem = nearest(&unit.value, words());
            rule.report("unit", &found, &expected, problem);
        }
        known
    });
    MetricRule {
        names: NameFilter::new(&names, NONE).unwrap_or_default(),
        rename,
        unit,
        drop: rule.take_bool("drop").unwrap_or(false),
        drop_original: rule.take_bool("drop_original").unwrap_or(false),
    }
}
