//! The few shapes that all charts of the fleet's dashboard have.

use plimsoll_core::catalog::{Metric, Unit};

use crate::body::{Annotations, Axis, Chart, Event, Properties, Row, Text, Threshold, YAxis};
use crate::dimension::AUTO_SCALING_GROUP;
use crate::inventory::Inventory;

/// Bad, also as an incident's severity.
pub(super) const RED: &str = "#d13212";
/// Soon bad.
pub(super) const ORANGE: &str = "#ff9900";
/// Worth a look.
pub(super) const YELLOW: &str = "#dfb52c";
/// As usual.
pub(super) const BLUE: &str = "#1f77b4";
/// Of no weight, or for comparison.
pub(super) const GREY: &str = "#7f7f7f";

/// Seconds of a point where the agent sends once a minute.
pub(super) const MINUTE: u32 = 60;
/// Seconds of a point where the collector sends.
pub(super) const FIVE_MINUTES: u32 = 300;

/// Events that are drawn at most; more would hide the lines.
const EVENTS_MAX: usize = 20;
/// The longest search. Source: CloudWatch user guide, "Search expression syntax".
pub(super) const SEARCH_CHARS_MAX: usize = 1024;
/// Instances in a chart of the worst.
const WORST: usize = 10;

/// A heading between parts of the page.
pub(super) fn heading(words: &str) -> Properties {
    Properties::Text(Text {
        background: "transparent",
        markdown: format!("## {words}"),
    })
}

/// A chart over time of rows in `unit`.
pub(super) fn lines(inventory: &Inventory, title: &str, unit: Unit, rows: Vec<Row>) -> Chart {
    Chart {
        annotations: Annotations::default(),
        metrics: rows,
        period: MINUTE,
        region: inventory.region.clone(),
        sparkline: None,
        stacked: false,
        stat: "Average",
        title: title.to_owned(),
        view: "timeSeries",
        y_axis: Some(YAxis {
            left: Axis {
                label: axis_label(unit),
                max: (unit == Unit::Percent).then_some(100.0),
                min: 0.0,
                show_units: false,
            },
        }),
    }
}

/// The newest value of each row as a number.
pub(super) fn number(
    inventory: &Inventory,
    title: &str,
    stat: &'static str,
    rows: Vec<Row>,
) -> Properties {
    Properties::Metric(Chart {
        period: FIVE_MINUTES,
        sparkline: Some(true),
        stat,
        view: "singleValue",
        y_axis: None,
        ..lines(inventory, title, Unit::None, rows)
    })
}

impl Chart {
    /// The same chart with a threshold; the side that is bad is shaded.
    pub(super) fn limit(mut self, value: f64, label: &str) -> Self {
        self.annotations.horizontal.push(Threshold {
            color: RED,
            fill: "above",
            label: label.to_owned(),
            value,
        });
        self
    }

    /// The same chart with the newest events of the inventory.
    pub(super) fn events(mut self, inventory: &Inventory) -> Self {
        let newest = inventory.marks.iter().rev().take(EVENTS_MAX);
        self.annotations.vertical = newest
            .map(|mark| Event {
                color: GREY,
                label: mark.label.clone(),
                value: mark.time.to_string(),
            })
            .collect();
        self
    }

    /// The same chart for what the collector sends.
    pub(super) fn slow(mut self, stat: &'static str) -> Self {
        self.period = FIVE_MINUTES;
        self.stat = stat;
        self
    }

    /// The chart as a widget.
    pub(super) fn done(self) -> Properties {
        Properties::Metric(self)
    }
}

/// `SEARCH` for all series of `metric` that have exactly `dimensions`, in the groups of the
/// inventory if it names any and they fit.
pub(super) fn search(
    inventory: &Inventory,
    metric: &Metric,
    dimensions: &[&str],
    stat: &str,
    period: u32,
) -> String {
    let schema = std::iter::once(&metric.namespace)
        .chain(dimensions)
        .chain(metric.dimensions)
        .copied()
        .collect::<Vec<_>>()
        .join(",");
    let everything = format!("{{{schema}}} MetricName=\"{}\"", metric.name);
    let groups = &inventory.auto_scaling_groups;
    let mut sought = everything.clone();
    if dimensions.contains(&AUTO_SCALING_GROUP) && !groups.is_empty() {
        let names: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
        sought = format!("{everything} {AUTO_SCALING_GROUP}=({})", names.join(" OR "));
        if sought.len() > SEARCH_CHARS_MAX {
            sought = everything;
        }
    }
    format!("SEARCH('{sought}', '{stat}', {period})")
}

/// The series of a search whose peaks are highest.
pub(super) fn worst(search: &str) -> String {
    format!("SORT({search}, MAX, DESC, {WORST})")
}

/// What the axis of a unit says.
fn axis_label(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "Value",
        unit => unit.as_str(),
    }
}
