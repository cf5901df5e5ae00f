//! The tables, and how an older file becomes a current one.
//!
//! `PRAGMA user_version` counts the steps that were taken. A step is never edited once it was
//! released; a change is a new step.

use std::path::Path;

use rusqlite::Connection;

use super::{Doing, StateError};

/// The steps, oldest first. Each runs in a transaction of its own together with the new version.
const STEPS: [&str; 1] = [STEP_1];

/// Times are milliseconds since 1970. Paths, ids and names are text.
const STEP_1: &str = "
CREATE TABLE seen_events (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX seen_events_at ON seen_events (at);

CREATE TABLE files (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    modified_nanos INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE objects (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX objects_at ON objects (at);

CREATE TABLE first_seen (
    scope TEXT NOT NULL,
    account TEXT NOT NULL,
    value TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, account, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE cost_days (
    day TEXT NOT NULL,
    service TEXT NOT NULL,
    usd REAL NOT NULL,
    estimated INTEGER NOT NULL,
    PRIMARY KEY (day, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE cost_reads (
    day TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE moments (
    name TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE guardduty_versions (
    arn TEXT PRIMARY KEY,
    updated INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX guardduty_versions_at ON guardduty_versions (at);

CREATE TABLE findings (
    id TEXT PRIMARY KEY,
    time_last INTEGER NOT NULL,
    json TEXT NOT NULL
) STRICT;
CREATE INDEX findings_time_last ON findings (time_last);

CREATE TABLE quarantine (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL,
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    sample TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (origin, place, reason)
) STRICT;

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    open INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    json TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_open ON incidents (open, updated);

CREATE TABLE incident_findings (
    finding TEXT PRIMARY KEY,
    incident TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_findings_incident ON incident_findings (incident);

CREATE TABLE outbox (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL,
    severity TEXT NOT NULL,
    topic TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    at INTEGER NOT NULL,
    json TEXT NOT NULL,
    UNIQUE (incident, severity, topic)
) STRICT;
CREATE INDEX outbox_state ON outbox (state, at);
";

/// Takes the steps that the file lacks.
///
/// # Errors
/// When the file is of a newer version, or no database.
pub(super) fn upgrade(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("read its schema version")?;
    if found > known {
        return Err(StateError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (version, step) in (1..).zip(STEPS) {
        if version > found {
            let transaction = connection.transaction().doing("begin an upgrade")?;
            transaction.execute_batch(step).doing("make its tables")?;
            transaction
                .pragma_update(None, "user_version", version)
                .doing("write its schema version")?;
            transaction.commit().doing("commit an upgrade")?;
        }
    }
    Ok(())
}
