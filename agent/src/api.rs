//! The calls of the agent: to AWS, or told by a dry run.
//!
//! One type for both, so that the roads are compiled once and a dry run takes the same code.

use std::sync::Arc;
use std::time::Instant;

use plimsoll_aws::{
    AutoScaling, Clients, CloudWatch, CloudWatchLogs, Datum, Error, Lifecycle, LifecycleAction,
    LifecycleResult, LogBatch, LogGroup, LogsApi, MetricsApi, Refused, ScalingApi,
};

use crate::dry_run::DryRun;
use crate::tap::{Call, Taps};

/// Where calls go.
#[derive(Debug)]
pub(crate) enum Api {
    /// To AWS, or to what stands in for it.
    Aws {
        logs: CloudWatchLogs,
        metrics: CloudWatch,
        scaling: AutoScaling,
        taps: Arc<Taps>,
    },
    /// Nowhere.
    DryRun(DryRun),
}

impl Api {
    /// Those who look on see what is called through `taps`.
    pub(crate) fn aws(clients: &Clients, taps: Arc<Taps>) -> Self {
        Self::Aws {
            logs: clients.logs(),
            metrics: clients.cloudwatch(),
            scaling: clients.scaling(),
            taps,
        }
    }
}

impl MetricsApi for Api {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        match self {
            Self::Aws { metrics, taps, .. } => {
                let begun = Instant::now();
                let answer = metrics.put_metric_data(namespace, datums).await;
                let call = call("PutMetricData", [namespace, ""], datums.len(), begun);
                taps.call(&call, answer.as_ref().err());
                taps.datums(namespace, datums);
                answer
            }
            Self::DryRun(dry) => dry.put_metric_data(namespace, datums).await,
        }
    }
}

impl LogsApi for Api {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        match self {
            Self::Aws { logs, taps, .. } => {
                let begun = Instant::now();
                let answer = logs.put_log_events(batch).await;
                let to = [&*batch.group, &*batch.stream];
                let call = call("PutLogEvents", to, batch.events, begun);
                taps.call(&call, answer.as_ref().err());
                answer
            }
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

/// A call that began then and has ended now.
fn call<'c>(name: &'static str, to: [&'c str; 2], items: usize, begun: Instant) -> Call<'c> {
    Call {
        name,
        to,
        items,
        took: begun.elapsed(),
    }
}
