//! Cost data from a file: an answer of GetCostAndUsage, or a FOCUS export.
//!
//! FOCUS is the `FinOps` Open Cost and Usage Specification, which AWS Data Exports writes as CSV.
//! Hours are summed to days, since days are what Cost Explorer is asked for. A file with one bad
//! record is refused as a whole, naming the place: half of a bill is worse than none.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Deserializer};

use super::CostRow;
use super::csv::{self, Record};
use crate::stored::{self, StoredError};

/// A file is read into memory as a whole; larger ones are refused.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why a file is no cost data.
#[derive(Debug, thiserror::Error)]
pub enum CostFileError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than what is read into memory.
    #[error("{path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The name says neither `.json` nor `.csv`.
    #[error("{path} is neither .json nor .csv (nor one of them with .gz)")]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// Something in it is not as it should be.
    #[error("{path}:{line}:{column}: {why}")]
    Bad {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// JSON: the column in the line, from 1. CSV: the number of the field, from 1.
        column: usize,
        /// What was found and what is allowed.
        why: String,
    },
}

/// A place in the file and what is wrong there.
struct Problem {
    line: usize,
    column: usize,
    why: String,
}

pub(super) fn read(path: &Path) -> Result<Vec<CostRow>, CostFileError> {
    let name = path.to_string_lossy().to_lowercase();
    let kind = name.strip_suffix(".gz").unwrap_or(&name);
    let is_json = Path::new(kind).extension().is_some_and(|end| end == "json");
    let is_csv = Path::new(kind).extension().is_some_and(|end| end == "csv");
    if !is_json && !is_csv {
        return Err(CostFileError::UnknownKind {
            path: path.to_owned(),
        });
    }
    let text = text_of(path)?;
    let rows = if is_json {
        from_answer(&text)
    } else {
        from_focus(&text)
    };
    rows.map_err(|problem| CostFileError::Bad {
        path: path.to_owned(),
        line: problem.line,
        column: problem.column,
        why: problem.why,
    })
}

fn text_of(path: &Path) -> Result<String, CostFileError> {
    stored::text_of(path, FILE_BYTES_MAX).map_err(|error| {
        let path = path.to_owned();
        match error {
            StoredError::Unreadable(source) => CostFileError::Unreadable { path, source },
            StoredError::TooLarge => CostFileError::TooLarge { path },
        }
    })
}

/// The answer of GetCostAndUsage as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    #[serde(default)]
    group_definitions: Vec<Definition>,
    results_by_time: Vec<SavedPeriod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedPeriod {
    time_period: SavedDays,
    #[serde(default)]
    total: SavedMetrics,
    #[serde(default)]
    groups: Vec<SavedGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedDays {
    #[serde(deserialize_with = "day")]
    start: Date,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedGroup {
    keys: Vec<String>,
    metrics: SavedMetrics,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SavedMetrics {
    unblended_cost: Option<SavedAmount>,
    amortized_cost: Option<SavedAmount>,
    usage_quantity: Option<SavedAmount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedAmount {
    #[serde(deserialize_with = "amount")]
    amount: f64,
    #[serde(default)]
    unit: String,
}

fn day<'de, D: Deserializer<'de>>(input: D) -> Result<Date, D::Error> {
    let text = String::deserialize(input)?;
    parse_day(&text).map_err(serde::de::Error::custom)
}

fn amount<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    let text = String::deserialize(input)?;
    parse_amount(&text).map_err(serde::de::Error::custom)
}

fn from_answer(text: &str) -> Result<Vec<CostRow>, Problem> {
    let saved: Saved = serde_json::from_str(text).map_err(|error| Problem {
        line: error.line(),
        column: error.column(),
        why: error.to_string(),
    })?;
    let names: Vec<&str> = saved
        .group_definitions
        .iter()
        .map(|definition| definition.key.as_str())
        .collect();
    let mut rows = Vec::new();
    for period in &saved.results_by_time {
        let day = period.time_period.start;
        if period.groups.is_empty() && period.total.unblended_cost.is_some() {
            rows.push(saved_row(day, &[], &[], &period.total));
        }
        for group in &period.groups {
            rows.push(saved_row(day, &names, &group.keys, &group.metrics));
        }
    }
    Ok(rows)
}

fn saved_row(day: Date, names: &[&str], keys: &[String], metrics: &SavedMetrics) -> CostRow {
    // A saved answer need not tell what it was grouped by; one key is then the service.
    let key = |name: &str| {
        let place = names.iter().position(|held| *held == name);
        let place = place.or((names.is_empty() && name == "SERVICE").then_some(0));
        place.and_then(|place| keys.get(place)).cloned()
    };
    let cost = |amount: &Option<SavedAmount>| amount.as_ref().map(|held| held.amount);
    let unblended = cost(&metrics.unblended_cost).or(cost(&metrics.amortized_cost));
    let unblended = unblended.unwrap_or(0.0);
    let usage = metrics.usage_quantity.as_ref();
    CostRow {
        day,
        service: key("SERVICE").unwrap_or_default(),
        region: key("REGION").unwrap_or_else(|| "NoRegion".to_owned()),
        usage_type: key("USAGE_TYPE").unwrap_or_default(),
        account: key("LINKED_ACCOUNT").unwrap_or_default(),
        record_type: key("RECORD_TYPE").unwrap_or_else(|| "Usage".to_owned()),
        unblended_usd: unblended,
        amortized_usd: cost(&metrics.amortized_cost).unwrap_or(unblended),
        usage: usage.map_or(0.0, |held| held.amount),
        unit: usage.map_or_else(|| "N/A".to_owned(), |held| held.unit.clone()),
    }
}

/// What makes rows of a FOCUS file one row of the table.
type Identity = (Date, [String; 6]);

fn from_focus(text: &str) -> Result<Vec<CostRow>, Problem> {
    let records = csv::records(text).map_err(|unclosed| Problem {
        line: unclosed.line,
        column: unclosed.field,
        why: "a quotation mark is not closed".to_owned(),
    })?;
    let mut records = records.into_iter();
    let header = records.next().ok_or_else(|| Problem {
        line: 1,
        column: 1,
        why: "the file is empty; the first line names the columns".to_owned(),
    })?;
    let columns = Columns::find(&header)?;
    let mut days: BTreeMap<Identity, [f64; 3]> = BTreeMap::new();
    for record in records {
        if record.fields.len() != header.fields.len() {
            return Err(Problem {
                line: record.line,
                column: record.fields.len(),
                why: format!(
                    "found {} fields where the header has {}",
                    record.fields.len(),
                    header.fields.len()
                ),
            });
        }
        let (identity, amounts) = columns.row(&record)?;
        let sums = days.entry(identity).or_default();
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum += amount;
        }
    }
    Ok(days
        .into_iter()
        .map(|((day, text), [unblended_usd, amortized_usd, usage])| {
            let [service, region, usage_type, account, record_type, unit] = text;
            CostRow {
                day,
                service,
                region,
                usage_type,
                account,
                record_type,
                unblended_usd,
                amortized_usd,
                usage,
                unit,
            }
        })
        .collect())
}

/// Where the columns stand. Source: FOCUS specification 1.2; `x_UsageType` is AWS's own.
struct Columns {
    start: usize,
    service: usize,
    billed: usize,
    effective: Option<usize>,
    region: Option<usize>,
    usage_type: Option<usize>,
    account: Option<usize>,
    category: Option<usize>,
    quantity: Option<usize>,
    unit: Option<usize>,
    currency: Option<usize>,
}

impl Columns {
    fn find(header: &Record) -> Result<Self, Problem> {
        let place = |name: &str| header.fields.iter().position(|field| field.trim() == name);
        let required = |name: &str| {
            place(name).ok_or_else(|| Problem {
                line: header.line,
                column: 1,
                why: format!("the column {name} is missing"),
            })
        };
        Ok(Self {
            start: required("ChargePeriodStart")?,
            service: required("ServiceName")?,
            billed: required("BilledCost")?,
            effective: place("EffectiveCost"),
            region: place("RegionId"),
            usage_type: place("x_UsageType"),
            account: place("SubAccountId"),
            category: place("ChargeCategory"),
            quantity: place("ConsumedQuantity"),
            unit: place("ConsumedUnit"),
            currency: place("BillingCurrency"),
        })
    }

    fn row(&self, record: &Record) -> Result<(Identity, [f64; 3]), Problem> {
        let field = |place: usize| record.fields.get(place).map_or("", |field| field.trim());
        let problem = |place: usize, why: String| Problem {
            line: record.line,
            column: place + 1,
            why,
        };
        let number = |place: usize| parse_amount(field(place)).map_err(|why| problem(place, why));
        let optional = |place: Option<usize>| match place {
            Some(place) if !field(place).is_empty() => number(place).map(Some),
            _ => Ok(None),
        };
        let text = |place: Option<usize>, default: &str| match place.map(field) {
            None | Some("") => default.to_owned(),
            Some(text) => text.to_owned(),
        };
        if let Some(place) = self.currency
            && field(place) != "USD"
        {
            let why = format!("the currency {:?} is not USD", field(place));
            return Err(problem(place, why));
        }
        let day = parse_day(field(self.start)).map_err(|why| problem(self.start, why))?;
        let billed = number(self.billed)?;
        let effective = optional(self.effective)?.unwrap_or(billed);
        let quantity = optional(self.quantity)?.unwrap_or(0.0);
        let identity = (
            day,
            [
                field(self.service).to_owned(),
                text(self.region, "NoRegion"),
                text(self.usage_type, ""),
                text(self.account, ""),
                text(self.category, "Usage"),
                text(self.unit, "N/A"),
            ],
        );
        Ok((identity, [billed, effective, quantity]))
    }
}

/// A day, or the day of a time, in UTC.
fn parse_day(text: &str) -> Result<Date, String> {
    let day = text.get(..10).unwrap_or(text);
    day.parse()
        .map_err(|_| format!("{text:?} is not a day such as 2026-01-31"))
}

fn parse_amount(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|amount| amount.is_finite())
        .ok_or_else(|| format!("{text:?} is not an amount"))
}
