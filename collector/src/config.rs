//! The collector's configuration once it is valid. `raw` reads it from TOML; after that nothing
//! checks it again.

mod arn;
mod check;
mod keys;
#[cfg(test)]
mod manual;
mod raw;

use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;
use plimsoll_aws::Settings;
use plimsoll_core::config::{Document, Problem, Problems};

use crate::detect::Detectors;
use crate::finding::Severity;

pub use arn::account_of;
pub use keys::KEYS;
pub use plimsoll_ops::socket::ControlSocket;
pub use raw::STATE;

/// Where the file is unless `--config` names another.
pub const DEFAULT_PATH: &str = "/etc/plimsoll/collector.toml";

/// Everything the collector was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from; `None` for text.
    pub file: Option<PathBuf>,
    /// Where the collector is asked how it is.
    pub control_socket: ControlSocket,
    /// The SQLite file.
    pub state: PathBuf,
    /// Between two sets of metrics.
    pub interval: Duration,
    /// Between two looks at a directory.
    pub scan_interval: Duration,
    /// After how long without news an incident is closed.
    pub quiet_period: Duration,
    /// What is written to the log.
    pub log_level: LevelFilter,
    /// How to reach AWS.
    pub aws: Settings,
    /// CloudTrail.
    pub cloudtrail: Option<Feed>,
    /// GuardDuty.
    pub guardduty: Option<Feed>,
    /// Cost.
    pub cost: Option<CostFeed>,
    /// Whom to tell.
    pub notify: NotifyConfig,
    /// What to keep right in CloudWatch.
    pub plan: PlanConfig,
    /// What finds: rules, Regions in use, thresholds of cost.
    pub detectors: Detectors,
}

/// Where records come from: files, a queue, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// A directory of files.
    pub directory: Option<PathBuf>,
    /// An SQS queue that tells of objects or carries events.
    pub queue_url: Option<String>,
}

/// Where cost comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CostFeed {
    /// Cost Explorer, asked at most this often.
    Explorer {
        /// Between two calls.
        refresh: Duration,
    },
    /// A file or a directory of answers of GetCostAndUsage.
    Files(PathBuf),
}

/// Whom to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyConfig {
    /// The topic for people and programs.
    pub topic_arn: Option<String>,
    /// The topic for chat.
    pub chat_topic_arn: Option<String>,
    /// Incidents below are not told of.
    pub severity_min: Severity,
}

/// What to keep right in CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanConfig {
    /// Whether changes are made, or only shown.
    pub apply: bool,
    /// Whether alarms are kept.
    pub alarms: bool,
    /// The dashboard that is kept.
    pub dashboard: Option<String>,
    /// Whom alarms tell.
    pub alarm_topic_arn: Option<String>,
    /// The Auto Scaling groups to watch.
    pub auto_scaling_groups: Vec<String>,
    /// Mount points that every instance of them has.
    pub paths: Vec<String>,
    /// Where the person who is called finds out what to do.
    pub runbook_url: Option<String>,
    /// Between two comparisons.
    pub interval: Duration,
}

/// A configuration, or everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Mistakes {
    /// Mistakes in the file, each with its place.
    pub problems: Vec<Problem>,
    /// Mistakes in the rules.
    pub rules: Vec<String>,
}

impl Config {
    /// Reads the file at `path` and asks the machine for what it names: directories, files, rules.
    /// What is wrong with the file does not hide what is wrong with the machine.
    ///
    /// # Errors
    /// Every mistake, each with its place.
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        let document = Document::read(path).map_err(Mistakes::from)?;
        let mut config = raw::read(&document)?;
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// Reads the file at `path` and nothing else: it asks the machine for nothing that is named in it.
    ///
    /// # Errors
    /// Every mistake of the file, each with its place.
    pub fn syntax(path: &Path) -> Result<Self, Mistakes> {
        let document = Document::read(path).map_err(Mistakes::from)?;
        raw::syntax(&document)
    }

    /// Reads the file at `path` and its rules; it asks the machine for nothing else that is named in it.
    ///
    /// # Errors
    /// Every mistake of the file and of the rules.
    pub fn syntax_and_rules(path: &Path) -> Result<Self, Mistakes> {
        let document = Document::read(path).map_err(Mistakes::from)?;
        raw::syntax_and_rules(&document)
    }

    /// Where the collector of the file at `path` is asked, and its state.
    ///
    /// # Errors
    /// As [`Self::syntax`].
    pub fn place(path: &Path) -> Result<(ControlSocket, PathBuf), Mistakes> {
        Self::syntax(path).map(|config| (config.control_socket, config.state))
    }

    /// Reads a configuration from text, named `file` in its problems.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_text(file: &str, text: &str) -> Result<Self, Mistakes> {
        raw::read(&Document::from_text(file, text))
    }

    /// The directory of the state, where the socket is if systemd has made none.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        self.state.parent().unwrap_or(Path::new("/"))
    }

    /// The sources that are read, as metrics name them.
    #[must_use]
    pub fn sources(&self) -> Vec<&'static str> {
        let sources = [
            ("cloudtrail", self.cloudtrail.is_some()),
            ("guardduty", self.guardduty.is_some()),
            ("cost", self.cost.is_some()),
        ];
        let read = sources.into_iter().filter(|(_, read)| *read);
        read.map(|(source, _)| source).collect()
    }
}

impl From<Problems> for Mistakes {
    fn from(problems: Problems) -> Self {
        Self {
            problems: problems.0,
            rules: Vec::new(),
        }
    }
}

impl Mistakes {
    /// Every mistake as a line for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let problems = self.problems.iter().map(ToString::to_string);
        problems.chain(self.rules.iter().cloned()).collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.rules.is_empty()
    }
}
