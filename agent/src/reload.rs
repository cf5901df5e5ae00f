//! A new configuration while the agent runs: read on SIGHUP, or when the parameters have changed that
//! hold it, checked as a whole, then applied.
//!
//! A configuration with a mistake is refused as a whole, told with every mistake, and the agent
//! runs on with the one before. A good one is applied road by road: files that are followed stay
//! open at their positions, metrics start anew only if theirs changed. A few settings belong to the
//! process and wait for its next start; each that differs is told.

mod check;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::error::chain;
use plimsoll_core::logging::message;
use plimsoll_core::shutdown::{self, Shutdown};
use plimsoll_ops::systemd;
use tokio::time::timeout;

use check::Checks;

use crate::compat::sources;
use crate::config::stored::{self, Fingerprint};
use crate::config::{Config, Depth, Dialect, LogsTemplate, run_checks};
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
    /// What was read last of the parameters that hold the configuration, be it in force or refused.
    seen: Option<Fingerprint>,
    /// Looks whether they hold something else.
    checks: Option<Checks>,
}

/// What a reading gave.
struct Reading {
    /// What the parameters held, if they could be read.
    seen: Option<Fingerprint>,
    /// The new configuration, or all that is wrong with it.
    config: Result<Config, Vec<String>>,
}

impl Reloader {
    /// Begins with the configuration that is in force. New roads are given `world`.
    pub(crate) fn new(world: World, config: Config, logs_shutdown: Shutdown) -> Self {
        let checks = checks(&config, &world);
        Self {
            world,
            seen: config.stored,
            config,
            logs_shutdown,
            checks,
        }
    }

    /// What the parameters hold that the configuration is read from, when they are asked the next time.
    /// May be dropped unfinished.
    pub(crate) async fn stored_text(&mut self) -> String {
        match &mut self.checks {
            Some(checks) => checks.next().await,
            None => std::future::pending().await,
        }
    }

    /// Applies what the parameters hold, or refuses all of it, if it is not what was seen last.
    pub(crate) async fn take_stored(&mut self, text: String, roads: &mut Roads) {
        if self.seen != Some(Fingerprint::of(&text)) {
            log::info!("the parameters have changed that hold the configuration");
            self.renew(Some(text), roads).await;
        }
    }

    /// The drain time in force.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.config.agent.drain_timeout
    }

    /// Reads the file again and applies what it says, or refuses all of it.
    pub(crate) async fn reload(&mut self, roads: &mut Roads) {
        self.renew(None, roads).await;
    }

    async fn renew(&mut self, text: Option<String>, roads: &mut Roads) {
        systemd::reloading();
        let reading = self.read(text).await;
        self.seen = reading.seen.or(self.seen);
        match reading.config {
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

    /// Reads the configuration, out of `text` if the parameters have been asked already. Reading
    /// blocks, so it is done away from the runtime.
    async fn read(&self, text: Option<String>) -> Reading {
        let refused = |why: String| Reading {
            seen: None,
            config: Err(vec![why]),
        };
        let Some(path) = self.config.file.clone() else {
            return refused("the configuration was not read from a file".to_owned());
        };
        let depth = if self.world.dry_run {
            Depth::DryRun
        } else {
            Depth::Run
        };
        let dialect = self.config.dialect;
        let read = tokio::task::spawn_blocking(move || read(&path, dialect, text, depth));
        read.await.unwrap_or_else(|error| {
            refused(format!("reading the configuration has failed: {error}"))
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
        if self.config.agent.config_check != old.agent.config_check {
            self.checks = checks(&self.config, &self.world);
        }
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

/// Looks for changes of a configuration that is kept in parameters, if it wants to be looked for.
fn checks(config: &Config, world: &World) -> Option<Checks> {
    let interval = config.agent.config_check.filter(|_| !world.dry_run)?;
    if config.dialect != Dialect::Plimsoll {
        return None;
    }
    let names = Arc::new(stored::names(config.file.as_ref()?)?.ok()?);
    let ask = move || {
        let names = Arc::clone(&names);
        async move { sources::gathered(&names).await }
    };
    let health = Arc::clone(&world.health);
    Some(Checks::start(interval, health, fastrand::u64(..), ask))
}

/// Reads and checks a configuration. Blocks.
fn read(path: &Path, dialect: Dialect, text: Option<String>, depth: Depth) -> Reading {
    let tell = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
    let text = match text {
        None if dialect == Dialect::Plimsoll => stored::text(path),
        given => Ok(given),
    };
    let loaded = text.map(|text| {
        let seen = text.as_deref().map(Fingerprint::of);
        let config = match text {
            Some(text) => stored::read(path, &text),
            None => dialect.load(path),
        };
        (seen, config)
    });
    let (seen, config) = loaded.unwrap_or_else(|problems| (None, Err(problems)));
    let config = match config.map_err(|problems| tell(problems.0)) {
        Ok(config) => match run_checks(&config.checks, depth).problems {
            problems if problems.is_empty() => Ok(config),
            problems => Err(tell(problems)),
        },
        mistakes => mistakes,
    };
    Reading { seen, config }
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
