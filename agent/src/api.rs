//! The calls of the agent: to AWS, or told by a dry run.
//!
//! One type for both, so that the roads are compiled once and a dry run takes the same code.

use plimsoll_aws::{
    AutoScaling, Clients, CloudWatch, CloudWatchLogs, Datum, Error, Lifecycle, LifecycleAction,
    LifecycleResult, LogBatch, LogGroup, LogsApi, MetricsApi, Refused, ScalingApi,
};

use crate::dry_run::DryRun;

/// Where calls go.
#[derive(Debug)]
pub(crate) enum Api {
    /// To AWS, or to what stands in for it.
    Aws {
        logs: CloudWatchLogs,
        metrics: CloudWatch,
        scaling: AutoScaling,
    },
    /// Nowhere.
    DryRun(DryRun),
}

impl Api {
    pub(crate) fn aws(clients: &Clients) -> Self {
        Self::Aws {
            logs: clients.logs(),
            metrics: clients.cloudwatch(),
            scaling: clients.scaling(),
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

impl ScalingApi for Api {
    async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        match self {
            Self::Aws { scaling, .. } => scaling.complete_lifecycle_action(action, result).await,
            Self::DryRun(dry) => dry.complete_lifecycle_action(action, result).await,
        }
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<Lifecycle, Error> {
        match self {
            Self::Aws { scaling, .. } => scaling.record_heartbeat(action).await,
            Self::DryRun(dry) => dry.record_heartbeat(action).await,
        }
    }

    async fn group_of(&self, instance_id: &str) -> Result<Option<String>, Error> {
        match self {
            Self::Aws { scaling, .. } => scaling.group_of(instance_id).await,
            Self::DryRun(dry) => dry.group_of(instance_id).await,
        }
    }
}
