//! What happened to alarms: settings, states, actions.

use std::collections::VecDeque;

use plimsoll_core::clock::UnixMillis;

use super::read::offset;
use super::refuse;
use crate::input::Input;
use crate::service::{Answer, Call};
use crate::value::Value;

/// Items that are kept; the oldest are forgotten first. (AWS keeps 30 days.)
const ITEMS_MAX: usize = 2_000;
/// Items on a page. Source: CloudWatch API reference, DescribeAlarmHistory.
const PAGE_MAX: usize = 100;

/// What an item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The settings changed.
    Configuration,
    /// The state changed.
    State,
    /// An action was carried out, or not.
    Action,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Configuration => "ConfigurationUpdate",
            Self::State => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) alarm: String,
    pub(super) at: UnixMillis,
    pub(super) kind: Kind,
    pub(super) summary: String,
    /// JSON.
    pub(super) data: String,
}

/// The items, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Item>);

impl History {
    pub(super) fn add(&mut self, item: Item) {
        if self.0.len() >= ITEMS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(item);
    }

    /// DescribeAlarmHistory.
    pub(super) fn describe(&self, call: &Call) -> Answer {
        let input = Input::new(&call.input, "ValidationError");
        let name = input.text("AlarmName", 1, 255)?;
        let kinds = ["ConfigurationUpdate", "StateUpdate", "Action"];
        let kind = input.choice("HistoryItemType", &kinds)?;
        let orders = ["TimestampDescending", "TimestampAscending"];
        let ascending = input.choice("ScanBy", &orders)? == Some("TimestampAscending");
        let size = input.page_size("MaxRecords", PAGE_MAX)?;
        let bound = |name: &str| match call.input.member(name) {
            Value::Null => Ok(None),
            value => value
                .moment()
                .map(Some)
                .ok_or_else(|| refuse::validation(format!("The parameter {name} must be a time."))),
        };
        let (from, to) = (bound("StartDate")?, bound("EndDate")?);
        let offset = offset(&call.input)?;
        let fits = |item: &&Item| {
            name.is_none_or(|name| name == item.alarm)
                && kind.is_none_or(|kind| kind == item.kind.name())
                && from.is_none_or(|from| item.at >= from)
                && to.is_none_or(|to| item.at <= to)
        };
        let mut found: Vec<_> = self.0.iter().filter(fits).collect();
        if !ascending {
            found.reverse();
        }
        let end = offset.saturating_add(size);
        let more = found.len() > end;
        let page = found
            .into_iter()
            .skip(offset)
            .take(size)
            .map(Item::describe);
        Ok(Value::map([
            ("AlarmHistoryItems", Value::List(page.collect())),
            ("NextToken", more.then(|| end.to_string()).into()),
        ]))
    }
}

impl Item {
    fn describe(&self) -> Value {
        Value::map([
            ("AlarmName", self.alarm.as_str().into()),
            ("AlarmType", "MetricAlarm".into()),
            ("Timestamp", Value::time(self.at)),
            ("HistoryItemType", self.kind.name().into()),
            ("HistorySummary", self.summary.as_str().into()),
            ("HistoryData", self.data.as_str().into()),
        ])
    }
}
