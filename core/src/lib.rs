//! What both services need and neither should own: names of metrics, time, configuration,
//! queues, back-off, shutdown, counters, logging, and the price list.
//!
//! This crate knows no AWS and opens no socket. Everything here is small, pure where it can be,
//! and takes the world (clock, randomness, environment) as an argument.

pub mod backoff;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counter;
pub mod error;
pub mod json;
pub mod logging;
pub mod price;
pub mod queue;
pub mod shutdown;
