//! When something was first seen in an account, by the time of the event and not of its arrival.

use plimsoll_core::clock::UnixMillis;
use rusqlite::{OptionalExtension as _, params};

use super::{Doing, StateError, Tx};

/// What is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The account itself: how long it is being watched.
    Account,
    /// A Region in which the account changed something.
    Region,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Region => "region",
        }
    }
}

impl Tx<'_> {
    /// Remembers that `value` was seen at `time` and gives the earliest time it was seen at,
    /// this one included. Events may come in any order: the result depends on the set only.
    ///
    /// # Errors
    /// SQLite's.
    pub fn first_seen(
        &self,
        scope: Scope,
        account: &str,
        value: &str,
        time: UnixMillis,
    ) -> Result<UnixMillis, StateError> {
        self.0
            .prepare_cached(
                "INSERT INTO first_seen (scope, account, value, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (scope, account, value) DO UPDATE SET at = min(at, ?4)
                 RETURNING at",
            )
            .and_then(|mut statement| {
                statement.query_row(params![scope.as_str(), account, value, time.0], |row| {
                    row.get(0).map(UnixMillis)
                })
            })
            .doing("remember what was first seen")
    }

    /// The earliest time that `value` is known to have been seen at, without adding to it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn first_known(
        &self,
        scope: Scope,
        account: &str,
        value: &str,
    ) -> Result<Option<UnixMillis>, StateError> {
        self.0
            .prepare_cached(
                "SELECT at FROM first_seen WHERE scope = ?1 AND account = ?2 AND value = ?3",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([scope.as_str(), account, value], |row| {
                        row.get(0).map(UnixMillis)
                    })
                    .optional()
            })
            .doing("look up what was first seen")
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn the_earliest_time_wins_in_any_order() {
        let state = State::open_in_memory().unwrap();
        let done: Result<(), StateError> = state.transaction(|tx| {
            let seen = |at| tx.first_seen(Scope::Region, "1", "eu-west-1", UnixMillis(at));
            assert_eq!(seen(50)?, UnixMillis(50));
            assert_eq!(seen(90)?, UnixMillis(50));
            assert_eq!(seen(10)?, UnixMillis(10));
            assert_eq!(
                tx.first_seen(Scope::Region, "2", "eu-west-1", UnixMillis(70))?,
                UnixMillis(70),
                "accounts do not mix"
            );
            Ok(())
        });
        done.unwrap();
    }
}
