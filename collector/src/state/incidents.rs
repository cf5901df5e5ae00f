//! Incidents as they were last told, and which finding belongs to which.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::clock::UnixMillis;
use rusqlite::{OptionalExtension as _, params};

use super::{Doing, StateError, Tx};
use crate::finding::Finding;
use crate::incident::Incident;

/// Incidents kept at most, the latest ones, open or not. With at most about 60 KiB each (timeline and names
/// are bounded), and mostly 4 KiB.
const INCIDENTS_MAX: i64 = 10_000;
/// Findings that are looked at together. A storm of more within the window is cut to the latest.
pub const CORRELATED_MAX: u32 = 5_000;

impl Tx<'_> {
    /// The findings whose last event is not before `from`, at most [`CORRELATED_MAX`], the newest
    /// first.
    ///
    /// # Errors
    /// SQLite's, or when a stored finding cannot be read.
    pub fn findings_since(&self, from: UnixMillis) -> Result<Vec<Finding>, StateError> {
        let read = || {
            let mut statement = self.0.prepare_cached(
                "SELECT id, json FROM findings WHERE time_last >= ?1
                 ORDER BY time_last DESC, id LIMIT ?2",
            )?;
            let rows = statement.query_map(params![from.0, CORRELATED_MAX], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>()
        };
        let rows = read().doing("list findings to correlate")?;
        rows.into_iter()
            .map(|(id, json)| parse(&json, || format!("finding {id}")))
            .collect()
    }

    /// Which incident each of `findings` belongs to, as far as they belong to one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn owners<'a>(
        &self,
        findings: impl Iterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, String>, StateError> {
        let read = || {
            let mut statement = self
                .0
                .prepare_cached("SELECT incident FROM incident_findings WHERE finding = ?1")?;
            let mut owners = BTreeMap::new();
            for finding in findings {
                let owner: Option<String> = statement
                    .query_row([finding], |row| row.get(0))
                    .optional()?;
                if let Some(owner) = owner {
                    owners.insert(finding.to_owned(), owner);
                }
            }
            Ok(owners)
        };
        read().doing("look up whose a finding is")
    }

    /// The incident of that id with the ids of its findings.
    ///
    /// # Errors
    /// SQLite's, or when it cannot be read.
    pub fn incident(&self, id: &str) -> Result<Option<Incident>, StateError> {
        let json: Option<String> = self
            .0
            .prepare_cached("SELECT json FROM incidents WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
            .doing("look up an incident")?;
        let Some(json) = json else {
            return Ok(None);
        };
        let mut incident: Incident = parse(&json, || format!("incident {id}"))?;
        incident.findings = self.findings_of(id)?;
        Ok(Some(incident))
    }

    /// How many incidents are open.
    ///
    /// # Errors
    /// SQLite's.
    pub fn incidents_open(&self) -> Result<u64, StateError> {
        self.0
            .query_row("SELECT count(*) FROM incidents WHERE open = 1", [], |row| {
                row.get::<_, i64>(0)
            })
            .map(|count| u64::try_from(count).unwrap_or(0))
            .doing("count open incidents")
    }

    /// All incidents that are open, the latest first.
    ///
    /// # Errors
    /// SQLite's, or when one cannot be read.
    pub fn open_incidents(&self) -> Result<Vec<Incident>, StateError> {
        let read = || {
            let mut statement = self.0.prepare_cached(
                "SELECT id, json FROM incidents WHERE open = 1 ORDER BY updated DESC, id",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>()
        };
        let rows = read().doing("list open incidents")?;
        rows.into_iter()
            .map(|(id, json)| {
                let mut incident: Incident = parse(&json, || format!("incident {id}"))?;
                incident.findings = self.findings_of(&id)?;
                Ok(incident)
            })
            .collect()
    }

    /// Stores an incident in the place of its earlier revision, and what belongs to it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn store_incident(&self, incident: &Incident) -> Result<(), StateError> {
        let json = serde_json::to_string(incident).map_err(|source| StateError::Json {
            what: format!("incident {}", incident.id),
            source,
        })?;
        let write = || {
            self.0.execute(
                "INSERT INTO incidents (id, revision, open, updated, json)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE
                   SET revision = ?2, open = ?3, updated = ?4, json = ?5",
                params![
                    incident.id,
                    incident.revision,
                    incident.is_open(),
                    incident.updated.0,
                    json
                ],
            )?;
            let mut own = self.0.prepare_cached(
                "INSERT INTO incident_findings (finding, incident) VALUES (?1, ?2)
                 ON CONFLICT (finding) DO UPDATE SET incident = ?2",
            )?;
            for finding in &incident.findings {
                own.execute([finding, &incident.id])?;
            }
            Ok(())
        };
        write().doing("store an incident")
    }

    /// Forgets the oldest incidents beyond what is kept, and what ties findings to incidents where
    /// either was forgotten. An incident that is forgotten while it is open is not told a second
    /// time: its id is made from what it began with, and the outbox knows it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_incidents(&self) -> Result<(), StateError> {
        self.forget_incidents_beyond(INCIDENTS_MAX)
    }

    fn forget_incidents_beyond(&self, incidents_max: i64) -> Result<(), StateError> {
        let write = || {
            self.0.execute(
                "DELETE FROM incidents WHERE id IN
                   (SELECT id FROM incidents ORDER BY updated DESC, id LIMIT -1 OFFSET ?1)",
                [incidents_max],
            )?;
            self.0.execute(
                "DELETE FROM incident_findings
                 WHERE incident NOT IN (SELECT id FROM incidents)
                    OR finding NOT IN (SELECT id FROM findings)",
                [],
            )
        };
        write().map(drop).doing("forget old incidents")
    }

    fn findings_of(&self, incident: &str) -> Result<BTreeSet<String>, StateError> {
        let read = || {
            let mut statement = self
                .0
                .prepare_cached("SELECT finding FROM incident_findings WHERE incident = ?1")?;
            let rows = statement.query_map([incident], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<BTreeSet<String>>>()
        };
        read().doing("list the findings of an incident")
    }
}

fn parse<T: serde::de::DeserializeOwned>(
    json: &str,
    what: impl FnOnce() -> String,
) -> Result<T, StateError> {
    serde_json::from_str(json).map_err(|source| StateError::Json {
        what: what(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::incident::correlate;
    use crate::incident::tests::finding;

    #[test]
    fn the_oldest_incidents_make_room_and_ties_to_what_is_gone_go_with_them() {
        let state = State::open_in_memory().unwrap();
        let findings: Vec<Finding> = (0..3)
            .map(|n| {
                let key = crate::finding::Entity::AccessKey(format!("key-{n}"));
                Finding {
                    account: None,
                    ..finding("r", n, &[key])
                }
            })
            .collect();
        let done: Result<(), StateError> = state.transaction(|tx| {
            let mut ids = Vec::new();
            for (at, mut incident) in (1..).zip(correlate(&findings)) {
                incident.updated = UnixMillis(at);
                tx.store_incident(&incident)?;
                ids.push(incident.id);
            }
            // The finding of the last incident is not stored: it was forgotten.
            for finding in &findings[..2] {
                tx.store_finding(finding)?;
            }
            tx.forget_incidents_beyond(2)?;
            assert_eq!(ids.len(), 3);
            assert!(tx.incident(&ids[0])?.is_none(), "open, and the oldest");
            assert_eq!(tx.incident(&ids[1])?.unwrap().findings.len(), 1);
            assert!(tx.incident(&ids[2])?.unwrap().findings.is_empty());
            Ok(())
        });
        done.unwrap();
    }
}
