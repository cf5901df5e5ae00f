//! Dashboards as they were put.

use serde_json::{Value as Json, json};

use super::{View, parsed, text};
use crate::value::Value;

/// All dashboards with their bodies.
pub(super) fn json(view: &View<'_>) -> Json {
    let boards: Vec<Json> = view
        .all("ListDashboards", &[], "DashboardEntries")
        .iter()
        .map(|entry| {
            let name = text(entry, "DashboardName");
            let written = written(view, name).unwrap_or_default();
            let body = parsed(&written).unwrap_or_default();
            let widgets = body["widgets"].as_array().map_or(0, Vec::len);
            json!({
                "name": name,
                "modified": entry.member("LastModified").moment().map(|at| at.0),
                "bytes": written.len(),
                "widgets": widgets,
                "body": body,
            })
        })
        .collect();
    json!({ "dashboards": boards })
}

/// Number of dashboards.
pub(super) fn count(view: &View<'_>) -> usize {
    view.all("ListDashboards", &[], "DashboardEntries").len()
}

/// The widgets of a dashboard; none for a dashboard that is not there.
pub(super) fn widgets(view: &View<'_>, name: &str) -> Vec<Json> {
    let body = written(view, name).and_then(|text| parsed(&text));
    body.and_then(|mut body| body["widgets"].as_array_mut().map(std::mem::take))
        .unwrap_or_default()
}

/// The body, byte by byte as it was put.
fn written(view: &View<'_>, name: &str) -> Option<String> {
    let input = Value::map([("DashboardName", name.into())]);
    let answer = view.cloudwatch("GetDashboard", input).ok()?;
    Some(text(&answer, "DashboardBody").to_owned())
}
