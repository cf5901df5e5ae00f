//! Simulated groups and the arrival of datums: `/_local/groups` and `/_local/arrivals`.

use serde_json::{Value as Json, json};

use crate::autoscaling::GroupChange;
use crate::page;
use crate::plain::{PlainAnswer, PlainRequest};
use crate::state::{World, lock, reason};

/// Answers for the groups; `None` for any other path.
pub(super) fn answer(world: &World, request: &PlainRequest) -> Option<PlainAnswer> {
    let path = request.path.strip_prefix("/_local/")?;
    if path == "arrivals" {
        return Some(PlainAnswer::json(&arrivals(world, request)));
    }
    let rest = path.strip_prefix("groups")?;
    let name = match rest.strip_prefix('/') {
        Some(name) => crate::codec::query::unescape(&name.replace('+', "%2B")),
        None if rest.is_empty() => String::new(),
        None => return None,
    };
    Some(match (request.method.as_str(), name.as_str()) {
        ("GET", "") => PlainAnswer::json(&lock(&world.autoscaling).list()),
        ("GET", name) => one(world, name).unwrap_or_else(PlainAnswer::not_found),
        ("POST", name) if !name.is_empty() => change(world, name, request),
        _ => PlainAnswer::refused(405, "method not allowed"),
    })
}

fn one(world: &World, name: &str) -> Option<PlainAnswer> {
    let scaling = lock(&world.autoscaling);
    if let Some(shown) = scaling.one(name) {
        return Some(PlainAnswer::json(&shown));
    }
    let plot = scaling.plot(name.strip_suffix(".svg")?)?;
    let mut answer = PlainAnswer::new("image/svg+xml", plot);
    answer.headers = page::protection();
    Some(answer)
}

fn change(world: &World, name: &str, request: &PlainRequest) -> PlainAnswer {
    let change: GroupChange = match serde_json::from_slice(&request.body) {
        Ok(change) => change,
        Err(error) => return PlainAnswer::refused(400, reason(&error)),
    };
    let changed = lock(&world.autoscaling).change(name, &change);
    world.hand_over_scaling();
    match changed {
        Some(true) => PlainAnswer::json(&json!({})),
        Some(false) => PlainAnswer::refused(400, "a value is out of its range"),
        None => PlainAnswer::not_found(),
    }
}

/// The newest datums by PutMetricData, of one metric or namespace or of all, oldest first. Times
/// are those of the sender's clock; `mapped_ms` is the datum's on an accelerated clock.
fn arrivals(world: &World, request: &PlainRequest) -> Json {
    let fits = |name: &str, held: &str| request.parameter(name).is_none_or(|asked| asked == held);
    let service = lock(&world.cloudwatch);
    service
        .arrivals()
        .filter(|one| fits("metric", &one.datum.id.name))
        .filter(|one| fits("namespace", &one.datum.id.namespace))
        .map(|one| {
            let datum = &one.datum;
            let dimensions: serde_json::Map<String, Json> = datum
                .id
                .dimensions
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            json!({
                "namespace": datum.id.namespace,
                "name": datum.id.name,
                "dimensions": dimensions,
                "timestamp_ms": world.clock.unmapped(datum.at).0,
                "mapped_ms": datum.at.0,
                "arrived_ms": world.clock.unmapped(one.arrived).0,
                "value": one.value(),
                "unit": datum.unit,
                "storage_resolution": if datum.high_resolution { 1 } else { 60 },
            })
        })
        .collect()
}
