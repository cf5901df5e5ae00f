//! The keys of `[[logs.file]]` that make metrics: `emf`, `ship` and `[[logs.file.metric]]`.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::catalog::{UNITS, Unit};
use plimsoll_core::config::{Field, Section};
use regex::bytes::Regex;

use super::metrics::is_namespace;
use super::shaping::compiled;
use crate::aggregate::How;
use crate::derive::emf::Emf;
use crate::derive::json::Json;
use crate::derive::measure::access::Format;
use crate::derive::measure::{AccessLog, Measures, One, Place, Rule, metric};

const EMFS: [(&str, Emf); 2] = [("ship", Emf::Ship), ("extract", Emf::Extract)];
const KINDS: [(&str, How); 3] = [
    ("counter", How::Sum),
    ("gauge", How::Last),
    ("distribution", How::Distribution),
];
const FORMATS: [(&str, Format); 3] = [
    ("nginx", Format::Nginx),
    ("apache", Format::Apache),
    ("alb", Format::Alb),
];
const SPLITS: [&str; 2] = ["method", "host"];

/// What is done with documents of embedded metric format.
pub(super) fn emf(file: &mut Section<'_>) -> Emf {
    file.take_choice("emf", &EMFS).unwrap_or_default()
}

/// Whether lines are sent.
pub(super) fn ship(file: &mut Section<'_>) -> bool {
    file.take_bool("ship").unwrap_or(true)
}

/// All `[[logs.file.metric]]`; `None` if nothing is measured.
pub(super) fn measures(file: &mut Section<'_>) -> Option<Measures> {
    let mut rules = Vec::new();
    for mut section in file.take_sections("metric") {
        rules.extend(rule(&mut section));
        section.finish();
    }
    if rules.is_empty() {
        return None;
    }
    let mut fields = BTreeSet::new();
    for rule in &rules {
        let Rule::One(one) = rule else {
            continue;
        };
        fields.extend(one.conditions.iter().map(|(field, _)| field.clone()));
        let places = one.dimensions.iter().map(|(_, place)| place);
        for place in places.chain(&one.value) {
            if let Place::Field(field) = place {
                fields.insert(field.clone());
            }
        }
    }
    let json = (!fields.is_empty()).then(|| Json {
        fields: fields.into_iter().collect(),
        ..Json::default()
    });
    Some(Measures { rules, json })
}

fn has(section: &Section<'_>, key: &str) -> bool {
    section.keys().any(|known| known == key)
}

/// One table. Every key is read even when an early one is wrong.
fn rule(section: &mut Section<'_>) -> Option<Rule> {
    let format = section.take_choice("access_log", &FORMATS);
    let by = by(section);
    let namespace = section
        .take_name("namespace")
        .filter(|name| is_namespace(section, name));
    let namespace: Option<Arc<str>> = namespace.map(|name| Arc::from(name.value));
    let labels = labels(section);
    if has(section, "access_log") {
        for key in [
            "name",
            "kind",
            "match",
            "json",
            "value",
            "dimensions",
            "unit",
        ] {
            if has(section, key) {
                let found = "found together with access_log";
                let expected = "expected metrics of an access log, or one of its own";
                section.report(key, found, expected, None);
            }
        }
        one(section, namespace.as_ref(), &labels, false);
        return Some(Rule::Access(AccessLog::new(
            format?,
            by,
            labels,
            namespace.as_ref(),
        )));
    }
    if has(section, "by") {
        let expected = "expected it together with access_log";
        section.report("by", "found without access_log", expected, None);
    }
    one(section, namespace.as_ref(), &labels, true).map(|one| Rule::One(Box::new(one)))
}

/// What an access log is split by: the method, the host.
fn by(section: &mut Section<'_>) -> (bool, bool) {
    let mut wanted = [false; SPLITS.len()];
    for word in section.take_string_or_list("by") {
        match SPLITS.iter().position(|known| *known == word.value) {
            Some(index) => wanted
                .iter_mut()
                .skip(index)
                .take(1)
                .for_each(|w| *w = true),
            None => section.reject_near(
                &word,
                &format!("found \"{}\"", word.value),
                "expected out of: method, host",
                &word.value,
                SPLITS.into_iter(),
            ),
        }
    }
    let [method, host] = wanted;
    (method, host)
}

/// Dimensions that are the same for every line.
fn labels(section: &mut Section<'_>) -> Vec<(Arc<str>, Arc<str>)> {
    let pairs = section.take_string_map("labels");
    for (name, value) in &pairs {
        let good = is_text(name, limits::DIMENSION_NAME_MAX)
            && !name.starts_with(':')
            && is_text(value, limits::DIMENSION_VALUE_MAX);
        if !good {
            let found = format!("found \"{name}\" = \"{value}\"");
            let expected = "expected printable ASCII, names up to 255 and values up to 1024";
            section.report("labels", &found, expected, None);
        }
    }
    let arcs = pairs.into_iter();
    arcs.map(|(name, value)| (Arc::from(name), Arc::from(value)))
        .collect()
}

/// A metric of its own. Nothing that is missing is told unless it is `wanted`.
fn one(
    section: &mut Section<'_>,
    namespace: Option<&Arc<str>>,
    labels: &[(Arc<str>, Arc<str>)],
    wanted: bool,
) -> Option<One> {
    let name = section
        .take_name("name")
        .filter(|name| is_name(section, name));
    let kind = section.take_choice("kind", &KINDS);
    let pattern = section.take_name("match");
    let pattern = pattern.and_then(|field| compiled(section, field));
    let pattern = pattern.map(|field| field.value);
    let conditions: Vec<(String, String)> = section.take_string_map("json").into_iter().collect();
    let value = section.take_name("value");
    let dimensions = section.take_string_or_list("dimensions");
    let unit = unit(section);
    let how = kind.unwrap_or(How::Sum);
    if !wanted {
        return None;
    }
    for (key, missing, expected) in [
        (
            "name",
            true,
            "expected the name of the metric, or access_log",
        ),
        (
            "value",
            how != How::Sum,
            "expected a named group of match or a field of JSON: only a counter counts lines",
        ),
        (
            "match",
            !has(section, "json") && !has(section, "value"),
            "expected match or json, which say what lines it is about",
        ),
    ] {
        if missing && !has(section, key) {
            section.report_missing(key, expected);
        }
    }
    if value.is_none() && (how != How::Sum || (pattern.is_none() && conditions.is_empty())) {
        return None;
    }
    let place = |name: &str| place(pattern.as_ref(), name);
    Some(One {
        how,
        value: value.map(|field| place(&field.value)),
        metric: metric(&name?.value, unit, namespace),
        dimensions: dimensions
            .iter()
            .filter(|name| is_dimension(section, name))
            .map(|name| (Arc::from(&*name.value), place(&name.value)))
            .collect(),
        labels: labels.to_vec(),
        conditions,
        pattern,
    })
}

/// A named group of the pattern if it has one, else a field of JSON.
fn place(pattern: Option<&Regex>, name: &str) -> Place {
    let mut names = pattern.into_iter().flat_map(Regex::capture_names);
    match names.position(|group| group == Some(name)) {
        Some(group) => Place::Group(group),
        None => Place::Field(name.to_owned()),
    }
}

fn unit(section: &mut Section<'_>) -> Unit {
    let Some(name) = section.take_name("unit") else {
        return Unit::None;
    };
    Unit::parse(&name.value).unwrap_or_else(|| {
        let words = || UNITS.iter().map(|unit| unit.as_str());
        let all: Vec<&str> = words().collect();
        let found = format!("found \"{}\"", name.value);
        let expected = format!("expected one of: {}", all.join(", "));
        section.reject_near(&name, &found, &expected, &name.value, words());
        Unit::None
    })
}

/// Source: CloudWatch API reference, `MetricDatum`, `MetricName`.
fn is_name(section: &Section<'_>, name: &Field<String>) -> bool {
    let good = is_text(&name.value, limits::NAME_MAX);
    if !good {
        let found = format!("found \"{}\"", name.value);
        section.reject(
            name,
            &found,
            "expected up to 255 printable ASCII characters",
        );
    }
    good
}

/// Source: CloudWatch API reference, `Dimension`, `Name`.
fn is_dimension(section: &Section<'_>, name: &Field<String>) -> bool {
    let good = is_text(&name.value, limits::DIMENSION_NAME_MAX) && !name.value.starts_with(':');
    if !good {
        let found = format!("found \"{}\"", name.value);
        let expected = "expected up to 255 printable ASCII characters, not starting with :";
        section.reject(name, &found, expected);
    }
    good
}

fn is_text(text: &str, length_max: usize) -> bool {
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    !text.trim().is_empty() && text.len() <= length_max && text.bytes().all(printable)
}

#[cfg(test)]
mod tests;
