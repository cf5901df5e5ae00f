//! Places widgets on the grid, row under row, so that none can overlap or stick out.

use super::{Properties, Widget};

/// The columns of a dashboard. Source: CloudWatch API reference, dashboard body, `width`.
pub const COLUMNS: u32 = 24;

/// Widgets that have their places.
#[derive(Debug, Default)]
pub struct Grid {
    widgets: Vec<Widget>,
    next_row: u32,
}

impl Grid {
    /// Adds one row of widgets of the same height. The row is shared out evenly; the last widget
    /// takes what is left over. An empty row adds nothing.
    pub fn row(&mut self, height: u32, properties: Vec<Properties>) {
        let Ok(count) = u32::try_from(properties.len()) else {
            return;
        };
        if count == 0 || count > COLUMNS {
            return;
        }
        let width = COLUMNS / count;
        let mut x = 0;
        for (index, properties) in (1..=count).zip(properties) {
            let width = if index == count { COLUMNS - x } else { width };
            let kind = match properties {
                Properties::Text(_) => "text",
                Properties::Alarm(_) => "alarm",
                Properties::Metric(_) => "metric",
            };
            self.widgets.push(Widget {
                height,
                properties,
                kind,
                width,
                x,
                y: self.next_row,
            });
            x += width;
        }
        self.next_row += height;
    }

    /// All widgets.
    #[must_use]
    pub fn into_widgets(self) -> Vec<Widget> {
        self.widgets
    }
}
