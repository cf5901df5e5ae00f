//! CloudWatch Logs: groups, streams and events, with the documented limits enforced.
//!
//! Messages are kept up to a bound; the oldest go first and are counted. The counters stay exact
//! whatever is forgotten, so that a torture test can tell how much arrived. The service never
//! reads a clock and never makes an event up.

mod describe;
mod group;
mod pattern;
mod put;
mod read;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;

use crate::emf::MetricPoint;
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::state::unknown_operation;
use crate::value::Value;

/// The error for an input that breaks a constraint.
const INVALID: &str = "InvalidParameterException";
/// Memory for messages unless told otherwise, in bytes.
pub const MEMORY_BYTES_DEFAULT: usize = 64 * 1024 * 1024;
/// What one kept event costs besides its message: the struct and the allocation around the text.
const EVENT_MEMORY_BYTES: usize = 64;
/// Log groups in an account and Region here. AWS allows 1,000,000; this bounds our memory.
const GROUPS_MAX: usize = 10_000;
/// Log streams in all groups here. AWS sets no limit; this bounds our memory.
const STREAMS_MAX: usize = 100_000;

/// CloudWatch Logs of one account and Region.
#[derive(Debug)]
pub struct Logs {
    account: String,
    groups: BTreeMap<Arc<str>, Group>,
    streams: usize,
    memory: Memory,
    sequence: u64,
    counts: LogCounts,
}

/// What happened since the start. Never goes down, whatever was forgotten or deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// PutLogEvents calls that were accepted.
    pub batches: u64,
    /// PutLogEvents calls that were refused as a whole.
    pub batches_refused: u64,
    /// Events accepted.
    pub events: u64,
    /// Bytes billed: message bytes plus 26 for each accepted event.
    pub bytes: u64,
    /// Events dropped for lying more than two hours in the future.
    pub too_new: u64,
    /// Events dropped for being older than 14 days.
    pub too_old: u64,
    /// Events dropped for being older than the group's retention.
    pub expired: u64,
    /// Accepted events that were forgotten to stay within the memory bound.
    pub forgotten: u64,
    /// Metric points taken out of embedded metric format.
    pub emf_points: u64,
    /// Events that looked like embedded metric format and could not be read.
    pub emf_parsing_errors: u64,
    /// Parts of embedded metric format that broke a rule.
    pub emf_validation_errors: u64,
}

/// One log group.
#[derive(Debug)]
struct Group {
    class: &'static str,
    created: UnixMillis,
    retention_days: Option<i64>,
    kms_key: Option<String>,
    protected: bool,
    tags: BTreeMap<String, String>,
    streams: BTreeMap<Arc<str>, Stream>,
    bytes: u64,
}

/// One log stream. Its events are in order of time, then of arrival.
#[derive(Debug, Default)]
struct Stream {
    created: UnixMillis,
    events: VecDeque<Event>,
    first_event: Option<i64>,
    last_event: Option<i64>,
    last_ingestion: Option<UnixMillis>,
    accepted: u64,
    bytes: u64,
}

/// One kept event.
#[derive(Debug)]
struct Event {
    timestamp: i64,
    sequence: u64,
    ingested: UnixMillis,
    message: Box<str>,
}

/// How much is kept and in which order it came, so that the oldest can go.
#[derive(Debug)]
struct Memory {
    bytes: usize,
    bytes_max: usize,
    arrivals: VecDeque<Arrival>,
}

/// Events that came in a row for one stream.
#[derive(Debug)]
struct Arrival {
    group: Arc<str>,
    stream: Arc<str>,
    events: usize,
}

/// A line for the tail of everything: which stream, when, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailLine {
    /// Counts the accepted events of all streams in the order of arrival, from 1.
    pub sequence: u64,
    /// The log group.
    pub group: Arc<str>,
    /// The log stream.
    pub stream: Arc<str>,
    /// The event's own time.
    pub timestamp: UnixMillis,
    /// The message.
    pub message: String,
}

/// What a stream has taken since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCount {
    /// The log group.
    pub group: Arc<str>,
    /// The log stream.
    pub stream: Arc<str>,
    /// Events accepted, forgotten ones included.
    pub events: u64,
    /// Bytes billed.
    pub bytes: u64,
}

impl Logs {
    /// The service of `account`, keeping at most `memory_bytes_max` of messages.
    #[must_use]
    pub fn new(account: &str, memory_bytes_max: usize) -> Self {
        Self {
            account: account.to_owned(),
            groups: BTreeMap::new(),
            streams: 0,
            memory: Memory {
                bytes: 0,
                bytes_max: memory_bytes_max,
                arrivals: VecDeque::new(),
            },
            sequence: 0,
            counts: LogCounts::default(),
        }
    }

    /// Keeps at most this much of messages from now on.
    pub fn bound_memory(&mut self, bytes_max: usize) {
        self.memory.bytes_max = bytes_max;
        self.forget_beyond_bound();
    }

    /// Serves one call. What embedded metric format and the service's own metrics give goes to
    /// `metrics`.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn call(&mut self, call: &Call, metrics: &mut dyn FnMut(MetricPoint)) -> Answer {
        match call.operation.as_str() {
            "PutLogEvents" => {
                let answer = self.put(call, metrics);
                if answer.is_err() {
                    self.counts.batches_refused += 1;
                }
                answer
            }
            "CreateLogGroup" => self.create_group(call),
            "DeleteLogGroup" => self.delete_group(call),
            "CreateLogStream" => self.create_stream(call),
            "DeleteLogStream" => self.delete_stream(call),
            "PutRetentionPolicy" => self.put_retention(call),
            "DeleteRetentionPolicy" => self.delete_retention(call),
            "PutLogGroupDeletionProtection" => self.protect(call),
            "TagResource" => self.tag(call),
            "UntagResource" => self.untag(call),
            "ListTagsForResource" => self.tags(call),
            "DescribeLogGroups" => self.describe_groups(call),
            "DescribeLogStreams" => self.describe_streams(call),
            "GetLogEvents" => self.events_of_stream(call),
            "FilterLogEvents" => self.filter(call),
            other => Err(unknown_operation(other)),
        }
    }

    /// What happened since the start.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        self.counts
    }

    /// Memory held for messages, in bytes, overhead included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.bytes
    }

    /// The last `lines` events of all streams in order of time.
    #[must_use]
    pub fn tail(&self, lines: usize) -> Vec<TailLine> {
        let mut latest = Vec::new();
        for (group, stream, kept) in self.each_stream() {
            let skipped = kept.events.len().saturating_sub(lines);
            latest.extend(
                kept.events
                    .iter()
                    .skip(skipped)
                    .map(|event| (group, stream, event)),
            );
        }
        latest.sort_unstable_by_key(|(_, _, event)| (event.timestamp, event.sequence));
        let skipped = latest.len().saturating_sub(lines);
        latest
            .into_iter()
            .skip(skipped)
            .map(|(group, stream, event)| TailLine {
                sequence: event.sequence,
                group: Arc::clone(group),
                stream: Arc::clone(stream),
                timestamp: UnixMillis(event.timestamp),
                message: event.message.to_string(),
            })
            .collect()
    }

    /// What every stream has taken.
    #[must_use]
    pub fn stream_counts(&self) -> Vec<StreamCount> {
        self.each_stream()
            .map(|(group, stream, kept)| StreamCount {
                group: Arc::clone(group),
                stream: Arc::clone(stream),
                events: kept.accepted,
                bytes: kept.bytes,
            })
            .collect()
    }

    /// Whether the group is of the class `INFREQUENT_ACCESS`, which has prices of its own.
    #[must_use]
    pub fn is_infrequent(&self, group: Option<&str>) -> bool {
        let group = group.and_then(|name| self.groups.get(name));
        group.is_some_and(|group| group.class == "INFREQUENT_ACCESS")
    }

    fn each_stream(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, &Stream)> {
        self.groups.iter().flat_map(|(group, held)| {
            held.streams
                .iter()
                .map(move |(stream, kept)| (group, stream, kept))
        })
    }

    /// The group that `logGroupName`, or `logGroupIdentifier` as a name or an ARN, names.
    fn group_of<'a>(&'a self, input: &Value) -> Result<(&'a Arc<str>, &'a Group), Refusal> {
        let name = group_name(input)?;
        self.groups.get_key_value(name).ok_or_else(no_group)
    }

    fn arn(&self, call: &Call, group: &str) -> String {
        let (region, account) = (&call.region, &self.account);
        format!("arn:aws:logs:{region}:{account}:log-group:{group}")
    }

    /// Forgets the oldest arrivals until the bound holds.
    fn forget_beyond_bound(&mut self) {
        while self.memory.bytes > self.memory.bytes_max {
            let Some(arrival) = self.memory.arrivals.front_mut() else {
                return;
            };
            let oldest = self
                .groups
                .get_mut(&arrival.group)
                .and_then(|group| group.streams.get_mut(&arrival.stream))
                .and_then(|stream| stream.events.pop_front());
            arrival.events = arrival.events.saturating_sub(1);
            if let Some(event) = &oldest {
                self.memory.bytes = self.memory.bytes.saturating_sub(event.memory_bytes());
                self.counts.forgotten += 1;
            }
            if arrival.events == 0 || oldest.is_none() {
                self.memory.arrivals.pop_front();
            }
        }
    }
}

impl Event {
    fn memory_bytes(&self) -> usize {
        self.message.len() + EVENT_MEMORY_BYTES
    }

    /// Where the event stands in the order of its group.
    fn position(&self) -> (i64, u64) {
        (self.timestamp, self.sequence)
    }
}

impl Group {
    /// Events before this time have expired.
    fn expired_before(&self, now: UnixMillis) -> i64 {
        self.retention_days.map_or(i64::MIN, |days| {
            now.0.saturating_sub(days.saturating_mul(DAY_MILLIS))
        })
    }
}

/// A day in the unit of event times.
const DAY_MILLIS: i64 = 86_400_000;
/// Characters of a name of a group or stream. Source: CloudWatch Logs API reference.
const NAME_CHARS_MAX: usize = 512;
/// Characters of a name or an ARN of a group. Source: CloudWatch Logs API reference.
const IDENTIFIER_CHARS_MAX: usize = 2048;

/// The group's name in `logGroupName` or in `logGroupIdentifier`.
fn group_name(input: &Value) -> Result<&str, Refusal> {
    let members = Input::new(input, INVALID);
    let name = members.text("logGroupName", 1, NAME_CHARS_MAX)?;
    let identifier = members.text("logGroupIdentifier", 1, IDENTIFIER_CHARS_MAX)?;
    match (name, identifier) {
        (Some(_), Some(_)) => Err(Refusal::new(
            INVALID,
            "logGroupName and logGroupIdentifier cannot both be specified",
        )),
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) => Ok(name_in_arn(identifier)),
        (None, None) => members.required("logGroupName", 1, NAME_CHARS_MAX),
    }
}

/// The group's name in its ARN, with or without the `:*` at the end; any other text as it is.
fn name_in_arn(identifier: &str) -> &str {
    identifier
        .split_once(":log-group:")
        .map_or(identifier, |(_, name)| {
            name.strip_suffix(":*").unwrap_or(name)
        })
}

fn no_group() -> Refusal {
    Refusal::new(
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
}

fn no_stream() -> Refusal {
    Refusal::new(
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
}

#[cfg(test)]
mod tests;
