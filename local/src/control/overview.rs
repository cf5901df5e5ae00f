//! The totals: the strip at the top of the page, and all that the summary needs.

use plimsoll_core::price::PRICES_AS_OF;
use serde_json::{Value as Json, json};

use super::ledger::{self, SeriesCount};
use super::{View, alarms, board, text, told};
use crate::state::lock;

/// How the names of alarms on incidents begin.
const INCIDENT_ALARMS: &str = "plimsoll-incidents-";

/// Totals and price.
pub(super) fn json(view: &View<'_>) -> Json {
    let logs = lock(&view.world.logs).counts();
    let (calls, refused) = ledger::count(view);
    let (all, loud) = alarms::count(view);
    let incidents = told::incidents(view);
    let critical = incidents
        .iter()
        .filter(|one| one["severity"] == "critical")
        .count();
    let settings = &view.world.settings;
    json!({
        "now": view.now.0,
        "since": view.since().0,
        "account": settings.account,
        "region": settings.region,
        "totals": {
            "lines": logs.events,
            "log_bytes": logs.bytes,
            "datums": ledger::datums(view),
            "series": series(view).values().sum::<usize>(),
            "calls": calls,
            "calls_failed": refused,
            "alarms": all,
            "alarms_in_alarm": loud,
            "incidents": incidents.len(),
            "incidents_critical": critical,
            "incident_alarms_in_alarm": alarms::loud_named(view, INCIDENT_ALARMS),
            "notifications": told::count(view),
            "dashboards": board::count(view),
        },
        "price": {
            "agent_usd_per_month": ledger::sum(&ledger::agent_month(view)),
            "usd_per_month": ledger::sum(&ledger::month(view)),
            "as_of": PRICES_AS_OF,
        },
    })
}

/// How many series there are in each namespace that is not AWS's own.
pub(super) fn series(view: &View<'_>) -> SeriesCount {
    let mut counts = SeriesCount::new();
    for metric in view.all("ListMetrics", &[], "Metrics") {
        let namespace = text(&metric, "Namespace");
        if !namespace.starts_with("AWS/") {
            *counts.entry(namespace.to_owned()).or_default() += 1;
        }
    }
    counts
}
