//! Daily usage cost by service, from Cost Explorer or from a file of the same shape.
//!
//! Cost Explorer takes US$0.01 for every page, so what was read is kept in the state and asked
//! again only where it can have changed: a day counts as settled when it was read three full days
//! after its end; everything from the first day that is not settled up to yesterday is asked in one
//! query, at most every `refresh`, across restarts. Today is never asked for: Cost Explorer is
//! about a day late, and half a day looks like a fall. A failed call is repeated after
//! [`RETRY_AFTER`] at the earliest, across restarts too, so that a crash loop cannot spend money.
//! Source: AWS Cost Management user guide, "Analyzing your costs and usage with Cost Explorer"
//! (data is refreshed up to three times a day); API pricing page.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;
use plimsoll_aws::{CostApi, CostQuery, DailyCost, Error};
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::counter::{Counter, Tally};
use plimsoll_core::logging::message;
use plimsoll_core::shutdown::Shutdown;
use serde_json::Value;

use super::cloudtrail::{parse, problem};
use super::directory::Ended;
use super::json::Pieces;
use super::{Closed, Gather, Outlet, Progress, Reason, Unit};
use crate::health::Pulse;
use crate::signal::{CostDay, CostHistory, Signal};
use crate::state::{CostReads, State};

/// How often Cost Explorer is asked: as often as its data is renewed.
pub const REFRESH: Duration = Duration::from_hours(8);
/// How long after a failed call the next may be.
pub const RETRY_AFTER: Duration = Duration::from_mins(30);
/// Days that are asked for at first: six weeks of same weekdays for a test that looks back over
/// six weeks of levels, and a fortnight of days to test.
pub const LOOKBACK_DAYS: i32 = 98;
/// Full days after its end at which a day's amount no longer changes by much.
const SETTLED_AFTER: Duration = Duration::from_hours(3 * 24);
const DAY: Duration = Duration::from_hours(24);
/// Pages of one query. 98 days of all services that exist fit in a few; more is a loop.
const PAGES_MAX: usize = 50;
/// One result of a file in bytes of JSON: one day with every service there is.
const RESULT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Names of moments in the state.
const REFRESHED: &str = "cost_refreshed";
const ATTEMPTED: &str = "cost_attempted";

/// Cost Explorer as a source.
#[derive(Debug)]
pub struct CostSource<C> {
    api: Arc<C>,
    refresh: Duration,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
    outlet: Outlet,
    counted: Counted,
}

/// What is counted of the calls.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Pages that were asked for, each US$0.01.
    pub requests: Arc<Counter>,
    /// Failed calls by reason.
    pub failures: Arc<Tally>,
    /// Feels both.
    pub pulse: Arc<Pulse>,
}

impl<C: CostApi> CostSource<C> {
    /// Asks `api` at most every `refresh`.
    #[must_use]
    pub fn new(
        api: Arc<C>,
        refresh: Duration,
        clock: Arc<dyn Clock>,
        state: Arc<State>,
        outlet: Outlet,
        counted: Counted,
    ) -> Self {
        Self {
            api,
            refresh,
            clock,
            state,
            outlet,
            counted,
        }
    }

    /// Reads until it is asked to stop.
    ///
    /// # Errors
    /// See [`Ended`].
    pub async fn run(self, mut shutdown: Shutdown) -> Result<(), Ended> {
        self.look_again().await?;
        loop {
            let wait = self.due_in().await?;
            tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(wait) => self.read_once().await?,
            }
        }
    }

    /// Has what is known already looked at: the tests may have changed with the program.
    ///
    /// # Errors
    /// See [`Ended`].
    pub(crate) async fn look_again(&self) -> Result<(), Ended> {
        let cached = Unit {
            signals: vec![Signal::Cost(CostHistory::default())],
            ..Unit::default()
        };
        Ok(self.outlet.submit(cached).await?)
    }

    /// How long until the next call may be made.
    ///
    /// # Errors
    /// See [`Ended`].
    pub(crate) async fn due_in(&self) -> Result<Duration, Ended> {
        let (refreshed, attempted) = self
            .state
            .run(|tx| {
                Ok::<_, crate::state::StateError>((tx.moment(REFRESHED)?, tx.moment(ATTEMPTED)?))
            })
            .await?;
        let now = self.clock.now();
        // A moment in the future means that the clock went backwards: it no longer counts.
        let left = |moment: Option<UnixMillis>, length: Duration| {
            moment
                .filter(|moment| *moment <= now)
                .map_or(Duration::ZERO, |moment| {
                    length.saturating_sub(now.since(moment))
                })
        };
        Ok(left(refreshed, self.refresh).max(left(attempted, RETRY_AFTER)))
    }

    /// Asks for what is missing and hands it over. A failed call is counted and tried again later.
    ///
    /// # Errors
    /// See [`Ended`].
    pub async fn read_once(&self) -> Result<(), Ended> {
        let now = self.clock.now();
        let reads = self
            .state
            .run(move |tx| {
                tx.set_moment(ATTEMPTED, now)?;
                tx.cost_reads()
            })
            .await?;
        let days = days_to_ask(now, &reads);
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Ok(());
        };
        let (start, end) = (first.to_string(), next_day(*last).to_string());
        match self.ask(&start, &end).await {
            Ok(rows) => {
                let days = days.iter().map(Date::to_string).collect();
                self.outlet.submit(unit(days, rows, true)).await?;
                self.counted.pulse.worked();
                Ok(())
            }
            Err(error) => {
                self.counted.failures.add(error.reason(), 1);
                self.counted.pulse.failed(&error);
                log::error!(message_id = message::COLLECTOR_COST_UNREAD.id; "daily cost from {start} to {end} could not be read: {error}");
                Ok(())
            }
        }
    }

    async fn ask(&self, start: &str, end: &str) -> Result<Vec<CostDay>, Error> {
        let mut query = CostQuery {
            start: start.to_owned(),
            end: end.to_owned(),
            next_page: None,
        };
        let mut rows = Vec::new();
        for _ in 0..PAGES_MAX {
            self.counted.requests.add(1);
            let page = self.api.daily_cost(&query).await?;
            rows.extend(page.rows.into_iter().filter_map(usable));
            match page.next_page {
                Some(next) => query.next_page = Some(next),
                None => return Ok(rows),
            }
        }
        Err(Error::Unavailable {
            call: "GetCostAndUsage",
            why: format!("more than {PAGES_MAX} pages"),
        })
    }
}

/// A row as a signal; one that is no day or no amount is left out.
fn usable(row: DailyCost) -> Option<CostDay> {
    let day: Date = row.day.parse().ok()?;
    row.usd.is_finite().then(|| CostDay {
        day: day.to_string(),
        service: row.service,
        usd: row.usd,
        estimated: row.estimated,
    })
}

/// The moment at which the state notes that cost was read and paid for.
pub(crate) const fn refreshed_moment() -> &'static str {
    REFRESHED
}

/// Days that were read, with what was found.
fn unit(days: Vec<String>, rows: Vec<CostDay>, paid: bool) -> Unit {
    Unit {
        signals: vec![Signal::Cost(CostHistory {
            account: None,
            days: rows,
        })],
        progress: vec![Progress::Cost { days, paid }],
        ..Unit::default()
    }
}

/// The days to ask for at `now`: from the first that is not settled to yesterday.
fn days_to_ask(now: UnixMillis, reads: &CostReads) -> Vec<Date> {
    let today = date_of(now);
    let mut days = Vec::new();
    for back in (1..=LOOKBACK_DAYS).rev() {
        let Ok(day) = today.checked_sub(back.days()) else {
            continue;
        };
        let settled = reads
            .get(&day.to_string())
            .is_some_and(|read| *read >= start_of(day) + DAY + SETTLED_AFTER);
        if !settled || !days.is_empty() {
            days.push(day);
        }
    }
    days
}

/// The day from which moments are counted.
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// The day of a moment, in UTC as in Cost Explorer.
fn date_of(now: UnixMillis) -> Date {
    let days = now.as_secs().div_euclid(86_400);
    EPOCH.checked_add(days.days()).unwrap_or(EPOCH)
}

/// The first moment of a day, in UTC.
pub(crate) fn start_of(day: Date) -> UnixMillis {
    let since = day.duration_since(EPOCH);
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(0))
}

fn next_day(day: Date) -> Date {
    day.checked_add(1.day()).unwrap_or(day)
}

/// Reads an answer of GetCostAndUsage from a file: daily, grouped by service, `UnblendedCost`.
/// Whoever writes the file leaves out taxes, credits and fees, as the call does.
///
/// # Errors
/// When the pipeline has ended.
pub fn read(text: &str, origin: &str, gather: &mut Gather<'_>) -> Result<(), Closed> {
    let mut days = BTreeSet::new();
    let mut rows = Vec::new();
    for piece in Pieces::new(text, &["ResultsByTime"]) {
        match parse(&piece, RESULT_BYTES_MAX).and_then(|result| result_of_day(&result)) {
            Ok((day, found)) => {
                days.insert(day);
                rows.extend(found);
            }
            Err((reason, detail)) => gather.problem(problem(origin, &piece, reason, detail))?,
        }
    }
    if days.is_empty() {
        return Ok(());
    }
    gather.progress(Progress::Cost {
        days: days.into_iter().collect(),
        paid: false,
    });
    let history = CostHistory {
        account: None,
        days: rows,
    };
    gather.signal(Signal::Cost(history), text.len())
}

/// One member of `ResultsByTime`.
fn result_of_day(result: &Value) -> Result<(String, Vec<CostDay>), (Reason, String)> {
    let wrong = |what: String| (Reason::IncompleteCost, what);
    let day = result
        .pointer("/TimePeriod/Start")
        .and_then(Value::as_str)
        .and_then(|start| start.get(..10))
        .and_then(|start| start.parse::<Date>().ok())
        .ok_or_else(|| wrong("a result without a day in TimePeriod.Start".to_owned()))?
        .to_string();
    let estimated = result.get("Estimated").and_then(Value::as_bool) == Some(true);
    let groups = result.get("Groups").and_then(Value::as_array);
    let mut rows = Vec::new();
    for group in groups.into_iter().flatten() {
        let service = group.pointer("/Keys/0").and_then(Value::as_str);
        let amount = group.pointer("/Metrics/UnblendedCost/Amount");
        let usd = amount
            .and_then(|amount| {
                amount
                    .as_f64()
                    .or_else(|| amount.as_str().and_then(|text| text.parse().ok()))
            })
            .filter(|usd: &f64| usd.is_finite());
        let (Some(service), Some(usd)) = (service, usd) else {
            let what = "a group without Keys[0] or a number in Metrics.UnblendedCost.Amount";
            return Err(wrong(format!("{day}: {what}")));
        };
        rows.push(CostDay {
            day: day.clone(),
            service: service.to_owned(),
            usd,
            estimated,
        });
    }
    Ok((day, rows))
}

#[cfg(test)]
mod tests;
