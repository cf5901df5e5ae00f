//! Whether every widget lies on the grid and none lies on another.

use serde_json::Value;

use super::{Problem, Report};
use crate::body::COLUMNS;

/// The tallest widget, in rows.
const HEIGHT_MAX: u64 = 1_000;
/// Width and height of a widget that gives none.
const DEFAULT_SIZE: u32 = 6;

/// Checks sizes and edges of one widget.
pub(super) fn check_place(widget: &Value, report: &mut Report<'_>) {
    let columns = u64::from(COLUMNS);
    for (key, allowed) in [
        ("x", 0..=columns - 1),
        ("y", 0..=u64::MAX),
        ("width", 1..=columns),
        ("height", 1..=HEIGHT_MAX),
    ] {
        if let Some(value) = widget.get(key)
            && !value.as_u64().is_some_and(|value| allowed.contains(&value))
        {
            let (least, most) = (allowed.start(), allowed.end());
            report.add(key, format!("found {value}, expected {least} to {most}"));
        }
    }
    if widget.get("x").is_some() != widget.get("y").is_some() {
        report.add("x", "x and y come together or not at all");
    }
    if let Some(place) = Place::of(widget)
        && place.right() > COLUMNS
    {
        let message = format!("reaches column {}, there are {COLUMNS}", place.right());
        report.add("width", message);
    }
}

/// Reports each widget that lies on an earlier one.
pub(super) fn check_overlap(widgets: &[Value], problems: &mut Vec<Problem>) {
    let places: Vec<(usize, Place)> = widgets
        .iter()
        .enumerate()
        .filter_map(|(index, widget)| Some((index, Place::of(widget)?)))
        .collect();
    for (position, (index, place)) in places.iter().enumerate() {
        let below = places.iter().take(position);
        if let Some((other, _)) = below.into_iter().find(|(_, other)| place.overlaps(*other)) {
            problems.push(Problem {
                widget: Some(*index),
                title: String::new(),
                key: "x, y".to_owned(),
                message: format!("lies on widget {other}"),
            });
        }
    }
}

/// The rectangle of a widget that says where it is. Widgets without x and y are placed by
/// CloudWatch and cannot overlap.
#[derive(Clone, Copy, Debug)]
struct Place {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Place {
    fn of(widget: &Value) -> Option<Self> {
        let read = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let size = |key| widget.get(key).map_or(Some(DEFAULT_SIZE), read);
        Some(Self {
            x: read(widget.get("x")?)?,
            y: read(widget.get("y")?)?,
            width: size("width")?,
            height: size("height")?,
        })
    }

    /// The first column to the right of it.
    fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// The first row below it.
    fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    fn overlaps(self, other: Self) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }
}
