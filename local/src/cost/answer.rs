//! From rows to the answer: periods, groups, sums, pages.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::CostRow;
use super::query::{Metric, Query};
use crate::service::{Answer, Refusal};
use crate::value::Value;

/// The bill of a month is final some days into the next; until then its numbers are estimates.
/// AWS says "a few days"; its invoices come between the third and the seventh.
const BILL_FINAL_ON_DAY: i8 = 6;

/// The rows of one group in one period.
struct Sum<'a> {
    amounts: Vec<f64>,
    /// The unit of usage while all rows agree on one.
    unit: Option<&'a str>,
}

/// The answer to the query: the page that its token points at.
pub(super) fn page(query: &Query, rows: &[CostRow], today: Date, page_groups: usize) -> Answer {
    let skipped = match &query.token {
        None => 0,
        Some(token) => offset_in(token, query.fingerprint)?,
    };
    let wanted: Vec<&CostRow> = rows
        .iter()
        .filter(|row| (query.start..query.end).contains(&row.day))
        .filter(|row| query.filter.as_ref().is_none_or(|filter| filter.wants(row)))
        .collect();
    let mut results = Vec::new();
    // An item is a group, or a whole period when it has none; pages are cut by items.
    let (mut item, end) = (0, skipped + page_groups);
    for (first, after) in periods(query) {
        let held = wanted
            .iter()
            .filter(|row| (first..after).contains(&row.day));
        let sums = sum(query, held.copied());
        let items = sums.len().max(1);
        let shown = skipped.max(item)..end.min(item + items);
        if !shown.is_empty() {
            let groups = sums.iter().skip(shown.start - item).take(shown.len());
            results.push(result(query, (first, after), groups, today));
        }
        item += items;
    }
    let token = (item > end).then(|| format!("{end}.{:016x}", query.fingerprint));
    Ok(Value::map([
        ("NextPageToken", token.into()),
        (
            "GroupDefinitions",
            Value::List(
                query
                    .groups
                    .iter()
                    .map(super::query::GroupBy::definition)
                    .collect(),
            ),
        ),
        ("ResultsByTime", Value::List(results)),
        ("DimensionValueAttributes", Value::List(Vec::new())),
    ]))
}

/// The sums by group; one entry without keys when the query has no groups.
fn sum<'a>(
    query: &Query,
    rows: impl Iterator<Item = &'a CostRow>,
) -> BTreeMap<Vec<String>, Sum<'a>> {
    let mut sums: BTreeMap<Vec<String>, Sum<'a>> = BTreeMap::new();
    for row in rows {
        let keys = query.groups.iter().map(|group| group.key(row)).collect();
        let sum = sums.entry(keys).or_insert_with(|| Sum {
            amounts: vec![0.0; query.metrics.len()],
            unit: Some(&row.unit),
        });
        for (amount, metric) in sum.amounts.iter_mut().zip(&query.metrics) {
            *amount += metric.of(row);
        }
        sum.unit = sum.unit.filter(|unit| *unit == row.unit);
    }
    sums
}

fn result<'a>(
    query: &Query,
    (first, after): (Date, Date),
    sums: impl Iterator<Item = (&'a Vec<String>, &'a Sum<'a>)>,
    today: Date,
) -> Value {
    let mut total = Vec::new();
    let mut groups = Vec::new();
    for (keys, sum) in sums {
        let metrics = metrics(query, &sum.amounts, sum.unit);
        if query.groups.is_empty() {
            total = metrics;
        } else {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            groups.push(Value::map([
                ("Keys", keys.into()),
                ("Metrics", Value::Map(metrics)),
            ]));
        }
    }
    if query.groups.is_empty() && total.is_empty() {
        total = metrics(query, &vec![0.0; query.metrics.len()], None);
    }
    Value::map([
        (
            "TimePeriod",
            Value::map([
                ("Start", first.to_string().into()),
                ("End", after.to_string().into()),
            ]),
        ),
        ("Total", Value::Map(total)),
        ("Groups", Value::List(groups)),
        ("Estimated", is_estimated(after, today).into()),
    ])
}

fn metrics(query: &Query, amounts: &[f64], unit: Option<&str>) -> Vec<(String, Value)> {
    let mut shown = Vec::with_capacity(amounts.len());
    for (metric, amount) in query.metrics.iter().zip(amounts) {
        let unit = match metric {
            Metric::Usage => unit.unwrap_or("N/A"),
            Metric::NormalizedUsage => "N/A",
            Metric::Unblended(_) | Metric::Amortized(_) => "USD",
        };
        let value = Value::map([("Amount", decimal(*amount).into()), ("Unit", unit.into())]);
        shown.push((metric.name().to_owned(), value));
    }
    shown
}

/// An amount as Cost Explorer writes it: up to ten decimals, no zeros behind the last.
fn decimal(amount: f64) -> String {
    let text = format!("{amount:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// The periods of the query: days, or months cut to its first and last day.
fn periods(query: &Query) -> Vec<(Date, Date)> {
    let mut periods = Vec::new();
    let mut first = query.start;
    while first < query.end {
        let next = if query.monthly {
            first.first_of_month().saturating_add(1.month())
        } else {
            first.saturating_add(1.day())
        };
        let after = next.min(query.end);
        periods.push((first, after));
        first = after;
    }
    periods
}

/// Whether the bill of the period's last day is still open.
fn is_estimated(after: Date, today: Date) -> bool {
    let open_from = if today.day() < BILL_FINAL_ON_DAY {
        today.first_of_month().saturating_sub(1.month())
    } else {
        today.first_of_month()
    };
    after > open_from
}

/// The first item of the page that the token points at.
fn offset_in(token: &str, fingerprint: u64) -> Result<usize, Refusal> {
    let read = || {
        let (offset, asked) = token.split_once('.')?;
        Some((
            offset.parse::<usize>().ok()?,
            u64::from_str_radix(asked, 16).ok()?,
        ))
    };
    match read() {
        Some((offset, asked)) if asked == fingerprint && offset < usize::MAX / 2 => Ok(offset),
        Some(_) => Err(Refusal::new(
            "RequestChangedException",
            "Your request parameters changed between pages. Try again with the old parameters or \
             without a pagination token.",
        )),
        None => Err(Refusal::new(
            "InvalidNextTokenException",
            "Invalid pagination token.",
        )),
    }
}
