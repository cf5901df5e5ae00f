//! What only the machine can answer: whether what the file names is there and can be read.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use plimsoll_core::config::Problem;

/// A question to the machine, with the place in the file that it came from.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) what: What,
    pub(super) place: Problem,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// The directory can be listed.
    Directory(PathBuf),
    /// The file can be read, or the directory be listed.
    FileOrDirectory(PathBuf),
    /// The file can be written, or be made.
    State(PathBuf),
}

impl Check {
    /// The problem, if there is one.
    pub(super) fn problem(&self) -> Option<Problem> {
        let (answer, expected) = match &self.what {
            What::Directory(path) => (
                list(path),
                "expected a directory that this user may list; make it, or change its owner",
            ),
            What::FileOrDirectory(path) => {
                let read = if path.is_dir() {
                    list(path)
                } else {
                    File::open(path).map(drop)
                };
                (
                    read,
                    "expected a file that this user may read, or a directory of such files",
                )
            }
            What::State(path) => (
                writable(path),
                "expected a file in a directory that this user may write; make the directory, or \
                 change its owner",
            ),
        };
        let error = answer.err()?;
        Some(Problem {
            found: format!("cannot be used: {error}"),
            expected: expected.to_owned(),
            ..self.place.clone()
        })
    }
}

fn list(path: &Path) -> std::io::Result<()> {
    fs::read_dir(path).map(drop)
}

/// Whether the state file is, or could be made, writable. Leaves nothing behind: a file that does
/// not exist is tried under a name of its own in the same directory.
fn writable(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".check");
    let probe = PathBuf::from(name);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .map(drop)?;
    fs::remove_file(&probe)
}
