//! The difference between the alarms and the dashboard that should be and those that are.
//!
//! [`desired()`] says what should be, [`difference`] compares it with what is, [`Plan`] shows it like
//! a diff, and [`keep`] reads, compares and applies. An alarm or dashboard that lacks our mark was
//! made by someone else: it is shown, and never touched. Nothing is ever deleted.

mod compare;
mod desired;
mod keep;

use std::fmt;

use plimsoll_aws::Alarm;

pub use compare::{Actual, difference};
pub use desired::{Desired, desired};
pub use keep::{Keeper, PlanError};

/// What every description and dashboard of ours holds; whatever lacks it is someone else's.
pub const MARK: &str = "Kept by Plimsoll";

/// Changes that make things as they should be, and what stands in the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What to do, alarms first, by name.
    pub changes: Vec<Change>,
    /// Ours by name and mark, but no longer wanted: shown, for a person to delete.
    pub left_over: Vec<String>,
    /// Wanted, but the name is taken by something that is not ours.
    pub taken: Vec<String>,
    /// How many are as they should be.
    pub right: usize,
}

/// One call to make.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An alarm that does not exist.
    AddAlarm(Box<Alarm>),
    /// An alarm that differs.
    ChangeAlarm {
        /// How it should be.
        alarm: Box<Alarm>,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// A dashboard that does not exist.
    AddDashboard {
        /// Its name.
        name: String,
        /// Its body.
        body: String,
    },
    /// A dashboard that differs.
    ChangeDashboard {
        /// Its name.
        name: String,
        /// How its body should be.
        body: String,
        /// What differs, by widget.
        differences: Vec<Difference>,
    },
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub what: String,
    /// How it is.
    pub is: String,
    /// How it should be.
    pub should_be: String,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut add, mut change) = (0, 0);
        for step in &self.changes {
            match step {
                Change::AddAlarm(_) | Change::AddDashboard { .. } => add += 1,
                Change::ChangeAlarm { .. } | Change::ChangeDashboard { .. } => change += 1,
            }
            writeln!(f, "{step}")?;
        }
        for name in &self.taken {
            writeln!(
                f,
                "! {name}: exists and was not made by Plimsoll; it is left alone"
            )?;
        }
        for name in &self.left_over {
            writeln!(
                f,
                "? {name}: made by Plimsoll and no longer wanted; delete it by hand"
            )?;
        }
        write!(
            f,
            "{add} to add, {change} to change, {} as they should be, {} taken, {} left over",
            self.right,
            self.taken.len(),
            self.left_over.len()
        )
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddAlarm(alarm) => {
                write!(f, "+ alarm {}: {}", alarm.name, compare::condition(alarm))
            }
            Self::ChangeAlarm { alarm, differences } => {
                write!(f, "~ alarm {}", alarm.name)?;
                write_differences(f, differences)
            }
            Self::AddDashboard { name, body } => {
                write!(f, "+ dashboard {name}: {} bytes", body.len())
            }
            Self::ChangeDashboard {
                name, differences, ..
            } => {
                write!(f, "~ dashboard {name}")?;
                write_differences(f, differences)
            }
        }
    }
}

fn write_differences(f: &mut fmt::Formatter<'_>, differences: &[Difference]) -> fmt::Result {
    for Difference {
        what,
        is,
        should_be,
    } in differences
    {
        write!(f, "\n    {what}: {is} -> {should_be}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
