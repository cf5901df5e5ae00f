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
                api.create_log_group(&stream.group).await?;
                log::info!("the log group {group} was made");
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
