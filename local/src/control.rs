//! What the page and the summary read, as JSON under `/_local/`. It changes nothing but
//! the settings of simulated groups.
//!
//! Everything comes from the services' own answers: a chart is a GetMetricData, an alarm a
//! DescribeAlarms, a dashboard the very body that was put. So the page shows what a client of the
//! real service would see, and nothing that only the stand-in knows, except for the ledger.

mod alarms;
mod board;
mod charts;
mod groups;
mod ledger;
mod lines;
mod overview;
mod series;
mod told;
mod widget;

use plimsoll_core::clock::{Clock, UnixMillis};
use serde_json::{Value as Json, json};

use crate::page;
use crate::plain::{PlainAnswer, PlainRequest};
use crate::service::{Answer, Call};
use crate::state::{World, lock};
use crate::value::Value;

/// The answer to a request for the page or its data; `None` for any other path.
#[must_use]
pub fn answer(world: &World, request: &PlainRequest) -> Option<PlainAnswer> {
    if let Some(file) = page::answer(request) {
        return Some(file);
    }
    if let Some(answer) = groups::answer(world, request) {
        return Some(answer);
    }
    let view = View::of(world);
    let shown = match request.path.as_str() {
        "/_local/overview.json" => overview::json(&view),
        "/_local/calls.json" => ledger::json(&view),
        "/_local/logs.json" => lines::json(&view),
        "/_local/charts.json" => charts::json(&view),
        "/_local/alarms.json" => json!({ "alarms": alarms::list(&view) }),
        "/_local/dashboards.json" => board::json(&view),
        "/_local/widgets.json" => widget::json(&view, request),
        "/_local/incidents.json" => json!({ "incidents": told::incidents(&view) }),
        "/_local/notifications.json" => told::notifications(&view),
        _ => return None,
    };
    if request.method != "GET" {
        return Some(PlainAnswer::refused(405, "method not allowed"));
    }
    let mut answer = PlainAnswer::json(&shown);
    answer.headers = page::protection();
    Some(answer)
}

/// The world at one moment.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    world: &'a World,
    now: UnixMillis,
}

impl<'a> View<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            world,
            now: world.clock.now(),
        }
    }

    /// Asks CloudWatch as a client would, without a place in the ledger.
    fn cloudwatch(&self, operation: &str, input: Value) -> Answer {
        lock(&self.world.cloudwatch).call(&self.call(operation, input))
    }

    /// All pages of a CloudWatch answer's list `member`; what is refused is an empty list.
    fn all(&self, operation: &str, input: &[(&str, Value)], member: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut token = Value::Null;
        for _ in 0..PAGES_MAX {
            let mut members: Vec<(String, Value)> = input
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            if !token.is_null() {
                members.push(("NextToken".to_owned(), token));
            }
            let Ok(answer) = self.cloudwatch(operation, Value::Map(members)) else {
                break;
            };
            found.extend_from_slice(answer.member(member).items());
            token = answer.member("NextToken").clone();
            if token.is_null() {
                break;
            }
        }
        found
    }

    fn call(&self, operation: &str, input: Value) -> Call {
        Call {
            operation: operation.to_owned(),
            input,
            now: self.now,
            region: self.world.settings.region.clone(),
            key_id: self.world.settings.access_key_id.clone(),
        }
    }

    /// When the first call came in; the present before that.
    fn since(&self) -> UnixMillis {
        self.world.calls.started().unwrap_or(self.now)
    }
}

/// Pages that are read of one list: the page shows no more than it can hold.
const PAGES_MAX: usize = 20;

/// Text of an answer; empty when absent.
fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.member(name).text().unwrap_or_default()
}

/// JSON of anything that came as text.
fn parsed(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests;
