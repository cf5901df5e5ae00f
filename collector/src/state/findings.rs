//! Findings as they were last told by a detector.

use rusqlite::params;

use super::{Doing, StateError, Tx};
use crate::finding::Finding;

/// Findings kept at most, the latest ones: about 2 KiB each, so 100 MB.
const FINDINGS_MAX: i64 = 50_000;

impl Tx<'_> {
    /// Stores a finding, in the place of an earlier one of the same id. Tells whether anything is
    /// different from what was stored.
    ///
    /// # Errors
    /// SQLite's.
    pub fn store_finding(&self, finding: &Finding) -> Result<bool, StateError> {
        let json = serde_json::to_string(finding).map_err(|source| StateError::Json {
            what: format!("finding {}", finding.id),
            source,
        })?;
        let changed = self
            .0
            .prepare_cached(
                "INSERT INTO findings (id, time_last, json) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET time_last = ?2, json = ?3 WHERE json <> ?3",
            )
            .and_then(|mut statement| {
                statement.execute(params![finding.id, finding.time_last.0, json])
            })
            .doing("store a finding")?;
        Ok(changed == 1)
    }

    /// The latest findings, at most `count`, the newest first.
    ///
    /// # Errors
    /// SQLite's, or when a stored finding cannot be read.
    pub fn findings(&self, count: u32) -> Result<Vec<Finding>, StateError> {
        let read = || {
            let mut statement = self
                .0
                .prepare("SELECT id, json FROM findings ORDER BY time_last DESC, id LIMIT ?1")?;
            let rows = statement.query_map([count], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>()
        };
        read()
            .doing("list findings")?
            .into_iter()
            .map(|(id, json)| {
                serde_json::from_str(&json).map_err(|source| StateError::Json {
                    what: format!("finding {id}"),
                    source,
                })
            })
            .collect()
    }

    /// Forgets the oldest findings beyond what is kept.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_findings(&self) -> Result<(), StateError> {
        self.0
            .execute(
                "DELETE FROM findings WHERE id IN
                   (SELECT id FROM findings ORDER BY time_last DESC LIMIT -1 OFFSET ?1)",
                [FINDINGS_MAX],
            )
            .map(drop)
            .doing("forget old findings")
    }
}
