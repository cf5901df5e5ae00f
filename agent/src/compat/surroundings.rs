//! What stands beside a configuration of amazon-cloudwatch-agent: `common-config.toml` says how AWS
//! is reached, `env-config.json` which variables that agent sets for itself.
//!
//! Both become settings of ours; no variable of this process is changed. Where they are not beside
//! the configuration, those of an installed amazon-cloudwatch-agent are taken. A file that cannot
//! be read is an error, because a host that cannot be reached without its proxy is better told so
//! than left alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use log::LevelFilter;
use plimsoll_aws::Settings;
use plimsoll_core::config::{Document, Problem, Problems, Section};

use crate::cli::CTL_DIRECTORY;
use crate::compat::cannot_read;
use crate::config::Config;

/// Where amazon-cloudwatch-agent has both files.
const THEIRS: &str = "/opt/aws/amazon-cloudwatch-agent/etc";
const COMMON: &str = "common-config.toml";
pub(crate) const ENVIRONMENT: &str = "env-config.json";
/// The level of what the agent says about itself.
pub(crate) const LOG_LEVEL: &str = "CWAGENT_LOG_LEVEL";
const USER_AGENT: &str = "CWAGENT_USER_AGENT";
const HTTPS_PROXY: &str = "HTTPS_PROXY";
const NO_PROXY: &str = "NO_PROXY";
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// Variables that have an effect here. `HTTP_PROXY` is known and has none: AWS is called by HTTPS.
const KNOWN: [&str; 6] = [
    LOG_LEVEL,
    USER_AGENT,
    HTTPS_PROXY,
    "HTTP_PROXY",
    NO_PROXY,
    CA_BUNDLE,
];
/// The most that IMDS is asked one question; more would hold up the start.
const IMDS_ATTEMPTS_MAX: u64 = 10;

/// The words of `CWAGENT_LOG_LEVEL`.
const LEVELS: [(&str, LevelFilter); 5] = [
    ("OFF", LevelFilter::Off),
    ("ERROR", LevelFilter::Error),
    ("WARN", LevelFilter::Warn),
    ("INFO", LevelFilter::Info),
    ("DEBUG", LevelFilter::Debug),
];

/// What both files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    common: Common,
    environment: BTreeMap<String, String>,
    /// What has no effect, for people.
    pub(crate) notes: Vec<String>,
}

/// What `common-config.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Common {
    profile: Option<String>,
    credentials_file: Option<PathBuf>,
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: Option<String>,
    ca_bundle: Option<PathBuf>,
    imds_attempts: Option<u32>,
}

/// The level that a word of `CWAGENT_LOG_LEVEL` means.
pub(crate) fn level(word: &str) -> Option<LevelFilter> {
    let found = LEVELS.iter().find(|(name, _)| *name == word);
    found.map(|(_, level)| *level)
}

impl Surroundings {
    /// Reads what stands beside `configuration`, a file or a directory. One that is neither is as
    /// good as in our own directory.
    ///
    /// # Errors
    /// Every mistake, each with its place.
    pub(crate) fn beside(configuration: &Path) -> Result<Self, Problems> {
        let configuration = if configuration.is_absolute() || configuration.exists() {
            configuration
        } else {
            Path::new(CTL_DIRECTORY)
        };
        let home = configuration.parent().unwrap_or(Path::new("/"));
        Self::of(&[home, Path::new(THEIRS)])
    }

    /// Reads each file from the first of `homes` that has it.
    fn of(homes: &[&Path]) -> Result<Self, Problems> {
        let mut read = Self::default();
        if let Some((path, text)) = first(homes, COMMON)? {
            let document = Document::from_text(&path.display().to_string(), &text);
            read.common = document.parse(|root| Some(Common::take(root)))?;
        }
        if let Some((path, text)) = first(homes, ENVIRONMENT)? {
            read.environment = variables(&path, &text)?;
        }
        read.note();
        Ok(read)
    }

    fn note(&mut self) {
        let unknown = self.environment.keys();
        let unknown = unknown.filter(|name| !KNOWN.contains(&name.as_str()));
        self.notes
            .extend(unknown.map(|name| format!("{ENVIRONMENT}: {name} has no effect")));
        if self.common.http_proxy.is_some() && self.common.https_proxy.is_none() {
            self.notes.push(format!(
                "{COMMON}: proxy.http_proxy has no effect without https_proxy: AWS is called by HTTPS"
            ));
        }
    }

    /// What a variable is set to, by the file or else for this process. The variables that every
    /// client of AWS knows are looked for in this process by ours.
    fn variable(&self, name: &str) -> Option<String> {
        let is_theirs = name.starts_with("CWAGENT_");
        let own = || std::env::var(name).ok().filter(|_| is_theirs);
        let value = self.environment.get(name).cloned().or_else(own);
        value.filter(|value| !value.is_empty())
    }

    /// Fills in what the settings leave open.
    ///
    /// # Errors
    /// What cannot work.
    pub(crate) fn reach(&self, aws: &mut Settings) -> Result<(), Problems> {
        let common = self.common.clone();
        let fill = |of: &mut Option<String>, value: Option<String>| {
            *of = of.take().or(value);
        };
        fill(&mut aws.profile, common.profile);
        fill(
            &mut aws.proxy,
            self.variable(HTTPS_PROXY).or(common.https_proxy),
        );
        fill(
            &mut aws.no_proxy,
            self.variable(NO_PROXY).or(common.no_proxy),
        );
        let bundle = self.variable(CA_BUNDLE).map(PathBuf::from);
        aws.ca_bundle = aws.ca_bundle.take().or(bundle).or(common.ca_bundle);
        aws.credentials_file = aws.credentials_file.take().or(common.credentials_file);
        aws.imds_attempts = aws.imds_attempts.or(common.imds_attempts);
        if let Some(name) = self.variable(USER_AGENT) {
            aws.app_name = name;
        }
        let bad = aws.check().into_iter().map(|bad| Problem {
            file: format!("{COMMON} or {ENVIRONMENT}"),
            key: bad.setting,
            found: bad.why,
            ..nowhere()
        });
        let bad: Vec<Problem> = bad.collect();
        if bad.is_empty() {
            Ok(())
        } else {
            Err(Problems(bad))
        }
    }

    /// Completes a configuration. The level of `env-config.json` wins, because it is what was said
    /// last.
    ///
    /// # Errors
    /// What cannot work.
    pub(crate) fn complete(&self, config: &mut Config) -> Result<(), Problems> {
        self.reach(&mut config.aws)?;
        config.remarks.extend(self.notes.iter().cloned());
        if let Some(level) = self.variable(LOG_LEVEL).as_deref().and_then(level) {
            config.agent.log_level = level;
        }
        Ok(())
    }
}

impl Common {
    fn take(root: &mut Section<'_>) -> Self {
        let mut common = Self::default();
        let text = |section: &mut Section<'_>, key| {
            let field = section.take_string(key)?;
            Some(field.value).filter(|value| !value.is_empty())
        };
        if let Some(mut section) = root.take_section("credentials") {
            common.profile = text(&mut section, "shared_credential_profile");
            common.credentials_file = text(&mut section, "shared_credential_file").map(Into::into);
            section.finish();
        }
        if let Some(mut section) = root.take_section("proxy") {
            common.http_proxy = text(&mut section, "http_proxy");
            common.https_proxy = text(&mut section, "https_proxy");
            common.no_proxy = text(&mut section, "no_proxy");
            section.finish();
        }
        if let Some(mut section) = root.take_section("ssl") {
            common.ca_bundle = text(&mut section, "ca_bundle_path").map(Into::into);
            section.finish();
        }
        if let Some(mut section) = root.take_section("imds") {
            let retries = section.take_integer("imds_retries", 0..=u64::from(u32::MAX));
            let attempts = retries.map(|retries| (retries + 1).min(IMDS_ATTEMPTS_MAX));
            common.imds_attempts = attempts.and_then(|attempts| u32::try_from(attempts).ok());
            section.finish();
        }
        common
    }
}

/// The first of the files of this name that exists, with its text.
fn first(homes: &[&Path], name: &str) -> Result<Option<(PathBuf, String)>, Problems> {
    for home in homes {
        let path = home.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot_read(&path, &error.to_string())),
        }
    }
    Ok(None)
}

/// A problem of no place yet.
fn nowhere() -> Problem {
    Problem {
        file: String::new(),
        line: 0,
        column: 0,
        key: String::new(),
        found: String::new(),
        expected: String::new(),
        nearest: None,
    }
}

/// Reads `env-config.json`: one object of texts.
///
/// # Errors
/// What is wrong, with its place.
pub(crate) fn variables(path: &Path, text: &str) -> Result<BTreeMap<String, String>, Problems> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let file = path.display().to_string();
    let read: BTreeMap<String, String> = match serde_json::from_str(text) {
        Ok(read) => read,
        Err(error) => {
            return Err(Problems(vec![Problem {
                file,
                line: error.line(),
                column: error.column(),
                found: error.to_string(),
                expected: "expected one JSON object of texts".to_owned(),
                ..nowhere()
            }]));
        }
    };
    let word = read.get(LOG_LEVEL).filter(|word| !word.is_empty());
    match word.filter(|word| level(word).is_none()) {
        Some(word) => Err(Problems(vec![Problem {
            file,
            key: LOG_LEVEL.to_owned(),
            found: format!("found \"{word}\""),
            expected: "expected OFF, ERROR, WARN, INFO or DEBUG".to_owned(),
            ..nowhere()
        }])),
        None => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(common: &str, environment: &str) -> Result<Surroundings, Problems> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(COMMON), common).unwrap();
        std::fs::write(home.path().join(ENVIRONMENT), environment).unwrap();
        Surroundings::of(&[&home.path().join("none"), home.path()])
    }

    #[test]
    fn both_files_become_settings_and_what_was_set_before_stays() {
        let common = "[credentials]\nshared_credential_profile = \"fleet\"\n\
                      shared_credential_file = \"/etc/keys\"\n[proxy]\n\
                      http_proxy = \"http://plain:1\"\nhttps_proxy = \"http://common:1\"\n\
                      no_proxy = \"169.254.169.254\"\n[ssl]\nca_bundle_path = \"\"\n\
                      [imds]\nimds_retries = 1\n";
        let environment = r#"{"HTTPS_PROXY": "http://variable:2", "CWAGENT_LOG_LEVEL": "DEBUG",
            "CWAGENT_USER_AGENT": "fleet", "CWAGENT_USAGE_DATA": "FALSE"}"#;
        let read = read(common, environment).unwrap();
        let mut config = Config::from_text("a", "[metrics]\nscrapers = [\"cpu\"]\n").unwrap();
        config.aws.profile = Some("own".to_owned());
        read.complete(&mut config).unwrap();
        let aws = &config.aws;
        assert_eq!(aws.profile.as_deref(), Some("own"));
        assert_eq!(aws.proxy.as_deref(), Some("http://variable:2"));
        assert_eq!(aws.no_proxy.as_deref(), Some("169.254.169.254"));
        assert_eq!(aws.credentials_file, Some("/etc/keys".into()));
        assert_eq!((aws.imds_attempts, &aws.ca_bundle), (Some(2), &None));
        assert_eq!(aws.app_name, "fleet");
        assert_eq!(config.agent.log_level, LevelFilter::Debug);
        assert_eq!(
            read.notes,
            ["env-config.json: CWAGENT_USAGE_DATA has no effect"]
        );
    }

    #[test]
    fn what_is_not_there_or_empty_changes_nothing() {
        let none = Surroundings::of(&[Path::new("/no/such/place")]).unwrap();
        assert_eq!(none, Surroundings::default());
        assert_eq!(read("# nothing\n", "").unwrap(), Surroundings::default());
        let mut aws = Settings::default();
        none.reach(&mut aws).unwrap();
        assert!(aws == Settings::default());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let cases = [
            (
                "[proxy]\nhttp_prxy = \"x\"\n",
                "{}",
                "common-config.toml:2:1: proxy.http_prxy",
            ),
            (
                "[imds]\nimds_retries = \"1\"\n",
                "{}",
                ":2:16: imds.imds_retries",
            ),
            ("", "{\n  \"A\": 1}", "env-config.json:2:8: invalid type"),
            (
                "",
                "{\"CWAGENT_LOG_LEVEL\": \"LOUD\"}",
                "expected OFF, ERROR, WARN",
            ),
        ];
        for (common, environment, expected) in cases {
            let told = read(common, environment).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
        let read = read("[ssl]\nca_bundle_path = \"/no/such.pem\"\n", "{}").unwrap();
        let told = read
            .reach(&mut Settings::default())
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("ca_bundle: cannot read /no/such.pem"),
            "{told}"
        );
    }
}
