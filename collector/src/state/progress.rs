//! How far each source has come: files read, objects read, moments of the last calls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use rusqlite::{OptionalExtension as _, params};

use super::{Doing, StateError, Tx};
use crate::source::FileVersion;

/// A queue keeps a message for at most 14 days, so no object is told of again after that.
/// Source: Amazon SQS API reference, `MessageRetentionPeriod`.
const OBJECTS_FOR: Duration = Duration::from_hours(15 * 24);

impl Tx<'_> {
    /// The files under `root` that were read to their end, in the version that was read.
    ///
    /// # Errors
    /// SQLite's.
    pub fn files_done(&self, root: &Path) -> Result<HashMap<PathBuf, FileVersion>, StateError> {
        let read = || {
            let mut statement = self
                .0
                .prepare("SELECT path, size, modified_nanos FROM files")?;
            let rows = statement.query_map([], |row| {
                let path = PathBuf::from(row.get::<_, String>(0)?);
                let size: i64 = row.get(1)?;
                Ok(FileVersion {
                    path,
                    size: u64::try_from(size).unwrap_or(0),
                    modified_nanos: row.get(2)?,
                })
            })?;
            rows.filter(|row| {
                row.as_ref()
                    .map_or(true, |file| file.path.starts_with(root))
            })
            .map(|row| row.map(|file| (file.path.clone(), file)))
            .collect::<rusqlite::Result<HashMap<_, _>>>()
        };
        read().doing("list the files that were read")
    }

    /// Marks a file as read to its end in this version.
    ///
    /// # Errors
    /// SQLite's.
    pub fn file_done(&self, file: &FileVersion) -> Result<(), StateError> {
        let size = i64::try_from(file.size).unwrap_or(i64::MAX);
        self.0
            .execute(
                "INSERT INTO files (path, size, modified_nanos) VALUES (?1, ?2, ?3)
                 ON CONFLICT (path) DO UPDATE SET size = ?2, modified_nanos = ?3",
                params![file.path.to_string_lossy(), size, file.modified_nanos],
            )
            .map(drop)
            .doing("mark a file as read")
    }

    /// Forgets a file that no longer exists, so that the table is as small as the directory.
    ///
    /// # Errors
    /// SQLite's.
    pub fn file_gone(&self, path: &Path) -> Result<(), StateError> {
        self.0
            .execute(
                "DELETE FROM files WHERE path = ?1",
                [path.to_string_lossy()],
            )
            .map(drop)
            .doing("forget a file")
    }

    /// Whether an object was read to its end.
    ///
    /// # Errors
    /// SQLite's.
    pub fn object_is_done(&self, bucket: &str, key: &str) -> Result<bool, StateError> {
        self.0
            .query_row(
                "SELECT 1 FROM objects WHERE bucket = ?1 AND key = ?2",
                [bucket, key],
                |_| Ok(()),
            )
            .optional()
            .map(|found| found.is_some())
            .doing("look up an object")
    }

    /// Marks an object as read to its end, and forgets those that no message can name any more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn object_done(&self, bucket: &str, key: &str, now: UnixMillis) -> Result<(), StateError> {
        self.0
            .execute(
                "INSERT OR REPLACE INTO objects (bucket, key, at) VALUES (?1, ?2, ?3)",
                params![bucket, key, now.0],
            )
            .and_then(|_| {
                self.0
                    .execute("DELETE FROM objects WHERE at < ?1", [(now - OBJECTS_FOR).0])
            })
            .map(drop)
            .doing("mark an object as read")
    }

    /// When something was last done.
    ///
    /// # Errors
    /// SQLite's.
    pub fn moment(&self, name: &str) -> Result<Option<UnixMillis>, StateError> {
        self.0
            .query_row("SELECT at FROM moments WHERE name = ?1", [name], |row| {
                row.get(0).map(UnixMillis)
            })
            .optional()
            .doing("look up a moment")
    }

    /// Remembers when something was last done.
    ///
    /// # Errors
    /// SQLite's.
    pub fn set_moment(&self, name: &str, at: UnixMillis) -> Result<(), StateError> {
        self.0
            .execute(
                "INSERT OR REPLACE INTO moments (name, at) VALUES (?1, ?2)",
                params![name, at.0],
            )
            .map(drop)
            .doing("remember a moment")
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_file_is_known_in_the_version_that_was_read_until_it_is_gone() {
        let state = State::open_in_memory().unwrap();
        let mut file = FileVersion {
            path: "a/b.json".into(),
            size: 1,
            modified_nanos: 2,
        };
        let done: Result<(), StateError> = state.transaction(|tx| {
            tx.file_done(&file)?;
            file.size = 9;
            tx.file_done(&file)?;
            assert_eq!(tx.files_done(Path::new("a"))?.get(&file.path), Some(&file));
            tx.file_gone(&file.path)?;
            assert!(tx.files_done(Path::new("a"))?.is_empty());
            Ok(())
        });
        done.unwrap();
    }

    #[test]
    fn an_object_is_forgotten_when_no_message_can_name_it_any_more() {
        let state = State::open_in_memory().unwrap();
        let done: Result<(), StateError> = state.transaction(|tx| {
            tx.object_done("b", "k", UnixMillis(0))?;
            assert!(tx.object_is_done("b", "k")?);
            assert!(!tx.object_is_done("b", "other")?);
            let late = UnixMillis(1) + OBJECTS_FOR;
            tx.object_done("b", "next", late)?;
            assert!(!tx.object_is_done("b", "k")?);
            Ok(())
        });
        done.unwrap();
    }
}
