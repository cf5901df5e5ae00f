//! Where records leave the agent.

pub(crate) mod logs;
pub(crate) mod metrics;
