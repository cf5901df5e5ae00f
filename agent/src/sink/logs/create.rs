//! Making a log group and a log stream when a batch finds them missing.
//!
//! Nothing is asked for beforehand: the first batch is sent as if everything were there. When it
//! is not, one caller makes it while the others of the same group wait, and then all send again.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_aws::{Action, Error, LogsApi};

use crate::health::Health;
use crate::record::Stream;

/// One gate per group. Groups come from the configuration, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Creator {
    gates: Mutex<HashMap<Arc<str>, Arc<tokio::sync::Mutex<()>>>>,
}

impl Creator {
    /// Makes the stream, and its group if need be, unless another caller has made the stream since
    /// it was made `seen` times.
    ///
    /// # Errors
    /// Those of the calls.
    pub(crate) async fn ensure<A: LogsApi>(
        &self,
        api: &A,
        health: &Health,
        stream: &Stream,
        seen: u64,
    ) -> Result<(), Error> {
        let gate = self.gate(&stream.group_name);
        let _turn = gate.lock().await;
        if stream.made.load(Ordering::Acquire) != seen {
            return Ok(());
        }
        let (group, name) = (&stream.group_name, &stream.name);
        health.calls.add("CreateLogStream", 1);
        match api.create_log_stream(group, name).await {
            Err(error) if error.action() == Action::Create => {
                health.calls.add("CreateLogGroup", 1);
                match api.create_log_group(&stream.group).await {
                    Ok(()) => log::info!("the log group {group} was made"),
                    // The group is there and takes events; only what it costs to keep them is not
                    // as it was asked for. No line waits for that.
                    Err(error) if is_of(&error, "PutRetentionPolicy") => {
                        health.problems.add("retention_not_set", 1);
                        log::error!(
                            "the log group {group} was made and keeps events for ever: {error}; \
                             set its retention by hand"
                        );
                    }
                    Err(error) => return Err(error),
                }
                health.calls.add("CreateLogStream", 1);
                api.create_log_stream(group, name).await?;
            }
            other => other?,
        }
        stream.made.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn gate(&self, group: &Arc<str>) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(Arc::clone(group)).or_default())
    }
}

/// Whether the call that failed is the one of that name.
fn is_of(error: &Error, name: &str) -> bool {
    match error {
        Error::Throttled { call, .. }
        | Error::Unavailable { call, .. }
        | Error::Unreachable { call, .. }
        | Error::Denied { call, .. }
        | Error::NotFound { call, .. }
        | Error::Rejected { call, .. } => *call == name,
    }
}
