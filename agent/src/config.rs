//! The agent's configuration once it is valid. `raw` reads it from TOML; after that nothing checks
//! it again.
//!
//! Two things cannot be known from the text alone. Names may hold placeholders for what the
//! instance is called, so [`LogsTemplate`] becomes [`LogsConfig`] once the identity is known. And
//! files may be unreadable or missing, so a [`Config`] carries [`checks`](Config::checks) with the
//! place of each path, which `validate` and `run` make.

mod applications;
mod check;
mod framing;
mod journald;
mod keys;
#[cfg(test)]
mod manual;
mod outage;
mod raw;
mod shape;
mod signal;
pub(crate) mod stored;
mod template;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{LogClass, LogGroup, Settings};
use plimsoll_core::cli::complain;
use plimsoll_core::config::{Document, Problems};
use regex::bytes::RegexSet;

pub use crate::sample::Feed;
pub use crate::source::otlp::OtlpConfig;
pub use crate::source::prometheus::PrometheusTarget;
pub use applications::{
    Applications, CollectdConfig, CollectdSecurity, EmfListeners, StatsdConfig,
};
pub use check::{Check, Depth, run_checks};
pub use framing::{Framing, Mode, Modes, MultiLine, Rule, TextEncoding};
pub use journald::{Boot, JournalFormat, JournalSelection, JournaldTarget, JournaldTemplate};
pub use keys::KEYS;
pub use outage::WhenUnknown;
pub use plimsoll_ops::socket::ControlSocket;
pub(crate) use raw::STATE_DIR;
pub use shape::{MetricRule, Shape};
pub use signal::{
    EventStream, LifecycleCommand, LifecycleConfig, Probe, ProbeKind, SignalConfig, SignalsConfig,
};
use stored::Fingerprint;
pub use template::{PLACEHOLDERS, Placeholder, Template};

use crate::compat;
use crate::compat::surroundings::Surroundings;
use crate::derive::Refiner;
use crate::scraper::Selection;

/// Where the file is unless `--config` names another.
pub const DEFAULT_PATH: &str = "/etc/plimsoll/agent.toml";

/// Everything the agent was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The process itself.
    pub agent: AgentConfig,
    /// How to reach AWS.
    pub aws: Settings,
    /// The road of logs; `None` when no file is to be followed.
    pub logs: Option<LogsTemplate>,
    /// The road of metrics; `None` when nothing is to be measured.
    pub metrics: Option<MetricsConfig>,
    /// Signals for Auto Scaling; `None` when there is none.
    pub signals: Option<SignalsConfig>,
    /// What is done before the instance leaves.
    pub lifecycle: LifecycleConfig,
    /// What only the machine can answer.
    pub checks: Vec<Check>,
    /// The file that it was read from, to be read again.
    pub file: Option<PathBuf>,
    /// How that file is written.
    pub dialect: Dialect,
    /// What was in the parameters that it was read from; `None` for a file.
    pub(crate) stored: Option<Fingerprint>,
    /// What a person should know of how it was understood, a line each.
    pub remarks: Vec<String>,
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Our TOML.
    #[default]
    Plimsoll,
    /// JSON of the amazon-cloudwatch-agent, in a file or in several files of a directory.
    CloudWatchAgent,
}

impl Dialect {
    /// Reads what is at `path`.
    ///
    /// # Errors
    /// Every mistake in it, each with its place.
    pub fn load(self, path: &Path) -> Result<Config, Problems> {
        let config = match self {
            Self::Plimsoll => match stored::text(path)? {
                Some(text) => return stored::read(path, &text),
                None => raw::read(&Document::read(path)?)?,
            },
            Self::CloudWatchAgent => {
                let name = path.display().to_string();
                let mut config = compat::load(path)?.config(&name)?;
                Surroundings::beside(path)?.complete(&mut config)?;
                config
            }
        };
        Ok(Config {
            file: Some(path.to_owned()),
            dialect: self,
            ..config
        })
    }
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Every mistake in it, each with its place.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Dialect::Plimsoll.load(path)
    }

    /// Says all [`remarks`](Self::remarks) on standard error. Not through the log, which falls silent
    /// where the same place speaks often.
    pub(crate) fn tell_remarks(&self) {
        for remark in &self.remarks {
            complain(&format!("warning: {remark}\n"));
        }
    }

    /// Reads a configuration from text, named `file` in its problems.
    ///
    /// # Errors
    /// Every mistake in it, each with its place.
    pub fn from_text(file: &str, text: &str) -> Result<Self, Problems> {
        raw::read(&Document::from_text(file, text))
    }
}

/// The process itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    /// Where positions and dead letters are kept.
    pub state_dir: PathBuf,
    /// How long the end may take after a signal.
    pub drain_timeout: Duration,
    /// What is logged.
    pub log_level: log::LevelFilter,
    /// Where the agent is asked how it is.
    pub control_socket: ControlSocket,
    /// The time between two looks at a configuration of parameters; `None` for never.
    pub config_check: Option<Duration>,
}

/// What the road from the host to CloudWatch needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// The time that a datum stands for, a whole number of seconds, unless its feed has its own.
    pub interval: Duration,
    /// The time between two calls with everything that was gathered; a multiple of the intervals.
    pub flush_interval: Duration,
    /// What to measure of the host.
    pub selection: Selection,
    /// Which series come of it.
    pub shape: Shape,
    /// What is listened to and asked besides the host.
    pub applications: Applications,
    /// Series that one metric may have in an interval; the others are told as one.
    pub series_per_metric_max: usize,
    /// Datums that may wait while CloudWatch cannot be reached.
    pub waiting_datums_max: usize,
    /// The size of the spool on disk, in bytes; zero for none.
    pub spool_bytes_max: u64,
    /// What is done with datums that may or may not have been counted.
    pub when_unknown: WhenUnknown,
}

/// The storage resolution that an interval asks for: 1 second below a minute, else 60.
/// Source: CloudWatch API reference, `MetricDatum`, `StorageResolution`.
#[must_use]
pub fn resolution_seconds(interval: Duration) -> u8 {
    if interval < Duration::from_mins(1) {
        1
    } else {
        60
    }
}

/// [`LogsConfig`] before the identity of the instance is known.
#[derive(Clone, Debug)]
pub struct LogsTemplate {
    /// The files, with names still to be filled in.
    pub files: Vec<FileTemplate>,
    /// See [`LogsConfig::journald`].
    pub journald: Vec<JournaldTemplate>,
    /// See [`LogsConfig::in_flight_bytes_max`].
    pub in_flight_bytes_max: u32,
    /// See [`LogsConfig::flush_interval`].
    pub flush_interval: Duration,
    /// See [`LogsConfig::puts_in_flight_max`].
    pub puts_in_flight_max: usize,
    /// See [`LogsConfig::rescan_interval`].
    pub rescan_interval: Duration,
    /// See [`LogsConfig::dead_letter_bytes_max`].
    pub dead_letter_bytes_max: u64,
    /// See [`LogsConfig::cloudwatch_agent_state`].
    pub cloudwatch_agent_state: Option<PathBuf>,
}

/// [`FileTarget`] before the identity of the instance is known.
#[derive(Clone, Debug)]
pub struct FileTemplate {
    /// See [`FileTarget::include`].
    pub include: Vec<String>,
    /// See [`FileTarget::exclude`].
    pub exclude: Vec<String>,
    /// See [`FileTarget::exclude_names`].
    pub exclude_names: Option<RegexSet>,
    /// See [`FileTarget::start`].
    pub start: StartPosition,
    /// The group's name.
    pub group: Template,
    /// The group's other settings; its name is empty.
    pub settings: LogGroup,
    /// The stream's name.
    pub stream: Template,
    /// See [`FileTarget`].
    pub(crate) refiner: Option<Arc<Refiner>>,
    /// See [`FileTarget::framing`].
    pub framing: Framing,
}

impl LogsTemplate {
    /// Fills in the names. `value` gives what the instance is called; a placeholder that has no
    /// value becomes `unknown`, because a log line is worth more than its stream's name.
    #[must_use]
    pub fn fill(&self, value: impl Fn(Placeholder) -> Option<String>) -> LogsConfig {
        let files = self.files.iter().map(|file| FileTarget {
            include: file.include.clone(),
            exclude: file.exclude.clone(),
            exclude_names: file.exclude_names.clone(),
            start: file.start,
            group: LogGroup {
                name: file.group.fill(&value),
                ..file.settings.clone()
            },
            stream: file.stream.fill(&value),
            refiner: file.refiner.clone(),
            framing: file.framing.clone(),
        });
        LogsConfig {
            files: files.collect(),
            journald: self
                .journald
                .iter()
                .map(|target| target.fill(&value))
                .collect(),
            in_flight_bytes_max: self.in_flight_bytes_max,
            flush_interval: self.flush_interval,
            puts_in_flight_max: self.puts_in_flight_max,
            rescan_interval: self.rescan_interval,
            dead_letter_bytes_max: self.dead_letter_bytes_max,
            cloudwatch_agent_state: self.cloudwatch_agent_state.clone(),
        }
    }

    /// The tags that names need, each with the word between the braces.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (String, Placeholder)> {
        let streams = self.files.iter().map(|file| &file.stream);
        let streams = streams.chain(self.journald.iter().map(|target| &target.stream));
        let names = self.groups().map(|(name, _)| name).chain(streams);
        let all: BTreeSet<String> = names.flat_map(Template::tags).map(str::to_owned).collect();
        all.into_iter()
            .map(|tag| (format!("tag:{tag}"), Placeholder::Tag(tag)))
    }

    /// Whether any name needs this placeholder.
    #[must_use]
    pub fn names(&self, placeholder: &Placeholder) -> bool {
        let streams = self.files.iter().map(|file| &file.stream);
        let streams = streams.chain(self.journald.iter().map(|target| &target.stream));
        let groups = self.groups().map(|(name, _)| name);
        groups.chain(streams).any(|name| name.holds(placeholder))
    }

    /// The groups of all targets, by name and settings.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Template, &LogGroup)> {
        let files = self.files.iter().map(|file| (&file.group, &file.settings));
        let journald = self
            .journald
            .iter()
            .map(|target| (&target.group, &target.settings));
        files.chain(journald)
    }

    /// Whether metrics are taken out of lines.
    pub(crate) fn has_metrics(&self) -> bool {
        self.refiners().any(Refiner::has_metrics)
    }

    /// What is done with the events of targets that want anything done.
    pub(crate) fn refiners(&self) -> impl Iterator<Item = &Refiner> {
        self.files.iter().filter_map(|file| file.refiner.as_deref())
    }

    /// Whether any group is of the Infrequent Access class, whose bytes have a price of their own.
    #[must_use]
    pub fn has_infrequent_access(&self) -> bool {
        self.groups()
            .any(|(_, settings)| settings.class == LogClass::InfrequentAccess)
    }
}

/// What the road from files to CloudWatch Logs needs to know.
#[derive(Clone, Debug, Default)]
pub struct LogsConfig {
    /// The files to follow, in the order of the configuration. A file that matches several targets
    /// belongs to the first.
    pub files: Vec<FileTarget>,
    /// What is read from the systemd journal. An entry that several targets select is sent to each.
    pub journald: Vec<JournaldTarget>,
    /// Bytes read and not yet accepted, over all files. Reading stops at this bound.
    pub in_flight_bytes_max: u32,
    /// How long an event may wait for its batch to fill.
    pub flush_interval: Duration,
    /// PutLogEvents calls in flight at once, over all streams.
    pub puts_in_flight_max: usize,
    /// How often directories are looked through even when no notification came.
    pub rescan_interval: Duration,
    /// The dead-letter file is cut at this size, oldest first, counted.
    pub dead_letter_bytes_max: u64,
    /// Where amazon-cloudwatch-agent has left its positions: a file that exists when its target is
    /// first looked for goes on there. `None` asks nobody.
    pub cloudwatch_agent_state: Option<PathBuf>,
}

impl LogsConfig {
    /// The groups of all targets.
    pub fn groups(&self) -> impl Iterator<Item = &LogGroup> {
        let files = self.files.iter().map(|file| &file.group);
        files.chain(self.journald.iter().map(|target| &target.group))
    }
}

/// A set of files that go to one log group.
#[derive(Clone, Debug, Default)]
pub struct FileTarget {
    /// Globs, absolute.
    pub include: Vec<String>,
    /// Globs of files to leave out.
    pub exclude: Vec<String>,
    /// Names of files, without their directory, to leave out.
    pub exclude_names: Option<RegexSet>,
    /// Where a file begins that existed before the agent first ran and has no position. A file
    /// that appears later always begins at its start.
    pub start: StartPosition,
    /// The group, made on demand.
    pub group: LogGroup,
    /// The stream. Every placeholder but `{file_name}` and `{date}` is filled in already.
    pub stream: String,
    /// What is done with each event before it is sent; `None` if nothing.
    pub(crate) refiner: Option<Arc<Refiner>>,
    /// What its text is like, and how fast it is read.
    pub framing: Framing,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartPosition {
    /// At the first byte.
    Beginning,
    /// At the end: only what is written from now on.
    #[default]
    End,
}

/// Whether positions and dead letters are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere: a dry run leaves nothing behind. Positions that exist there are read.
    ReadOnly(PathBuf),
}
