//! CloudWatch Logs: the batch that is sent, and the groups and streams that it needs.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use crate::Error;

/// The calls of CloudWatch Logs that Plimsoll makes.
pub trait LogsApi: Send + Sync + 'static {
    /// PutLogEvents. The body was written straight from the reader's buffers.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the group or the stream does not exist; see [`Error`].
    fn put_log_events(
        &self,
        batch: &LogBatch,
    ) -> impl Future<Output = Result<Refused, Error>> + Send;

    /// CreateLogGroup, then PutRetentionPolicy if the group has a retention. A group that exists
    /// already is a success and keeps its settings, except for the retention.
    ///
    /// # Errors
    /// See [`Error`].
    fn create_log_group(&self, group: &LogGroup) -> impl Future<Output = Result<(), Error>> + Send;

    /// CreateLogStream. A stream that exists already is a success.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the group does not exist; see [`Error`].
    fn create_log_stream(
        &self,
        group: &str,
        stream: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// One PutLogEvents call. Cloning is cheap: the body is shared.
#[derive(Clone, Debug)]
pub struct LogBatch {
    /// The log group.
    pub group: Arc<str>,
    /// The log stream.
    pub stream: Arc<str>,
    /// The whole JSON body of the request.
    pub body: Bytes,
    /// How many events the body holds.
    pub events: usize,
    /// What CloudWatch Logs counts and bills: message bytes plus overhead.
    pub billed_bytes: usize,
}

/// Events that an accepted batch did not take, by index into the batch.
/// Source: CloudWatch Logs API reference, `RejectedLogEventsInfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// From this index on, events lie too far in the future (inclusive).
    pub too_new_from: Option<usize>,
    /// Before this index, events are too old (exclusive).
    pub too_old_until: Option<usize>,
    /// Before this index, events are older than the group's retention (exclusive).
    pub expired_until: Option<usize>,
}

/// A log group to be made on demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// Its class, which can never be changed.
    pub class: LogClass,
    /// Days to keep events; `None` keeps them for ever.
    pub retention_days: Option<u32>,
    /// Tags, set when the group is made.
    pub tags: BTreeMap<String, String>,
    /// The KMS key that encrypts it; `None` for the service's own.
    pub kms_key: Option<String>,
}

/// The class of a log group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogClass {
    /// Everything.
    #[default]
    Standard,
    /// Half the price of ingestion; no metric filters, subscriptions, live tail or EMF.
    InfrequentAccess,
}

impl LogClass {
    /// The class as CloudWatch Logs spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "INFREQUENT_ACCESS",
        }
    }
}
