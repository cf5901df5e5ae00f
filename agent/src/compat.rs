//! The amazon-cloudwatch-agent's configuration as ours, so that this agent can take its place.
//!
//! Its JSON files become one, and that becomes the text of our own configuration with a report of
//! what became of each key: [`translate`]. `migrate` writes the text and the report, and `run`
//! reads the same text, so both do the same. What its schema refuses is refused here, with file,
//! line and JSON pointer; what it ignores is ignored here, with a warning. What is decided
//! otherwise than there is in docs/adr/0023-compatibility-traps.md.
//!
//! Only [`sources`] opens a socket, and only it, [`read`] and [`surroundings`] open files.

mod agent;
mod environment;
mod json;
mod logs;
mod merge;
mod metrics;
mod pattern;
mod reach;
mod reader;
mod report;
pub(crate) mod sources;
pub(crate) mod surroundings;
#[cfg(test)]
mod tests;
mod toml;

use std::path::Path;

use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::config::{Problem, Problems};

use crate::config::Config;
use environment::Environment;
use json::Node;
use reader::Reader;
pub(crate) use report::Report;
use report::{At, Notes};
use toml::{Table, Text};

/// What the amazon-cloudwatch-agent does when it has no configuration at all. Source: its
/// `translator/config/defaultConfig.go`.
const DEFAULT: &str = r#"{
  "metrics": {
    "append_dimensions": {
      "AutoScalingGroupName": "${aws:AutoScalingGroupName}",
      "ImageId": "${aws:ImageId}",
      "InstanceId": "${aws:InstanceId}",
      "InstanceType": "${aws:InstanceType}"
    },
    "metrics_collected": {
      "mem": { "measurement": ["mem_used_percent"] },
      "disk": { "measurement": ["used_percent"], "resources": ["*"] }
    }
  }
}
"#;
/// How the built-in configuration is called in reports.
const DEFAULT_NAME: &str = "default";
/// Larger than any list of 16,384 files with their keys.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Names of files in its directory that are not configurations. Source: its
/// `translator/cmdutil`.
const OTHER_FILES: [&str; 3] = ["tmp", "yaml", "yml"];

/// A part of the configuration, as text.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// How it is called in reports: its path, or `ssm:NAME`.
    pub(crate) name: String,
    /// JSON.
    pub(crate) text: String,
}

impl Part {
    /// What is done without any configuration.
    pub(crate) fn built_in() -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            text: DEFAULT.to_owned(),
        }
    }
}

/// A configuration that was translated.
#[derive(Debug)]
pub(crate) struct Translation {
    /// Our configuration.
    pub(crate) toml: String,
    /// What became of each key.
    pub(crate) report: Report,
    /// Where each line of the text comes from.
    from: Vec<Option<At>>,
}

impl Translation {
    /// Our configuration as it is used.
    ///
    /// # Errors
    /// What this agent refuses although the other takes it, told at the key that it comes from.
    pub(crate) fn config(&self, name: &str) -> Result<Config, Problems> {
        let config = Config::from_text(name, &self.toml).map_err(|problems| {
            let told = problems.0.into_iter();
            Problems(told.map(|problem| self.at_origin(problem)).collect())
        })?;
        Ok(Config {
            remarks: self.report.warnings().map(ToString::to_string).collect(),
            ..config
        })
    }

    /// The same mistake where the user wrote it.
    fn at_origin(&self, problem: Problem) -> Problem {
        let at = problem
            .line
            .checked_sub(1)
            .and_then(|line| self.from.get(line));
        let Some(Some(at)) = at else {
            return problem;
        };
        Problem {
            file: at.place.file.to_string(),
            line: at.place.line,
            column: at.place.column,
            key: format!("{} ({})", at.pointer, problem.key),
            ..problem
        }
    }
}

/// Reads and translates what is at `path`: a file, or a directory of files.
///
/// # Errors
/// Every mistake, each with its place.
pub(crate) fn load(path: &Path) -> Result<Translation, Problems> {
    let parts = read(path)?;
    translate(&parts, &|name| std::env::var(name).ok(), &today())
}

/// The parts of the configuration at `path`: a file, or all files of a directory by name. An empty
/// directory is the built-in configuration. Also what is named as in [`sources::named`].
///
/// # Errors
/// What cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<Part>, Problems> {
    if let Some(part) = sources::named(path)? {
        return Ok(vec![part]);
    }
    if !path.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let unreadable = |error: std::io::Error| cannot_read(path, &error.to_string());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        let other = extension.is_some_and(|extension| OTHER_FILES.contains(&extension));
        let name = file.file_name().and_then(|name| name.to_str());
        let hidden = name.is_none_or(|name| name.starts_with('.'));
        if file.is_file() && !other && !hidden {
            names.push(file);
        }
    }
    names.sort();
    if names.is_empty() {
        return Ok(vec![Part::built_in()]);
    }
    names.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Part, Problems> {
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    if size.is_ok_and(|size| size > FILE_BYTES_MAX) {
        return Err(cannot_read(path, "larger than 64 MiB"));
    }
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| cannot_read(path, &error.to_string()))?;
    Ok(Part {
        name: path.display().to_string(),
        text,
    })
}

fn cannot_read(path: &Path, why: &str) -> Problems {
    Problems(vec![Problem {
        file: path.display().to_string(),
        line: 0,
        column: 0,
        key: String::new(),
        found: format!("cannot be read: {why}"),
        expected: String::new(),
        nearest: None,
    }])
}

/// The day of the host's clock, such as `2026-11-24`.
fn today() -> String {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now().0).unwrap_or_default();
    let zone = jiff::tz::TimeZone::system();
    zone.to_datetime(now).date().to_string()
}

/// Translates the parts, the later over the earlier.
///
/// # Errors
/// Everything for which the amazon-cloudwatch-agent does not start, each with its place.
pub(crate) fn translate(
    parts: &[Part],
    environment: Environment<'_>,
    day: &str,
) -> Result<Translation, Problems> {
    let notes = Notes::default();
    let root = whole(parts, environment, &notes)?;
    let tables = sections(&root, day, &notes);
    let (report, problems) = notes.close();
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let Text { text, from } = Text::write(&tables);
    Ok(Translation {
        toml: text,
        report,
        from,
    })
}

/// The parts as one.
fn whole(parts: &[Part], environment: Environment<'_>, notes: &Notes) -> Result<Node, Problems> {
    let mut problems = Vec::new();
    let mut root: Option<Node> = None;
    for part in parts {
        match json::parse(&part.name, &part.text) {
            Ok(mut node) => {
                environment::expand(&mut node, environment, notes);
                match &mut root {
                    Some(root) => merge::merge(root, node, notes),
                    None => root = Some(node),
                }
            }
            Err(bad) => problems.push(Problem {
                file: part.name.clone(),
                line: bad.place.line,
                column: bad.place.column,
                key: String::new(),
                found: format!("not JSON: {}", bad.why),
                expected: String::new(),
                nearest: None,
            }),
        }
    }
    match root {
        Some(root) if problems.is_empty() => Ok(root),
        _ => Err(Problems(problems)),
    }
}

/// All sections of the document.
fn sections(root: &Node, day: &str, notes: &Notes) -> Vec<Table> {
    let Some(mut root) = Reader::open(notes, At::new("", root), root) else {
        return Vec::new();
    };
    let agent = root.object("agent").map(agent::read).unwrap_or_default();
    let mut metrics = match root.object("metrics") {
        Some(metrics) => metrics::read(metrics, &agent),
        None => metrics::none(),
    };
    let logs = match root.object("logs") {
        Some(logs) => logs::read(logs, day),
        None => logs::Logs::default(),
    };
    let why = "traces are not supported; keep the AWS X-Ray daemon or an OpenTelemetry collector";
    root.refuse("traces", why);
    let why = "OpenTelemetry pipelines are not supported; keep a collector for them";
    root.refuse("opentelemetry", why);
    root.ignore("csm", "client side monitoring is no more");
    root.open_ended();
    metrics.tables.extend(logs.emf.clone());
    let aws = reach::tables(&agent, &metrics, &logs, notes);
    let tables = agent.table.into_iter().chain(aws);
    tables.chain(logs.tables).chain(metrics.tables).collect()
}
