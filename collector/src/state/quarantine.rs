//! What could not be read, kept aside with the reason, for people to look at.

use plimsoll_core::clock::UnixMillis;
use plimsoll_core::logging::scrub;
use rusqlite::params;

use super::{Doing, StateError, Tx};
use crate::source::Problem;
use crate::source::json::sample;

/// Entries kept at most, the latest ones. With at most about 1.5 KiB each, 15 MB.
pub const QUARANTINE_ROWS_MAX: i64 = 10_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The file, object or message.
    pub origin: String,
    /// The place in it.
    pub place: String,
    /// One word, as [`crate::source::Reason::as_str`] gives it.
    pub reason: String,
    /// What is wrong.
    pub detail: String,
    /// The beginning of it.
    pub sample: String,
    /// When it was last met.
    pub at: UnixMillis,
}

impl Tx<'_> {
    /// How many entries are kept aside.
    ///
    /// # Errors
    /// SQLite's.
    pub fn kept_aside(&self) -> Result<u64, StateError> {
        self.0
            .query_row("SELECT count(*) FROM quarantine", [], |row| {
                row.get::<_, i64>(0)
            })
            .map(|count| u64::try_from(count).unwrap_or(0))
            .doing("count what was kept aside")
    }

    /// Keeps a problem aside, with at most [`crate::source::json::SAMPLE_BYTES_MAX`] bytes of what
    /// was found and without what looks like a secret. The same one met again only moves its time.
    ///
    /// # Errors
    /// SQLite's.
    pub fn quarantine(&self, problem: &Problem, now: UnixMillis) -> Result<(), StateError> {
        // What is wrong may quote the input, which may be megabytes.
        let detail = scrub(sample(&problem.detail));
        let content = scrub(&problem.sample);
        self.0
            .prepare_cached(
                "INSERT INTO quarantine (origin, place, reason, detail, sample, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (origin, place, reason) DO UPDATE SET detail = ?4, sample = ?5, at = ?6",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    problem.origin,
                    problem.place,
                    problem.reason.as_str(),
                    detail,
                    sample(&content),
                    now.0
                ])
            })
            .map(drop)
            .doing("keep a problem aside")
    }

    /// Drops what was kept aside from `origin`, because it is read anew.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_quarantine_of(&self, origin: &str) -> Result<(), StateError> {
        self.0
            .execute("DELETE FROM quarantine WHERE origin = ?1", [origin])
            .map(drop)
            .doing("drop what was kept aside")
    }

    /// Drops the oldest entries beyond [`QUARANTINE_ROWS_MAX`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_quarantine(&self) -> Result<(), StateError> {
        self.0
            .execute(
                "DELETE FROM quarantine WHERE n <= (SELECT max(n) FROM quarantine) - ?1",
                [QUARANTINE_ROWS_MAX],
            )
            .map(drop)
            .doing("drop old entries that were kept aside")
    }

    /// What is kept aside, at most `count`, the newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn quarantined(&self, count: u32) -> Result<Vec<Quarantined>, StateError> {
        let read = || {
            let mut statement = self.0.prepare(
                "SELECT origin, place, reason, detail, sample, at FROM quarantine
                 ORDER BY n DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([count], |row| {
                Ok(Quarantined {
                    origin: row.get(0)?,
                    place: row.get(1)?,
                    reason: row.get(2)?,
                    detail: row.get(3)?,
                    sample: row.get(4)?,
                    at: UnixMillis(row.get(5)?),
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().doing("list what was kept aside")
    }
}
