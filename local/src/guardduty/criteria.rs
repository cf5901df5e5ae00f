//! Which findings a ListFindings call wants, and in which order.
//! Source: Amazon GuardDuty API reference, `FindingCriteria` and `SortCriteria`.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::bad_request;
use crate::service::Refusal;
use crate::value::Value;

/// Fields of one criteria, as documented.
const FIELDS_MAX: usize = 50;

/// Conditions that must all hold.
#[derive(Debug, Default)]
pub(super) struct Criteria(Vec<Condition>);

#[derive(Debug)]
struct Condition {
    field: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
    Above(i64),
    AtLeast(i64),
    Below(i64),
    AtMost(i64),
}

impl Criteria {
    pub(super) fn parse(criterion: &Value) -> Result<Self, Refusal> {
        let fields = criterion.members();
        if fields.len() > FIELDS_MAX {
            return Err(bad_request(
                "The finding criteria have more than 50 fields.",
            ));
        }
        let mut conditions = Vec::new();
        for (field, tests) in fields {
            for (operator, operand) in tests.members() {
                let test = Test::parse(operator, operand).ok_or_else(|| {
                    bad_request(&format!(
                        "The condition {operator} of the field {field} is not valid."
                    ))
                })?;
                conditions.push(Condition {
                    field: field.clone(),
                    test,
                });
            }
        }
        Ok(Self(conditions))
    }

    pub(super) fn hold(&self, finding: &Value) -> bool {
        self.0
            .iter()
            .all(|condition| condition.test.holds(&at(finding, &condition.field)))
    }
}

impl Test {
    fn parse(operator: &str, operand: &Value) -> Option<Self> {
        let texts = || {
            let texts: Vec<String> = operand.items().iter().map(plain).collect();
            (!texts.is_empty()).then_some(texts)
        };
        let number = || operand.integer();
        Some(match operator {
            "equals" | "eq" => Self::OneOf(texts()?),
            "notEquals" | "neq" => Self::NoneOf(texts()?),
            "greaterThan" | "gt" => Self::Above(number()?),
            "greaterThanOrEqual" | "gte" => Self::AtLeast(number()?),
            "lessThan" | "lt" => Self::Below(number()?),
            "lessThanOrEqual" | "lte" => Self::AtMost(number()?),
            _ => return None,
        })
    }

    /// Whether one of the values that were found at the field passes.
    fn holds(&self, found: &[&Value]) -> bool {
        let is_one_of =
            |wanted: &[String]| found.iter().any(|value| wanted.contains(&plain(value)));
        let compares = |wanted: i64, passes: fn(Ordering) -> bool| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "times and severities fit 53 bits"
            )]
            let wanted = wanted as f64;
            found
                .iter()
                .filter_map(|value| comparable(value))
                .any(|number| number.partial_cmp(&wanted).is_some_and(passes))
        };
        match self {
            Self::OneOf(wanted) => is_one_of(wanted),
            Self::NoneOf(wanted) => !is_one_of(wanted),
            Self::Above(bound) => compares(*bound, Ordering::is_gt),
            Self::AtLeast(bound) => compares(*bound, Ordering::is_ge),
            Self::Below(bound) => compares(*bound, Ordering::is_lt),
            Self::AtMost(bound) => compares(*bound, Ordering::is_le),
        }
    }
}

/// Sorts by `attributeName`, ascending unless told otherwise.
pub(super) fn sort(findings: &mut [&Value], criteria: &Value) -> Result<(), Refusal> {
    let Some(field) = criteria.member("attributeName").text() else {
        return Ok(());
    };
    let descending = match criteria.member("orderBy").text() {
        None | Some("ASC") => false,
        Some("DESC") => true,
        Some(_) => return Err(bad_request("orderBy must be ASC or DESC.")),
    };
    findings.sort_by(|one, other| {
        let order = compare(&at(one, field), &at(other, field));
        if descending { order.reverse() } else { order }
    });
    Ok(())
}

fn compare(one: &[&Value], other: &[&Value]) -> Ordering {
    let (one, other) = (one.first(), other.first());
    let numbers = one
        .and_then(|value| comparable(value))
        .zip(other.and_then(|value| comparable(value)));
    match numbers {
        Some((one, other)) => one.total_cmp(&other),
        None => one
            .map(|value| plain(value))
            .cmp(&other.map(|value| plain(value))),
    }
}

/// The values at a dotted path; lists on the way are entered.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for name in path.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::List(items) => items.iter().map(|item| item.member(name)).collect(),
                other => vec![other.member(name)],
            })
            .filter(|value| !value.is_null())
            .collect();
    }
    found
}

/// A value as criteria write it: numbers and truth as text.
fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Bool(yes) => yes.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) | Value::Time(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A number, or a time as milliseconds since the epoch, which is how criteria write times.
fn comparable(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => {
            let time: Timestamp = text.parse().ok()?;
            #[expect(clippy::cast_precision_loss, reason = "milliseconds fit 53 bits")]
            Some(time.as_millisecond() as f64)
        }
        other => other.number(),
    }
}
