//! Daily cost that was read, so that a restart pays nothing again.

use plimsoll_core::clock::UnixMillis;
use rusqlite::params;

use super::{Doing, StateError, Tx};
use crate::signal::CostDay;

/// Days kept: what Cost Explorer itself keeps at daily grain, 13 months and the current one.
const DAYS_MAX: i64 = 430;

/// When each day was last read.
pub type CostReads = std::collections::BTreeMap<String, UnixMillis>;

impl Tx<'_> {
    /// Marks days as read at `at` and clears what was known of them. What was read follows by
    /// [`Self::store_cost`] in the same transaction; a day without cost has nothing to follow.
    ///
    /// # Errors
    /// SQLite's.
    pub fn cost_read(&self, days: &[String], at: UnixMillis) -> Result<(), StateError> {
        let write = || {
            let mut clear = self.0.prepare("DELETE FROM cost_days WHERE day = ?1")?;
            let mut mark = self
                .0
                .prepare("INSERT OR REPLACE INTO cost_reads (day, at) VALUES (?1, ?2)")?;
            for day in days {
                clear.execute([day])?;
                mark.execute(params![day, at.0])?;
            }
            for table in ["cost_days", "cost_reads"] {
                self.0.execute(
                    &format!(
                        "DELETE FROM {table} WHERE day <
                           date((SELECT max(day) FROM cost_reads), '-' || ?1 || ' days')"
                    ),
                    [DAYS_MAX],
                )?;
            }
            Ok(())
        };
        write().doing("mark days of cost as read")
    }

    /// Stores what was read. A row that comes twice for one day and service counts
    /// once, with its last amount.
    ///
    /// # Errors
    /// SQLite's.
    pub fn store_cost(&self, days: &[CostDay]) -> Result<(), StateError> {
        let write = || {
            let mut store = self.0.prepare(
                "INSERT INTO cost_days (day, service, usd, estimated) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (day, service) DO UPDATE SET usd = ?3, estimated = ?4",
            )?;
            for day in days {
                store.execute(params![day.day, day.service, day.usd, day.estimated])?;
            }
            Ok(())
        };
        write().doing("store cost")
    }

    /// Every day and service that is known, in order.
    ///
    /// # Errors
    /// SQLite's.
    pub fn cost(&self) -> Result<Vec<CostDay>, StateError> {
        let read = || {
            let mut statement = self.0.prepare(
                "SELECT day, service, usd, estimated FROM cost_days ORDER BY day, service",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(CostDay {
                    day: row.get(0)?,
                    service: row.get(1)?,
                    usd: row.get(2)?,
                    estimated: row.get(3)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().doing("read cost")
    }

    /// When each day was last read. A day without cost is in here and not in [`Self::cost`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn cost_reads(&self) -> Result<CostReads, StateError> {
        let read = || {
            let mut statement = self.0.prepare("SELECT day, at FROM cost_reads")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, UnixMillis(row.get(1)?))))?;
            rows.collect::<rusqlite::Result<CostReads>>()
        };
        read().doing("list the days of cost that were read")
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn day(day: &str, service: &str, usd: f64) -> CostDay {
        CostDay {
            day: day.into(),
            service: service.into(),
            usd,
            estimated: false,
        }
    }

    #[test]
    fn reading_a_day_anew_replaces_all_of_it_and_nothing_else() {
        let state = State::open_in_memory().unwrap();
        let done: Result<(), StateError> = state.transaction(|tx| {
            tx.cost_read(&["2026-01-01".into(), "2026-01-02".into()], UnixMillis(1))?;
            tx.store_cost(&[day("2026-01-01", "A", 1.0), day("2026-01-02", "A", 2.0)])?;
            tx.store_cost(&[day("2026-01-02", "B", 3.0)])?;
            tx.cost_read(&["2026-01-02".into()], UnixMillis(2))?;
            tx.store_cost(&[day("2026-01-02", "A", 2.5)])?;
            assert_eq!(
                tx.cost()?,
                [day("2026-01-01", "A", 1.0), day("2026-01-02", "A", 2.5)]
            );
            assert_eq!(tx.cost_reads()?.get("2026-01-02"), Some(&UnixMillis(2)));
            Ok(())
        });
        done.unwrap();
    }

    #[test]
    fn days_older_than_cost_explorer_keeps_are_dropped() {
        let state = State::open_in_memory().unwrap();
        let done: Result<(), StateError> = state.transaction(|tx| {
            tx.cost_read(&["2024-01-01".into()], UnixMillis(1))?;
            tx.store_cost(&[day("2024-01-01", "A", 1.0)])?;
            tx.cost_read(&["2026-01-01".into()], UnixMillis(2))?;
            assert!(tx.cost()?.is_empty());
            assert_eq!(tx.cost_reads()?.len(), 1);
            Ok(())
        });
        done.unwrap();
    }
}
