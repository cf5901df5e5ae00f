//! Cost Explorer: GetCostAndUsage over cost data that was generated or read from a file.
//!
//! Filters, groups, months and pages are worked out as AWS documents them; the data is a table of
//! one row for each day, service, Region, usage type, account and record type. Whoever asks pays
//! US$0.01 for each page at AWS, so the pages are counted. Nothing is ever guessed for a day that
//! the data does not have: its cost is zero.

mod answer;
mod csv;
mod file;
mod filter;
mod generate;
mod query;

use std::path::Path;

use jiff::civil::Date;
use plimsoll_core::clock::UnixMillis;

pub use file::CostFileError;
pub use generate::Jump;

use crate::service::{Answer, Call, Refusal};
use crate::state::unknown_operation;
use generate::Generator;
use query::Query;

/// The error for an input that breaks a rule.
const INVALID: &str = "ValidationException";
/// Groups on one page. AWS does not document its number; a month by service and Region is more
/// than one page here, so that a client cannot forget to page.
const PAGE_GROUPS_DEFAULT: usize = 200;

/// The service.
#[derive(Debug)]
pub struct CostExplorer {
    data: CostData,
    page_groups: usize,
    pages: u64,
}

/// The table that the service answers from.
#[derive(Debug, Default)]
pub struct CostData {
    rows: Vec<CostRow>,
    generator: Option<Generator>,
}

/// What one usage type of one service cost on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct CostRow {
    /// The day, UTC.
    pub day: Date,
    /// The service's name as Cost Explorer has it.
    pub service: String,
    /// The Region; `NoRegion` for what has none.
    pub region: String,
    /// The usage type, such as `USE1-BoxUsage:m6i.large`.
    pub usage_type: String,
    /// The account that used it.
    pub account: String,
    /// `Usage`, `Tax`, `Credit`, …
    pub record_type: String,
    /// US$ as billed.
    pub unblended_usd: f64,
    /// US$ with upfront fees spread over their term.
    pub amortized_usd: f64,
    /// How much was used.
    pub usage: f64,
    /// The unit of the usage.
    pub unit: String,
}

impl CostExplorer {
    /// The service over `data`.
    #[must_use]
    pub fn new(data: CostData) -> Self {
        Self {
            data,
            page_groups: PAGE_GROUPS_DEFAULT,
            pages: 0,
        }
    }

    /// The same with another number of groups on a page, at least one.
    #[must_use]
    pub fn with_page_groups(mut self, groups: usize) -> Self {
        self.page_groups = groups.max(1);
        self
    }

    /// Serves one call.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn call(&mut self, call: &Call) -> Answer {
        if call.operation != "GetCostAndUsage" {
            return Err(unknown_operation(&call.operation));
        }
        let today = day_of(call.now);
        self.data.extend_to(today);
        let query = Query::parse(&call.input, today)?;
        if self.data.rows.is_empty() || query.start > today {
            return Err(Refusal::new(
                "DataUnavailableException",
                "Data is not available. Please try to adjust the time period. If just enabled \
                 Cost Explorer, data might not be ingested yet",
            ));
        }
        let page = answer::page(&query, &self.data.rows, today, self.page_groups)?;
        self.pages += 1;
        Ok(page)
    }

    /// Pages served; AWS bills US$0.01 for each.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// The rows behind the answers.
    #[must_use]
    pub fn rows(&self) -> &[CostRow] {
        &self.data.rows
    }
}

impl CostData {
    /// A hundred days of an ordinary account up to the day before `today`: about eight services
    /// with weekday patterns and noise, and the jump if one is asked for, on the last day.
    /// Days that pass later are added as they come. The same seed gives the same data.
    #[must_use]
    pub fn generated(seed: u64, account: &str, today: Date, jump: Option<Jump>) -> Self {
        let generator = Generator::new(seed, account, today, jump);
        let mut data = Self {
            rows: Vec::new(),
            generator: Some(generator),
        };
        data.extend_to(today);
        data
    }

    /// Reads a file: JSON in the shape of GetCostAndUsage's answer (`.json`) or a FOCUS export
    /// (`.csv`), each also compressed (`.gz`).
    ///
    /// # Errors
    /// The file cannot be read, or something in it is not as it should be: the error names the
    /// line and the column.
    pub fn from_file(path: &Path) -> Result<Self, CostFileError> {
        file::read(path).map(|rows| Self {
            rows,
            generator: None,
        })
    }

    /// The same data moved in time so that its last day is the day before `today`.
    #[must_use]
    pub fn ending_before(mut self, today: Date) -> Self {
        let last = self.rows.iter().map(|row| row.day).max();
        let wanted = today.yesterday().ok();
        if let (Some(last), Some(wanted)) = (last, wanted) {
            let moved = wanted - last;
            for row in &mut self.rows {
                row.day = row.day.saturating_add(moved);
            }
        }
        self
    }

    /// Generates the days that have passed since the last call.
    fn extend_to(&mut self, today: Date) {
        if let Some(generator) = &mut self.generator {
            generator.extend(&mut self.rows, today);
        }
    }
}

/// The day of `now` in UTC.
#[must_use]
pub fn day_of(now: UnixMillis) -> Date {
    const SECONDS_PER_DAY: i64 = 86_400;
    let days = now.as_secs().div_euclid(SECONDS_PER_DAY);
    let since_epoch = jiff::Span::new().try_days(days).unwrap_or_default();
    Date::constant(1970, 1, 1).saturating_add(since_epoch)
}

#[cfg(test)]
mod tests;
