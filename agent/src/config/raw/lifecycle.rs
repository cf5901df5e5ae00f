//! `[lifecycle]`.

use std::time::Duration;

use plimsoll_core::config::Section;

use super::super::LifecycleConfig;

/// Time for one more call before a hook of 30 seconds, the shortest, ends.
/// Source: EC2 Auto Scaling API reference, `PutLifecycleHook`, `HeartbeatTimeout`.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long everything may take after a scale-in.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(5);
/// What is kept free of the time that a notice leaves.
const MARGIN: Duration = Duration::from_secs(5);

/// Reads it.
pub(super) fn read(_root: &mut Section<'_>) -> LifecycleConfig {
    LifecycleConfig {
        watch: true,
        events: None,
        termination_hook: None,
        launch_hook: None,
        heartbeat: HEARTBEAT,
        drain_timeout: DRAIN_TIMEOUT,
        margin: MARGIN,
        drain_on_rebalance: false,
        commands: Vec::new(),
    }
}
