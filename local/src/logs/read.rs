//! GetLogEvents and FilterLogEvents.
//!
//! A token names a place in the order of events (time, then arrival), so paging neither repeats
//! nor leaves out an event while others come in behind it. What has expired is not shown.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;

use super::pattern::Pattern;
use super::{Event, Group, IDENTIFIER_CHARS_MAX, INVALID, Logs, NAME_CHARS_MAX, Stream, no_stream};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Events of one page. Source: CloudWatch Logs API reference, GetLogEvents and FilterLogEvents.
const PAGE_EVENTS_MAX: usize = 10_000;
/// Bytes of one page, counted like those of a batch.
const PAGE_BYTES_MAX: usize = 1_048_576;
/// Events that FilterLogEvents looks at before it answers, so that a page may be empty and still
/// have a successor, as it happens at AWS.
const SCAN_EVENTS_MAX: usize = 100_000;
/// Streams that FilterLogEvents takes by name.
const STREAM_NAMES_MAX: usize = 100;
/// Characters of a filter pattern.
const PATTERN_CHARS_MAX: usize = 1024;
/// How long a token of FilterLogEvents is good: 24 hours.
const TOKEN_MILLIS_MAX: i64 = 86_400_000;

/// A place in the order of events.
type Position = (i64, u64);

impl Logs {
    pub(super) fn events_of_stream(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let (_, group) = self.group_of(&call.input)?;
        let name = input.required("logStreamName", 1, NAME_CHARS_MAX)?;
        refuse_unreadable(group, &call.operation)?;
        let stream = group.streams.get(name).ok_or_else(no_stream)?;
        let limit = input.page_size("limit", PAGE_EVENTS_MAX)?;
        let from_head = input.flag("startFromHead")?;
        let start = input.integer("startTime", 0, i64::MAX)?.unwrap_or(0);
        let end = input.integer("endTime", 0, i64::MAX)?.unwrap_or(i64::MAX);
        let token = match input.text("nextToken", 1, IDENTIFIER_CHARS_MAX)? {
            Some(token) => Some(stream_token(token)?),
            None => None,
        };
        let first = start.max(group.expired_before(call.now));
        let shown = stream.between(first, end);
        let page = match token {
            Some((Direction::Forward, place)) => {
                forward(shown.filter(|event| event.position() > place), limit)
            }
            Some((Direction::Backward, place)) => {
                backward(shown.rev().filter(|event| event.position() < place), limit)
            }
            None if from_head => forward(shown, limit),
            None => backward(shown.rev(), limit),
        };
        let place = token.map_or((first, 0), |(_, place)| place);
        let ahead = page.last().map_or(place, |event| event.position());
        let behind = page.first().map_or(place, |event| event.position());
        let events = page.into_iter().map(|event| event.shape(None)).collect();
        Ok(Value::map([
            ("events", Value::List(events)),
            (
                "nextForwardToken",
                format!("f/{}.{}/s", ahead.0, ahead.1).into(),
            ),
            (
                "nextBackwardToken",
                format!("b/{}.{}/s", behind.0, behind.1).into(),
            ),
        ]))
    }

    pub(super) fn filter(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let (_, group) = self.group_of(&call.input)?;
        refuse_unreadable(group, &call.operation)?;
        let limit = input.page_size("limit", PAGE_EVENTS_MAX)?;
        let start = input.integer("startTime", 0, i64::MAX)?.unwrap_or(0);
        let end = input
            .integer("endTime", 0, i64::MAX)?
            .unwrap_or(i64::MAX - 1);
        if start > end {
            return Err(Refusal::new(
                INVALID,
                "End time should not be less than start time.",
            ));
        }
        let pattern = input
            .text("filterPattern", 0, PATTERN_CHARS_MAX)?
            .unwrap_or_default();
        let pattern = Pattern::parse(pattern)
            .map_err(|why| Refusal::new(INVALID, format!("Invalid filter pattern: {why}")))?;
        let streams = chosen_streams(input, &call.input, group)?;
        let asked = fingerprint(&call.input);
        let after = match input.text("nextToken", 1, IDENTIFIER_CHARS_MAX)? {
            Some(token) => filter_token(token, asked, call.now)?,
            None => (i64::MIN, 0),
        };
        let first = start.max(group.expired_before(call.now));
        let mut candidates: Vec<(&str, &Event)> = Vec::new();
        for (name, stream) in streams {
            let shown = stream.between(first.max(after.0), end.saturating_add(1));
            candidates.extend(
                shown
                    .filter(|event| event.position() > after)
                    .map(|event| (name, event)),
            );
        }
        candidates.sort_unstable_by_key(|(_, event)| event.position());
        let (events, last) = matching_page(&candidates, &pattern, limit);
        let token =
            last.map(|(time, sequence)| format!("{time}.{sequence}.{asked:016x}.{}", call.now.0));
        Ok(Value::map([
            ("events", Value::List(events)),
            ("searchedLogStreams", Value::List(Vec::new())),
            ("nextToken", token.into()),
        ]))
    }
}

impl Stream {
    /// Events from `start` (included) to `end` (excluded).
    fn between(&self, start: i64, end: i64) -> impl DoubleEndedIterator<Item = &Event> {
        let first = self.events.partition_point(|event| event.timestamp < start);
        let last = self.events.partition_point(|event| event.timestamp < end);
        self.events.range(first.min(last)..last)
    }
}

impl Event {
    /// The event as it is answered; with its stream and id when it was found by a filter.
    fn shape(&self, stream: Option<&str>) -> Value {
        let id = stream.map(|_| format!("{:020}{:036}", self.timestamp, self.sequence));
        Value::map([
            ("logStreamName", stream.into()),
            ("timestamp", self.timestamp.into()),
            ("message", Value::from(&*self.message)),
            ("ingestionTime", self.ingested.0.into()),
            ("eventId", id.into()),
        ])
    }

    fn page_bytes(&self) -> usize {
        const OVERHEAD: usize = 26;
        self.message.len() + OVERHEAD
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// The first events of `events` that fill a page; at least one if there is any.
fn forward<'a>(events: impl Iterator<Item = &'a Event>, limit: usize) -> Vec<&'a Event> {
    let mut bytes = 0;
    events
        .take(limit)
        .take_while(|event| {
            let fits = bytes == 0 || bytes + event.page_bytes() <= PAGE_BYTES_MAX;
            bytes += event.page_bytes();
            fits
        })
        .collect()
}

/// The same for events that come latest first; the page is in order of time again.
fn backward<'a>(events: impl Iterator<Item = &'a Event>, limit: usize) -> Vec<&'a Event> {
    let mut page = forward(events, limit);
    page.reverse();
    page
}

/// The matching events of one page and, when there may be more, the place where it ended.
fn matching_page(
    candidates: &[(&str, &Event)],
    pattern: &Pattern,
    limit: usize,
) -> (Vec<Value>, Option<Position>) {
    let (mut events, mut bytes, mut last) = (Vec::new(), 0, None);
    for (seen, (stream, event)) in candidates.iter().enumerate() {
        if events.len() == limit || seen == SCAN_EVENTS_MAX {
            return (events, last);
        }
        if pattern.matches(&event.message) {
            bytes += event.page_bytes();
            if bytes > PAGE_BYTES_MAX && !events.is_empty() {
                return (events, last);
            }
            events.push(event.shape(Some(stream)));
        }
        last = Some(event.position());
    }
    (events, None)
}

/// The streams that the input names, by name or by prefix; all when it names none.
fn chosen_streams<'a>(
    input: Input<'_>,
    value: &Value,
    group: &'a Group,
) -> Result<Vec<(&'a str, &'a Stream)>, Refusal> {
    let names = value.member("logStreamNames").items();
    let prefix = input.text("logStreamNamePrefix", 1, NAME_CHARS_MAX)?;
    if !names.is_empty() && prefix.is_some() {
        return Err(Refusal::new(
            INVALID,
            "logStreamNames and logStreamNamePrefix cannot both be specified.",
        ));
    }
    if names.len() > STREAM_NAMES_MAX {
        let constraint = "Member must have length less than or equal to 100";
        return Err(input.violation("'[...]'", "logStreamNames", constraint));
    }
    if names.is_empty() {
        return Ok(group
            .streams
            .iter()
            .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
            .map(|(name, stream)| (&**name, stream))
            .collect());
    }
    let mut chosen: Vec<(&Arc<str>, &Stream)> = Vec::new();
    for name in names {
        let name = name.text().unwrap_or_default();
        let found = group.streams.get_key_value(name).ok_or_else(no_stream)?;
        if !chosen.iter().any(|(held, _)| &***held == name) {
            chosen.push(found);
        }
    }
    Ok(chosen
        .into_iter()
        .map(|(name, stream)| (&**name, stream))
        .collect())
}

/// Groups of the classes `INFREQUENT_ACCESS` and DELIVERY cannot be read by these calls.
fn refuse_unreadable(group: &Group, operation: &str) -> Result<(), Refusal> {
    if matches!(group.class, "INFREQUENT_ACCESS" | "DELIVERY") {
        return Err(Refusal::new(
            INVALID,
            format!(
                "{operation} is not supported for log groups of the class {}.",
                group.class
            ),
        ));
    }
    Ok(())
}

fn bad_token() -> Refusal {
    Refusal::new(INVALID, "The specified nextToken is invalid.")
}

/// `f/<time>.<sequence>/s` or the same with `b`.
fn stream_token(token: &str) -> Result<(Direction, Position), Refusal> {
    let read = || {
        let (direction, rest) = token.split_once('/')?;
        let direction = match direction {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return None,
        };
        let (time, sequence) = rest.strip_suffix("/s")?.split_once('.')?;
        Some((direction, (time.parse().ok()?, sequence.parse().ok()?)))
    };
    read().ok_or_else(bad_token)
}

/// `<time>.<sequence>.<fingerprint>.<issued>`: only good for the request that it was issued to.
fn filter_token(token: &str, asked: u64, now: UnixMillis) -> Result<Position, Refusal> {
    let read = || {
        let mut parts = token.split('.');
        let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let fingerprint = u64::from_str_radix(parts.next()?, 16).ok()?;
        let issued: i64 = parts.next()?.parse().ok()?;
        let good = fingerprint == asked && now.0.saturating_sub(issued) <= TOKEN_MILLIS_MAX;
        (good && parts.next().is_none()).then_some(place)
    };
    read().ok_or_else(bad_token)
}

/// What the request asks for, besides the page.
fn fingerprint(input: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in input.members() {
        if name != "nextToken" && name != "limit" {
            format!("{name}={value:?};").hash(&mut hasher);
        }
    }
    hasher.finish()
}
