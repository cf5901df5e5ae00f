//! The directory of configurations: one file per source, changed as a whole or not at all.
//!
//! A change is written beside the directory, checked there, brought to disk, and put in its place
//! in one step. The set before it stays as `DIRECTORY.previous`. Files elsewhere are never touched.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The service reads as its own user what root writes here, whatever root's umask is.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// The directory.
#[derive(Clone, Debug)]
pub(super) struct Set {
    directory: PathBuf,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// This file, of this text, and no other.
    Only(&'a str, &'a str),
    /// This file, of this text, among the others.
    With(&'a str, &'a str),
    /// All but this file.
    Without(&'a str),
    /// Nothing.
    Empty,
}

impl Set {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The files in it, by name.
    ///
    /// # Errors
    /// Why it cannot be looked through.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, String> {
        let told = |error: &io::Error| told(&self.directory, "cannot be looked through", error);
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(told(&error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| told(&error))?.path();
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Makes the change if `check` takes what would come of it; `check` is given the directory as
    /// it would be, and is not asked about an empty one.
    ///
    /// # Errors
    /// Why the directory is as it was.
    pub(super) fn change(
        &self,
        change: Change<'_>,
        check: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(), String> {
        if let Change::Without(name) = change
            && !self.directory.join(name).is_file()
        {
            let directory = self.directory.display();
            return Err(format!(
                "{directory} holds no configuration of the name {name}"
            ));
        }
        let staged = self.beside("new");
        let done = self.stage(&staged, change).and_then(|files| {
            if files > 0 {
                check(&staged)?;
            }
            self.put(&staged)
        });
        if done.is_err() {
            // What is left of it is replaced by the next change.
            drop(fs::remove_dir_all(&staged));
        }
        done
    }

    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.directory.clone().into_os_string();
        name.push(".");
        name.push(what);
        name.into()
    }

    /// Writes the directory as it would be, and says how many files are in it.
    fn stage(&self, staged: &Path, change: Change<'_>) -> Result<usize, String> {
        let failed = |error: &io::Error| told(staged, "cannot be written", error);
        remove(staged).map_err(|error| failed(&error))?;
        let mut maker = DirBuilder::new();
        let made = maker.recursive(true).mode(DIRECTORY_MODE).create(staged);
        made.map_err(|error| failed(&error))?;
        set_mode(staged, DIRECTORY_MODE).map_err(|error| failed(&error))?;
        let mut files = 0;
        let kept = match change {
            Change::Only(..) | Change::Empty => Vec::new(),
            Change::With(..) | Change::Without(_) => self.files()?,
        };
        let (left_out, new) = match change {
            Change::Only(name, text) | Change::With(name, text) => (Some(name), Some((name, text))),
            Change::Without(name) => (Some(name), None),
            Change::Empty => (None, None),
        };
        for path in kept {
            let name = path.file_name().unwrap_or_default();
            if left_out.is_some_and(|left_out| name == left_out) {
                continue;
            }
            let text = fs::read(&path).map_err(|error| told(&path, "cannot be read", &error))?;
            write(&staged.join(name), &text).map_err(|error| failed(&error))?;
            files += 1;
        }
        if let Some((name, text)) = new {
            write(&staged.join(name), text.as_bytes()).map_err(|error| failed(&error))?;
            files += 1;
        }
        sync(staged).map_err(|error| failed(&error))?;
        Ok(files)
    }

    /// Puts the new directory in the place of the old one, which stays beside it.
    fn put(&self, staged: &Path) -> Result<(), String> {
        let failed = |error: &io::Error| told(&self.directory, "cannot be replaced", error);
        let previous = self.beside("previous");
        let exchanged =
            match renameat_with(CWD, staged, CWD, &self.directory, RenameFlags::EXCHANGE) {
                Ok(()) => true,
                // The first time there is nothing to exchange; and some file systems cannot.
                Err(Errno::NOENT) => false,
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    remove(&previous).map_err(|error| failed(&error))?;
                    fs::rename(&self.directory, &previous).map_err(|error| failed(&error))?;
                    false
                }
                Err(error) => return Err(failed(&error.into())),
            };
        let (from, to) = if exchanged {
            remove(&previous).map_err(|error| failed(&error))?;
            (staged, previous.as_path())
        } else {
            (staged, self.directory.as_path())
        };
        fs::rename(from, to).map_err(|error| failed(&error))?;
        let home = self.directory.parent().unwrap_or(Path::new("/"));
        sync(home).map_err(|error| failed(&error))
    }
}

/// Replaces a file of its own by another of the same name, in one step.
///
/// # Errors
/// Those of writing and renaming.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let home = path.parent().unwrap_or(Path::new("/"));
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let staged = PathBuf::from(name);
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(home)?;
    remove(&staged)?;
    write(&staged, text.as_bytes())?;
    fs::rename(&staged, path)?;
    sync(home)
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(text)?;
    set_mode(path, FILE_MODE)?;
    file.sync_all()
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Removes what an earlier change has left, a directory or a file.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn told(path: &Path, what: &str, error: &io::Error) -> String {
    format!("{} {what}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fresh {
        _home: tempfile::TempDir,
        set: Set,
    }

    fn fresh() -> Fresh {
        let home = tempfile::tempdir().unwrap();
        let set = Set::new(home.path().join("etc").join("agent.d"));
        Fresh { _home: home, set }
    }

    fn held(set: &Set) -> Vec<String> {
        let files = set.files().unwrap();
        let told = files.iter().map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            format!("{name}={}", fs::read_to_string(path).unwrap())
        });
        told.collect()
    }

    #[test]
    fn a_set_is_changed_as_a_whole_and_the_one_before_is_kept() {
        let fresh = fresh();
        let set = &fresh.set;
        let done = |change| set.change(change, |_| Ok(())).unwrap();
        done(Change::Only("file_a", "1"));
        assert_eq!(held(set), ["file_a=1"]);
        done(Change::With("ssm_b", "2"));
        done(Change::With("file_a", "3"));
        assert_eq!(held(set), ["file_a=3", "ssm_b=2"]);
        let previous = Set::new(set.beside("previous"));
        assert_eq!(held(&previous), ["file_a=1", "ssm_b=2"]);
        done(Change::Without("ssm_b"));
        assert_eq!(held(set), ["file_a=3"]);
        done(Change::Only("default", "4"));
        assert_eq!(held(set), ["default=4"]);
        assert_eq!(held(&previous), ["file_a=3"]);
        done(Change::Empty);
        assert!(held(set).is_empty() && !set.beside("new").exists());
        let mode = fs::metadata(previous.directory().join("default"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, FILE_MODE);
    }

    #[test]
    fn what_is_refused_leaves_everything_as_it_was() {
        let fresh = fresh();
        let set = &fresh.set;
        set.change(Change::Only("file_a", "1"), |_| Ok(())).unwrap();
        let refused = set.change(Change::With("file_b", "2"), |staged| {
            let staged = Set::new(staged.to_owned());
            assert_eq!(held(&staged), ["file_a=1", "file_b=2"]);
            Err("no".to_owned())
        });
        assert_eq!(refused, Err("no".to_owned()));
        assert_eq!(held(set), ["file_a=1"]);
        assert!(!set.beside("new").exists() && !set.beside("previous").exists());
        let missing = set.change(Change::Without("file_b"), |_| Ok(()));
        assert!(
            missing
                .unwrap_err()
                .contains("no configuration of the name file_b")
        );
    }

    #[test]
    fn what_a_crash_has_left_does_not_get_into_the_next_change() {
        let fresh = fresh();
        let set = &fresh.set;
        fs::create_dir_all(set.beside("new")).unwrap();
        fs::write(set.beside("new").join("file_old"), "0").unwrap();
        set.change(Change::With("file_a", "1"), |_| Ok(())).unwrap();
        assert_eq!(held(set), ["file_a=1"]);
    }
}
