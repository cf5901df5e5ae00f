//! The calls of the agent: to AWS, or told by a dry run.
//!
//! One type for both, so that the roads are compiled once and a dry run takes the same code.

use plimsoll_aws::{
    Clients, CloudWatch, CloudWatchLogs, Datum, Error, Lifecycle, LifecycleAction, LifecycleResult,
    LogBatch, LogGroup, LogsApi, MetricsApi, Refused, ScalingApi,
};

use crate::dry_run::DryRun;

/// Where calls go.
#[derive(Debug)]
pub(crate) enum Api {
    /// To AWS, or to what stands in for it.
    Aws {
        logs: CloudWatchLogs,
        metrics: CloudWatch,
    },
    /// Nowhere.
    DryRun(DryRun),
}

impl Api {
    pub(crate) fn aws(clients: &Clients) -> Self {
        Self::Aws {
            logs: clients.logs(),
            metrics: clients.cloudwatch(),
        }
    }
}

impl MetricsApi for Api {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        match self {
            Self::Aws { metrics, .. } => metrics.put_metric_data(namespace, datums).await,
            Self::DryRun(dry) => dry.put_metric_data(namespace, datums).await,
        }
    }
}

impl LogsApi for Api {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        match self {
            Self::Aws { logs, .. } => logs.put_log_events(batch).await,
            Self::DryRun(dry) => dry.put_log_events(batch).await,
        }
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        match self {
            Self::Aws { logs, .. } => logs.create_log_group(group).await,
            Self::DryRun(dry) => dry.create_log_group(group).await,
        }
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        match self {
            Self::Aws { logs, .. } => logs.create_log_stream(group, stream).await,
            Self::DryRun(dry) => dry.create_log_stream(group, stream).await,
        }
    }
}

/// The client of EC2 Auto Scaling is not part of this crate's features yet, so every call says that
/// it was not made. Callers retry within their deadline and tell it.
impl ScalingApi for Api {
    async fn complete_lifecycle_action(
        &self,
        _: &LifecycleAction,
        _: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        Err(no_scaling("CompleteLifecycleAction"))
    }

    async fn record_heartbeat(&self, _: &LifecycleAction) -> Result<Lifecycle, Error> {
        Err(no_scaling("RecordLifecycleActionHeartbeat"))
    }

    async fn group_of(&self, _: &str) -> Result<Option<String>, Error> {
        Err(no_scaling("DescribeTags"))
    }
}

fn no_scaling(call: &'static str) -> Error {
    Error::Unreachable {
        call,
        why: "this build has no client of EC2 Auto Scaling".to_owned(),
    }
}
