//! Where data leaves: notifications, and the collector's own metrics.
//!
//! Sinks take what the state holds and call AWS; they decide nothing about incidents.

pub mod metrics;
pub mod notify;
