//! Findings from files, however they were saved.
//!
//! One finding, a list of them, the answer of GetFindings, or an event of EventBridge with the
//! finding in its `detail`. The AWS CLI writes members with a capital; the wire does not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::stored::{self, StoredError};
use crate::value::Value;

/// A larger file is refused before it fills the memory.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why findings cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FindingFileError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is too large.
    #[error("{path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not JSON.
    #[error("cannot read {path} as JSON")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A finding lacks what every finding has.
    #[error("{path}: finding {number} has no {member}")]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// Which finding of the file, from 1.
        number: usize,
        /// The member.
        member: &'static str,
    },
}

/// The findings of the file, or of all `.json` files of the folder.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, FindingFileError> {
    let unreadable = |source| FindingFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return read_file(path);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|end| end == "json") {
            files.push(file);
        }
    }
    files.sort();
    let mut findings = Vec::new();
    for file in files {
        findings.extend(read_file(&file)?);
    }
    Ok(findings)
}

fn read_file(path: &Path) -> Result<Vec<Value>, FindingFileError> {
    let text = stored::text_of(path, FILE_BYTES_MAX).map_err(|error| {
        let path = path.to_owned();
        match error {
            StoredError::Unreadable(source) => FindingFileError::Unreadable { path, source },
            StoredError::TooLarge => FindingFileError::TooLarge { path },
        }
    })?;
    let value: Value = serde_json::from_str(&text).map_err(|source| FindingFileError::NotJson {
        path: path.to_owned(),
        source,
    })?;
    let findings = findings_in(value);
    for (index, finding) in findings.iter().enumerate() {
        let members = ["id", "type", "severity", "updatedAt"];
        if let Some(member) = members
            .into_iter()
            .find(|name| finding.member(name).is_null())
        {
            return Err(FindingFileError::Incomplete {
                path: path.to_owned(),
                number: index + 1,
                member,
            });
        }
    }
    Ok(findings)
}

fn findings_in(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.into_iter().flat_map(findings_in).collect(),
        Value::Map(members) => {
            let inner = members
                .iter()
                .position(|(name, _)| matches!(name.as_str(), "Findings" | "findings" | "detail"));
            match inner {
                Some(place) => members
                    .into_iter()
                    .nth(place)
                    .map(|(_, inner)| findings_in(inner))
                    .unwrap_or_default(),
                None => vec![as_on_the_wire(Value::Map(members))],
            }
        }
        other => vec![other],
    }
}

/// Names with a small first letter, in the whole tree, when the finding has them with a capital.
fn as_on_the_wire(finding: Value) -> Value {
    if finding.member("Id").is_null() {
        return finding;
    }
    lowered(finding)
}

fn lowered(value: Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(lowered).collect()),
        Value::Map(members) => Value::Map(
            members
                .into_iter()
                .map(|(name, value)| {
                    let mut letters = name.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                    let name = first.into_iter().chain(letters).collect();
                    (name, lowered(value))
                })
                .collect(),
        ),
        other => other,
    }
}
