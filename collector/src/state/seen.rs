//! Which events and which versions of GuardDuty findings were taken in already.
//!
//! CloudTrail delivers at least once and by two roads (files in S3, EventBridge); an event counts
//! once. The memory is bounded in time and in rows, whichever is reached first.

use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use rusqlite::{OptionalExtension as _, params};

use super::{Doing, StateError, Tx};

/// How long an event id is remembered. The slower road (S3) is late by minutes, and a queue gives
/// a message that nobody deleted again within hours.
pub const SEEN_FOR: Duration = Duration::from_hours(24);
/// Event ids remembered at most: about 150 bytes each in the file, so 150 MB.
pub const SEEN_EVENTS_MAX: i64 = 1_000_000;
/// GuardDuty keeps findings for 90 days; nothing older is repeated.
/// Source: Amazon GuardDuty user guide, "Understanding GuardDuty findings".
const GUARDDUTY_FOR: Duration = Duration::from_hours(90 * 24);

impl Tx<'_> {
    /// Remembers the event and tells whether it is the first of its id.
    ///
    /// # Errors
    /// SQLite's.
    pub fn event_is_new(&self, id: &str, now: UnixMillis) -> Result<bool, StateError> {
        let inserted = self
            .0
            .prepare_cached("INSERT OR IGNORE INTO seen_events (id, at) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![id, now.0]))
            .doing("remember an event")?;
        Ok(inserted == 1)
    }

    /// Remembers the version of a GuardDuty finding and tells whether it is newer than any before.
    ///
    /// # Errors
    /// SQLite's.
    pub fn finding_is_newer(
        &self,
        arn: &str,
        updated: UnixMillis,
        now: UnixMillis,
    ) -> Result<bool, StateError> {
        let known: Option<i64> = self
            .0
            .prepare_cached("SELECT updated FROM guardduty_versions WHERE arn = ?1")
            .and_then(|mut statement| statement.query_row([arn], |row| row.get(0)).optional())
            .doing("look up a finding's version")?;
        if known.is_some_and(|known| known >= updated.0) {
            return Ok(false);
        }
        self.0
            .prepare_cached(
                "INSERT INTO guardduty_versions (arn, updated, at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (arn) DO UPDATE SET updated = ?2, at = ?3",
            )
            .and_then(|mut statement| statement.execute(params![arn, updated.0, now.0]))
            .doing("remember a finding's version")?;
        Ok(true)
    }

    /// Forgets what is older than [`SEEN_FOR`] and what exceeds [`SEEN_EVENTS_MAX`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_seen(&self, now: UnixMillis) -> Result<(), StateError> {
        self.forget_seen_beyond(now, SEEN_EVENTS_MAX)
    }

    fn forget_seen_beyond(&self, now: UnixMillis, rows_max: i64) -> Result<(), StateError> {
        self.0
            .execute(
                "DELETE FROM seen_events WHERE at < ?1",
                [(now - SEEN_FOR).0],
            )
            .and_then(|_| {
                self.0.execute(
                    "DELETE FROM seen_events WHERE n <= (SELECT max(n) FROM seen_events) - ?1",
                    [rows_max],
                )
            })
            .and_then(|_| {
                self.0.execute(
                    "DELETE FROM guardduty_versions WHERE at < ?1",
                    [(now - GUARDDUTY_FOR).0],
                )
            })
            .map(drop)
            .doing("forget old events")
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn with<T>(work: impl FnOnce(&Tx<'_>) -> Result<T, StateError>) -> T {
        State::open_in_memory().unwrap().transaction(work).unwrap()
    }

    #[test]
    fn an_event_is_new_once_and_again_after_it_was_forgotten() {
        with(|tx| {
            assert!(tx.event_is_new("a", NOW)?);
            assert!(!tx.event_is_new("a", NOW + SEEN_FOR)?);
            tx.forget_seen(NOW + SEEN_FOR)?;
            assert!(!tx.event_is_new("a", NOW)?, "24 h to the millisecond");
            tx.forget_seen(NOW + SEEN_FOR + Duration::from_millis(1))?;
            assert!(tx.event_is_new("a", NOW)?);
            Ok(())
        });
    }

    #[test]
    fn more_events_than_the_bound_push_out_the_oldest() {
        with(|tx| {
            for id in ["a", "b", "c", "d"] {
                tx.event_is_new(id, NOW)?;
            }
            tx.forget_seen_beyond(NOW, 2)?;
            assert!(!tx.event_is_new("c", NOW)? && !tx.event_is_new("d", NOW)?);
            assert!(tx.event_is_new("a", NOW)? && tx.event_is_new("b", NOW)?);
            Ok(())
        });
    }

    #[test]
    fn only_a_later_version_of_a_finding_is_newer() {
        with(|tx| {
            assert!(tx.finding_is_newer("arn", UnixMillis(5), NOW)?);
            assert!(!tx.finding_is_newer("arn", UnixMillis(5), NOW)?);
            assert!(
                !tx.finding_is_newer("arn", UnixMillis(4), NOW)?,
                "late copy"
            );
            assert!(tx.finding_is_newer("arn", UnixMillis(6), NOW)?);
            Ok(())
        });
    }
}
