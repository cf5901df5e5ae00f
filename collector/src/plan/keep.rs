//! Reads what is, compares, and applies, slowly enough for CloudWatch.

use std::time::Duration;

use plimsoll_aws::{AlarmState, AlarmsApi, Error, StoredAlarm, limits};
use plimsoll_dashboards::alarms::PREFIX;

use super::{Actual, Change, Desired, Plan, difference};

/// Why a plan could not be made or not be applied to its end.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// What is could not be read; nothing was changed.
    #[error("alarms and dashboards could not be read: {0}")]
    Read(#[source] Error),
    /// The dashboard could not be written as JSON.
    #[error("the dashboard cannot be written: {0}")]
    Write(#[source] serde_json::Error),
    /// The incidents to be drawn could not be read.
    #[error(transparent)]
    State(crate::state::StateError),
    /// One change failed; those before it are done, those after it were tried.
    #[error("{what} could not be put: {source}")]
    Put {
        /// Alarm or dashboard, by name.
        what: String,
        /// Why.
        #[source]
        source: Error,
    },
}

/// Keeps alarms and the dashboard as they should be.
#[derive(Debug)]
pub struct Keeper<A>(A);

impl<A: AlarmsApi> Keeper<A> {
    /// A keeper that calls `api`.
    #[must_use]
    pub const fn new(api: A) -> Self {
        Self(api)
    }

    /// Compares what is with `desired`. Changes nothing.
    ///
    /// # Errors
    /// [`PlanError::Read`].
    pub async fn plan(&self, desired: &Desired) -> Result<Plan, PlanError> {
        let stored = self
            .0
            .describe_alarms(PREFIX)
            .await
            .map_err(PlanError::Read)?;
        let dashboard = match &desired.dashboard {
            Some((name, _)) => self.0.get_dashboard(name).await.map_err(PlanError::Read)?,
            None => None,
        };
        let is_fed = |stored: &&StoredAlarm| stored.state == AlarmState::Ok;
        let actual = Actual {
            fed: stored
                .iter()
                .filter(is_fed)
                .map(|stored| stored.alarm.name.clone())
                .collect(),
            alarms: stored.into_iter().map(|stored| stored.alarm).collect(),
            dashboard,
        };
        Ok(difference(desired, &actual))
    }

    /// Makes the changes of a plan, at most [`limits::alarms::PUT_PER_SECOND`] a second. A change
    /// that fails does not keep the others from being made.
    ///
    /// # Errors
    /// The first [`PlanError::Put`].
    pub async fn apply(&self, plan: &Plan) -> Result<(), PlanError> {
        let mut first = None;
        let mut ticks =
            tokio::time::interval(Duration::from_secs(1) / limits::alarms::PUT_PER_SECOND);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for change in &plan.changes {
            ticks.tick().await;
            if let Err(error) = self.put(change).await {
                log::error!("{error}");
                first = first.or(Some(error));
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn put(&self, change: &Change) -> Result<(), PlanError> {
        match change {
            Change::AddAlarm(alarm) | Change::ChangeAlarm { alarm, .. } => self
                .0
                .put_alarm(alarm)
                .await
                .map_err(|source| PlanError::Put {
                    what: format!("alarm {}", alarm.name),
                    source,
                }),
            Change::AddDashboard { name, body } | Change::ChangeDashboard { name, body, .. } => {
                let put = self.0.put_dashboard(name, body).await;
                let warnings = put.map_err(|source| PlanError::Put {
                    what: format!("dashboard {name}"),
                    source,
                })?;
                for warning in warnings {
                    log::warn!(dashboard:% = name; "CloudWatch took the dashboard and says: {warning}");
                }
                Ok(())
            }
        }
    }
}
