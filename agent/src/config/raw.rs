//! TOML → [`Config`], once. Reading goes on after a mistake, so that all of them are told at once.
//!
//! Every key that is read here stands in [`super::KEYS`]; a test compares the two.

mod datagrams;
mod destination;
mod devices;
mod emf;
mod framing;
mod host;
mod journald;
mod lifecycle;
mod logs;
mod measure;
mod metrics;
mod outage;
mod pull;
mod shape;
mod shaping;
mod signal;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use plimsoll_aws::Settings;
use plimsoll_core::config::{Document, Field, Problems, Section, parse_duration};

use super::{AgentConfig, Check, Config, ControlSocket, Dialect, LogsTemplate};

/// Where state is kept unless `agent.state_dir` says otherwise.
pub(crate) const STATE_DIR: &str = "/var/lib/plimsoll";
/// How long the end may take unless `agent.drain_timeout` says otherwise.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
const DRAIN_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// systemd kills after 90 s by default; a longer drain would be cut off.
const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(85);

/// How often parameters that hold the configuration are asked for. Parameter Store answers 40
/// `GetParameter` a second in an account and Region unless that is raised, to all that ask: with this,
/// 10,000 instances of one parameter each take 33 of them. Source: AWS General Reference, "AWS Systems
/// Manager endpoints and quotas".
const CONFIG_CHECK: Duration = Duration::from_mins(5);
const CONFIG_CHECK_ALLOWED: RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_hours(24);

const LEVELS: [(&str, LevelFilter); 5] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
    ("trace", LevelFilter::Trace),
];

/// Reads the whole document.
pub(super) fn read(document: &Document) -> Result<Config, Problems> {
    document.parse(|root| {
        let mut checks = Vec::new();
        let agent = agent(root, &mut checks);
        let mut section = root.take_section("aws");
        let aws = Settings::take(section.as_mut(), "plimsoll-agent");
        if let Some(section) = section {
            section.finish();
        }
        let mut logs = logs::read(root, &mut checks);
        let measures = logs.as_ref().is_some_and(LogsTemplate::has_metrics);
        let metrics = metrics::read(root, measures);
        let signals = signal::read(root, metrics.as_ref(), logs.as_ref());
        let lifecycle = lifecycle::read(root, &mut checks);
        if let Some(events) = &lifecycle.events {
            let file = lifecycle::events_file(events, &agent.state_dir, logs.as_ref());
            // The first target that fits a file has it.
            logs.get_or_insert_with(logs::defaults)
                .files
                .insert(0, file);
        }
        let told = ["logs", "signal"];
        let nothing = logs.is_none() && metrics.is_none();
        if nothing && root.keys().all(|key| !told.contains(&key)) {
            root.report_missing(
                "logs",
                "expected at least one [[logs.file]] or one of metrics.scrapers: \
                 there is nothing to do",
            );
        }
        Some(Config {
            agent,
            aws,
            logs,
            metrics,
            signals,
            lifecycle,
            checks,
            file: None,
            dialect: Dialect::Plimsoll,
            stored: None,
            remarks: Vec::new(),
        })
    })
}

fn agent(root: &mut Section<'_>, checks: &mut Vec<Check>) -> AgentConfig {
    let mut config = AgentConfig {
        state_dir: state_directory(),
        drain_timeout: DRAIN_TIMEOUT,
        log_level: LevelFilter::Info,
        control_socket: ControlSocket::Usual,
        config_check: Some(CONFIG_CHECK),
    };
    let mut place = None;
    if let Some(mut section) = root.take_section("agent") {
        if let Some(directory) = section.take_name("state_dir")
            && is_absolute(&section, &directory)
        {
            place = Some(section.problem_at(&directory, "", ""));
            config.state_dir = directory.value.into();
        }
        if let Some(timeout) =
            section.take_duration("drain_timeout", DRAIN_TIMEOUT_MIN..=DRAIN_TIMEOUT_MAX)
        {
            config.drain_timeout = timeout;
        }
        if let Some(level) = section.take_choice("log_level", &LEVELS) {
            config.log_level = level;
        }
        config.control_socket = ControlSocket::take(&mut section);
        config.config_check = config_check(&mut section);
        section.finish();
    }
    let place = place.unwrap_or_else(|| root.problem_of("agent.state_dir"));
    checks.push(Check::state_directory(config.state_dir.clone(), place));
    config
}

/// A duration, or `off`.
fn config_check(section: &mut Section<'_>) -> Option<Duration> {
    let Some(field) = section.take_name("config_check") else {
        return Some(CONFIG_CHECK);
    };
    if field.value == "off" {
        return None;
    }
    let length = parse_duration(&field.value).ok();
    let allowed = length.filter(|length| CONFIG_CHECK_ALLOWED.contains(length));
    if allowed.is_none() {
        let found = format!("found \"{}\"", field.value);
        section.reject(
            &field,
            &found,
            "expected a duration of 10s to 24h, or \"off\"",
        );
    }
    allowed
}

/// The state directory that systemd has made for the unit, else the usual one.
/// Source: systemd.exec(5), `StateDirectory=`: paths separated by colons.
fn state_directory() -> PathBuf {
    let named = std::env::var("STATE_DIRECTORY").unwrap_or_default();
    let first = named.split(':').next().unwrap_or_default();
    if first.starts_with('/') {
        first.into()
    } else {
        STATE_DIR.into()
    }
}

/// Whether the path starts at the root; reports it otherwise.
fn is_absolute(section: &Section<'_>, path: &Field<String>) -> bool {
    let absolute = path.value.starts_with('/');
    if !absolute {
        section.reject(
            path,
            &format!("found \"{}\"", path.value),
            "expected an absolute path that starts with /",
        );
    }
    absolute
}

#[cfg(test)]
mod tests;
