//! What survives a restart: one SQLite file.
//!
//! Every effect of one unit of input (findings, incidents, notifications to send, progress) is
//! written in one transaction through [`State::transaction`], so that a crash at any moment leaves
//! either all of it or none, and what was told is told once. The file is in WAL mode with
//! `synchronous = FULL`: a transaction that returned survives `kill -9` and a power cut. A second
//! process is refused by a lock on `<file>.lock`, which the kernel drops with the process.
//!
//! This module stores and finds; it decides nothing. Each table has one file of functions on
//! [`Tx`]. SQLite blocks, so the async side calls [`State::run`].
//! Source: SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous".

mod cost;
mod findings;
mod first_seen;
mod incidents;
mod outbox;
mod progress;
mod quarantine;
mod schema;
mod seen;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use cost::CostReads;
pub use first_seen::Scope;
pub use incidents::CORRELATED_MAX;
pub use outbox::{Letter, Waiting};
pub use quarantine::{QUARANTINE_ROWS_MAX, Quarantined};
pub use seen::{SEEN_EVENTS_MAX, SEEN_FOR};

/// How long a statement waits for a reader of another process, such as `sqlite3` on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite's own cache, in KiB (the negative form of `PRAGMA cache_size`).
const CACHE_KIB: i64 = 4096;

/// Why the state could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another collector uses the file. Stop it, or give this one a file of its own.
    #[error("{} is in use by another plimsoll-collector", path.display())]
    Locked {
        /// The state file.
        path: PathBuf,
    },
    /// The lock file cannot be made: permissions, or no such directory.
    #[error("{} cannot be opened: {source}", path.display())]
    Open {
        /// The lock file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A newer version wrote the file. Use that version, or start with an empty file.
    #[error("{} has schema version {found}, this program knows up to {known}", path.display())]
    Newer {
        /// The state file.
        path: PathBuf,
        /// What the file says.
        found: i64,
        /// What this program writes.
        known: i64,
    },
    /// SQLite refused. The transaction was rolled back.
    #[error("the state could not {doing}: {source}")]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// SQLite's reason.
        #[source]
        source: rusqlite::Error,
    },
    /// A stored value is not what this program wrote.
    #[error("the state holds {what} that cannot be read: {source}")]
    Json {
        /// Which value.
        what: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The thread that worked on the state was lost with its runtime.
    #[error("work on the state was interrupted")]
    Interrupted,
}

/// Names what was tried when SQLite refuses.
pub(crate) trait Doing<T> {
    /// Turns SQLite's error into [`StateError::Sqlite`].
    fn doing(self, doing: &'static str) -> Result<T, StateError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StateError> {
        self.map_err(|source| StateError::Sqlite { doing, source })
    }
}

/// The open state file. Shared by all tasks; one transaction runs at a time.
#[derive(Debug)]
pub struct State {
    connection: Mutex<Connection>,
    /// Holds the lock for as long as the state is open.
    _lock: Option<File>,
}

impl State {
    /// Opens the file, making it when it does not exist, and brings its tables up to date.
    ///
    /// # Errors
    /// When another process uses it, when a newer version wrote it, or when it is not a database.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let lock = lock(path)?;
        let connection = Connection::open(path).doing("open its file")?;
        Self::prepare(connection, path, Some(lock))
    }

    /// A state that is gone when it is dropped: for `--dry-run` and tests.
    ///
    /// # Errors
    /// When SQLite has no memory.
    pub fn open_in_memory() -> Result<Self, StateError> {
        let connection = Connection::open_in_memory().doing("open in memory")?;
        Self::prepare(connection, Path::new(":memory:"), None)
    }

    fn prepare(
        mut connection: Connection,
        path: &Path,
        lock: Option<File>,
    ) -> Result<Self, StateError> {
        connection
            .busy_timeout(BUSY_TIMEOUT)
            .doing("set its time limit")?;
        connection
            .pragma_update(None, "journal_mode", "wal")
            .doing("use write-ahead logging")?;
        connection
            .pragma_update(None, "synchronous", "full")
            .doing("make commits durable")?;
        connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .doing("bound its cache")?;
        schema::upgrade(&mut connection, path)?;
        Ok(Self {
            connection: Mutex::new(connection),
            _lock: lock,
        })
    }

    /// Runs `work` in one transaction: everything it wrote is stored when it returns `Ok`, nothing
    /// when it returns an error. Blocks; call it from a thread that may, or through [`Self::run`].
    ///
    /// # Errors
    /// Those of `work`, and SQLite's when the transaction cannot begin or commit.
    pub fn transaction<T, E>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StateError>,
    {
        // A panic inside a transaction rolled it back, so the connection is still good.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("begin a transaction")?;
        let tx = Tx(transaction);
        let done = work(&tx)?;
        tx.0.commit().doing("commit a transaction")?;
        Ok(done)
    }

    /// [`Self::transaction`] on a thread for blocking work.
    ///
    /// # Errors
    /// As [`Self::transaction`], and [`StateError::Interrupted`] when the runtime ends meanwhile.
    pub async fn run<T, E, F>(self: &Arc<Self>, work: F) -> Result<T, E>
    where
        F: FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StateError> + Send + 'static,
    {
        let state = Arc::clone(self);
        tokio::task::spawn_blocking(move || state.transaction(work))
            .await
            .unwrap_or_else(|_| Err(StateError::Interrupted.into()))
    }
}

/// One transaction. What it can do is spread over the files of this module, one per table.
#[derive(Debug)]
pub struct Tx<'a>(pub(crate) Transaction<'a>);

impl Tx<'_> {
    /// Bytes of the file, without those that wait in its write-ahead log.
    ///
    /// # Errors
    /// SQLite's.
    pub fn bytes(&self) -> Result<u64, StateError> {
        self.0
            .query_row(
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                [],
                |row| row.get::<_, i64>(0),
            )
            .map(|bytes| u64::try_from(bytes).unwrap_or(0))
            .doing("measure its file")
    }
}

/// Takes the lock that keeps a second process out.
fn lock(path: &Path) -> Result<File, StateError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let open = |source| StateError::Open {
        path: lock_path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(open)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(open(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::clock::UnixMillis;

    #[test]
    fn a_second_process_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let first = State::open(&path).unwrap();
        let refused = State::open(&path).unwrap_err();
        assert!(matches!(refused, StateError::Locked { .. }), "{refused}");
        drop(first);
        State::open(&path).unwrap();
    }

    #[test]
    fn what_a_failed_transaction_wrote_is_gone() {
        let state = State::open_in_memory().unwrap();
        let now = UnixMillis(1_000);
        let failed: Result<(), StateError> = state.transaction(|tx| {
            assert!(tx.event_is_new("a", now)?);
            Err(StateError::Interrupted)
        });
        assert!(failed.is_err());
        let new = state.transaction(|tx| tx.event_is_new("a", now)).unwrap();
        assert!(new, "the rolled-back event counts as never seen");
    }

    #[test]
    fn a_stored_transaction_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let now = UnixMillis(1_000);
        let state = State::open(&path).unwrap();
        state.transaction(|tx| tx.event_is_new("a", now)).unwrap();
        // As after kill -9: the connection is never closed in order.
        std::mem::forget(state);
        std::fs::remove_file(folder.path().join("state.db.lock")).unwrap();
        let again = State::open(&path).unwrap();
        assert!(!again.transaction(|tx| tx.event_is_new("a", now)).unwrap());
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        drop(State::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        drop(connection);
        let refused = State::open(&path).unwrap_err().to_string();
        assert!(refused.contains("schema version 999"), "{refused}");
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        std::fs::write(&path, "this is a text file and not a database at all").unwrap();
        let refused = State::open(&path).unwrap_err().to_string();
        assert!(refused.contains("not a database"), "{refused}");
    }
}
