//! A new configuration while the collector runs: read on SIGHUP, rules included, checked as a whole,
//! then everything that runs drains and is started anew with it.
//!
//! A configuration with a mistake is refused as a whole, told with every mistake, and the collector
//! runs on with the one before. The state stays open, so nothing is lost and nothing is told twice. A
//! few settings belong to the process and wait for its next start; each that differs is told.

use plimsoll_core::logging::message;
use plimsoll_ops::systemd;

use crate::calls::Calls;
use crate::config::{Config, Mistakes};
use crate::control::Control;
use crate::start::{Parts, Running};
use crate::{RunError, RunOptions};

/// Reads the configuration again.
#[derive(Debug)]
pub(crate) struct Reloader<'r> {
    config: Config,
    parts: &'r Parts,
    control: &'r Control,
}

impl<'r> Reloader<'r> {
    /// Begins with the configuration that is in force.
    pub(crate) fn new(config: Config, parts: &'r Parts, control: &'r Control) -> Self {
        Self {
            config,
            parts,
            control,
        }
    }

    /// Reads the file again and starts everything anew with what it says, or refuses all of it and
    /// gives back what runs.
    ///
    /// # Errors
    /// What ran could not drain: the state cannot be used.
    pub(crate) async fn reload<C: Calls>(
        &mut self,
        running: Running,
        calls: &C,
        options: RunOptions,
    ) -> Result<Running, RunError> {
        systemd::reloading();
        let running = match self.read().await {
            Ok(new) => {
                running.drain(options).await?;
                self.take(new);
                Running::start(&self.config, calls, self.parts, options)
            }
            Err(mistakes) => {
                self.control.refused(&mistakes);
                for mistake in &mistakes {
                    log::error!("{mistake}");
                }
                log::error!(
                    message_id = message::COLLECTOR_REFUSED.id;
                    "the configuration is not taken, because of {} problem(s); the collector runs \
                     on with the one before",
                    mistakes.len()
                );
                running
            }
        };
        systemd::ready();
        Ok(running)
    }

    /// The new configuration, or all that is wrong with it. Reading blocks, so it is done away from
    /// the runtime.
    async fn read(&self) -> Result<Config, Vec<String>> {
        let Some(path) = self.config.file.clone() else {
            return Err(vec![
                "the configuration was not read from a file".to_owned(),
            ]);
        };
        let read = tokio::task::spawn_blocking(move || {
            let config = Config::load(&path).map_err(|mistakes: Mistakes| mistakes.lines())?;
            match config.detectors.rules.failed_tests() {
                failed if failed.is_empty() => Ok(config),
                failed => Err(failed.iter().map(ToString::to_string).collect()),
            }
        });
        read.await.unwrap_or_else(|error| {
            let failed = format!("reading the configuration has failed: {error}");
            Err(vec![failed])
        })
    }

    /// What waits for a restart stays as it is in force, and is told.
    fn take(&mut self, new: Config) {
        let old = std::mem::replace(&mut self.config, new);
        let new = &mut self.config;
        for (key, differs) in [
            ("collector.state", old.state != new.state),
            (
                "collector.control_socket",
                old.control_socket != new.control_socket,
            ),
            ("aws", old.aws != new.aws),
        ] {
            if differs {
                log::warn!(key = key; "this setting takes effect at the next start");
            }
        }
        new.state = old.state;
        new.control_socket = old.control_socket;
        new.aws = old.aws;
        log::set_max_level(new.log_level);
        self.control.reloaded(new);
        log::info!(
            message_id = message::COLLECTOR_RELOADED.id, rules = new.detectors.rules.rules().len();
            "the new configuration is in force"
        );
    }
}
