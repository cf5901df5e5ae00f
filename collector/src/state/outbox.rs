//! Notifications that are to be sent: written with the incident, sent afterwards.
//!
//! A row is made once for each incident, severity and topic; the table refuses a second one, so
//! the same thing is told once, until [`Tx::tell_again`] says that it is news again. A row that was published and not yet marked when the process died
//! is published again at the next start: that one notification can be a duplicate, and it carries
//! the same incident id and revision as attributes, by which a receiver can tell.

use plimsoll_core::clock::UnixMillis;
use rusqlite::{OptionalExtension as _, params};

use super::{Doing, StateError, Tx};
use crate::finding::Severity;

/// Settled rows kept at most, the latest ones: about 10 KiB each. They are what "told once" rests
/// on, so the number is that of the incidents kept, times the steps that each can take.
const SETTLED_MAX: i64 = 20_000;

/// A notification to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The incident's id.
    pub incident: String,
    /// The severity that it tells of.
    pub severity: Severity,
    /// The topic's ARN.
    pub topic: String,
    /// The revision that it tells of.
    pub revision: u32,
    /// The notification, as the sink wrote it.
    pub json: String,
}

/// A notification that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the table.
    pub number: i64,
    /// The letter.
    pub letter: Letter,
    /// How often it was tried.
    pub attempts: u32,
}

impl Tx<'_> {
    /// Writes a letter down unless this severity, or a worse one, of the incident was written down
    /// for the topic before. Tells whether it was. A milder letter of the same incident that still
    /// waits is withdrawn: the new one tells more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn post(&self, letter: &Letter, now: UnixMillis) -> Result<bool, StateError> {
        let told = self.told(&letter.incident, &letter.topic)?;
        if told.is_some_and(|told| told >= letter.severity) {
            return Ok(false);
        }
        self.withdraw(&letter.incident, Some(&letter.topic), now)?;
        self.0
            .prepare_cached(
                "INSERT OR IGNORE INTO outbox
                   (incident, severity, topic, revision, state, at, json)
                 VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?6)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    letter.incident,
                    letter.severity.as_str(),
                    letter.topic,
                    letter.revision,
                    now.0,
                    letter.json
                ])
            })
            .map(|inserted| inserted == 1)
            .doing("write a notification down")
    }

    /// Withdraws what still waits to be told of an incident, to one topic or to all: something
    /// that tells more takes its place.
    ///
    /// # Errors
    /// SQLite's.
    pub fn withdraw(
        &self,
        incident: &str,
        topic: Option<&str>,
        now: UnixMillis,
    ) -> Result<(), StateError> {
        self.0
            .execute(
                "UPDATE outbox SET state = 'withdrawn', at = ?3
                 WHERE state = 'waiting' AND incident = ?1 AND (?2 IS NULL OR topic = ?2)",
                params![incident, topic, now.0],
            )
            .map(drop)
            .doing("withdraw a notification")
    }

    /// Forgets what was told of an incident, so that its next letters are written down. What waits
    /// stays.
    ///
    /// # Errors
    /// SQLite's.
    pub fn tell_again(&self, incident: &str) -> Result<(), StateError> {
        self.0
            .execute(
                "DELETE FROM outbox WHERE incident = ?1 AND state <> 'waiting'",
                [incident],
            )
            .map(drop)
            .doing("have an incident told again")
    }

    /// The worst severity of the incident that was written down for the topic.
    fn told(&self, incident: &str, topic: &str) -> Result<Option<Severity>, StateError> {
        let read = || {
            let mut statement = self
                .0
                .prepare_cached("SELECT severity FROM outbox WHERE incident = ?1 AND topic = ?2")?;
            let rows = statement.query_map([incident, topic], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        };
        let words = read().doing("look up what was told")?;
        Ok(words.iter().filter_map(|word| Severity::parse(word)).max())
    }

    /// The oldest notification whose time has come.
    ///
    /// # Errors
    /// SQLite's.
    pub fn next_letter(&self, now: UnixMillis) -> Result<Option<Waiting>, StateError> {
        self.0
            .prepare_cached(
                "SELECT n, incident, severity, topic, revision, json, attempts FROM outbox
                 WHERE state = 'waiting' AND at <= ?1 ORDER BY n LIMIT 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([now.0], |row| {
                        let severity: String = row.get(2)?;
                        Ok(Waiting {
                            number: row.get(0)?,
                            letter: Letter {
                                incident: row.get(1)?,
                                severity: Severity::parse(&severity).unwrap_or_default(),
                                topic: row.get(3)?,
                                revision: row.get(4)?,
                                json: row.get(5)?,
                            },
                            attempts: row.get(6)?,
                        })
                    })
                    .optional()
            })
            .doing("look for a notification to send")
    }

    /// Marks a notification as accepted by SNS.
    ///
    /// # Errors
    /// SQLite's.
    pub fn letter_sent(&self, number: i64, now: UnixMillis) -> Result<(), StateError> {
        self.settle(number, "sent", now)
    }

    /// Marks a notification that SNS will never accept.
    ///
    /// # Errors
    /// SQLite's.
    pub fn letter_refused(&self, number: i64, now: UnixMillis) -> Result<(), StateError> {
        self.settle(number, "refused", now)
    }

    fn settle(&self, number: i64, state: &str, now: UnixMillis) -> Result<(), StateError> {
        let write = || {
            self.0.execute(
                "UPDATE outbox SET state = ?2, attempts = attempts + 1, at = ?3 WHERE n = ?1",
                params![number, state, now.0],
            )?;
            self.0.execute(
                "DELETE FROM outbox WHERE state <> 'waiting' AND n <=
                   (SELECT max(n) FROM outbox) - ?1",
                [SETTLED_MAX],
            )
        };
        write().map(drop).doing("settle a notification")
    }

    /// Puts a notification off until `until`.
    ///
    /// # Errors
    /// SQLite's.
    pub fn letter_later(&self, number: i64, until: UnixMillis) -> Result<(), StateError> {
        self.0
            .execute(
                "UPDATE outbox SET attempts = attempts + 1, at = ?2 WHERE n = ?1",
                params![number, until.0],
            )
            .map(drop)
            .doing("put a notification off")
    }

    /// How many notifications wait.
    ///
    /// # Errors
    /// SQLite's.
    pub fn letters_waiting(&self) -> Result<u64, StateError> {
        self.0
            .query_row(
                "SELECT count(*) FROM outbox WHERE state = 'waiting'",
                [],
                |row| row.get::<_, i64>(0),
            )
            .map(|count| u64::try_from(count).unwrap_or(0))
            .doing("count the notifications that wait")
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);

    fn letter(severity: Severity) -> Letter {
        Letter {
            incident: "INC-000001".to_owned(),
            severity,
            topic: "arn:aws:sns:eu-west-1:111122223333:people".to_owned(),
            revision: 1,
            json: "{}".to_owned(),
        }
    }

    #[test]
    fn each_step_up_is_told_once_and_a_step_down_is_not_told() {
        let state = State::open_in_memory().unwrap();
        let done: Result<(), StateError> = state.transaction(|tx| {
            assert!(tx.post(&letter(Severity::Medium), NOW)?);
            assert!(!tx.post(&letter(Severity::Medium), NOW)?);
            assert!(tx.post(&letter(Severity::Critical), NOW)?);
            assert!(
                !tx.post(&letter(Severity::High), NOW)?,
                "less than was told"
            );
            let other = Letter {
                topic: "arn:aws:sns:eu-west-1:111122223333:chat".to_owned(),
                ..letter(Severity::Medium)
            };
            assert!(tx.post(&other, NOW)?, "each topic is told by itself");
            assert_eq!(tx.letters_waiting()?, 2, "the worst for each topic");
            tx.withdraw(&other.incident, None, NOW)?;
            assert_eq!(tx.letters_waiting()?, 0);
            tx.tell_again(&other.incident)?;
            assert!(tx.post(&other, NOW)?, "it is news again");
            tx.tell_again(&other.incident)?;
            assert!(!tx.post(&other, NOW)?, "what waits is not told twice");
            Ok(())
        });
        done.unwrap();
    }

    #[test]
    fn a_letter_that_was_put_off_waits_for_its_time_and_lets_others_pass() {
        let state = State::open_in_memory().unwrap();
        let done: Result<(), StateError> = state.transaction(|tx| {
            tx.post(&letter(Severity::Medium), NOW)?;
            let other = Letter {
                incident: "INC-000002".to_owned(),
                ..letter(Severity::High)
            };
            tx.post(&other, NOW)?;
            let first = tx.next_letter(NOW)?.unwrap();
            tx.letter_later(first.number, UnixMillis(5_000))?;
            let second = tx.next_letter(NOW)?.unwrap();
            assert_eq!(second.letter.severity, Severity::High);
            tx.letter_sent(second.number, NOW)?;
            assert_eq!(tx.next_letter(NOW)?, None);
            let again = tx.next_letter(UnixMillis(5_000))?.unwrap();
            assert_eq!((again.number, again.attempts), (first.number, 1));
            tx.letter_refused(again.number, UnixMillis(5_000))?;
            assert_eq!(tx.letters_waiting()?, 0);
            Ok(())
        });
        done.unwrap();
    }
}
