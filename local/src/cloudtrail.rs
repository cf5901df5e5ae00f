//! CloudTrail: LookupEvents over records that were given.
//!
//! Management events of the last 90 days, newest first, by one attribute. The two requests per
//! second that AWS allows are kept by the server. Records are never made up.
//! Source: CloudTrail API reference, LookupEvents.

use std::collections::VecDeque;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::service::{Answer, Call, Refusal};
use crate::state::unknown_operation;
use crate::value::Value;

mod file;

pub use file::TrailFileError;

/// Events of one page.
const PAGE_MAX: i64 = 50;
/// How far back events can be looked up: 90 days.
const HISTORY_MILLIS: i64 = 90 * 86_400_000;
/// Records that are kept; the oldest given ones go first.
const RECORDS_MAX: usize = 100_000;
/// Attributes that events can be looked up by.
const ATTRIBUTES: [&str; 8] = [
    "EventId",
    "EventName",
    "ReadOnly",
    "Username",
    "ResourceType",
    "ResourceName",
    "EventSource",
    "AccessKeyId",
];

/// The event history of one account and Region.
#[derive(Debug, Default)]
pub struct Trail {
    /// In order of time.
    records: VecDeque<Record>,
}

#[derive(Debug)]
struct Record {
    at_millis: i64,
    insight: bool,
    json: Json,
}

impl Trail {
    /// Adds the records of a file (`{"Records": […]}`, a list, or one record on each line; also
    /// compressed as `.gz`), or of all such files of a folder. Gives how many were added.
    ///
    /// # Errors
    /// A file cannot be read or is no such file; nothing of it is added.
    pub fn add_path(&mut self, path: &Path) -> Result<usize, TrailFileError> {
        let records = file::read(path)?;
        let before = self.records.len();
        for record in records {
            self.add(record);
        }
        Ok(self.records.len().saturating_sub(before))
    }

    /// Adds one record. One without a readable `eventTime`, or of a data event, can never be
    /// looked up and is left out: the result is false.
    pub fn add(&mut self, record: Json) -> bool {
        let category = record.get("eventCategory").and_then(Json::as_str);
        let insight = category == Some("Insight");
        let management = category.is_none_or(|category| category == "Management")
            && record.get("managementEvent").and_then(Json::as_bool) != Some(false);
        let time = record
            .get("eventTime")
            .and_then(Json::as_str)
            .and_then(|time| time.parse::<Timestamp>().ok());
        let (Some(time), true) = (time, insight || management) else {
            return false;
        };
        let record = Record {
            at_millis: time.as_millisecond(),
            insight,
            json: record,
        };
        let place = self
            .records
            .partition_point(|held| held.at_millis <= record.at_millis);
        self.records.insert(place, record);
        if self.records.len() > RECORDS_MAX {
            self.records.pop_front();
        }
        true
    }

    /// How many records are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Serves one call.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn call(&self, call: &Call) -> Answer {
        if call.operation != "LookupEvents" {
            return Err(unknown_operation(&call.operation));
        }
        let input = &call.input;
        let attribute = attribute(input.member("LookupAttributes"))?;
        let (start, end) = times(input)?;
        let oldest = call.now.0.saturating_sub(HISTORY_MILLIS).max(start);
        let insight = match input.member("EventCategory").text() {
            None => false,
            Some("insight") => true,
            Some(_) => {
                return Err(Refusal::new(
                    "InvalidEventCategoryException",
                    "The event category is not valid; the only valid value is insight.",
                ));
            }
        };
        let limit = match input.member("MaxResults") {
            Value::Null => PAGE_MAX,
            given => given
                .integer()
                .filter(|limit| (1..=PAGE_MAX).contains(limit))
                .ok_or_else(|| {
                    Refusal::new(
                        "InvalidMaxResultsException",
                        "The maximum number of results must be from 1 to 50.",
                    )
                })?,
        };
        let limit = usize::try_from(limit).unwrap_or(0);
        let skipped = offset(input.member("NextToken"))?;
        let mut found = self
            .records
            .iter()
            .rev()
            .filter(|record| record.insight == insight)
            .filter(|record| (oldest..=end).contains(&record.at_millis))
            .filter(|record| attribute.is_none_or(|(name, value)| record.has(name, value)))
            .skip(skipped);
        let events: Vec<Value> = found.by_ref().take(limit).map(Record::shape).collect();
        let token = found.next().map(|_| format!("e{}", skipped + limit));
        Ok(Value::map([
            ("Events", Value::List(events)),
            ("NextToken", token.into()),
        ]))
    }
}

impl Record {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer).and_then(Json::as_str)
    }

    fn read_only(&self) -> Option<String> {
        let read_only = self.json.get("readOnly")?;
        read_only.as_bool().map(|yes| yes.to_string())
    }

    /// The name that LookupEvents shows: of the user, or of the session of a role.
    fn username(&self) -> Option<&str> {
        let identity = self.text("/userIdentity/userName");
        identity.or_else(|| match self.text("/userIdentity/type")? {
            "Root" => Some("root"),
            "AssumedRole" => self.text("/userIdentity/arn")?.rsplit('/').next(),
            _ => self.text("/userIdentity/invokedBy"),
        })
    }

    fn resources(&self) -> Vec<(&str, &str)> {
        let listed = self.json.get("resources").and_then(Json::as_array);
        listed
            .into_iter()
            .flatten()
            .filter_map(|resource| {
                let member = |name: &str| resource.get(name).and_then(Json::as_str);
                let name = member("ARN").or_else(|| member("resourceName"))?;
                let kind = member("type").or_else(|| member("resourceType"));
                Some((kind.unwrap_or_default(), name))
            })
            .collect()
    }

    fn has(&self, name: &str, value: &str) -> bool {
        match name {
            "EventId" => self.text("/eventID") == Some(value),
            "EventName" => self.text("/eventName") == Some(value),
            "ReadOnly" => self.read_only().as_deref() == Some(value),
            "Username" => self.username() == Some(value),
            "ResourceType" => self.resources().iter().any(|(kind, _)| *kind == value),
            "ResourceName" => self.resources().iter().any(|(_, name)| *name == value),
            "EventSource" => self.text("/eventSource") == Some(value),
            _ => self.text("/userIdentity/accessKeyId") == Some(value),
        }
    }

    /// The event as LookupEvents shows it: the record itself is text in it.
    fn shape(&self) -> Value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit 53 bits"
        )]
        let seconds = self.at_millis as f64 / 1000.0;
        let resources: Vec<Value> = self
            .resources()
            .into_iter()
            .map(|(kind, name)| {
                Value::map([("ResourceType", kind.into()), ("ResourceName", name.into())])
            })
            .collect();
        Value::map([
            ("EventId", self.text("/eventID").into()),
            ("EventName", self.text("/eventName").into()),
            ("ReadOnly", self.read_only().into()),
            ("AccessKeyId", self.text("/userIdentity/accessKeyId").into()),
            ("EventTime", Value::Time(seconds)),
            ("EventSource", self.text("/eventSource").into()),
            ("Username", self.username().into()),
            ("Resources", Value::List(resources)),
            ("CloudTrailEvent", self.json.to_string().into()),
        ])
    }
}

/// The one attribute that may be given.
fn attribute(input: &Value) -> Result<Option<(&str, &str)>, Refusal> {
    let refused = |message: &str| Refusal::new("InvalidLookupAttributesException", message);
    match input.items() {
        [] => Ok(None),
        [attribute] => {
            let name = attribute.member("AttributeKey").text().unwrap_or_default();
            let value = attribute
                .member("AttributeValue")
                .text()
                .unwrap_or_default();
            if !ATTRIBUTES.contains(&name) {
                return Err(refused("The lookup attribute key is not valid."));
            }
            if !(1..=2000).contains(&value.chars().count()) {
                return Err(refused("The lookup attribute value is not valid."));
            }
            Ok(Some((name, value)))
        }
        _ => Err(refused("Only one lookup attribute can be specified.")),
    }
}

/// From the first to the last millisecond asked for, both included.
fn times(input: &Value) -> Result<(i64, i64), Refusal> {
    let millis = |name: &str, absent: i64| match input.member(name) {
        Value::Null => Ok(absent),
        given => given
            .number()
            .map(to_millis)
            .ok_or_else(|| invalid_range(name)),
    };
    let (start, end) = (millis("StartTime", 0)?, millis("EndTime", i64::MAX)?);
    if start > end {
        return Err(Refusal::new(
            "InvalidTimeRangeException",
            "The start time must not be after the end time.",
        ));
    }
    Ok((start, end))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, which is what a bound needs"
)]
fn to_millis(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

fn invalid_range(name: &str) -> Refusal {
    Refusal::new(
        "InvalidTimeRangeException",
        format!("{name} is not a time."),
    )
}

fn offset(token: &Value) -> Result<usize, Refusal> {
    match token.text() {
        None => Ok(0),
        Some(token) => token
            .strip_prefix('e')
            .and_then(|offset| offset.parse().ok())
            .ok_or_else(|| Refusal::new("InvalidNextTokenException", "Invalid pagination token.")),
    }
}

#[cfg(test)]
mod tests;
