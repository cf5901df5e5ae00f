//! A history as one gap-free series of days for each service.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::robust::same_weekday;
use super::{days_between, plus_days};
use crate::signal::CostHistory;

/// Days of one series at most; Cost Explorer keeps 13 months.
const DAYS_MAX: i64 = 800;

/// One day of one service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) usd: f64,
    pub(super) estimated: bool,
}

/// The days of one service, every day from the first of the history to the last. A day without a
/// row cost nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) service: String,
    pub(super) days: Vec<Day>,
}

impl Series {
    pub(super) fn first_day(&self) -> Date {
        self.days.first().map_or(Date::MAX, |day| day.date)
    }

    pub(super) fn last_day(&self) -> Date {
        self.days.last().map_or(Date::MIN, |day| day.date)
    }
}

/// What the last day of a history cost, over all services.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayTotal {
    /// The day.
    pub date: Date,
    /// US$.
    pub usd: f64,
    /// US$ that such a day usually costs; `None` while too few weeks are known.
    pub expected: Option<f64>,
}

/// The last day of a history, for the metrics `cost_daily` and `cost_expected`.
#[must_use]
pub fn last_day(history: &CostHistory) -> Option<DayTotal> {
    let all = series(history);
    let length = all.first()?.days.len();
    let totals: Vec<f64> = (0..length)
        .map(|place| {
            all.iter()
                .filter_map(|series| series.days.get(place))
                .map(|day| day.usd)
                .sum()
        })
        .collect();
    Some(DayTotal {
        date: all.first()?.last_day(),
        usd: *totals.last()?,
        expected: same_weekday(&totals).map(|score| score.expected),
    })
}

/// One series per service, all from the first to the last day of the history. Rows whose day is no
/// date are left out; the sources let none through.
pub(super) fn series(history: &CostHistory) -> Vec<Series> {
    let mut rows: BTreeMap<&str, BTreeMap<Date, (f64, bool)>> = BTreeMap::new();
    for row in &history.days {
        if let Ok(date) = row.day.parse::<Date>() {
            let days = rows.entry(row.service.as_str()).or_default();
            days.insert(date, (row.usd, row.estimated));
        }
    }
    let dates = || rows.values().flat_map(BTreeMap::keys);
    let (Some(&first), Some(&last)) = (dates().min(), dates().max()) else {
        return Vec::new();
    };
    let first = first.max(plus_days(last, i32::try_from(1 - DAYS_MAX).unwrap_or(0)));
    let length = i32::try_from(days_between(first, last)).unwrap_or(0);
    rows.into_iter()
        .map(|(service, days)| Series {
            service: service.to_owned(),
            days: (0..=length)
                .map(|offset| {
                    let date = plus_days(first, offset);
                    let (usd, estimated) = days.get(&date).copied().unwrap_or((0.0, false));
                    Day {
                        date,
                        usd,
                        estimated,
                    }
                })
                .collect(),
        })
        .collect()
}
