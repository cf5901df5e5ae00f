//! Every limit of the calls in use, with its source. Nothing else in the workspace spells one out.

use std::time::Duration;

/// Limits of PutLogEvents and the calls around it.
/// Source: CloudWatch Logs API reference (PutLogEvents, CreateLogGroup, CreateLogStream,
/// PutRetentionPolicy) and the CloudWatch Logs quotas page, 2026.
pub mod logs {
    use super::Duration;

    /// A batch: message bytes in UTF-8 plus [`EVENT_OVERHEAD`] for each event.
    pub const BATCH_BYTES_MAX: usize = 1_048_576;
    /// Events in a batch.
    pub const BATCH_EVENTS_MAX: usize = 10_000;
    /// What each event costs of the batch besides its message.
    pub const EVENT_OVERHEAD: usize = 26;
    /// A message that fits a batch of its own.
    pub const EVENT_BYTES_MAX: usize = BATCH_BYTES_MAX - EVENT_OVERHEAD;
    /// From the first to the last event of a batch.
    pub const BATCH_SPAN_MAX: Duration = Duration::from_hours(24);
    /// Events older than this are rejected one by one.
    pub const EVENT_AGE_MAX: Duration = Duration::from_hours(14 * 24);
    /// Events further in the future are rejected one by one.
    pub const EVENT_FUTURE_MAX: Duration = Duration::from_hours(2);
    /// Names of log groups and streams, in characters.
    pub const NAME_CHARS_MAX: usize = 512;
    /// Tags of a log group.
    pub const TAGS_MAX: usize = 50;
    /// Days that PutRetentionPolicy takes.
    pub const RETENTION_DAYS: [u32; 22] = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653,
    ];
}

/// Limits of PutMetricData. Source: CloudWatch API reference (PutMetricData, `MetricDatum`,
/// Dimension) and the CloudWatch quotas page, 2026.
pub mod metrics {
    use super::Duration;

    /// Datums in a request.
    pub const DATUMS_MAX: usize = 1_000;
    /// A request before compression.
    pub const REQUEST_BYTES_MAX: usize = 1_000_000;
    /// Dimensions of a datum.
    pub const DIMENSIONS_MAX: usize = 30;
    /// A dimension's name, in ASCII characters.
    pub const DIMENSION_NAME_MAX: usize = 255;
    /// A dimension's value, in ASCII characters.
    pub const DIMENSION_VALUE_MAX: usize = 1024;
    /// A namespace or a metric's name.
    pub const NAME_MAX: usize = 255;
    /// Different values in a datum that carries a distribution.
    pub const VALUES_MAX: usize = 150;
    /// The largest magnitude of a value, 2^360.
    pub const VALUE_MAX: f64 = 2.348_542_582_773_833_3e108;
    /// Older datums are refused.
    pub const AGE_MAX: Duration = Duration::from_hours(14 * 24);
    /// Datums further in the future are refused.
    pub const FUTURE_MAX: Duration = Duration::from_hours(2);
}

/// Limits of what an instance says to EC2 Auto Scaling. Source: EC2 Auto Scaling API reference
/// (`PutLifecycleHook`, `CompleteLifecycleAction`, `RecordLifecycleActionHeartbeat`), 2026.
pub mod scaling {
    use super::Duration;

    /// Names of groups and hooks, in characters.
    pub const NAME_CHARS_MAX: usize = 255;
    /// An instance's id, in characters.
    pub const INSTANCE_ID_CHARS_MAX: usize = 19;
    /// The shortest and the longest time that a hook waits for a heartbeat.
    pub const HEARTBEAT_TIMEOUT: (Duration, Duration) =
        (Duration::from_secs(30), Duration::from_hours(2));
    /// How long a hook waits in all, however many heartbeats come; or
    /// [`WAIT_HEARTBEATS_MAX`] times its own, if that is sooner.
    pub const WAIT_MAX: Duration = Duration::from_hours(48);
    /// How many heartbeat timeouts a hook waits in all.
    pub const WAIT_HEARTBEATS_MAX: u32 = 100;
}

/// Limits of PutMetricAlarm and PutDashboard.
/// Source: CloudWatch API reference and quotas page, 2026.
pub mod alarms {
    /// An alarm's name.
    pub const NAME_MAX: usize = 255;
    /// An alarm's description.
    pub const DESCRIPTION_MAX: usize = 1024;
    /// Actions for each state.
    pub const ACTIONS_MAX: usize = 5;
    /// PutMetricAlarm per second, account and Region.
    pub const PUT_PER_SECOND: u32 = 3;
}

/// Limits of SNS Publish. Source: Amazon SNS API reference (Publish).
pub mod notify {
    /// A message, all protocols' texts together.
    pub const MESSAGE_BYTES_MAX: usize = 262_144;
    /// A subject, in ASCII characters.
    pub const SUBJECT_CHARS_MAX: usize = 99;
}

/// Limits of SQS ReceiveMessage. Source: Amazon SQS API reference (ReceiveMessage).
pub mod queue {
    use super::Duration;

    /// Messages in one answer.
    pub const RECEIVE_MAX: i32 = 10;
    /// The longest long poll.
    pub const WAIT_MAX: Duration = Duration::from_secs(20);
}

/// What CloudTrail puts into S3. Source: CloudTrail user guide, quotas.
pub mod objects {
    /// A log file of CloudTrail before compression is at most 50 MB; this bounds what is read.
    pub const OBJECT_BYTES_MAX: usize = 64 * 1024 * 1024;
}
