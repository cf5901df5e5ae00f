//! The body of a CloudWatch dashboard as types, and as JSON that never varies.
//!
//! Fields are declared in alphabetical order and written in that order, so two bodies are equal
//! exactly when their bytes are. Only what the fleet's dashboards use is modelled; the linter
//! knows the rest of the format.
//! Source: CloudWatch API reference, "Dashboard body structure and syntax".

mod grid;
mod row;

use serde::Serialize;

pub use grid::{COLUMNS, Grid};
pub use row::{Options, Row};

/// A whole dashboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// `inherit`: the period of each metric stays as it is written, whatever range is shown.
    pub period_override: &'static str,
    /// The range that is shown at first, such as `-PT8H`.
    pub start: &'static str,
    /// The widgets, top to bottom, left to right.
    pub widgets: Vec<Widget>,
}

/// One widget with its place on the grid of 24 columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Widget {
    /// Rows.
    pub height: u32,
    /// What it shows.
    pub properties: Properties,
    /// `metric`, `text` or `alarm`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Columns.
    pub width: u32,
    /// Column, from 0.
    pub x: u32,
    /// Row, from 0.
    pub y: u32,
}

/// What a widget shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Properties {
    /// Words.
    Text(Text),
    /// The states of alarms.
    Alarm(AlarmStates),
    /// Metrics.
    Metric(Chart),
}

/// Words in Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// `solid` or `transparent`.
    pub background: &'static str,
    /// The words.
    pub markdown: String,
}

/// The states of alarms, the newest change first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmStates {
    /// ARNs.
    pub alarms: Vec<String>,
    /// `stateUpdatedTimestamp`.
    pub sort_by: &'static str,
    /// The heading.
    pub title: String,
}

/// Metrics as lines or as numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// Lines that mean something.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// What is drawn.
    pub metrics: Vec<Row>,
    /// Seconds of each point, for rows that do not say their own.
    pub period: u32,
    /// Where the metrics live.
    pub region: String,
    /// A small line behind a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparkline: Option<bool>,
    /// Whether lines are piled up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stacked: bool,
    /// The statistic of rows that do not say their own.
    pub stat: &'static str,
    /// The heading.
    pub title: String,
    /// `timeSeries` or `singleValue`.
    pub view: &'static str,
    /// The left axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y_axis: Option<YAxis>,
}

/// Lines that mean something: thresholds across, events upright.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Annotations {
    /// Thresholds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub horizontal: Vec<Threshold>,
    /// Events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vertical: Vec<Event>,
}

impl Annotations {
    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.horizontal.is_empty() && self.vertical.is_empty()
    }
}

/// A horizontal line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Its colour.
    pub color: &'static str,
    /// `above` or `below`: the side that is shaded.
    pub fill: &'static str,
    /// What it means.
    pub label: String,
    /// Where it lies.
    pub value: f64,
}

/// A vertical line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its colour.
    pub color: &'static str,
    /// What happened.
    pub label: String,
    /// When, in ISO 8601.
    pub value: String,
}

/// The vertical axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct YAxis {
    /// The axis on the left.
    pub left: Axis,
}

/// One axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Axis {
    /// The unit, in words.
    pub label: &'static str,
    /// The upper end, where the unit has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The lower end.
    pub min: f64,
    /// Off: the label says it.
    pub show_units: bool,
}

impl Body {
    /// The body in one line, as it is put.
    ///
    /// # Errors
    /// Never in practice: every part is plain data with string keys.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The body over many lines with a line break at the end, as it is committed and reviewed.
    ///
    /// # Errors
    /// As [`Self::to_json`].
    pub fn to_pretty_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}
