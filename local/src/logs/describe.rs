//! DescribeLogGroups and DescribeLogStreams.

use std::sync::Arc;

use super::{Group, IDENTIFIER_CHARS_MAX, INVALID, Logs, NAME_CHARS_MAX, Stream};
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Groups or streams of one page.
const PAGE_MAX: usize = 50;

impl Logs {
    pub(super) fn describe_groups(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let prefix = input.text("logGroupNamePrefix", 1, NAME_CHARS_MAX)?;
        let pattern = input.text("logGroupNamePattern", 0, NAME_CHARS_MAX)?;
        if prefix.is_some() && pattern.is_some() {
            return Err(Refusal::new(
                INVALID,
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        let class = input.text("logGroupClass", 1, NAME_CHARS_MAX)?;
        let found = self
            .groups
            .iter()
            .filter(|(name, group)| {
                prefix.is_none_or(|prefix| name.starts_with(prefix))
                    && pattern.is_none_or(|pattern| name.contains(pattern))
                    && class.is_none_or(|class| class == group.class)
            })
            .collect();
        let (page, token) = page(input, found)?;
        let groups: Vec<Value> = page
            .into_iter()
            .map(|(name, group)| self.group_shape(call, name, group))
            .collect();
        Ok(Value::map([
            ("logGroups", Value::List(groups)),
            ("nextToken", token),
        ]))
    }

    pub(super) fn describe_streams(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, INVALID);
        let prefix = input.text("logStreamNamePrefix", 1, NAME_CHARS_MAX)?;
        let by_time =
            input.choice("orderBy", &["LogStreamName", "LastEventTime"])? == Some("LastEventTime");
        if by_time && prefix.is_some() {
            return Err(Refusal::new(
                INVALID,
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        let descending = input.flag("descending")?;
        let (group_name, group) = self.group_of(&call.input)?;
        let mut found: Vec<(&Arc<str>, &Stream)> = group
            .streams
            .iter()
            .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
            .collect();
        if by_time {
            found.sort_by_key(|(_, stream)| stream.last_event);
        }
        if descending {
            found.reverse();
        }
        let (page, token) = page(input, found)?;
        let group_arn = self.arn(call, group_name);
        let streams: Vec<Value> = page
            .into_iter()
            .map(|(name, stream)| stream_shape(&group_arn, name, stream))
            .collect();
        Ok(Value::map([
            ("logStreams", Value::List(streams)),
            ("nextToken", token),
        ]))
    }

    fn group_shape(&self, call: &Call, name: &str, group: &Group) -> Value {
        let arn = self.arn(call, name);
        Value::map([
            ("logGroupName", name.into()),
            ("creationTime", group.created.0.into()),
            ("retentionInDays", group.retention_days.into()),
            ("metricFilterCount", 0_i64.into()),
            ("arn", format!("{arn}:*").into()),
            ("storedBytes", i64::try_from(group.bytes).ok().into()),
            ("kmsKeyId", group.kms_key.clone().into()),
            ("logGroupClass", group.class.into()),
            ("logGroupArn", arn.into()),
            ("deletionProtectionEnabled", group.protected.into()),
        ])
    }
}

/// A stream as DescribeLogStreams shows it. `storedBytes` of a stream is always 0: AWS keeps the
/// number for groups only.
fn stream_shape(group_arn: &str, name: &str, stream: &Stream) -> Value {
    Value::map([
        ("logStreamName", name.into()),
        ("creationTime", stream.created.0.into()),
        ("firstEventTimestamp", stream.first_event.into()),
        ("lastEventTimestamp", stream.last_event.into()),
        (
            "lastIngestionTime",
            stream.last_ingestion.map(|time| time.0).into(),
        ),
        (
            "uploadSequenceToken",
            format!("{:056}", stream.accepted).into(),
        ),
        ("arn", format!("{group_arn}:log-stream:{name}").into()),
        ("storedBytes", 0_i64.into()),
    ])
}

/// The page that the token points at, and the token of the next one.
fn page<T>(input: Input<'_>, found: Vec<T>) -> Result<(Vec<T>, Value), Refusal> {
    let limit = input.page_size("limit", PAGE_MAX)?;
    let skipped: usize = match input.text("nextToken", 1, IDENTIFIER_CHARS_MAX)? {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| Refusal::new(INVALID, "The specified nextToken is invalid."))?,
    };
    let total = found.len();
    let end = skipped.saturating_add(limit);
    let page = found.into_iter().skip(skipped).take(limit).collect();
    let token = (end < total).then(|| end.to_string());
    Ok((page, token.into()))
}
