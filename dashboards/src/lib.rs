//! Dashboards and alarms of a fleet, generated from the metric catalog, and their linter.
//!
//! Everything here is pure: what is known about the account goes in as an [`Inventory`], and a
//! [`body::Body`] or a list of [`alarms::Alarm`] comes out, the same bytes for the same input. The
//! collector puts them; nothing here opens a socket or reads a file.

pub mod alarms;
pub mod body;
pub mod dimension;
mod fleet;
mod inventory;
pub mod lint;

pub use fleet::fleet;
pub use inventory::{Inventory, Mark};
