//! The ledger as the page shows it, and what a month at the present pace would cost.
//!
//! What both services do all the time (PutMetricData, PutLogEvents) is projected from the last
//! minutes. What they do once, such as putting alarms, is not: a month does not have more of it.
//! Series, alarms and dashboards are billed by how many exist.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_core::catalog::namespace;
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::price::{BillLine, HOURS_PER_MONTH, PRICES_AS_OF, Usage};
use serde_json::{Value as Json, json};

use super::{View, alarms, board};
use crate::calls::{Entry, RECENT_MAX};
use crate::service::Service;

/// Calls that the page gets one by one.
const SHOWN: usize = 40;
/// The stretch that is projected.
const PACE_MAX: Duration = Duration::from_mins(2);
/// The first seconds are left out: catching up with files that are already there is no pace.
const WARM_UP: Duration = Duration::from_secs(10);
/// Less than this is no base for a projection; only what stands is priced before.
const PACE_MIN: Duration = Duration::from_secs(5);
const SECONDS_PER_MONTH: f64 = HOURS_PER_MONTH * 3600.0;
/// What the agent calls itself in `User-Agent`.
const AGENT: &str = "plimsoll-agent";

/// Totals by operation, the newest calls, and the bill of a month.
pub(super) fn json(view: &View<'_>) -> Json {
    let operations: Vec<Json> = view
        .world
        .calls
        .totals()
        .into_iter()
        .map(|(service, operation, total)| {
            json!({
                "service": service.name(), "operation": operation,
                "calls": total.calls, "refused": total.calls.saturating_sub(total.accepted),
                "items": total.items, "request_bytes": total.request_bytes, "usd": total.usd,
            })
        })
        .collect();
    let recent: Vec<Json> = view.world.calls.recent(SHOWN).iter().map(call).collect();
    let bill: Vec<Json> = month(view)
        .iter()
        .map(|line| {
            json!({
                "item": line.item, "quantity": line.quantity, "unit": line.unit, "usd": line.usd,
            })
        })
        .collect();
    let programs: Vec<Json> = view
        .world
        .calls
        .programs()
        .into_iter()
        .map(|(program, service, operation)| {
            json!({ "program": program, "service": service.name(), "operation": operation })
        })
        .collect();
    json!({
        "operations": operations, "recent": recent, "bill": bill, "prices_as_of": PRICES_AS_OF,
        "programs": programs,
    })
}

fn call(entry: &Entry) -> Json {
    json!({
        "at": entry.at.0, "service": entry.service.name(), "operation": entry.operation,
        "client": entry.client, "status": entry.status, "error": entry.error,
        "fault": entry.fault, "items": entry.items, "request_bytes": entry.request_bytes,
        "usd": entry.usd,
    })
}

/// The bill of a month for everything that is there.
pub(super) fn month(view: &View<'_>) -> Vec<BillLine> {
    let series: usize = super::overview::series(view).values().sum();
    let (all, _) = alarms::count(view);
    let fast = alarms::high_resolution(view);
    let standing = Usage {
        metric_months: float(series),
        alarm_months: float(all.saturating_sub(fast)),
        alarm_high_resolution_months: float(fast),
        dashboard_months: float(board::count(view)),
        ..Usage::default()
    };
    projected(view, standing, |_| true)
}

/// The bill of a month for what the agent alone sends.
pub(super) fn agent_month(view: &View<'_>) -> Vec<BillLine> {
    let series: usize = super::overview::series(view)
        .iter()
        .filter(|(name, _)| *name == namespace::HOST)
        .map(|(_, count)| count)
        .sum();
    let standing = Usage {
        metric_months: float(series),
        ..Usage::default()
    };
    projected(view, standing, |entry| entry.client.contains(AGENT))
}

/// `standing` and a month of the calls that `counts`, at the present pace.
fn projected(view: &View<'_>, standing: Usage, counts: impl Fn(&Entry) -> bool) -> Vec<BillLine> {
    let recent = view.world.calls.recent(RECENT_MAX);
    let start = pace_start(view, &recent);
    let length = view.now.since(start);
    let mut usage = standing;
    if length >= PACE_MIN {
        let factor = SECONDS_PER_MONTH / length.as_secs_f64();
        for entry in recent
            .iter()
            .filter(|entry| entry.at >= start && counts(entry))
        {
            match (entry.service, entry.operation.as_str()) {
                (Service::CloudWatch, "PutMetricData") if entry.status == 200 => {
                    usage.api_requests += factor;
                }
                (Service::Logs, "PutLogEvents") => {
                    usage.log_bytes_standard += factor * entry.usage.log_bytes_standard;
                    usage.log_bytes_infrequent += factor * entry.usage.log_bytes_infrequent;
                }
                _ => {}
            }
        }
    }
    usage.bill()
}

/// Where the stretch that is projected begins.
fn pace_start(view: &View<'_>, recent: &[Entry]) -> UnixMillis {
    let warm = view.since() + WARM_UP;
    let kept = match recent.last() {
        Some(oldest) if recent.len() >= RECENT_MAX => oldest.at,
        _ => warm,
    };
    warm.max(kept).max(view.now - PACE_MAX)
}

/// The sum of a bill in US$.
pub(super) fn sum(bill: &[BillLine]) -> f64 {
    bill.iter().map(|line| line.usd).sum()
}

/// Calls and refused calls.
pub(super) fn count(view: &View<'_>) -> (u64, u64) {
    let totals = view.world.calls.totals();
    let sum =
        |part: fn(&crate::calls::Total) -> u64| totals.iter().map(|(.., total)| part(total)).sum();
    (
        sum(|total| total.calls),
        sum(|total| total.throttled + total.failed),
    )
}

/// Datums that were taken in.
pub(super) fn datums(view: &View<'_>) -> u64 {
    let totals = view.world.calls.totals();
    totals
        .iter()
        .filter(|(service, operation, _)| {
            *service == Service::CloudWatch && operation == "PutMetricData"
        })
        .map(|(.., total)| total.items)
        .sum()
}

/// Series by namespace; those of AWS itself are not billed and not counted.
pub(super) type SeriesCount = BTreeMap<String, usize>;

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
