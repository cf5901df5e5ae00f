//! What a `[[logs.file]]` says about its events: their time, which are sent, what they say.

use std::sync::Arc;

use jiff::tz::TimeZone;
use plimsoll_core::config::{Field, Section};
use regex::bytes::{Regex, RegexSet};

use super::measure;
use crate::derive::Refiner;
use crate::derive::filter::{Filter, compile};
use crate::derive::json::Json;
use crate::derive::redact::{Custom, KINDS, Kind, Redactor};
use crate::derive::sample::{About, LEVELS, Rule, Sampler, threshold};
use crate::derive::timestamp::{Format, KNOWN, OutOfWindow, SEARCH_BYTES, Timestamps};

/// A stamp further behind is none that a person would look for; every byte is looked at.
const SEARCH_BYTES_MAX: u64 = 64 * 1024;
const OUT_OF_WINDOW: [(&str, OutOfWindow); 2] =
    [("keep", OutOfWindow::Keep), ("now", OutOfWindow::Now)];

/// What the time is in a field of JSON about which nothing is said.
const USUAL: [&str; 2] = ["rfc3339", "epoch"];
/// The field of the level unless the configuration names another.
const LEVEL_FIELD: &str = "level";

/// Reads all keys.
pub(super) fn read(file: &mut Section<'_>) -> Arc<Refiner> {
    let field = file.take_name("timestamp_field");
    Arc::new(Refiner {
        timestamps: timestamps(file, field.is_some()),
        json: json(file, field.map(|field| field.value)),
        emf: measure::emf(file),
        measures: measure::measures(file),
        unshipped: !measure::ship(file),
        sampler: sampler(file),
        filter: Filter {
            include: patterns(file, "include_lines"),
            require: patterns(file, "require_lines"),
            exclude: patterns(file, "exclude_lines"),
        },
        redactor: redactor(file),
    })
}

fn timestamps(file: &mut Section<'_>, has_field: bool) -> Option<Timestamps> {
    let format = file.take_name("timestamp");
    let zone = file.take_name("time_zone");
    let search_bytes = file
        .take_integer("timestamp_search_bytes", 0..=SEARCH_BYTES_MAX)
        .and_then(|bytes| usize::try_from(bytes).ok());
    let out_of_window = file.take_choice("out_of_window", &OUT_OF_WINDOW);
    let trim = file.take_bool("trim_timestamp");
    let zone = zone.map_or_else(|| Some(TimeZone::system()), |name| time_zone(file, &name));
    if format.is_none() && !has_field {
        for key in [
            "time_zone",
            "timestamp_search_bytes",
            "out_of_window",
            "trim_timestamp",
        ] {
            if file.keys().any(|known| known == key) {
                file.report(
                    key,
                    "found no timestamp that it is about",
                    "expected it together with timestamp or timestamp_field",
                    None,
                );
            }
        }
        return None;
    }
    let formats = formats(file, format.as_ref())?;
    Some(Timestamps {
        formats,
        zone: zone?,
        search_bytes: search_bytes.unwrap_or(SEARCH_BYTES),
        out_of_window: out_of_window.unwrap_or_default(),
        trim: trim.unwrap_or_default(),
    })
}

/// The format that is written, or those that a field of JSON usually has.
fn formats(file: &Section<'_>, format: Option<&Field<String>>) -> Option<Vec<Format>> {
    let texts = match format {
        Some(format) => vec![format.value.as_str()],
        None => USUAL.to_vec(),
    };
    let mut formats = Vec::new();
    for text in texts {
        match (Format::parse(text), format) {
            (Ok(parsed), _) => formats.push(parsed),
            (Err(why), Some(format)) => {
                file.reject(format, &format!("found \"{text}\": {why}"), KNOWN);
                return None;
            }
            (Err(_), None) => {}
        }
    }
    Some(formats)
}

/// `[logs.file.json]`, and the field of the time, which stands beside the format.
fn json(file: &mut Section<'_>, timestamp: Option<String>) -> Option<Json> {
    let section = file.take_section("json");
    if section.is_none() && timestamp.is_none() {
        return None;
    }
    let mut json = Json {
        timestamp,
        level: LEVEL_FIELD.to_owned(),
        ..Json::default()
    };
    if let Some(mut section) = section {
        json.message = section.take_name("message").map(|field| field.value);
        let fields = section.take_strings("fields");
        json.fields = fields.into_iter().map(|field| field.value).collect();
        if let Some(level) = section.take_name("level") {
            json.level = level.value;
        }
        if json.message.is_some() && !json.fields.is_empty() {
            let found = "found together with message";
            section.report("fields", found, "expected one of the two", None);
        }
        section.finish();
    }
    Some(json)
}

/// All `[[logs.file.sample]]`.
fn sampler(file: &mut Section<'_>) -> Option<Sampler> {
    let mut rules = Vec::new();
    for mut section in file.take_sections("sample") {
        rules.extend(rule(&mut section));
        section.finish();
    }
    (!rules.is_empty()).then_some(Sampler { rules })
}

fn rule(section: &mut Section<'_>) -> Option<Rule> {
    let has = |section: &Section<'_>, key: &str| section.keys().any(|known| known == key);
    let level = section.take_choice("level", &LEVELS);
    let matching = section
        .take_name("match")
        .and_then(|field| compiled(section, field));
    let keep = section.take_number("keep", 0.0..=1.0);
    if has(section, "level") == has(section, "match") {
        section.report(
            "match",
            "found both or none of match and level",
            "expected one of the two",
            None,
        );
        return None;
    }
    if !has(section, "keep") {
        section.report_missing("keep", "expected the share that is sent, from 0 to 1");
    }
    let about = level
        .map(About::Level)
        .or_else(|| matching.map(|pattern| About::Match(pattern.value)))?;
    Some(Rule {
        about,
        keep: threshold(keep?),
    })
}

/// `Local`, `UTC`, or a name that the system's database knows.
fn time_zone(file: &Section<'_>, name: &Field<String>) -> Option<TimeZone> {
    if name.value.eq_ignore_ascii_case("local") {
        return Some(TimeZone::system());
    }
    if name.value.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    match TimeZone::get(&name.value) {
        Ok(zone) => Some(zone),
        Err(error) => {
            let known: Vec<String> = jiff::tz::db()
                .available()
                .map(|name| name.as_str().to_owned())
                .collect();
            file.reject_near(
                name,
                &format!("found \"{}\": {error}", name.value),
                "expected \"Local\", \"UTC\" or a name of the tz database such as \
                 \"Europe/Zurich\"; the package tzdata holds them",
                &name.value,
                known.iter().map(String::as_str),
            );
            None
        }
    }
}

/// A list of patterns; each that is wrong is told at its own place.
pub(super) fn patterns(file: &mut Section<'_>, key: &'static str) -> Option<RegexSet> {
    let good = pattern_texts(file, key);
    compile(&good).ok().flatten()
}

/// The patterns of a key that can be compiled, and all of them together.
pub(super) fn pattern_texts(file: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let fields = file.take_string_or_list(key);
    let mut good = Vec::new();
    for field in &fields {
        match compile(std::slice::from_ref(&field.value)) {
            Ok(_) => good.push(field.value.clone()),
            Err(error) => bad_pattern(file, field, &error),
        }
    }
    if compile(&good).is_err() {
        let found = format!("found {} patterns that are too large together", good.len());
        file.report(key, &found, "expected fewer or simpler patterns", None);
        good.clear();
    }
    good
}

/// The crate draws its message over several lines; the last one says what is wrong.
fn bad_pattern(file: &Section<'_>, field: &Field<String>, error: &regex::Error) {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let why = last.trim_start_matches("error: ");
    file.reject(
        field,
        &format!("found \"{}\": {why}", field.value),
        "expected a regular expression as the Rust crate regex knows it: without look-around and \
         back-references",
    );
}

fn redactor(file: &mut Section<'_>) -> Option<Redactor> {
    let words = || KINDS.iter().map(|(word, _)| *word);
    let mut kinds: Vec<Kind> = Vec::new();
    for field in file.take_strings("redact") {
        match KINDS.iter().find(|(word, _)| *word == field.value) {
            Some((_, kind)) if !kinds.contains(kind) => kinds.push(*kind),
            Some(_) => {}
            None => {
                let all: Vec<&str> = words().collect();
                let expected = format!("expected out of: {}", all.join(", "));
                let found = format!("found \"{}\"", field.value);
                file.reject_near(&field, &found, &expected, &field.value, words());
            }
        }
    }
    let mut custom = Vec::new();
    for mut section in file.take_sections("redact_pattern") {
        custom.extend(own_pattern(&mut section));
        section.finish();
    }
    if kinds.is_empty() && custom.is_empty() {
        return None;
    }
    Redactor::new(kinds, custom).ok()
}

/// One `[[logs.file.redact_pattern]]`.
fn own_pattern(section: &mut Section<'_>) -> Option<Custom> {
    let pattern = pattern(section, "pattern");
    let replace = section.take_string("replace");
    let pattern = pattern?;
    if pattern.value.is_match(b"") {
        let found = format!("found \"{}\", which matches an empty text", pattern.value);
        section.reject(
            &pattern,
            &found,
            "expected a pattern that needs a character",
        );
        return None;
    }
    Some(Custom {
        pattern: pattern.value,
        replace: replace.map_or_else(|| b"[redacted]".to_vec(), |text| text.value.into_bytes()),
    })
}

/// A pattern that must be there.
fn pattern(section: &mut Section<'_>, key: &'static str) -> Option<Field<Regex>> {
    let Some(field) = section.take_name(key) else {
        if section.keys().all(|known| known != key) {
            section.report_missing(key, "expected a regular expression");
        }
        return None;
    };
    compiled(section, field)
}

pub(super) fn compiled(section: &Section<'_>, field: Field<String>) -> Option<Field<Regex>> {
    match Regex::new(&field.value) {
        Ok(regex) => Some(field.map(|_| regex)),
        Err(error) => {
            bad_pattern(section, &field, &error);
            None
        }
    }
}
