//! The top of the page: what it is, which alarms changed, and six numbers.

use plimsoll_core::catalog::{
    AGENT_OLDEST_UNSENT, COST_AT_RISK, COST_DAILY, COST_EXPECTED, DISK_USED_PERCENT,
    INCIDENTS_OPEN, MEM_USED_PERCENT,
};

use super::chart::{BLUE, FIVE_MINUTES, GREY, ORANGE, RED, number, search};
use crate::alarms;
use crate::body::{AlarmStates, Grid, Properties, Row, Text};
use crate::dimension::{AUTO_SCALING_GROUP, INSTANCE_ID, SEVERITY};
use crate::inventory::Inventory;

/// Alarms in one widget. Source: CloudWatch API reference, dashboard body, `alarms`.
const ALARMS_MAX: usize = 100;

/// Adds the words and the alarms.
pub(super) fn add(grid: &mut Grid, inventory: &Inventory) {
    let mut row = vec![Properties::Text(Text {
        background: "solid",
        markdown: words(inventory),
    })];
    let arns: Vec<String> = alarms::alarms(inventory)
        .iter()
        .take(ALARMS_MAX)
        .filter_map(|alarm| inventory.alarm_arn(&alarm.name))
        .collect();
    if !arns.is_empty() {
        row.push(Properties::Alarm(AlarmStates {
            alarms: arns,
            sort_by: "stateUpdatedTimestamp",
            title: "Alarms, newest change first".to_owned(),
        }));
    }
    grid.row(4, row);
}

/// Adds the numbers.
pub(super) fn add_numbers(grid: &mut Grid, inventory: &Inventory) {
    let peak = |metric, of: &str, label: &str| {
        let found = search(inventory, metric, &[of], "Maximum", FIVE_MINUTES);
        vec![Row::expression("peak", format!("MAX({found})")).label(label)]
    };
    let open =
        |severity: &str| Row::series(&INCIDENTS_OPEN, &[(SEVERITY, severity)]).label(severity);
    grid.row(
        4,
        vec![
            number(
                inventory,
                "Open incidents",
                "Maximum",
                vec![open("critical").color(RED), open("high").color(ORANGE)],
            ),
            number(
                inventory,
                "US$ a day at risk",
                "Maximum",
                vec![Row::series(&COST_AT_RISK, &[]).label("at risk").color(RED)],
            ),
            number(
                inventory,
                "Cost of the last day in US$",
                "Maximum",
                vec![
                    Row::series(&COST_DAILY, &[]).label("spent").color(BLUE),
                    Row::series(&COST_EXPECTED, &[])
                        .label("expected")
                        .color(GREY),
                ],
            ),
            number(
                inventory,
                "Fullest memory in %",
                "Maximum",
                peak(&MEM_USED_PERCENT, INSTANCE_ID, "memory"),
            ),
            number(
                inventory,
                "Fullest disk in %",
                "Maximum",
                peak(&DISK_USED_PERCENT, INSTANCE_ID, "disk"),
            ),
            number(
                inventory,
                "Oldest unsent line in seconds",
                "Maximum",
                peak(&AGENT_OLDEST_UNSENT, AUTO_SCALING_GROUP, "age"),
            ),
        ],
    );
}

/// What the page is, for the one who opens it at night.
fn words(inventory: &Inventory) -> String {
    let groups = if inventory.auto_scaling_groups.is_empty() {
        "every Auto Scaling group that has data".to_owned()
    } else if inventory.auto_scaling_groups.len() > 8 {
        format!(
            "{} Auto Scaling groups",
            inventory.auto_scaling_groups.len()
        )
    } else {
        format!(
            "Auto Scaling groups {}",
            inventory.auto_scaling_groups.join(", ")
        )
    };
    let runbook = inventory
        .runbook_url
        .as_ref()
        .map_or_else(String::new, |url| format!(" [Runbook]({url})."));
    format!(
        "# Fleet\nShows {groups} in {}. Read from the top: alarms, numbers, then causes.{runbook}\n\n\
         Kept by Plimsoll; changes made here by hand are replaced.",
        inventory.region
    )
}
