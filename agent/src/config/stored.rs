//! Our configuration out of SSM Parameter Store: `ssm:` and the names of parameters, separated by
//! commas, whose values are joined in that order.
//!
//! One parameter holds 8 KiB at most, which a fleet's configuration can exceed. Nothing is kept on
//! this machine: a reload asks again, and so does who looks for changes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use plimsoll_core::config::{Document, Problem, Problems};

use super::{Config, Dialect, raw};
use crate::compat::sources;

/// What the name of such a configuration begins with. A file of that name is `./ssm:…`.
const PREFIX: &str = "ssm:";

/// What tells two texts from each other, and nothing of what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of what the parameters hold.
    pub(crate) fn of(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The names of the parameters that `path` stands for; `None` for a file.
///
/// # Errors
/// When one of the names is missing.
pub(crate) fn names(path: &Path) -> Option<Result<Vec<String>, String>> {
    let name = path.display().to_string();
    name.strip_prefix(PREFIX).map(parameters)
}

/// What the parameters hold that `path` stands for; `None` for a file, which is not read. Blocks, and
/// asks AWS.
///
/// # Errors
/// What cannot be read.
pub(crate) fn text(path: &Path) -> Result<Option<String>, Problems> {
    let text = names(path).map(|names| names.and_then(|names| sources::joined(&names)));
    text.transpose().map_err(|why| {
        Problems(vec![Problem {
            file: path.display().to_string(),
            line: 0,
            column: 0,
            key: String::new(),
            found: why,
            expected: String::new(),
            nearest: None,
        }])
    })
}

/// The configuration of this text, which the parameters hold that `path` stands for.
///
/// # Errors
/// Every mistake in it, each with its place.
pub(crate) fn read(path: &Path, text: &str) -> Result<Config, Problems> {
    let config = raw::read(&Document::from_text(&path.display().to_string(), text))?;
    Ok(Config {
        file: Some(path.to_owned()),
        dialect: Dialect::Plimsoll,
        stored: Some(Fingerprint::of(text)),
        ..config
    })
}

/// The names of the parameters.
fn parameters(names: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = names
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    if names.iter().any(String::is_empty) {
        return Err("a name is missing; expected ssm:NAME or ssm:NAME,NAME".to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_in_their_order_and_none_is_empty() {
        let named = |path: &str| names(Path::new(path));
        assert_eq!(named("/etc/plimsoll/agent.toml"), None);
        assert_eq!(named("ssm:/a/1"), Some(Ok(vec!["/a/1".to_owned()])));
        let two = Ok(vec!["/a/2".to_owned(), "/a/1".to_owned()]);
        assert_eq!(named("ssm:/a/2, /a/1"), Some(two));
        for bad in ["ssm:", "ssm:,", "ssm:/a,", "ssm:/a,,/b"] {
            assert!(named(bad).unwrap().is_err(), "{bad}");
        }
        let told = text(Path::new("ssm:")).unwrap_err();
        assert!(told.to_string().contains("a name is missing"), "{told}");
    }
}
