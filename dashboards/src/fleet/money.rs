//! What the account costs, what it should have cost, and what incidents burn.

use plimsoll_core::catalog::{COST_ANOMALIES_OPEN, COST_AT_RISK, COST_DAILY, COST_EXPECTED, Unit};

use super::chart::{BLUE, GREY, RED, heading, lines};
use crate::alarms::threshold;
use crate::body::{Grid, Row};
use crate::inventory::Inventory;

/// Adds the part.
pub(super) fn add(grid: &mut Grid, inventory: &Inventory) {
    grid.row(1, vec![heading("Cost in US$")]);
    let mut daily = lines(
        inventory,
        "Cost of the last known day and what was expected",
        Unit::None,
        vec![
            Row::series(&COST_DAILY, &[]).label("spent").color(BLUE),
            Row::series(&COST_EXPECTED, &[])
                .label("expected")
                .color(GREY),
        ],
    )
    .slow("Maximum")
    .events(inventory);
    let mut risk = lines(
        inventory,
        "US$ a day at risk in open incidents",
        Unit::None,
        vec![Row::series(&COST_AT_RISK, &[]).label("at risk").color(RED)],
    )
    .slow("Maximum")
    .limit(threshold::RISK_USD_PER_DAY, "alarm");
    for chart in [&mut daily, &mut risk] {
        if let Some(axis) = &mut chart.y_axis {
            axis.left.label = "US$";
        }
    }
    let anomalies = lines(
        inventory,
        "Open cost anomalies",
        Unit::Count,
        vec![
            Row::series(&COST_ANOMALIES_OPEN, &[])
                .label("open")
                .color(RED),
        ],
    )
    .slow("Maximum");
    grid.row(6, vec![daily.done(), risk.done(), anomalies.done()]);
}
