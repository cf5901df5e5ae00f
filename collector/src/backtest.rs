//! Back-tests: what scaling policies would have made of a load that was, before they run.
//!
//! A [`history`] of load is replayed against each alternative of a [`scenario`]: instances that take
//! time to start, a signal that takes time to be known, alarms, policies. What came of it is
//! [`measure`]d, printed, plotted, and [`search`]ed for something better.
//!
//! Pure but for the reading of files: no clock, no calls, the same answer for the same input. It
//! never changes a group. The model and what it leaves out: docs/backtest.md.

mod alarm;
mod fleet;
pub mod history;
pub mod input;
pub mod measure;
pub mod plot;
pub mod policy;
pub mod report;
pub mod rule;
pub mod run;
pub mod scenario;
pub mod search;
pub mod signal;

#[cfg(test)]
mod tests;
