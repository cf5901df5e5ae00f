//! What the agent counts about its own work.
//!
//! Sources, batches and sinks add to these counters; the agent's own scraper turns them into
//! metrics of the catalog, and the last log line before the end prints them. Nothing reads them to
//! decide anything.

use std::sync::Arc;

use plimsoll_core::counter::{Counter, Tally};

use crate::signal::SignalHealth;
use crate::tap::Taps;

/// One set of counters, shared by every part of the agent.
#[derive(Debug, Default)]
pub struct Health {
    /// Complete lines read from files.
    pub lines_read: Counter,
    /// Bytes read from files.
    pub bytes_read: Counter,
    /// Log events that CloudWatch Logs accepted.
    pub events_sent: Counter,
    /// Bytes that CloudWatch Logs bills for them, overhead included, Standard class.
    pub log_bytes_standard: Counter,
    /// The same for the Infrequent Access class.
    pub log_bytes_infrequent: Counter,
    /// Log events that were refused and kept in the dead-letter file, by reason.
    pub events_rejected: Tally,
    /// Events that the configuration leaves out, by reason.
    pub events_dropped: Tally,
    /// What was replaced in events before they were sent, by kind.
    pub redactions: Tally,
    /// Metric datums that CloudWatch accepted.
    pub datums_sent: Counter,
    /// Metric datums that were dropped, by reason.
    pub datums_dropped: Tally,
    /// Calls with metrics that have failed in a row; zero since one was accepted.
    pub metrics_failures: Counter,
    /// Different series that were ever sent.
    pub series: Counter,
    /// Calls to AWS by operation, every try counted.
    pub calls: Tally,
    /// Calls that were repeated after throttling or a passing fault.
    pub retries: Counter,
    /// Answers that asked to slow down.
    pub throttles: Counter,
    /// Files that are followed now.
    pub files: Counter,
    /// Bytes read and not yet accepted.
    pub queue_bytes: Counter,
    /// Age in milliseconds of the oldest line that is not yet accepted; zero when there is none.
    pub oldest_unsent_ms: Counter,
    /// What became of the samples of each signal.
    pub(crate) signals: SignalHealth,
    /// Notices about the instance's life, by kind.
    pub lifecycle_notices: Tally,
    /// Inputs that were not as they should be, by reason.
    pub problems: Tally,
    /// Who looks on while records pass.
    pub(crate) taps: Arc<Taps>,
}
