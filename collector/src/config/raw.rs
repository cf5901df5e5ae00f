//! TOML → [`Config`], once. Reading goes on after a mistake, so that all of them are told at once.
//!
//! Every key that is read here stands in [`super::KEYS`]; a test compares the two.

use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use plimsoll_aws::{Settings, check_region};
use plimsoll_core::config::{Document, Field, Problem, Problems, Section};

use super::arn::{check_dashboard, check_queue, check_topic};
use super::check::{Check, What};
use super::{Config, ControlSocket, CostFeed, Feed, Mistakes, NotifyConfig, PlanConfig};
use crate::detect::{Detectors, RuleSet};
use crate::finding::Severity;
use crate::source::cost;

/// The SQLite file that the packaged unit has room for.
pub const STATE: &str = "/var/lib/plimsoll-collector/state.sqlite";
const INTERVAL: Duration = Duration::from_mins(1);
const SCAN_INTERVAL: Duration = Duration::from_secs(10);
const QUIET_PERIOD: Duration = Duration::from_hours(24);
const PLAN_INTERVAL: Duration = Duration::from_mins(5);
const DASHBOARD: &str = "plimsoll-fleet";
const COST_EXPLORER: &str = "cost-explorer";
/// The largest threshold in US$ a day that makes sense.
const USD_MAX: f64 = 1e9;
/// A description of an alarm holds 1,024 characters; this leaves room for its words.
const RUNBOOK_URL_MAX: usize = 400;

const LEVELS: [(&str, LevelFilter); 5] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
    ("trace", LevelFilter::Trace),
];
const SEVERITIES: [(&str, Severity); 5] = [
    ("informational", Severity::Informational),
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
];

/// What is asked of the machine once the text was read.
#[derive(Debug, Default)]
struct Later {
    checks: Vec<Check>,
    rules: Option<PathBuf>,
}

/// Reads the document alone; asks the machine for nothing, and reads no rules.
pub(super) fn syntax(document: &Document) -> Result<Config, Mistakes> {
    let parsed = document.parse(|root| Some(config(root, &mut Later::default())));
    parsed.map_err(Mistakes::from)
}

/// Reads the document and its rules; asks the machine for nothing else.
pub(super) fn syntax_and_rules(document: &Document) -> Result<Config, Mistakes> {
    let mut later = Later::default();
    let parsed = document.parse(|root| Some(config(root, &mut later)));
    with_rules(parsed, &later, Vec::new())
}

/// Reads the whole document, then asks the machine, whether or not the text is right.
pub(super) fn read(document: &Document) -> Result<Config, Mistakes> {
    let mut later = Later::default();
    let parsed = document.parse(|root| Some(config(root, &mut later)));
    let of_machine = later.checks.iter().filter_map(Check::problem).collect();
    with_rules(parsed, &later, of_machine)
}

/// What was read with its rules, or all that is wrong with file, machine and rules.
fn with_rules(
    parsed: Result<Config, Problems>,
    later: &Later,
    of_machine: Vec<Problem>,
) -> Result<Config, Mistakes> {
    let rules = match &later.rules {
        Some(directory) => RuleSet::load(directory),
        None => RuleSet::built_in(),
    };
    let mut mistakes = Mistakes::default();
    let parsed = parsed
        .map_err(|problems| mistakes.problems = problems.0)
        .ok();
    mistakes.problems.extend(of_machine);
    match (parsed, rules) {
        (Some(mut config), Ok(rules)) if mistakes.is_empty() => {
            config.detectors.rules = rules;
            Ok(config)
        }
        (_, Ok(_)) => Err(mistakes),
        (_, Err(errors)) => {
            mistakes.rules = errors.iter().map(ToString::to_string).collect();
            Err(mistakes)
        }
    }
}

fn config(root: &mut Section<'_>, later: &mut Later) -> Config {
    let mut config = Config {
        file: None,
        control_socket: ControlSocket::Usual,
        state: PathBuf::from(STATE),
        interval: INTERVAL,
        scan_interval: SCAN_INTERVAL,
        quiet_period: QUIET_PERIOD,
        log_level: LevelFilter::Info,
        aws: aws(root),
        cloudtrail: None,
        guardduty: None,
        cost: None,
        notify: NotifyConfig::default(),
        plan: PlanConfig::default(),
        detectors: Detectors::default(),
    };
    collector(root, &mut config, later);
    let named = |root: &Section<'_>, table: &str| root.keys().any(|key| key == table);
    let any_source = ["cloudtrail", "guardduty", "cost"]
        .iter()
        .any(|table| named(root, table));
    config.cloudtrail = cloudtrail(root, &mut config.detectors, later);
    config.guardduty = guardduty(root, later);
    config.cost = cost_feed(root, &mut config.detectors, later);
    if !any_source {
        root.report_missing(
            "cloudtrail",
            "expected at least one of [cloudtrail], [guardduty] and [cost]: there is nothing to do",
        );
    }
    config.notify = notify(root);
    config.plan = plan(root);
    rules(root, later);
    config
}

fn aws(root: &mut Section<'_>) -> Settings {
    let mut section = root.take_section("aws");
    let settings = Settings::take(section.as_mut(), "plimsoll-collector");
    if let Some(section) = section {
        section.finish();
    }
    settings
}

fn collector(root: &mut Section<'_>, config: &mut Config, later: &mut Later) {
    let mut place = root.problem_of("collector.state");
    if let Some(mut section) = root.take_section("collector") {
        if let Some(state) = section.take_name("state") {
            place = section.problem_at(&state, "", "");
            config.state = state.value.into();
        }
        let second = Duration::from_secs(1);
        let hour = Duration::from_hours(1);
        if let Some(interval) = section.take_duration("interval", second..=hour) {
            config.interval = interval;
        }
        if let Some(interval) = section.take_duration("scan_interval", second..=hour) {
            config.scan_interval = interval;
        }
        let quiet = Duration::from_mins(1)..=Duration::from_hours(30 * 24);
        if let Some(quiet) = section.take_duration("quiet_period", quiet) {
            config.quiet_period = quiet;
        }
        if let Some(level) = section.take_choice("log_level", &LEVELS) {
            config.log_level = level;
        }
        config.control_socket = ControlSocket::take(&mut section);
        section.finish();
    }
    later.checks.push(Check {
        what: What::State(config.state.clone()),
        place,
    });
}

fn cloudtrail(
    root: &mut Section<'_>,
    detectors: &mut Detectors,
    later: &mut Later,
) -> Option<Feed> {
    let mut section = root.take_section("cloudtrail")?;
    let feed = feed(&mut section, later);
    for region in section.take_strings("home_regions") {
        match check_region(&region.value) {
            Ok(()) => drop(detectors.regions.home.insert(region.value)),
            Err(why) => section.reject(&region, &why, "expected the names of Regions in use"),
        }
    }
    section.finish();
    Some(feed)
}

fn guardduty(root: &mut Section<'_>, later: &mut Later) -> Option<Feed> {
    let mut section = root.take_section("guardduty")?;
    let feed = feed(&mut section, later);
    section.finish();
    Some(feed)
}

fn feed(section: &mut Section<'_>, later: &mut Later) -> Feed {
    let directory = section.take_name("directory").map(|directory| {
        let place = section.problem_at(&directory, "", "");
        let path = PathBuf::from(directory.value);
        let what = What::Directory(path.clone());
        later.checks.push(Check { what, place });
        path
    });
    let queue = section.take_name("queue_url");
    if directory.is_none() && queue.is_none() {
        section.report_missing("directory", "expected a directory, a queue_url, or both");
    }
    Feed {
        directory,
        queue_url: queue.and_then(|url| right(section, url, check_queue)),
    }
}

fn cost_feed(
    root: &mut Section<'_>,
    detectors: &mut Detectors,
    later: &mut Later,
) -> Option<CostFeed> {
    let mut section = root.take_section("cost")?;
    let source = section.take_name("source");
    // Below an hour every call would be paid for data that cannot be new.
    let allowed = Duration::from_hours(1)..=Duration::from_hours(7 * 24);
    let refresh = section
        .take_duration("refresh", allowed)
        .unwrap_or(cost::REFRESH);
    let usd = |section: &mut Section<'_>, key, value: &mut f64| {
        if let Some(written) = section.take_number(key, 0.0..=USD_MAX) {
            *value = written;
        }
    };
    let thresholds = &mut detectors.cost;
    usd(&mut section, "min_usd", &mut thresholds.usd_min);
    usd(&mut section, "medium_usd", &mut thresholds.medium_usd);
    usd(&mut section, "high_usd", &mut thresholds.high_usd);
    if let Some(share) = section.take_number("min_share", 0.0..=10.0) {
        thresholds.share_min = share;
    }
    let feed = match source {
        None => {
            if section.keys().all(|key| key != "source") {
                section.report_missing(
                    "source",
                    "expected \"cost-explorer\", or the path of a file or directory",
                );
            }
            None
        }
        Some(source) if source.value == COST_EXPLORER => Some(CostFeed::Explorer { refresh }),
        Some(path) => {
            let place: Problem = section.problem_at(&path, "", "");
            let path = PathBuf::from(path.value);
            let what = What::FileOrDirectory(path.clone());
            later.checks.push(Check { what, place });
            Some(CostFeed::Files(path))
        }
    };
    section.finish();
    feed
}

fn notify(root: &mut Section<'_>) -> NotifyConfig {
    let mut config = NotifyConfig {
        severity_min: Severity::Medium,
        ..NotifyConfig::default()
    };
    let Some(mut section) = root.take_section("notify") else {
        return config;
    };
    config.topic_arn = topic(&mut section, "topic_arn");
    config.chat_topic_arn = topic(&mut section, "chat_topic_arn");
    if let Some(severity) = section.take_choice("min_severity", &SEVERITIES) {
        config.severity_min = severity;
    }
    section.finish();
    config
}

fn plan(root: &mut Section<'_>) -> PlanConfig {
    let mut config = PlanConfig {
        apply: false,
        alarms: true,
        dashboard: Some(DASHBOARD.to_owned()),
        paths: vec!["/".to_owned()],
        interval: PLAN_INTERVAL,
        ..PlanConfig::default()
    };
    let Some(mut section) = root.take_section("plan") else {
        return config;
    };
    if let Some(apply) = section.take_bool("apply") {
        config.apply = apply;
    }
    if let Some(alarms) = section.take_bool("alarms") {
        config.alarms = alarms;
    }
    match section.take_string("dashboard") {
        Some(name) if name.value.is_empty() => config.dashboard = None,
        Some(name) => config.dashboard = right(&section, name, check_dashboard),
        None => {}
    }
    config.alarm_topic_arn = topic(&mut section, "alarm_topic_arn");
    config.auto_scaling_groups = names(&mut section, "auto_scaling_groups");
    if section.keys().any(|key| key == "paths") {
        config.paths.clear();
    }
    config.paths.extend(names(&mut section, "paths"));
    if let Some(url) = section.take_name("runbook_url") {
        config.runbook_url = right(&section, url, check_runbook);
    }
    let allowed = Duration::from_secs(10)..=Duration::from_hours(24);
    if let Some(interval) = section.take_duration("interval", allowed) {
        config.interval = interval;
    }
    section.finish();
    config
}

fn rules(root: &mut Section<'_>, later: &mut Later) {
    let Some(mut section) = root.take_section("rules") else {
        return;
    };
    later.rules = section
        .take_name("directory")
        .map(|directory| directory.value.into());
    section.finish();
}

fn topic(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let arn = section.take_name(key)?;
    right(section, arn, check_topic)
}

fn names(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let written = section.take_strings(key);
    let mut names = Vec::with_capacity(written.len());
    for name in written {
        // A quote would end the name inside a search of the dashboard.
        let check = |name: &str| {
            let right = (1..=255).contains(&name.len()) && !name.contains(['"', '\'']);
            if right {
                Ok(())
            } else {
                Err("expected 1 to 255 characters without quotes")
            }
        };
        names.extend(right(section, name, check));
    }
    names
}

fn check_runbook(url: &str) -> Result<(), &'static str> {
    let right =
        url.len() <= RUNBOOK_URL_MAX && (url.starts_with("https://") || url.starts_with("http://"));
    if right {
        Ok(())
    } else {
        Err("expected a URL of at most 400 characters")
    }
}

/// The value if it passes the check; reports it otherwise.
fn right(
    section: &Section<'_>,
    field: Field<String>,
    check: impl FnOnce(&str) -> Result<(), &'static str>,
) -> Option<String> {
    match check(&field.value) {
        Ok(()) => Some(field.value),
        Err(expected) => {
            section.reject(&field, &format!("found \"{}\"", field.value), expected);
            None
        }
    }
}

#[cfg(test)]
mod tests;
