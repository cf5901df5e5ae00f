//! Where a configuration of amazon-cloudwatch-agent comes from: the built-in one, a file, or SSM
//! Parameter Store. The words are those of `amazon-cloudwatch-agent-ctl -c`.
//!
//! What is read is text; whether it can be used is decided where it is translated. Nothing here
//! writes anything.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use plimsoll_aws::{Clients, ParametersApi, Settings};
use plimsoll_core::cli::runtime;
use plimsoll_core::config::Problems;
use plimsoll_core::error::chain;

use super::surroundings::Surroundings;
use super::{Part, cannot_read};

/// How the program calls itself.
const PROGRAM: &str = "plimsoll-agent";
/// The name of the built-in configuration.
const DEFAULT: &str = "default";
/// What a configuration may have at most. A parameter has 8 KiB; the longest files that are known
/// list some hundred logs.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// The variable in which a container may be given its configuration. Source: CloudWatch user guide,
/// "Install the CloudWatch agent on Amazon ECS".
const CONTENT: &str = "CW_CONFIG_CONTENT";

/// Whether the environment of this process holds a configuration, and how it is named.
pub(crate) fn in_environment() -> Option<PathBuf> {
    let content = std::env::var(CONTENT).ok();
    content
        .filter(|content| !content.trim().is_empty())
        .map(|_| PathBuf::from(format!("env:{CONTENT}")))
}

/// The configuration that a name stands for which is none of a file: `ssm:NAME`, or `env:` and the
/// name of a variable; `None` for a path. Blocks, and asks AWS if it must.
///
/// # Errors
/// What cannot be read.
pub(super) fn named(path: &Path) -> Result<Option<Part>, Problems> {
    let name = path.display().to_string();
    let text = match name.split_once(':') {
        Some(("env", variable)) => std::env::var(variable).map_err(|error| error.to_string()),
        Some(("ssm", parameter)) => parameter_here(parameter, path)?,
        _ => return Ok(None),
    };
    match text {
        Ok(text) => Ok(Some(Part { name, text })),
        Err(why) => Err(cannot_read(path, &why)),
    }
}

/// The parameter, asked for from a thread that may wait.
fn parameter_here(name: &str, path: &Path) -> Result<Result<String, String>, Problems> {
    let mut settings = own_settings();
    Surroundings::beside(path)?.reach(&mut settings)?;
    let runtime = runtime(PROGRAM, 1);
    let read = runtime.and_then(|runtime| {
        let text = runtime.block_on(read_parameter(name, &settings));
        runtime.shutdown_background();
        text
    });
    Ok(read)
}

/// The values of parameters, in this order, each ended by a line break. Blocks, and asks AWS where the
/// environment says that it is.
///
/// # Errors
/// One line that says which one cannot be read, and why.
pub(crate) fn joined(names: &[String]) -> Result<String, String> {
    let runtime = runtime(PROGRAM, 1)?;
    let text = runtime.block_on(gathered(names));
    runtime.shutdown_background();
    text
}

/// As [`joined`], for those that may not block.
///
/// # Errors
/// See [`joined`].
pub(crate) async fn gathered(names: &[String]) -> Result<String, String> {
    let clients = Clients::connect(&own_settings()).await;
    let clients = clients.map_err(|error| unread(&names.join(","), &error))?;
    let mut text = String::new();
    for name in names {
        text += &value(&clients, name).await?;
        text.push('\n');
    }
    Ok(text)
}

/// How AWS is reached before there is a configuration that says so, under this program's own name.
fn own_settings() -> Settings {
    Settings {
        app_name: PROGRAM.to_owned(),
        ..Settings::default()
    }
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The built-in configuration.
    Default,
    /// A file of this host.
    File(PathBuf),
    /// A parameter, by name.
    Ssm(String),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == DEFAULT => Ok(Self::Default),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("ssm", name)) if !name.is_empty() => Ok(Self::Ssm(name.to_owned())),
            _ => Err(format!(
                "`{text}` is no source: expected default, ssm:<name of a parameter> or file:<path>"
            )),
        }
    }
}

impl Source {
    /// The name of its file in `directory`, by which it is found again: the kind, then the file's
    /// own name or the parameter's, with `/`, blank and `:` as `_`. A file that has such a name
    /// because it lies in a directory of configurations already keeps it.
    pub(crate) fn file_name(&self, directory: &Path) -> String {
        match self {
            Self::Default => DEFAULT.to_owned(),
            Self::Ssm(name) => format!("ssm_{}", escaped(name)),
            Self::File(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if named_already(path, &name, directory) {
                    return name.into_owned();
                }
                format!("file_{}", escaped(&name))
            }
        }
    }

    /// The text of the configuration. Blocks, and asks AWS if it must.
    ///
    /// # Errors
    /// One line that says what cannot be read and what would help.
    pub(crate) async fn read(&self, settings: &Settings) -> Result<String, String> {
        match self {
            Self::Default => Ok(Part::built_in().text),
            Self::File(path) => read_file(path),
            Self::Ssm(name) => read_parameter(name, settings).await,
        }
    }
}

/// Whether a file bears the name of a source and lies where such files are: in `directory`, or in
/// the one of amazon-cloudwatch-agent.
fn named_already(path: &Path, name: &str, directory: &Path) -> bool {
    let is_named = name == DEFAULT || name.starts_with("file_") || name.starts_with("ssm_");
    let real = path.canonicalize();
    let real = real.as_deref().unwrap_or(path).parent();
    let ours = directory.canonicalize();
    let ours = ours.as_deref().unwrap_or(directory);
    is_named && real.is_some_and(|real| real == ours || real.ends_with("amazon-cloudwatch-agent.d"))
}

fn escaped(name: &str) -> String {
    name.replace(['/', ' ', ':'], "_")
}

fn read_file(path: &Path) -> Result<String, String> {
    let told = |why: String| format!("{} cannot be read: {why}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| told(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > TEXT_BYTES_MAX {
        return Err(told(format!(
            "expected a file of at most {TEXT_BYTES_MAX} bytes"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| told(error.to_string()))
}

async fn read_parameter(name: &str, settings: &Settings) -> Result<String, String> {
    let clients = Clients::connect(settings).await;
    let clients = clients.map_err(|error| unread(name, &error))?;
    value(&clients, name).await
}

async fn value(clients: &Clients, name: &str) -> Result<String, String> {
    let value = clients.parameters().parameter(name).await;
    value.map_err(|error| unread(name, &error))
}

fn unread(name: &str, error: &(dyn std::error::Error + 'static)) -> String {
    format!("the parameter {name} cannot be read: {}", chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_as_amazon_cloudwatch_agent_names_them() {
        let directory = Path::new("/etc/plimsoll/cloudwatch-agent.d");
        let name = |text: &str| {
            let source = text.parse::<Source>().unwrap();
            source.file_name(directory)
        };
        assert_eq!(name("default"), "default");
        assert_eq!(name("file:/tmp/my config.json"), "file_my_config.json");
        assert_eq!(
            name("ssm:AmazonCloudWatch-linux"),
            "ssm_AmazonCloudWatch-linux"
        );
        assert_eq!(name("ssm:/fleet/cwa:3"), "ssm__fleet_cwa_3");
        for text in [
            "",
            "all",
            "default:otel",
            "file:",
            "ssm:",
            "http://x",
            "/tmp/x",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_among_configurations_is_not_named_twice() {
        let root = tempfile::tempdir().unwrap();
        let ours = root.path().join("cloudwatch-agent.d");
        let theirs = root.path().join("amazon-cloudwatch-agent.d");
        let check = |directory: &Path, name: &str, expected: &str| {
            std::fs::create_dir_all(directory).unwrap();
            std::fs::write(directory.join(name), "{}").unwrap();
            let source = Source::File(directory.join(name));
            assert_eq!(source.file_name(&ours), expected, "{name}");
        };
        check(&ours, "file_config.json", "file_config.json");
        check(&ours, "mine.json", "file_mine.json");
        check(&theirs, "ssm_config", "ssm_config");
        check(root.path(), "file_config.json", "file_file_config.json");
    }

    #[tokio::test]
    async fn what_is_too_long_or_no_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("long");
        let long = std::fs::File::create(&file).unwrap();
        long.set_len(TEXT_BYTES_MAX + 1).unwrap();
        for path in [
            file,
            directory.path().to_owned(),
            directory.path().join("none"),
        ] {
            let told = Source::File(path.clone()).read(&Settings::default()).await;
            assert!(told.unwrap_err().contains(&path.display().to_string()));
        }
        let built_in = Source::Default.read(&Settings::default()).await.unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&built_in).is_ok());
    }
}
