//! Records of CloudTrail from files, as trails deliver them to S3 or as somebody saved them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::stored::{self, StoredError};

/// A file of a trail has at most 50 MB before compression (CloudTrail quotas); a larger one is
/// refused before it fills the memory.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why records cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TrailFileError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than any that CloudTrail writes.
    #[error("{path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not JSON.
    #[error("{path}:{line}")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// The records of the file, or of all `.json` and `.json.gz` files of the folder and those below.
pub(super) fn read(path: &Path) -> Result<Vec<Json>, TrailFileError> {
    let mut records = Vec::new();
    for file in files(path)? {
        let text = text_of(&file)?;
        records.extend(records_in(&file, &text)?);
    }
    Ok(records)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, TrailFileError> {
    let unreadable = |source| TrailFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        // Links are not followed, so a folder that links to itself ends the search.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            found.extend(files(&entry.path())?);
        } else if ends_in_json(&name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn ends_in_json(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    Path::new(name).extension().is_some_and(|end| end == "json")
}

fn text_of(path: &Path) -> Result<String, TrailFileError> {
    stored::text_of(path, FILE_BYTES_MAX).map_err(|error| {
        let path = path.to_owned();
        match error {
            StoredError::Unreadable(source) => TrailFileError::Unreadable { path, source },
            StoredError::TooLarge => TrailFileError::TooLarge { path },
        }
    })
}

fn records_in(path: &Path, text: &str) -> Result<Vec<Json>, TrailFileError> {
    match serde_json::from_str(text) {
        Ok(Json::Array(records)) => Ok(records),
        Ok(Json::Object(mut file)) => match file.remove("Records") {
            Some(Json::Array(records)) => Ok(records),
            Some(other) => {
                file.insert("Records".to_owned(), other);
                Ok(vec![Json::Object(file)])
            }
            None => Ok(vec![Json::Object(file)]),
        },
        Ok(other) => Ok(vec![other]),
        Err(whole) => lines_in(path, text, whole),
    }
}

/// One record on each line. A file whose first line is no record is wrong as a whole.
fn lines_in(
    path: &Path,
    text: &str,
    whole: serde_json::Error,
) -> Result<Vec<Json>, TrailFileError> {
    let not_json = |line: usize, source| TrailFileError::NotJson {
        path: path.to_owned(),
        line,
        source,
    };
    let mut records = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(_) if records.is_empty() => {
                let line = whole.line();
                return Err(not_json(line, whole));
            }
            Err(source) => return Err(not_json(index + 1, source)),
        }
    }
    Ok(records)
}
