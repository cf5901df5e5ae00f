//! What the group did: `DescribeScalingActivities` with causes in AWS's words.
//!
//! Source: user guide, "Verify a scaling activity for an Auto Scaling group".

use plimsoll_core::clock::UnixMillis;

use super::group::Group;
use crate::value::Value;

/// Activities that are kept of a group; the oldest are forgotten. AWS keeps six weeks.
pub(super) const ACTIVITIES_MAX: usize = 1_000;

/// One activity.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) cause: String,
    pub(super) started: UnixMillis,
    pub(super) ended: Option<UnixMillis>,
    /// `InProgress`, `Successful`, `Cancelled`, …
    pub(super) status: &'static str,
}

impl Activity {
    /// As the API writes it.
    pub(super) fn describe(&self, group: &Group) -> Value {
        let progress = if self.ended.is_some() { 100 } else { 50 };
        Value::map([
            ("ActivityId", self.id.as_str().into()),
            ("AutoScalingGroupName", group.name.as_str().into()),
            ("AutoScalingGroupARN", group.arn.as_str().into()),
            ("Description", self.description.as_str().into()),
            ("Cause", self.cause.as_str().into()),
            ("StartTime", Value::time(self.started)),
            ("EndTime", self.ended.map_or(Value::Null, Value::time)),
            ("StatusCode", self.status.into()),
            ("Progress", Value::Integer(progress)),
            ("Details", "{}".into()),
        ])
    }
}

impl Group {
    /// Writes an activity down, newest first.
    pub(super) fn begin(&mut self, activity: Activity) {
        self.activities.push_front(activity);
        self.activities.truncate(ACTIVITIES_MAX);
    }

    /// Ends the activity.
    pub(super) fn end(&mut self, id: &str, status: &'static str, now: UnixMillis) {
        let found = self.activities.iter_mut().find(|one| one.id == id);
        if let Some(activity) = found.filter(|one| one.ended.is_none()) {
            activity.status = status;
            activity.ended = Some(now);
        }
    }
}

/// `2026-11-24T12:46:00Z`.
pub(super) fn stamp(at: UnixMillis) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}
