//! Cost Explorer: daily cost by service.

use std::future::Future;

use crate::Error;

/// GetCostAndUsage.
pub trait CostApi: Send + Sync + 'static {
    /// One page of daily unblended cost, grouped by service, records of usage only. Each call
    /// costs US$0.01, so the caller keeps what it got.
    ///
    /// # Errors
    /// See [`Error`].
    fn daily_cost(&self, query: &CostQuery)
    -> impl Future<Output = Result<CostPage, Error>> + Send;
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostQuery {
    /// First day, `YYYY-MM-DD`, included.
    pub start: String,
    /// Last day, excluded.
    pub end: String,
    /// The token of the page before.
    pub next_page: Option<String>,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostPage {
    /// A row per day and service.
    pub rows: Vec<DailyCost>,
    /// The token of the next page.
    pub next_page: Option<String>,
}

/// What one service cost on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyCost {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// The service's name as Cost Explorer has it.
    pub service: String,
    /// US$.
    pub usd: f64,
    /// Whether the amount may still change.
    pub estimated: bool,
}
