//! Groups of records or samples that fit one call. Pure: no clock, no I/O, no runtime.

pub(crate) mod logs;
pub(crate) mod metrics;
