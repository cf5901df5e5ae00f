//! Keeps alarms and the dashboard as they should be, or says what it would do.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::AlarmsApi;
use plimsoll_core::logging::message;
use plimsoll_core::shutdown::Shutdown;
use plimsoll_dashboards::{Inventory, Mark};
use tokio::task::JoinHandle;

use super::Parts;
use crate::RunOptions;
use crate::calls::Calls;
use crate::config::{Config, PlanConfig, account_of};
use crate::health::Pulse;
use crate::incident::Incident;
use crate::plan::{Desired, Keeper, PlanError, desired};
use crate::state::{StateError, Tx};

/// Incidents that are drawn on the dashboard, the latest.
const MARKS_MAX: usize = 10;

/// Characters of an incident's title beside its line.
const LABEL_CHARS_MAX: usize = 60;

/// One who keeps the plan.
struct Planner<A> {
    keeper: Keeper<A>,
    config: PlanConfig,
    inventory: Inventory,
    parts: Parts,
    pulse: Arc<Pulse>,
    /// The plan that was shown last, so that the log says it once.
    shown: String,
}

/// Starts the task. It reads, compares and applies at every interval; once in a run with `once`.
pub(super) fn start<C: Calls>(
    config: &Config,
    calls: &C,
    parts: &Parts,
    stop: Shutdown,
    options: RunOptions,
) -> JoinHandle<Result<(), PlanError>> {
    let planner = Planner {
        keeper: Keeper::new(calls.cloudwatch()),
        config: config.plan.clone(),
        inventory: inventory(config, calls.region()),
        parts: parts.clone(),
        pulse: parts.pulse("plan", "CloudWatch"),
        shown: String::new(),
    };
    let interval = config.plan.interval;
    tokio::spawn(async move {
        if options.once {
            planner.once(stop).await
        } else {
            planner.keep(interval, stop).await;
            Ok(())
        }
    })
}

/// What is known of the account.
fn inventory(config: &Config, region: &str) -> Inventory {
    let arns = [
        &config.plan.alarm_topic_arn,
        &config.notify.topic_arn,
        &config.notify.chat_topic_arn,
    ];
    let account = arns.into_iter().flatten().find_map(|arn| account_of(arn));
    Inventory {
        region: region.to_owned(),
        account: account.map(str::to_owned),
        auto_scaling_groups: config.plan.auto_scaling_groups.clone(),
        paths: config.plan.paths.clone(),
        sources: config.sources().into_iter().map(str::to_owned).collect(),
        marks: Vec::new(),
        runbook_url: config.plan.runbook_url.clone(),
    }
}

/// What should be, for a look from outside: without the events that only a running collector knows.
///
/// # Errors
/// When the dashboard cannot be written.
pub(crate) fn wanted(config: &Config, region: &str) -> Result<Desired, PlanError> {
    desired(&config.plan, &inventory(config, region)).map_err(PlanError::Write)
}

impl<A: AlarmsApi> Planner<A> {
    /// Waits until everything was read and told, then does what is to be done.
    async fn once(mut self, mut stop: Shutdown) -> Result<(), PlanError> {
        stop.requested().await;
        self.step().await
    }

    async fn keep(mut self, interval: Duration, mut stop: Shutdown) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                biased;
                // A change under way is either made or not; the next run compares again.
                () = stop.requested() => return,
                done = self.step() => match done {
                    Ok(()) => self.pulse.worked(),
                    Err(error) => {
                        self.pulse.failed(&error);
                        log::error!(message_id = message::COLLECTOR_PLAN_UNKEPT.id; "alarms and dashboard could not be kept, and are tried again: {error}");
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), PlanError> {
        let open = self
            .parts
            .state
            .run(|tx: &Tx<'_>| tx.open_incidents())
            .await;
        let mut inventory = self.inventory.clone();
        inventory.marks = marks(open)?;
        let mut desired = desired(&self.config, &inventory).map_err(PlanError::Write)?;
        desired.compare_events = true;
        let plan = self.keeper.plan(&desired).await?;
        let text = plan.to_string();
        if self.shown != text {
            let what = if self.config.apply {
                "is applied"
            } else {
                "is only shown (plan.apply is false)"
            };
            log::info!("the plan {what}:\n{text}");
            self.shown = text;
        }
        if self.config.apply {
            self.keeper.apply(&plan).await?;
        }
        Ok(())
    }
}

/// Open incidents as upright lines.
fn marks(open: Result<Vec<Incident>, StateError>) -> Result<Vec<Mark>, PlanError> {
    let open = open.map_err(PlanError::State)?;
    let mark = |incident: &Incident| {
        let title: String = incident.title.chars().take(LABEL_CHARS_MAX).collect();
        Mark {
            time: incident.time_first,
            label: format!("{} {title}", incident.id),
        }
    };
    Ok(open.iter().take(MARKS_MAX).map(mark).collect())
}
