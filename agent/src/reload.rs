//! A new configuration while the agent runs: read on SIGHUP, checked as a whole, then applied.
//!
//! A configuration with a mistake is refused as a whole, told with every mistake, and the agent
//! runs on with the one before. A good one is applied road by road: files that are followed stay
//! open at their positions, metrics start anew only if theirs changed. A few settings belong to the
//! process and wait for its next start; each that differs is told.

use std::time::Duration;

use plimsoll_core::error::chain;
use plimsoll_core::logging::message;
use plimsoll_core::shutdown::{self, Shutdown};
use plimsoll_ops::systemd;
use tokio::time::timeout;

use crate::config::{Config, Depth, LogsTemplate, run_checks};
use crate::metrics::Opened;
use crate::roads::{Roads, metrics_drain};
use crate::{World, fill_names};

/// Reads the configuration again.
pub(crate) struct Reloader {
    world: World,
    /// The configuration in force.
    config: Config,
    /// What the road of logs hears, should it start now.
    logs_shutdown: Shutdown,
}

impl Reloader {
    /// Begins with the configuration that is in force. New roads are given `world`.
    pub(crate) fn new(world: World, config: Config, logs_shutdown: Shutdown) -> Self {
        Self {
            world,
            config,
            logs_shutdown,
        }
    }

    /// The drain time in force.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.config.agent.drain_timeout
    }

    /// Reads the file again and applies what it says, or refuses all of it.
    pub(crate) async fn reload(&mut self, roads: &mut Roads) {
        systemd::reloading();
        match self.read().await {
            Ok(new) => self.apply(new, roads).await,
            Err(mistakes) => {
                self.world.health.problems.add("reload_refused", 1);
                self.world.control.refused(&mistakes);
                for mistake in &mistakes {
                    log::error!("{mistake}");
                }
                log::error!(
                    message_id = message::AGENT_REFUSED.id;
                    "the configuration is not taken, because of {} problem(s); the agent runs on \
                     with the one before",
                    mistakes.len()
                );
            }
        }
        systemd::ready();
    }

    /// The new configuration, or all that is wrong with it. Reading blocks, so it is done away from
    /// the runtime.
    async fn read(&self) -> Result<Config, Vec<String>> {
        let Some(path) = self.config.file.clone() else {
            return Err(vec![
                "the configuration was not read from a file".to_owned(),
            ]);
        };
        let depth = if self.world.dry_run {
            Depth::DryRun
        } else {
            Depth::Run
        };
        let dialect = self.config.dialect;
        let read = tokio::task::spawn_blocking(move || {
            let tell = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
            let config = dialect.load(&path).map_err(|problems| tell(problems.0))?;
            match run_checks(&config.checks, depth).problems {
                problems if problems.is_empty() => Ok(config),
                problems => Err(tell(problems)),
            }
        });
        read.await.unwrap_or_else(|error| {
            let failed = format!("reading the configuration has failed: {error}");
            Err(vec![failed])
        })
    }

    async fn apply(&mut self, new: Config, roads: &mut Roads) {
        new.tell_remarks();
        for key in waits_for_restart(&self.config, &new) {
            log::warn!(key = key; "this setting takes effect at the next start");
        }
        log::set_max_level(new.agent.log_level);
        self.world.weigh(&new);
        self.apply_logs(&new, roads);
        if new.metrics != self.config.metrics {
            self.apply_metrics(&new, roads).await;
        }
        if new.signals != self.config.signals {
            if let Some(signals) = roads.signals.take() {
                signals.end().await;
            }
            roads.signals = self.world.start_signals(&new);
        }
        self.world.control.reloaded(&new);
        log::info!(message_id = message::AGENT_RELOADED.id; "the new configuration is in force");
        // What waits for a restart is compared with what is really in force at the next reload.
        let old = std::mem::replace(&mut self.config, new);
        self.config.aws = old.aws;
        self.config.lifecycle = old.lifecycle;
        self.config.agent.state_dir = old.agent.state_dir;
        self.config.agent.control_socket = old.agent.control_socket;
    }

    fn apply_logs(&self, new: &Config, roads: &mut Roads) {
        let wanted = new
            .logs
            .as_ref()
            .map(|_| fill_names(new, &self.world.known.borrow(), &self.world.health));
        match (&roads.logs, wanted) {
            (Some(road), wanted) => road.reload(wanted),
            (None, None) => {}
            (None, Some(wanted)) => {
                match self
                    .world
                    .start_logs(&self.config, wanted, self.logs_shutdown.clone())
                {
                    Ok(road) => roads.logs = Some(road),
                    Err(error) => {
                        self.world.health.problems.add("reload_refused", 1);
                        log::error!("logs cannot be followed: {error}");
                    }
                }
            }
        }
    }

    /// Ends the metrics that are measured and measures what is wanted now.
    async fn apply_metrics(&self, new: &Config, roads: &mut Roads) {
        roads.metrics_stop.request();
        let patience = metrics_drain(new.agent.drain_timeout);
        if timeout(patience, roads.metrics_ended()).await.is_err()
            && let Some(metrics) = roads.metrics.take()
        {
            log::warn!("not all metrics of the configuration before were sent in time");
            metrics.abort();
        }
        let (stop, shutdown) = shutdown::channel();
        roads.metrics_stop = stop;
        // Only now, since the ones before may have held the same addresses.
        let opened = self.world.open_sources(new).unwrap_or_else(|error| {
            self.world.health.problems.add("reload_refused", 1);
            log::error!(
                "no applications are listened to until the configuration is read again: {}",
                chain(&error)
            );
            Opened::default()
        });
        roads.metrics = self.world.start_metrics(new, opened, shutdown);
    }
}

/// Keys whose change needs a new process: the clients, the lock on the state directory, and the
/// bounds that memory was given by.
fn waits_for_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let logs = |config: &Config, of: fn(&LogsTemplate) -> u64| config.logs.as_ref().map(of);
    let differs = |of: fn(&LogsTemplate) -> u64| matches!((logs(old, of), logs(new, of)), (Some(one), Some(other)) if one != other);
    let journald = |config: &Config| {
        let logs = config.logs.as_ref();
        logs.map_or_else(Vec::new, |logs| logs.journald.clone())
    };
    let keys = [
        (
            "agent.state_dir",
            old.agent.state_dir != new.agent.state_dir,
        ),
        (
            "agent.control_socket",
            old.agent.control_socket != new.agent.control_socket,
        ),
        ("aws", old.aws != new.aws),
        ("lifecycle", old.lifecycle != new.lifecycle),
        (
            "logs.in_flight",
            differs(|logs| u64::from(logs.in_flight_bytes_max)),
        ),
        (
            "logs.dead_letter",
            differs(|logs| logs.dead_letter_bytes_max),
        ),
        (
            "logs.journald",
            old.logs.is_some() && journald(old) != journald(new),
        ),
    ];
    let changed = keys.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(key, _)| key).collect()
}
