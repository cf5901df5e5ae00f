//! PutLogEvents: the batch as a whole, then its events one by one.
//!
//! A batch that breaks a rule of the batch is refused and nothing of it is kept. Events outside
//! the time that can be written are dropped one by one and reported by index.
//! Source of every rule: CloudWatch Logs API reference, PutLogEvents, 2026.

use std::ops::Range;
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;

use super::{
    Arrival, DAY_MILLIS, Event, Group, INVALID, Logs, NAME_CHARS_MAX, Stream, no_group, no_stream,
};
use crate::emf::{self, MetricPoint};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Message bytes in UTF-8 plus the overhead of each event.
const BATCH_BYTES_MAX: usize = 1_048_576;
/// Events of one batch.
const BATCH_EVENTS_MAX: usize = 10_000;
/// What each event costs of the batch besides its message.
const EVENT_OVERHEAD: usize = 26;
/// From the first to the last valid event of a batch.
const SPAN_MILLIS_MAX: i64 = DAY_MILLIS;
/// How far in the future an event may lie.
const FUTURE_MILLIS_MAX: i64 = 2 * 3_600_000;
/// How old an event may be.
const AGE_MILLIS_MAX: i64 = 14 * DAY_MILLIS;

/// Which events of a batch are dropped, by index.
#[derive(Debug, PartialEq, Eq)]
struct Dropped {
    /// Events before this index are too old (exclusive).
    too_old: usize,
    /// Events before this index are older than the retention (exclusive).
    expired: usize,
    /// Events from this index on are too new (inclusive).
    too_new: usize,
}

impl Logs {
    pub(super) fn put(&mut self, call: &Call, metrics: &mut dyn FnMut(MetricPoint)) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let group_name = input.required("logGroupName", 1, NAME_CHARS_MAX)?;
        let stream_name = input.required("logStreamName", 1, NAME_CHARS_MAX)?;
        let events = events_in(input, call.input.member("logEvents"))?;
        check_batch(&events)?;
        let group = self.groups.get(group_name).ok_or_else(no_group)?;
        if !group.streams.contains_key(stream_name) {
            return Err(no_stream());
        }
        let (dropped, valid) = valid_range(&events, group, call.now)?;
        let accepted = events.get(valid).unwrap_or_default();
        let standard = group.class == "STANDARD";
        self.keep(group_name, stream_name, accepted, call.now);
        self.count(&dropped, events.len(), accepted);
        report_volume(group_name, accepted, call.now, metrics);
        if standard {
            self.extract(group_name, accepted, call.now, metrics);
        }
        Ok(Value::map([
            (
                "nextSequenceToken",
                Value::from(format!("{:056}", self.sequence)),
            ),
            ("rejectedLogEventsInfo", dropped.report(events.len())),
            (
                "rejectedEntityInfo",
                entity_error(call.input.member("entity")),
            ),
        ]))
    }

    /// Adds the events to their stream, in the order of time.
    fn keep(&mut self, group: &str, stream: &str, events: &[(i64, &str)], now: UnixMillis) {
        let Some((group_key, stream_key)) = self.names(group, stream) else {
            return;
        };
        let Some(held) = self.groups.get_mut(group) else {
            return;
        };
        let Some(kept) = held.streams.get_mut(stream) else {
            return;
        };
        for (timestamp, message) in events {
            self.sequence += 1;
            let event = Event {
                timestamp: *timestamp,
                sequence: self.sequence,
                ingested: now,
                message: Box::from(*message),
            };
            self.memory.bytes += event.memory_bytes();
            kept.insert(event);
        }
        let bytes = billed_bytes(events);
        kept.accepted += count_of(events.len());
        kept.bytes += bytes;
        held.bytes += bytes;
        if !events.is_empty() {
            kept.last_ingestion = Some(now);
            self.note_arrival(group_key, stream_key, events.len());
        }
        self.forget_beyond_bound();
    }

    fn names(&self, group: &str, stream: &str) -> Option<(Arc<str>, Arc<str>)> {
        let (group_key, held) = self.groups.get_key_value(group)?;
        let (stream_key, _) = held.streams.get_key_value(stream)?;
        Some((Arc::clone(group_key), Arc::clone(stream_key)))
    }

    fn note_arrival(&mut self, group: Arc<str>, stream: Arc<str>, events: usize) {
        match self.memory.arrivals.back_mut() {
            Some(last) if last.group == group && last.stream == stream => last.events += events,
            _ => self.memory.arrivals.push_back(Arrival {
                group,
                stream,
                events,
            }),
        }
    }

    fn count(&mut self, dropped: &Dropped, total: usize, accepted: &[(i64, &str)]) {
        let counts = &mut self.counts;
        counts.batches += 1;
        counts.events += count_of(accepted.len());
        counts.bytes += billed_bytes(accepted);
        counts.too_old += count_of(dropped.too_old);
        counts.expired += count_of(dropped.expired.saturating_sub(dropped.too_old));
        counts.too_new += count_of(total - dropped.too_new);
    }

    /// Takes the metrics out of the events in embedded metric format.
    fn extract(
        &mut self,
        group: &str,
        events: &[(i64, &str)],
        now: UnixMillis,
        metrics: &mut dyn FnMut(MetricPoint),
    ) {
        let (mut parsing, mut validation) = (0, 0);
        for (_, message) in events {
            let found = emf::extract(message, now);
            self.counts.emf_points += count_of(found.points.len());
            parsing += u32::from(found.unreadable);
            validation += found.invalid;
            found.points.into_iter().for_each(&mut *metrics);
        }
        self.counts.emf_parsing_errors += u64::from(parsing);
        self.counts.emf_validation_errors += u64::from(validation);
        if parsing > 0 {
            metrics(own_metric(
                group,
                "EMFParsingErrors",
                "Count",
                now,
                f64::from(parsing),
            ));
        }
        if validation > 0 {
            let count = f64::from(validation);
            metrics(own_metric(
                group,
                "EMFValidationErrors",
                "Count",
                now,
                count,
            ));
        }
    }
}

impl Stream {
    /// Puts the event behind all that are not later. Events come nearly in order, so the place
    /// is nearly always the end.
    fn insert(&mut self, event: Event) {
        let time = event.timestamp;
        self.first_event = Some(self.first_event.map_or(time, |first| first.min(time)));
        self.last_event = Some(self.last_event.map_or(time, |last| last.max(time)));
        if self.events.back().is_none_or(|last| last.timestamp <= time) {
            self.events.push_back(event);
        } else {
            let place = self.events.partition_point(|held| held.timestamp <= time);
            self.events.insert(place, event);
        }
    }
}

impl Dropped {
    /// `rejectedLogEventsInfo` of a batch of `total` events; null when nothing was dropped.
    fn report(&self, total: usize) -> Value {
        let index = |shown: bool, index: usize| {
            shown
                .then(|| i64::try_from(index).ok())
                .flatten()
                .map_or(Value::Null, Value::Integer)
        };
        let info = Value::map([
            (
                "tooNewLogEventStartIndex",
                index(self.too_new < total, self.too_new),
            ),
            (
                "tooOldLogEventEndIndex",
                index(self.too_old > 0, self.too_old),
            ),
            (
                "expiredLogEventEndIndex",
                index(self.expired > self.too_old, self.expired),
            ),
        ]);
        if info.members().is_empty() {
            Value::Null
        } else {
            info
        }
    }
}

/// The events of the input as time and message.
fn events_in<'a>(input: Input<'_>, events: &'a Value) -> Result<Vec<(i64, &'a str)>, Refusal> {
    if events.is_null() {
        return Err(input.violation("null", "logEvents", "Member must not be null"));
    }
    let events = events.items();
    if events.is_empty() {
        let constraint = "Member must have length greater than or equal to 1";
        return Err(input.violation("'[]'", "logEvents", constraint));
    }
    if events.len() > BATCH_EVENTS_MAX {
        let constraint = "Member must have length less than or equal to 10000";
        return Err(input.violation("'[...]'", "logEvents", constraint));
    }
    let mut read = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let place = index + 1;
        let timestamp = event.member("timestamp").integer().ok_or_else(|| {
            let name = format!("logEvents.{place}.member.timestamp");
            input.violation("null", &name, "Member must not be null")
        })?;
        if timestamp < 0 {
            let name = format!("logEvents.{place}.member.timestamp");
            let constraint = "Member must have value greater than or equal to 0";
            return Err(input.violation(&format!("'{timestamp}'"), &name, constraint));
        }
        let name = format!("logEvents.{place}.member.message");
        let message = event
            .member("message")
            .text()
            .ok_or_else(|| input.violation("null", &name, "Member must not be null"))?;
        if message.is_empty() {
            let constraint = "Member must have length greater than or equal to 1";
            return Err(input.violation("''", &name, constraint));
        }
        read.push((timestamp, message));
    }
    Ok(read)
}

/// The rules that a batch must keep as a whole, save for its span.
fn check_batch(events: &[(i64, &str)]) -> Result<(), Refusal> {
    let size = |message: &str| message.len() + EVENT_OVERHEAD;
    let largest = events.iter().map(|(_, message)| size(message)).max();
    if let Some(bytes) = largest.filter(|bytes| *bytes > BATCH_BYTES_MAX) {
        return Err(Refusal::new(
            INVALID,
            format!("Log event too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"),
        ));
    }
    let bytes: usize = events.iter().map(|(_, message)| size(message)).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(Refusal::new(
            INVALID,
            format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"),
        ));
    }
    if !events.is_sorted_by_key(|(timestamp, _)| *timestamp) {
        return Err(Refusal::new(
            INVALID,
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    Ok(())
}

/// Which events are dropped and which are kept. The events are in order of time.
fn valid_range(
    events: &[(i64, &str)],
    group: &Group,
    now: UnixMillis,
) -> Result<(Dropped, Range<usize>), Refusal> {
    let before = |time: i64| events.partition_point(|(timestamp, _)| *timestamp < time);
    let too_old = before(now.0.saturating_sub(AGE_MILLIS_MAX));
    let expired = before(group.expired_before(now));
    let too_new = before(now.0.saturating_add(FUTURE_MILLIS_MAX + 1));
    let first = too_old.max(expired).min(too_new);
    let times = events.get(first..too_new).unwrap_or_default();
    if let (Some((oldest, _)), Some((newest, _))) = (times.first(), times.last())
        && newest - oldest > SPAN_MILLIS_MAX
    {
        return Err(Refusal::new(
            INVALID,
            "The batch of log events in a single PutLogEvents request cannot span more than 24 \
             hours.",
        ));
    }
    let dropped = Dropped {
        too_old,
        expired,
        too_new,
    };
    Ok((dropped, first..too_new))
}

/// `rejectedEntityInfo`: a bad entity is left out and reported while the events are kept.
/// Source: CloudWatch Logs API reference, Entity.
fn entity_error(entity: &Value) -> Value {
    const KEYS: [&str; 5] = ["Type", "ResourceType", "Identifier", "Name", "Environment"];
    if entity.is_null() {
        return Value::Null;
    }
    let keys = entity.member("keyAttributes").members();
    let attributes = entity.member("attributes").members();
    let fits = |value: &Value, max: usize| {
        value
            .text()
            .is_some_and(|text| (1..=max).contains(&text.chars().count()))
    };
    let has = |name: &str| keys.iter().any(|(key, _)| key == name);
    let kinds = [
        "Service",
        "RemoteService",
        "Resource",
        "AWS::Service",
        "AWS::Resource",
    ];
    let kind = entity.member("keyAttributes").member("Type").text();
    let error = if keys.is_empty() {
        "InvalidEntity"
    } else if !has("Type") {
        "MissingRequiredFields"
    } else if !kind.is_some_and(|kind| kinds.contains(&kind)) {
        "InvalidTypeValue"
    } else if !(2..=4).contains(&keys.len())
        || !keys
            .iter()
            .all(|(key, value)| KEYS.contains(&key.as_str()) && fits(value, 512))
    {
        "InvalidKeyAttributes"
    } else if attributes.len() > 10
        || !attributes
            .iter()
            .all(|(key, value)| key.chars().count() <= 256 && fits(value, 512))
    {
        "InvalidAttributes"
    } else {
        return Value::Null;
    };
    Value::map([("errorType", Value::from(error))])
}

/// What CloudWatch Logs says about itself: how much came into the group.
fn report_volume(
    group: &str,
    events: &[(i64, &str)],
    now: UnixMillis,
    metrics: &mut dyn FnMut(MetricPoint),
) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch is a million bytes at most"
    )]
    let float = |count: u64| count as f64;
    if !events.is_empty() {
        let count = float(count_of(events.len()));
        metrics(own_metric(group, "IncomingLogEvents", "None", now, count));
        let bytes = float(billed_bytes(events));
        metrics(own_metric(group, "IncomingBytes", "Bytes", now, bytes));
    }
}

fn own_metric(group: &str, name: &str, unit: &str, now: UnixMillis, value: f64) -> MetricPoint {
    MetricPoint {
        namespace: "AWS/Logs".to_owned(),
        name: name.to_owned(),
        dimensions: vec![("LogGroupName".to_owned(), group.to_owned())],
        unit: unit.to_owned(),
        resolution_seconds: 60,
        timestamp: now,
        values: vec![value],
    }
}

/// Message bytes plus the overhead of each event.
fn billed_bytes(events: &[(i64, &str)]) -> u64 {
    events
        .iter()
        .map(|(_, message)| count_of(message.len() + EVENT_OVERHEAD))
        .sum()
}

fn count_of(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
