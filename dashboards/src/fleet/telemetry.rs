//! How the agents are, and what observing costs.

use plimsoll_core::catalog::{
    AGENT_CALLS, AGENT_COST_PER_MONTH, AGENT_CPU, AGENT_DATUMS_SENT, AGENT_EVENTS_REJECTED,
    AGENT_EVENTS_SENT, AGENT_MEMORY, AGENT_OLDEST_UNSENT, AGENT_PROBLEMS, AGENT_QUEUE_BYTES,
    AGENT_THROTTLES, Metric, NOTIFICATIONS_SENT, NOTIFICATIONS_WAITING, Unit,
};

use super::chart::{BLUE, FIVE_MINUTES, MINUTE, ORANGE, RED, heading, lines, search, worst};
use crate::alarms::threshold;
use crate::body::{Chart, Grid, Row};
use crate::dimension::AUTO_SCALING_GROUP;
use crate::inventory::Inventory;

/// Adds what agents do and how far behind they are.
pub(super) fn add_agents(grid: &mut Grid, inventory: &Inventory) {
    let sum = |id: &str, metric: &Metric| {
        let found = search(inventory, metric, &[AUTO_SCALING_GROUP], "Sum", MINUTE);
        Row::expression(id, format!("SUM({found})"))
    };
    let highest = |title: &str, metric: &'static Metric| -> Chart {
        let found = worst(&search(
            inventory,
            metric,
            &[AUTO_SCALING_GROUP],
            "Maximum",
            MINUTE,
        ));
        lines(
            inventory,
            title,
            metric.unit,
            vec![Row::expression("agents", found)],
        )
    };
    grid.row(1, vec![heading("Agents")]);
    let flow = lines(
        inventory,
        "Sent by all agents",
        Unit::Count,
        vec![
            sum("events", &AGENT_EVENTS_SENT)
                .label("log events")
                .color(BLUE),
            sum("datums", &AGENT_DATUMS_SENT).label("metric datums"),
        ],
    );
    let trouble = lines(
        inventory,
        "Refused, throttled, not as it should be",
        Unit::Count,
        vec![
            sum("rejected", &AGENT_EVENTS_REJECTED)
                .label("events refused")
                .color(RED),
            sum("throttles", &AGENT_THROTTLES)
                .label("throttles")
                .color(ORANGE),
            sum("problems", &AGENT_PROBLEMS).label("problems"),
        ],
    );
    let behind = highest("Age of the oldest unsent line", &AGENT_OLDEST_UNSENT)
        .limit(threshold::UNSENT_SECONDS, "alarm")
        .events(inventory);
    grid.row(6, vec![flow.done(), trouble.done(), behind.done()]);
    grid.row(
        6,
        vec![
            highest("Memory of the largest agent", &AGENT_MEMORY).done(),
            highest("Processor of the busiest agent", &AGENT_CPU).done(),
            highest("Bytes waiting in an agent, most", &AGENT_QUEUE_BYTES).done(),
        ],
    );
}

/// Adds what the telemetry itself costs, and whether people were told.
pub(super) fn add_own_cost(grid: &mut Grid, inventory: &Inventory) {
    grid.row(1, vec![heading("What observing costs")]);
    let all = search(
        inventory,
        &AGENT_COST_PER_MONTH,
        &[AUTO_SCALING_GROUP],
        "Average",
        FIVE_MINUTES,
    );
    let mut cost = lines(
        inventory,
        "US$ a month for one agent, on average",
        Unit::None,
        vec![Row::expression("cost", all)],
    );
    cost.period = FIVE_MINUTES;
    if let Some(axis) = &mut cost.y_axis {
        axis.left.label = "US$ a month";
    }
    let calls = search(
        inventory,
        &AGENT_CALLS,
        &[AUTO_SCALING_GROUP],
        "Sum",
        FIVE_MINUTES,
    );
    let calls = lines(
        inventory,
        "Calls to AWS",
        Unit::Count,
        vec![Row::expression("calls", calls)],
    );
    let told = lines(
        inventory,
        "Notifications",
        Unit::Count,
        vec![
            Row::series(&NOTIFICATIONS_SENT, &[])
                .label("sent")
                .color(BLUE),
            Row::series(&NOTIFICATIONS_WAITING, &[])
                .label("waiting")
                .color(ORANGE),
        ],
    )
    .slow("Maximum");
    grid.row(6, vec![cost.done(), calls.done(), told.done()]);
}
