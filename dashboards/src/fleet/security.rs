//! Incidents and findings.

use plimsoll_core::catalog::{FINDINGS, INCIDENTS_OPEN, Metric, SIGNALS_READ, SOURCE_AGE, Unit};

use super::chart::{BLUE, GREY, ORANGE, RED, YELLOW, heading, lines};
use crate::body::{Grid, Row};
use crate::dimension::{SEVERITIES, SEVERITY, SOURCE};
use crate::inventory::Inventory;

/// One colour for each of [`SEVERITIES`].
const COLORS: [&str; 5] = [RED, ORANGE, YELLOW, BLUE, GREY];

/// Adds the part.
pub(super) fn add(grid: &mut Grid, inventory: &Inventory) {
    grid.row(1, vec![heading("Security")]);
    let by_severity = |metric: &'static Metric| {
        let rows = SEVERITIES.iter().zip(COLORS);
        rows.map(|(severity, color)| {
            Row::series(metric, &[(SEVERITY, *severity)])
                .label(severity)
                .color(color)
        })
        .collect::<Vec<_>>()
    };
    let mut open = lines(
        inventory,
        "Open incidents by severity",
        Unit::Count,
        by_severity(&INCIDENTS_OPEN),
    )
    .slow("Maximum")
    .events(inventory);
    open.stacked = true;
    let mut findings = lines(
        inventory,
        "New findings by severity",
        Unit::Count,
        by_severity(&FINDINGS),
    )
    .slow("Sum");
    findings.stacked = true;
    let mut row = vec![open.done(), findings.done()];
    row.extend(sources(inventory));
    grid.row(6, row);
}

/// What the collector read, and how long a source has been quiet. Left out without sources.
fn sources(inventory: &Inventory) -> Option<crate::body::Properties> {
    let series = |metric: &'static Metric, stat: &'static str, what: &str| {
        inventory
            .sources
            .iter()
            .map(|source| {
                let mut row =
                    Row::series(metric, &[(SOURCE, source)]).label(&format!("{source} {what}"));
                if let Row::Series { options, .. } = &mut row {
                    options.stat = Some(stat);
                }
                row
            })
            .collect::<Vec<_>>()
    };
    let mut rows = series(&SIGNALS_READ, "Sum", "records");
    rows.extend(series(&SOURCE_AGE, "Maximum", "seconds quiet"));
    (!rows.is_empty()).then(|| {
        lines(
            inventory,
            "Records taken in, seconds since the last",
            Unit::None,
            rows,
        )
        .slow("Sum")
        .done()
    })
}
