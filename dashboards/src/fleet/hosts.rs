//! What hosts carry: by group, by zone, and the worst instances.

use plimsoll_core::catalog::{
    CPU_USAGE_ACTIVE, DISK_USED_PERCENT, DISKIO_IO_TIME, LOAD_PER_VCPU, MEM_USED_PERCENT, Metric,
    NET_DROPS,
};

use super::chart::{BLUE, GREY, MINUTE, heading, lines, search, worst};
use crate::alarms::threshold;
use crate::body::{Chart, Grid, Row};
use crate::dimension::{AUTO_SCALING_GROUP, AVAILABILITY_ZONE, INSTANCE_ID};
use crate::inventory::Inventory;

/// What a host can run out of, how it is called, and the alarm's threshold.
const SATURATION: [(&Metric, &str, f64); 3] = [
    (&CPU_USAGE_ACTIVE, "Processor", threshold::CPU_PERCENT),
    (&MEM_USED_PERCENT, "Memory", threshold::MEMORY_PERCENT),
    (&DISK_USED_PERCENT, "Disk", threshold::DISK_PERCENT),
];

/// Adds the part.
pub(super) fn add(grid: &mut Grid, inventory: &Inventory) {
    grid.row(1, vec![heading("Hosts")]);
    let by = |words: &str, dimensions: &'static [&'static str], only_worst: bool| {
        let chart = |(metric, name, limit): &(&'static Metric, &str, f64)| {
            saturation(
                inventory,
                metric,
                &format!("{name} {words}"),
                dimensions,
                only_worst,
            )
            .limit(*limit, "alarm")
            .events(inventory)
            .done()
        };
        SATURATION.iter().map(chart).collect::<Vec<_>>()
    };
    grid.row(6, by("by group", &[AUTO_SCALING_GROUP], false));
    grid.row(
        6,
        by("by zone", &[AUTO_SCALING_GROUP, AVAILABILITY_ZONE], false),
    );
    grid.row(6, by("of the fullest instances", &[INSTANCE_ID], true));
    let causes: [(&'static Metric, &str); 3] = [
        (&LOAD_PER_VCPU, "Load per processor, highest"),
        (&DISKIO_IO_TIME, "Busiest block devices"),
        (&NET_DROPS, "Dropped packets, most"),
    ];
    let chart = |(metric, title): &(&'static Metric, &str)| {
        let found = search(inventory, metric, &[AUTO_SCALING_GROUP], "Maximum", MINUTE);
        let row = Row::expression("hosts", worst(&found));
        lines(inventory, title, metric.unit, vec![row])
            .events(inventory)
            .done()
    };
    grid.row(6, causes.iter().map(chart).collect());
    add_capacity(grid, inventory);
}

/// A chart of one metric over everything with `dimensions`.
fn saturation(
    inventory: &Inventory,
    metric: &'static Metric,
    title: &str,
    dimensions: &[&str],
    only_worst: bool,
) -> Chart {
    let mut found = search(inventory, metric, dimensions, "Average", MINUTE);
    if only_worst {
        found = worst(&found);
    }
    let row = Row::expression("hosts", found);
    lines(inventory, title, metric.unit, vec![row])
}

/// Adds what Auto Scaling wants and has, for groups that are named: the service's own metrics
/// carry the group's name, and exist once group metrics are switched on.
fn add_capacity(grid: &mut Grid, inventory: &Inventory) {
    const GROUPS_MAX: usize = 4;
    let group_metric = |name: &'static str, group: &str| {
        Row::foreign(("AWS/AutoScaling", name), &[(AUTO_SCALING_GROUP, group)])
    };
    let charts = inventory.auto_scaling_groups.iter().take(GROUPS_MAX);
    let charts = charts.map(|group| {
        let rows = vec![
            group_metric("GroupDesiredCapacity", group)
                .label("desired")
                .color(GREY),
            group_metric("GroupInServiceInstances", group)
                .label("in service")
                .color(BLUE),
        ];
        let title = format!("Capacity of {group}");
        lines(inventory, &title, plimsoll_core::catalog::Unit::Count, rows)
            .events(inventory)
            .done()
    });
    grid.row(6, charts.collect());
}
