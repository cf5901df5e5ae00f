//! What a GetCostAndUsage call asks for, checked.
//! Source: Cost Explorer API reference, GetCostAndUsage.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::ToSpan;
use jiff::civil::Date;

use super::filter::Filter;
use super::{CostRow, INVALID};
use crate::input::Input;
use crate::service::Refusal;
use crate::value::Value;

/// Groupings of one call.
const GROUP_BY_MAX: usize = 2;
/// Months before the current one that can be asked for.
const HISTORY_MONTHS: i64 = 13;
/// Characters of a page token.
const TOKEN_CHARS_MAX: usize = 8192;

/// A checked call.
#[derive(Debug)]
pub(super) struct Query {
    /// The first day, included.
    pub(super) start: Date,
    /// The last day, excluded.
    pub(super) end: Date,
    /// Whether periods are months instead of days.
    pub(super) monthly: bool,
    pub(super) metrics: Vec<Metric>,
    pub(super) groups: Vec<GroupBy>,
    pub(super) filter: Option<Filter>,
    pub(super) token: Option<String>,
    /// Stands for all of the above but the token.
    pub(super) fingerprint: u64,
}

/// A metric that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    Unblended(&'static str),
    Amortized(&'static str),
    Usage,
    NormalizedUsage,
}

/// What rows are grouped by.
#[derive(Debug)]
pub(super) enum GroupBy {
    Dimension(Dimension),
    /// The data has no tags and no cost categories: everything falls under the empty value.
    Untagged {
        kind: &'static str,
        key: String,
    },
}

/// A column that rows are grouped and filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    Service,
    Region,
    UsageType,
    LinkedAccount,
    RecordType,
}

impl Query {
    pub(super) fn parse(value: &Value, today: Date) -> Result<Self, Refusal> {
        let input = Input::new(value, INVALID);
        let (start, end) = period(value.member("TimePeriod"), today)?;
        let granularity = input.choice("Granularity", &["DAILY", "MONTHLY", "HOURLY"])?;
        let monthly = match granularity {
            Some("DAILY") => false,
            Some("MONTHLY") => true,
            Some(_) => {
                return Err(Refusal::new(
                    INVALID,
                    "Hourly data granularity is not enabled.",
                ));
            }
            None => return Err(input.violation("null", "granularity", "Member must not be null")),
        };
        let filter = match value.member("Filter") {
            Value::Null => None,
            filter => Some(Filter::parse(filter)?),
        };
        Ok(Self {
            start,
            end,
            monthly,
            metrics: metrics(value.member("Metrics"))?,
            groups: groups(value.member("GroupBy"))?,
            filter,
            token: input
                .text("NextPageToken", 0, TOKEN_CHARS_MAX)?
                .map(str::to_owned),
            fingerprint: fingerprint(value),
        })
    }
}

impl Metric {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "UnblendedCost" | "UNBLENDED_COST" => Self::Unblended("UnblendedCost"),
            "BlendedCost" | "BLENDED_COST" => Self::Unblended("BlendedCost"),
            "NetUnblendedCost" | "NET_UNBLENDED_COST" => Self::Unblended("NetUnblendedCost"),
            "AmortizedCost" | "AMORTIZED_COST" => Self::Amortized("AmortizedCost"),
            "NetAmortizedCost" | "NET_AMORTIZED_COST" => Self::Amortized("NetAmortizedCost"),
            "UsageQuantity" | "USAGE_QUANTITY" => Self::Usage,
            "NormalizedUsageAmount" | "NORMALIZED_USAGE_AMOUNT" => Self::NormalizedUsage,
            _ => return None,
        })
    }

    /// The name in the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unblended(name) | Self::Amortized(name) => name,
            Self::Usage => "UsageQuantity",
            Self::NormalizedUsage => "NormalizedUsageAmount",
        }
    }

    /// What the row adds to the metric. Normalized units exist for size-flexible reservations
    /// only, which the data does not have.
    pub(super) fn of(self, row: &CostRow) -> f64 {
        match self {
            Self::Unblended(_) => row.unblended_usd,
            Self::Amortized(_) => row.amortized_usd,
            Self::Usage => row.usage,
            Self::NormalizedUsage => 0.0,
        }
    }
}

impl GroupBy {
    /// The key that the row falls under.
    pub(super) fn key(&self, row: &CostRow) -> String {
        match self {
            Self::Dimension(dimension) => dimension.of(row).to_owned(),
            Self::Untagged { key, .. } => format!("{key}$"),
        }
    }

    /// The definition as it is echoed in the answer.
    pub(super) fn definition(&self) -> Value {
        let (kind, key) = match self {
            Self::Dimension(dimension) => ("DIMENSION", dimension.name()),
            Self::Untagged { kind, key } => (*kind, key.as_str()),
        };
        Value::map([("Type", kind.into()), ("Key", key.into())])
    }
}

impl Dimension {
    pub(super) const ALL: [Self; 5] = [
        Self::Service,
        Self::Region,
        Self::UsageType,
        Self::LinkedAccount,
        Self::RecordType,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Region => "REGION",
            Self::UsageType => "USAGE_TYPE",
            Self::LinkedAccount => "LINKED_ACCOUNT",
            Self::RecordType => "RECORD_TYPE",
        }
    }

    pub(super) fn parse(name: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.name() == name)
            .ok_or_else(|| {
                Refusal::new(
                    INVALID,
                    format!(
                        "the dimension {name} is not in the data here; it has SERVICE, REGION, \
                         USAGE_TYPE, LINKED_ACCOUNT and RECORD_TYPE"
                    ),
                )
            })
    }

    pub(super) fn of(self, row: &CostRow) -> &str {
        match self {
            Self::Service => &row.service,
            Self::Region => &row.region,
            Self::UsageType => &row.usage_type,
            Self::LinkedAccount => &row.account,
            Self::RecordType => &row.record_type,
        }
    }
}

/// The days from `Start` (included) to `End` (excluded).
fn period(value: &Value, today: Date) -> Result<(Date, Date), Refusal> {
    let day = |name: &str| {
        let text = Input::new(value, INVALID).required(name, 0, 40)?;
        let well_formed = text.len() == "2026-01-31".len();
        text.parse::<Date>()
            .ok()
            .filter(|_| well_formed)
            .ok_or_else(|| {
                let which = if name == "Start" { "Start" } else { "End" };
                let message =
                    format!("{which} time {text} is invalid. Valid format is: yyyy-MM-dd.");
                Refusal::new(INVALID, message)
            })
    };
    let (start, end) = (day("Start")?, day("End")?);
    if start >= end {
        return Err(Refusal::new(
            INVALID,
            "Start date (and hour) should be before end date (and hour)",
        ));
    }
    let oldest = today
        .first_of_month()
        .saturating_sub(HISTORY_MONTHS.months());
    if start < oldest {
        return Err(Refusal::new(
            INVALID,
            "You haven't enabled historical data beyond 14 months.",
        ));
    }
    let latest = today.first_of_month().saturating_add(1.month());
    if end > latest {
        return Err(Refusal::new(
            INVALID,
            "end date past the beginning of next month",
        ));
    }
    Ok((start, end))
}

fn metrics(value: &Value) -> Result<Vec<Metric>, Refusal> {
    if value.items().is_empty() {
        return Err(Refusal::new(
            INVALID,
            "Metrics must have at least one element",
        ));
    }
    value
        .items()
        .iter()
        .map(|name| {
            let name = name.text().unwrap_or_default();
            Metric::parse(name)
                .ok_or_else(|| Refusal::new(INVALID, format!("Unsupported metric: {name}")))
        })
        .collect()
}

fn groups(value: &Value) -> Result<Vec<GroupBy>, Refusal> {
    if value.items().len() > GROUP_BY_MAX {
        return Err(Refusal::new(
            INVALID,
            "GroupBy accepts a maximum of 2 groups",
        ));
    }
    value
        .items()
        .iter()
        .map(|group| {
            let input = Input::new(group, INVALID);
            let key = input.required("Key", 1, 1024)?;
            match input.choice("Type", &["DIMENSION", "TAG", "COST_CATEGORY"])? {
                None | Some("DIMENSION") => Dimension::parse(key).map(GroupBy::Dimension),
                Some(kind) => Ok(GroupBy::Untagged {
                    kind,
                    key: key.to_owned(),
                }),
            }
        })
        .collect()
}

fn fingerprint(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, member) in value.members() {
        if name != "NextPageToken" {
            format!("{name}={member:?};").hash(&mut hasher);
        }
    }
    hasher.finish()
}
