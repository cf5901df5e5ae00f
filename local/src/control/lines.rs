//! The newest log lines of all streams.

use serde_json::{Value as Json, json};

use super::{View, text};
use crate::state::lock;
use crate::value::Value;

/// Lines that the page gets at once.
const LINES: usize = 200;
/// Characters of one line that the page gets; the whole of it is in FilterLogEvents.
const LINE_CHARS_MAX: usize = 2_000;
/// Log groups that the page names.
const GROUPS: i64 = 50;

/// The groups, and the lines in order of time.
pub(super) fn json(view: &View<'_>) -> Json {
    let call = view.call("DescribeLogGroups", Value::map([("limit", GROUPS.into())]));
    let mut logs = lock(&view.world.logs);
    let described = logs.call(&call, &mut |_| {}).unwrap_or_default();
    let tail = logs.tail(LINES);
    drop(logs);
    let groups: Vec<Json> = described
        .member("logGroups")
        .items()
        .iter()
        .map(|group| {
            json!({
                "name": text(group, "logGroupName"),
                "bytes": group.member("storedBytes").integer(),
                "retention_days": group.member("retentionInDays").integer(),
            })
        })
        .collect();
    let events: Vec<Json> = tail
        .iter()
        .map(|line| {
            json!({
                "number": line.sequence,
                "at": line.timestamp.0,
                "group": &*line.group,
                "stream": &*line.stream,
                "message": shortened(&line.message),
            })
        })
        .collect();
    json!({ "groups": groups, "events": events })
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}
