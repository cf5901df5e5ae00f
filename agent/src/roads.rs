//! The tasks under way: what ends them, in which order they drain, and what changes while they run.

use std::time::Duration;

use plimsoll_core::shutdown::{self, Trigger};
use plimsoll_ops::systemd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::RunError;
use crate::lifecycle::Departure;
use crate::logs::LogsRoad;
use crate::reload::Reloader;
use crate::signal::road::SignalRoad;

/// The share of the drain that is kept for the last metrics, which tell how the logs ended.
const METRICS_DRAIN_SHARE: u32 = 4;
pub(crate) const METRICS_DRAIN_MAX: Duration = Duration::from_secs(5);

/// The tasks under way and how to stop them.
pub(crate) struct Roads {
    pub(crate) logs: Option<LogsRoad>,
    pub(crate) logs_stop: Trigger,
    pub(crate) metrics: Option<JoinHandle<()>>,
    pub(crate) metrics_stop: Trigger,
    pub(crate) signals: Option<SignalRoad>,
    /// What the instance does before it ends.
    pub(crate) departure: Departure,
}

impl Roads {
    /// Waits for a reason to end, then drains. Meanwhile SIGHUP, or a change of what it
    /// is kept in, has `reloader` read the configuration again.
    pub(crate) async fn follow(
        mut self,
        run_for: Option<Duration>,
        mut reloader: Reloader,
    ) -> Result<(), RunError> {
        let mut hangup = signal(SignalKind::hangup())?;
        // One future for the whole wait: a signal that comes while the configuration is read again
        // is not missed.
        let mut termination = std::pin::pin!(shutdown::termination());
        let mut time_is_over = std::pin::pin!(time_is_over(run_for));
        let (why, ended) = loop {
            tokio::select! {
                signal = &mut termination => break (signal?, Ok(())),
                () = &mut time_is_over => break ("the time that was given", Ok(())),
                () = finished(self.logs.as_mut().map(|logs| &mut logs.task)) => {
                    self.logs = None;
                    break ("an error", Err(RunError::Ended("logs")));
                }
                () = finished(self.metrics.as_mut()) => {
                    self.metrics = None;
                    break ("an error", Err(RunError::Ended("metrics")));
                }
                () = finished(self.signals.as_mut().map(|signals| &mut signals.task)) => {
                    self.signals = None;
                    break ("an error", Err(RunError::Ended("signals")));
                }
                Some(()) = hangup.recv() => reloader.reload(&mut self).await,
                text = reloader.stored_text() => reloader.take_stored(text, &mut self).await,
            }
        };
        let drain_timeout = reloader.drain_timeout();
        systemd::stopping();
        log::info!(within = drain_timeout.as_secs(); "ending because of {why}; sending what is held");
        tokio::select! {
            () = self.leave_and_drain(drain_timeout) => {}
            signal = shutdown::termination() => {
                log::warn!("ending at once because of a second {}", signal?);
            }
        }
        ended
    }

    /// Does what an instance does before it ends, while the roads still run, then drains; all of it
    /// within the time of a drain, of which a quarter is kept for the roads.
    async fn leave_and_drain(&mut self, drain_timeout: Duration) {
        let begun = Instant::now();
        let kept = drain_timeout / METRICS_DRAIN_SHARE;
        let within = drain_timeout.saturating_sub(kept);
        self.departure.leave(within).await;
        self.drain(drain_timeout.saturating_sub(begun.elapsed()))
            .await;
    }

    /// Lets the logs drain, then the metrics, which tell how the logs ended. What does not end in
    /// time is cut off; logs that were not accepted are read again after the next start.
    pub(crate) async fn drain(&mut self, drain_timeout: Duration) {
        let deadline = Instant::now() + drain_timeout;
        self.logs_stop.request();
        // They end beside the logs, which must not wait for them.
        let signals = self.signals.take().map(|road| tokio::spawn(road.end()));
        let logs_deadline = deadline - metrics_drain(drain_timeout);
        if timeout_at(logs_deadline, self.logs_ended()).await.is_err() {
            log::warn!("not all logs were sent in time; they are sent after the next start");
        }
        self.metrics_stop.request();
        if timeout_at(deadline, self.metrics_ended()).await.is_err() {
            log::warn!("not all metrics were sent in time");
        }
        if let Some(ending) = signals
            && timeout_at(deadline, ending).await.is_err()
        {
            log::warn!("the last signals were not sent in time");
        }
        if let Some(logs) = &self.logs {
            logs.task.abort();
        }
        if let Some(metrics) = &self.metrics {
            metrics.abort();
        }
    }

    /// Sends the logs that are there, then measures once. A signal cuts it short.
    pub(crate) async fn once(
        mut self,
        start_metrics: impl FnOnce() -> Option<JoinHandle<()>>,
    ) -> Result<(), RunError> {
        let work = async {
            self.logs_ended().await;
            self.metrics = start_metrics();
            self.metrics_ended().await;
        };
        tokio::select! {
            () = work => {}
            signal = shutdown::termination() => {
                log::warn!("ending before all was sent because of {}", signal?);
            }
        }
        systemd::stopping();
        Ok(())
    }

    async fn logs_ended(&mut self) {
        if let Some(logs) = &mut self.logs {
            finished(Some(&mut logs.task)).await;
            self.logs = None;
        }
    }

    /// Completes when the metrics have ended, at once if there are none.
    pub(crate) async fn metrics_ended(&mut self) {
        if let Some(metrics) = &mut self.metrics {
            finished(Some(metrics)).await;
            self.metrics = None;
        }
    }
}

/// How much of a drain is the metrics'.
pub(crate) fn metrics_drain(drain_timeout: Duration) -> Duration {
    (drain_timeout / METRICS_DRAIN_SHARE).min(METRICS_DRAIN_MAX)
}

async fn time_is_over(run_for: Option<Duration>) {
    match run_for {
        Some(length) => sleep(length).await,
        None => std::future::pending().await,
    }
}

/// Completes when the task ends; never for one that was not started.
async fn finished<T>(task: Option<&mut JoinHandle<T>>) {
    let Some(task) = task else {
        return std::future::pending().await;
    };
    if let Err(error) = task.await {
        log::error!("a road ended with an error: {error}");
    }
}

#[cfg(test)]
mod tests;
